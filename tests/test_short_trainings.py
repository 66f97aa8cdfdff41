"""What short and narrow trainings need: forces that balance, labels that reach, rates that fall."""

import tomllib
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gaze_batches import draw, noise, portraits
from PIL import Image
from torch import Tensor, nn

from gazebench import config, contract, weights
from gazebench.baselines._cfm import Fine
from gazebench.baselines._gazegan_shared import PatchDecoder, View, doubled, halved, mask_of, seen
from gazebench.baselines._layers import (
    encoder_decoder,
    init_normal,
    label_reach,
    shortened,
    stepwise_linear,
)
from gazebench.baselines._losses import WEIGHT, Perceptual, wasserstein_generator, window_l1
from gazebench.baselines.cyclegan import CycleGAN
from gazebench.baselines.gazegan import GazeGAN
from gazebench.baselines.gazegan_v2 import GazeGANV2, GazeGANV2Config
from gazebench.baselines.pam import PAM
from gazebench.baselines.prgan import PRGAN
from gazebench.baselines.stargan import StarGAN
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Batch, Pixels, to_float
from gazebench.methods import Task

pytestmark = pytest.mark.usefixtures("one_thread")
TASK = Task(256, (30, 50))
SHORT = [name for name in config.tracks() if name in ("demo", "generated")]


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(64)


@pytest.fixture
def photographs(demo_portraits: Path) -> Batch:
    """Four shipped portraits with eye boxes about where their eyes are."""
    corners = [((60, 108), (146, 108))] * 4
    images = []
    for path in sorted(demo_portraits.glob("*.jpg"))[:4]:
        with Image.open(path) as image:
            small = np.array(image.convert("RGB").resize((256, 256)))
        images.append(torch.from_numpy(small).permute(2, 0, 1))
    batch = portraits(256, TASK.window, corners)
    return Batch(batch.ids, to_float(torch.stack(images)), batch.mask, batch.eyes)


def settings(track: str, method: str) -> Any:
    table = tomllib.loads(config.track(track).read_text())["methods"][method]
    kinds: dict[str, Any] = {"prgan": PRGAN, "stargan": StarGAN, "pam": PAM, "gazegan": GazeGAN}
    return config.build(kinds[method].Config, table, method)


def slope(loss: Tensor, image: Tensor) -> float:
    (found,) = torch.autograd.grad(loss, image, retain_graph=True)
    return found.norm().item()


