"""Losses of the GazeGANs: each alone against NumPy, together against the papers' equations."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from gaze_batches import BlindPerceptual, draw, noise, standing_step
from torch import Tensor

from gazebench import contract
from gazebench.baselines._gazegan_shared import crop_resized
from gazebench.baselines._losses import (
    WEIGHT,
    logistic_critic,
    logistic_generator,
    window_l1,
)
from gazebench.baselines.gazegan import GazeGAN
from gazebench.baselines.gazegan_v2 import GazeGANV2, GazeGANV2Config
from gazebench.dataset.batches import Batch, Pixels, eye_patches
from gazebench.methods import Task, weighted_sum

pytestmark = pytest.mark.usefixtures("one_thread")


def softplus(values: Any) -> Any:
    return np.log1p(np.exp(values))


def test_logistic_losses_are_numpys() -> None:
    real, *fakes = torch.randn(3, 5, 1, generator=noise())
    expected = softplus(-real.numpy()).mean() + sum(softplus(f.numpy()).mean() for f in fakes)
    assert logistic_critic(real, fakes).item() == pytest.approx(expected, rel=1e-6)
    assert logistic_generator(real).item() == pytest.approx(
        softplus(-real.numpy()).mean(), rel=1e-6
    )


def test_the_distance_is_over_the_area_of_one_window() -> None:
    a, b = torch.zeros(2, 3, 10, 12), torch.zeros(2, 3, 10, 12)
    b[0, :, 2:5, 1:5] = 0.5  # two windows of 3x4 in one of two images
    b[0, :, 2:5, 7:11] = -0.5
    assert window_l1(a, b, (3, 4)).item() == pytest.approx(2 * 0.5 / 2)


def test_a_loss_without_a_weight_counts_once() -> None:
    losses = {"a": torch.tensor(2.0), "b": torch.tensor(3.0)}
    assert weighted_sum(losses, {"b": 10.0}).item() == 32


def patches(image: Tensor, eyes: Tensor, side: int = 32) -> Tensor:
    return crop_resized(image, eyes, side)


def code(encoder: Any, pair: Tensor) -> Tensor:
    """Left eye's code, then the right eye's."""
    return torch.cat([encoder(pair[:, 0])[0], encoder(pair[:, 1])[0]], 1)


def judge(critic: Any, image: Tensor, eyes: Tensor) -> Tensor:
    pair = patches(image, eyes)
    return critic(image, torch.cat([pair[:, 0], pair[:, 1]], 1))


def real_or_fake(real: Tensor, *fakes: Tensor, times: int = 1) -> float:
    value = times * F.softplus(-real).mean()
    for fake in fakes:
        value = value + F.softplus(fake).mean()
    return value.item()


def fools(logits: Tensor) -> Tensor:
    return F.softplus(-logits).mean()


def l1(a: Tensor, b: Tensor, height: int, width: int) -> Tensor:
    return (a - b).abs().sum((1, 2, 3)).mean() / (height * width * 3)


def per(look: Any, a: Tensor, b: Tensor) -> Tensor:
    return look(a[:, 0], b[:, 0]) + look(a[:, 1], b[:, 1])


def gradients(method: Any, letters: str) -> dict[str, Tensor]:
    """All gradients that a step has left, one vector for each network."""
    return {n: flat(p.grad for p in method.networks[n].parameters()) for n in letters.split()}


def flat(tensors: Iterable[Tensor | None]) -> Tensor:
    return torch.cat([t.flatten().clone() for t in tensors if t is not None])


def assert_gradients(method: Any, found: dict[str, Tensor], totals: dict[str, Tensor]) -> None:
    """Every network learned from the sum that the paper gives it."""
    for letter, total in totals.items():
        parameters = list(method.networks[letter].parameters())
        expected = flat(torch.autograd.grad(total, parameters, retain_graph=True))
        assert (found[letter] - expected).norm() < 1e-4 * expected.norm()


def first_version() -> tuple[GazeGAN, Pixels]:
    pixels = contract.drawn_dataset(64)
    torch.manual_seed(0)
    small = {"width": 2, "code": 8, "divisor": 2, "flip": False, "weight_fp": 3.0}
    method = GazeGAN(GazeGAN.Config(**small), Task(64, pixels.manifest.window))
    method.perceptual = BlindPerceptual()
    return method, pixels


def first_by_hand(method: GazeGAN, x: Batch, y: Batch) -> SimpleNamespace:
    """Losses as the released code has them."""
    n, look = method.networks, method.perceptual
    (h, w), eyes_x, eyes_y = method.task.window, patches(x.image, x.eyes), patches(y.image, y.eyes)
    c_x, c_y = code(n["E_c"], eyes_x), code(n["E_c"], eyes_y)
    x_m, y_m = x.image * (1 - x.mask), y.image * (1 - y.mask)
    made_x = n["G_x"](x_m, x.mask, c_x)
    made_y = n["G_y"](y_m, y.mask, torch.cat([code(n["E_r"], eyes_y), c_y], 1))
    target = n["G_x"](y_m, y.mask, c_y).detach()  # y^x
    eyes_t = patches(target, y.eyes)
    c_t = code(n["E_c"], eyes_t)
    retold = n["G_y"](y_m, y.mask, torch.cat([code(n["E_r"], eyes_t), c_t], 1))
    d_x = [judge(n["D_x"], image, b.eyes) for image, b in ((x.image, x), (made_x, x), (retold, y))]
    d_y = [judge(n["D_y"], image, y.eyes) for image in (y.image, made_y)]
    eyes_made, eyes_retold = patches(made_y, y.eyes), patches(retold, y.eyes)
    fp = (c_t - code(n["E_c"], eyes_retold)).abs().mean()
    fp = fp + (c_y - code(n["E_c"], eyes_made)).abs().mean()
    g_x = fools(d_x[1]) + l1(made_x, x.image, h, w)
    g_x = g_x + WEIGHT * per(look, eyes_x, patches(made_x, x.eyes))
    g_y = fools(d_y[1]) + fools(d_x[2]) + l1(made_y, y.image, h, w) + l1(retold, target, h, w)
    g_y = g_y + 3 * fp + WEIGHT * (per(look, eyes_y, eyes_made) + per(look, eyes_t, eyes_retold))
    return SimpleNamespace(
        d_x=real_or_fake(*d_x, times=2), d_y=real_or_fake(*d_y), g_x=g_x, g_y=g_y, fp=fp
    )


def test_gazegan_sums_its_losses_as_the_released_code_does() -> None:
    method, pixels = first_version()
    losses, totals = standing_step(method, pixels)
    found = gradients(method, "G_x G_y E_r")
    hand = first_by_hand(method, *draw(pixels)())
    expected = [hand.d_x, hand.d_y, hand.g_x.item(), hand.g_y.item()]
    assert totals == pytest.approx(expected, rel=1e-4)
    assert losses["G_y/fp"] == pytest.approx(hand.fp.item(), rel=1e-4)
    assert_gradients(method, found, {"G_x": hand.g_x, "G_y": hand.g_y, "E_r": hand.g_y})


def second_version() -> tuple[GazeGANV2, Pixels]:
    pixels = contract.drawn_dataset(128)
    torch.manual_seed(0)
    weights = {"weight_rec": 2.0, "weight_rec_x": 3.0, "weight_adv_x": 5.0, "weight_fp": 7.0}
    small = {"width": 2, "code": 8, "angle": 6, "flip": False, **weights}
    method = GazeGANV2(GazeGANV2Config(**small), Task(128, pixels.manifest.window))
    method.perceptual = BlindPerceptual()
    return method, pixels


class Domain:
    """One domain's portraits on the way through GazeGANV2, written out from the paper."""

    def __init__(self, method: GazeGANV2, batch: Batch) -> None:
        self.networks, self.batch = method.networks, batch
        even = batch.eyes - (batch.eyes[..., :2] % 2).repeat(1, 1, 2)
        self.eyes = even // 2
        self.image = F.avg_pool2d(batch.image, 2)
        self.mask = boxes_mask(self.eyes, 64)
        self.masked = self.image * (1 - self.mask)
        self.patches = patches(self.image, self.eyes)
        self.c = code(self.networks["E_c"], self.patches)
        details = batch.image - F.interpolate(self.image, scale_factor=2, mode="bilinear")
        self.rest = details * (1 - boxes_mask(even, 128))
        # 24x32 around windows of 16x24, away from every border
        self.boxes = even + torch.tensor([-4, -4, 4, 4])

    def crops(self, whole: Tensor) -> Tensor:
        return eye_patches(whole, self.boxes)

    def fine(self, coarse: Tensor) -> Tensor:
        """Equations 1 and 2, and the refined crops of it."""
        rebuilt = F.interpolate(coarse, scale_factor=2, mode="bilinear") + self.rest
        refined = self.networks["G_h"](self.crops(rebuilt).flatten(1, 2))
        return refined.unflatten(1, (2, 3))

    def judged_fine(self, crops: Tensor) -> Tensor:
        return self.networks["D_h"](F.interpolate(crops.flatten(1, 2), (32, 32), mode="bilinear"))


def boxes_mask(boxes: Tensor, side: int) -> Tensor:
    mask = torch.zeros(len(boxes), 1, side, side)
    for plane, pair in zip(mask[:, 0], boxes.tolist(), strict=True):
        for left, top, right, bottom in pair:
            plane[top:bottom, left:right] = 1
    return mask


def corrected(y: Domain) -> tuple[Tensor, Tensor]:
    """y^x at half size, and its eyes in full as they are pasted, as constants."""
    with torch.no_grad():
        crops = y.fine(y.networks["G_x"](y.masked, y.mask, y.c))
        whole = y.batch.image.clone()
        for n, pair in enumerate(y.batch.eyes.tolist()):
            for eye, (left, top, right, bottom) in enumerate(pair):
                x0, y0 = y.boxes[n, eye, :2].tolist()
                piece = crops[n, eye, :, top - y0 : bottom - y0, left - x0 : right - x0]
                whole[n, :, top:bottom, left:right] = piece.clamp(-1, 1)
        return F.avg_pool2d(whole, 2), y.crops(whole)


def second_by_hand(method: GazeGANV2, x: Domain, y: Domain) -> SimpleNamespace:
    """Equations 8 to 16, with the perceptual loss of the preset ``repro``."""
    n, look = method.networks, method.perceptual
    made_x = n["G_x"](x.masked, x.mask, x.c)
    made_y = n["G_y"](y.masked, y.mask, torch.cat([code(n["E_r"], y.patches), y.c], 1))
    target, target_crops = corrected(y)
    eyes_t = patches(target, y.eyes)
    c_t = code(n["E_c"], eyes_t)
    retold = n["G_y"](y.masked, y.mask, torch.cat([code(n["E_r"], eyes_t), c_t], 1))
    crops_x, crops_y, crops_r = x.fine(made_x), y.fine(made_y), y.fine(retold)
    real_x, real_y = x.crops(x.batch.image), y.crops(y.batch.image)
    places = ((x.image, x), (made_x, x), (retold, y))
    d_x = [judge(n["D_x"], image, domain.eyes) for image, domain in places]
    d_y = [judge(n["D_y"], image, y.eyes) for image in (y.image, made_y)]
    fine = [x.judged_fine(crops) for crops in (real_x, crops_x, real_y, crops_y)]
    rec_x = l1(made_x, x.image, 8, 12) + l1(crops_x.flatten(1, 2), real_x.flatten(1, 2), 24, 32)
    rec_y = l1(made_y, y.image, 8, 12) + l1(crops_y.flatten(1, 2), real_y.flatten(1, 2), 24, 32)
    rec_r = l1(retold, target, 8, 12) + l1(
        crops_r.flatten(1, 2), target_crops.flatten(1, 2), 24, 32
    )
    made_eyes, retold_eyes = patches(made_y, y.eyes), patches(retold, y.eyes)
    fp = (y.c - code(n["E_c"], made_eyes)).abs().mean()
    fp = fp + (c_t - code(n["E_c"], retold_eyes)).abs().mean()
    per_x = per(look, x.patches, patches(made_x, x.eyes))
    per_y = per(look, y.patches, made_eyes) + per(look, eyes_t, retold_eyes)
    adv_y = fools(d_y[1]) + fools(fine[3]) + 5 * fools(d_x[2])
    return SimpleNamespace(
        d=[
            real_or_fake(*d_x),
            real_or_fake(*d_y),
            real_or_fake(*fine[:2]) + real_or_fake(*fine[2:]),
        ],
        g_x=fools(d_x[1]) + fools(fine[1]) + 2 * rec_x + WEIGHT * per_x,
        g_y=adv_y + 2 * rec_y + 3 * rec_r + 7 * fp + WEIGHT * per_y,
    )


def test_gazegan_v2_sums_its_losses_as_equations_11_to_16_do() -> None:
    method, pixels = second_version()
    _, totals = standing_step(method, pixels)
    found = gradients(method, "G_x G_y E_r G_h")
    x, y = (Domain(method, batch) for batch in draw(pixels)())
    hand = second_by_hand(method, x, y)
    both = hand.g_x + hand.g_y
    assert totals == pytest.approx([*hand.d, both.item()], rel=1e-4)
    sums = {"G_x": hand.g_x, "G_y": hand.g_y, "E_r": hand.g_y, "G_h": both}
    assert_gradients(method, found, sums)