@pytest.mark.skipif(weights.describe("vgg16").place is None, reason="vgg16 is not here")
@pytest.mark.parametrize("shrink", [1, 2])
def test_the_perceptual_loss_pulls_as_hard_as_the_l1_distance(
    photographs: Batch, shrink: int
) -> None:
    view = View.of(*seen(photographs, shrink), 64)
    blurred = nn.functional.avg_pool2d(view.image, 9, 1, 4, count_include_pad=False)
    painted = (view.masked + view.mask * blurred).requires_grad_()
    eyes = view.eyes_of(painted)
    perceptual = 2 * Perceptual()(view.patches.flatten(0, 1), eyes.flatten(0, 1))
    l1 = window_l1(painted, view.image, (30 // shrink, 50 // shrink))
    assert 1 / 3 < WEIGHT * slope(perceptual, painted) / slope(l1, painted) < 3


def test_the_released_weight_of_the_perceptual_loss_can_still_be_set() -> None:
    methods: tuple[Any, ...] = (GazeGAN, GazeGANV2)
    for method in methods:
        assert config.build(method.Config, {}).weight_per == WEIGHT
        assert config.build(method.Config, {"weight_per": 100}).weight_per == 100
        assert "0.05 in place of 100" in method.card.differs


@pytest.mark.parametrize("steps", [50, 400, 3000])
@pytest.mark.parametrize("kind", [PAM, GazeGAN, GazeGANV2])
def test_the_learning_rate_falls_in_short_trainings(kind: Any, steps: int) -> None:
    small = {} if kind is PAM else {"width": 2, "weight_per": 0}
    method = kind(config.build(kind.Config, small), TASK)
    scales = [method.learning_rate_scale(step, steps) for step in range(steps)]
    assert scales[0] == 1
    assert all(a >= b for a, b in pairwise(scales))
    assert scales[steps // 2] < 0.8
    assert scales[-1] < 0.05


def test_a_published_schedule_is_as_published() -> None:
    assert shortened(20_000, 200_000) == 20_000
    assert stepwise_linear(110_001, 200_000, 20_000, 2000) == pytest.approx(0.5)


@pytest.mark.parametrize("blocks", [0, 1, 2, 4])
@torch.no_grad()
def test_the_label_reaches_as_far_as_it_is_said_to(blocks: int) -> None:
    side = 192
    planes = torch.full((1, 4, side, side), 0.3, dtype=torch.float64)  # nothing but the border
    found = encoder_decoder(4, 4, blocks).double()[:-1](planes)
    middle = found[..., side // 2 : side // 2 + 4, side // 2 : side // 2 + 4]
    told = (found - middle.repeat(1, 1, side // 4, side // 4)).abs().amax((0, 1)) > 1e-9
    line = torch.minimum(torch.arange(side), side - 1 - torch.arange(side))
    border = torch.minimum(line[:, None], line)
    assert border[told].max() + 1 == label_reach(blocks)


@pytest.mark.parametrize("track", SHORT)
def test_in_short_trainings_the_label_reaches_the_iris(track: str, small_dataset: Path) -> None:
    prgan, stargan = settings(track, "prgan"), settings(track, "stargan")
    assert label_reach(prgan.residual_blocks) > prgan.patch / 2
    manifest = Manifest.load(small_dataset)
    boxes = torch.tensor([[astuple(eye) for eye in p.eyes] for p in manifest.portraits])
    middles = (boxes[..., :2] + boxes[..., 2:]) / 2  # (N, 2, 2)
    depth = torch.minimum(middles, manifest.resolution - middles).amin(2)
    farthest = depth.max().item() * stargan.side / manifest.resolution
    assert label_reach(stargan.residual_blocks) > farthest
    # and the published networks at 256 px do not reach it
    assert label_reach(6) < depth.mean()


@pytest.mark.parametrize("track", SHORT)
def test_a_short_critic_is_as_strong_as_the_published_one(track: str) -> None:
    prgan, stargan = settings(track, "prgan"), settings(track, "stargan")
    map_side = prgan.patch // 2**prgan.discriminator_layers + 1
    assert prgan.weight_adv / map_side**2 > 0.95 / 9  # 3x3 at 64 with five layers
    assert stargan.weight_adv / (stargan.side // 2**stargan.discriminator_layers) ** 2 >= 1 / 16


def test_a_critic_with_a_larger_map_moves_the_generator_less() -> None:
    image = torch.rand(1, 1, 8, 8, generator=noise()).requires_grad_()
    pulls = []
    for places in (1, 64):  # a critic of slope 1 in sum, as the gradient penalty holds it
        values = nn.functional.adaptive_avg_pool2d(image, int(places**0.5))
        values = values / torch.autograd.grad(values.sum(), image, retain_graph=True)[0].norm()
        pulls.append(slope(wasserstein_generator(values), image))
    assert pulls[0] / pulls[1] == pytest.approx(64)


@pytest.mark.parametrize(("kind", "weight"), [(PRGAN, 7.0), (StarGAN, 7.0)])
def test_the_weight_of_the_critic_counts_for_the_generator_alone(
    kind: Any, weight: float, pixels: Pixels
) -> None:
    totals: list[list[float]] = []
    for given in (1.0, weight):
        torch.manual_seed(0)
        small = {**kind.small_settings, "batch": 1, "critic_steps": 1, "weight_adv": given}
        small |= {"patch": 64} if kind is PRGAN else {}
        method = kind(kind.Config(**small), Task(64, (8, 12)))
        totals.append([])
        for optimiser in method.optimisers.values():
            optimiser.param_groups[0]["lr"] = 0.0
        method.backward = lambda loss, kept=totals[-1]: kept.append(loss.item()) or loss.backward()
        adv = method.training_step(draw(pixels))["G/adv"].item()
    assert totals[0][0] == totals[1][0]
    assert totals[1][1] - totals[0][1] == pytest.approx((weight - 1) * adv, rel=0.01)


@pytest.mark.parametrize("width", [8, 16, 64])
def test_narrow_layers_start_as_loud_as_wide_ones(width: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(4 * width, 4 * width, 3, 1, 1)
    init_normal(layer, width)
    heard = layer(torch.randn(2, 4 * width, 16, 16, generator=noise())).std()
    assert heard.item() == pytest.approx(0.96, rel=0.15)


@pytest.mark.parametrize("kind", [PRGAN, CycleGAN])
@pytest.mark.parametrize("width", [8, 64])
def test_initial_weights_are_scaled_by_the_width(kind: Any, width: int) -> None:
    method = kind(kind.Config(width=width, residual_blocks=1), TASK)
    network = next(n for letter, n in method.networks.items() if letter.startswith("G"))
    drawn = torch.cat([p.detach().flatten() for p in network.parameters() if p.ndim == 4])
    assert drawn.std().item() == pytest.approx(0.02 * (64 / width) ** 0.5, rel=0.05)


def test_g_h_starts_with_a_perfect_coarse_image_left_alone(photographs: Batch) -> None:
    method = GazeGANV2(config.build(GazeGANV2Config, {"weight_per": 0}), TASK)
    fine = Fine.of(photographs, TASK, "bilinear")
    coarse = halved(photographs.image)
    with torch.no_grad():
        crops = fine.refined(method.networks["G_h"], coarse)
    assert torch.equal(crops, fine.eyes_of(fine.rebuilt(coarse)))
    smooth = fine.eyes_of(doubled(coarse, "bilinear") + fine.rest)
    assert torch.equal(crops, smooth)


@torch.no_grad()
def test_around_the_eye_boxes_the_target_of_equation_10_is_the_portrait(photographs: Batch) -> None:
    small = {**GazeGANV2.small_settings, "divisor": 4}
    method = GazeGANV2(config.build(GazeGANV2Config, small), TASK)
    refiner: Any = method.networks["G_h"]
    nn.init.normal_(refiner.body[-2].weight)  # a refiner that has learned something
    scene = method._scene(photographs)
    target = method._corrected(scene).crops
    assert scene.fine is not None
    assert target is not None
    crops = scene.fine.eyes_of(photographs.image)
    outside = scene.fine.eyes_of(mask_of(photographs.eyes, 256).expand(-1, 3, -1, -1)) == 0
    assert outside.any()
    assert torch.equal(target[outside], crops[outside])
    assert not torch.equal(target, crops)


@pytest.mark.parametrize("track", SHORT)
def test_short_trainings_have_a_pam_whose_decoder_sees_the_code_alone(track: str) -> None:
    assert not settings(track, "pam").skip
    assert PAM.Config().skip


@pytest.mark.parametrize("skip", [True, False])
def test_features_pass_a_code_by_only_with_skips(skip: bool) -> None:
    decoder = PatchDecoder((2, 4), 8, 3, skip=skip)
    code = torch.rand(1, 3, generator=noise())
    features = [torch.rand(2, 1, c, s, s, generator=noise()) for c, s in ((2, 8), (4, 4))]
    with torch.no_grad():
        ours, theirs = (decoder(code, [f[i] for f in features]) for i in (0, 1))
    assert torch.equal(ours, theirs) != skip


@pytest.mark.parametrize("kind", [GazeGAN, GazeGANV2])
def test_a_warm_up_learns_by_reconstruction_alone(kind: Any) -> None:
    pixels, steps = contract.drawn_dataset(256), {}
    small = {**kind.small_settings, "warm_up_steps": 1, "lr_critic": 3e-4}
    method = kind(config.build(kind.Config, small), Task(256, pixels.manifest.window))
    critics = {
        n: [p.clone() for p in v.parameters()] for n, v in method.networks.items() if n[0] == "D"
    }
    for step in (0, 1):
        steps[step] = set(method.training_step(draw(pixels, step, batch=1)))
        still = all(
            torch.equal(a, b)
            for n, kept in critics.items()
            for a, b in zip(kept, method.networks[n].parameters(), strict=True)
        )
        assert still == (step == 0)
    assert steps[0] == {name for name in steps[1] if name.endswith(("/rec", "/rec_h"))}
    rates = {n: o.param_groups[0]["lr"] for n, o in method.optimisers.items()}
    assert rates["D_x"] == rates["D_y"] == 3e-4
    assert rates["G_x"] == 1e-4


@pytest.mark.parametrize("kind", [GazeGAN, GazeGANV2])
def test_a_short_training_is_no_warm_up_alone(kind: Any) -> None:
    small = {**kind.small_settings, "warm_up_steps": 1000, "steps": 10}
    method = kind(config.build(kind.Config, small), Task(256, (30, 50)))
    assert [method.schedule(step, 10)[1] for step in range(4)] == [1, 1, 0, 0]
    assert method.schedule(999, 200_000)[1] == 1
    assert method.schedule(1000, 200_000)[1] == 0
    assert method.typical_step() == 2


@torch.no_grad()
def test_stargan_at_half_the_size_adds_what_it_changes_to_the_portrait(photographs: Batch) -> None:
    small = {**StarGAN.small_settings, "side": 128}
    method = StarGAN(StarGAN.Config(**small), TASK)
    method.networks["G"] = _Brighter()
    assert torch.allclose(method.correct(photographs), (photographs.image + 0.25).clamp(-1, 1))


class _Brighter(nn.Module):
    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return image + 0.25 * label[:, :, None, None]


def test_stargans_own_label_term_counts_portraits_that_keep_their_label(pixels: Pixels) -> None:
    torch.manual_seed(0)
    small = {**StarGAN.small_settings, "batch": 2, "critic_steps": 1, "weight_rec": 1.0}
    method = StarGAN(StarGAN.Config(**small), Task(64, (8, 12)))
    method.networks["G"] = _Learning()
    method.optimisers["G"] = torch.optim.SGD(method.networks["G"].parameters(), 0.0)
    seen: set[bool] = set()
    for step in range(12):
        real, own, target = method._draw(draw(pixels, step))
        found = method.training_step(draw(pixels, step))["G/rec"].item()
        kept = (own == target)[:, 0]
        fake = 0.5 * real + 0.25 * target[:, :, None, None]
        expected = (fake - real)[kept].abs().mean().item() if kept.any() else 0.0
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
        seen.add(bool(kept.any()))
    assert seen == {True, False}


class _Learning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return self.scale * image + 0.25 * label[:, :, None, None]
