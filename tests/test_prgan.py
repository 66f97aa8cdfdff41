"""PRGAN: published sizes, losses worked by hand, and what a correction leaves alone."""

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gaze_batches import away, touched_in_each_update
from gaze_batches import draw as draw_some
from torch import Tensor, nn

from gazebench import config, contract
from gazebench.baselines._losses import (
    gradient_penalty,
    wasserstein_critic,
    wasserstein_generator,
)
from gazebench.baselines.prgan import PRGAN, Discriminator, Generator
from gazebench.dataset.batches import Pixels, eye_patches, paste_patches, to_uint8
from gazebench.errors import InputError
from gazebench.methods import Task, count_parameters

draw = functools.partial(draw_some, batch=1)
SMALL = {"width": 4, "residual_blocks": 1, "patch": 32, "discriminator_layers": 3, "batch": 1}


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(64)


def make(pixels: Pixels, **settings: Any) -> PRGAN:
    torch.manual_seed(0)
    task = Task(pixels.manifest.resolution, pixels.manifest.window)
    return PRGAN(PRGAN.Config(**{**SMALL, **settings}), task)


@pytest.mark.parametrize(
    ("network", "labels", "count"),
    [
        (Generator, 1, 8_417_984),
        (Generator, 2, 8_421_120),
        (Discriminator, 1, 11_154_368),
        (Discriminator, 2, 11_158_464),
    ],
)
def test_networks_have_the_published_number_of_parameters(
    network: type[Generator | Discriminator], labels: int, count: int
) -> None:
    assert count_parameters([network(labels=labels)]) == count


@pytest.mark.parametrize(("patch", "side"), [(64, 3), (128, 5)])
def test_the_discriminator_gives_a_map_and_one_condition(patch: int, side: int) -> None:
    critic, label = Discriminator(width=2)(torch.zeros(2, 3, patch, patch))
    assert critic.shape == (2, 1, side, side)
    assert label.shape == (2, 1)


def test_weights_start_from_the_authors_distribution() -> None:
    method = PRGAN(PRGAN.Config(width=32), Task(256, (30, 50)))
    weights = [p for p in method.networks["D"].parameters() if p.ndim == 4]
    spread = torch.cat([p.detach().flatten() for p in weights]).std().item()
    assert spread == pytest.approx(0.02 * 2**0.5, rel=0.01)


def test_the_penalty_of_a_linear_critic_is_that_of_its_slope() -> None:
    slope = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    real, fake = torch.rand(5, 3, 4, 4), torch.rand(5, 3, 4, 4)
    found = gradient_penalty(lambda z: (z * slope).flatten(1).sum(1), real, fake)
    assert found.item() == pytest.approx((np.linalg.norm(slope.numpy()) - 1) ** 2, rel=1e-5)


def test_the_penalty_of_a_map_is_that_of_its_sum() -> None:
    images = torch.rand(2, 3, 2, 2)
    found = gradient_penalty(lambda z: 2.0 * z.mean(1, keepdim=True), images, images)
    # every pixel has the slope 2/3 in each of 12 places
    assert found.item() == pytest.approx((np.sqrt(12 * (2 / 3) ** 2) - 1) ** 2, rel=1e-5)


def test_the_penalty_is_taken_between_real_and_fake() -> None:
    real, fake = torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    seen: list[Tensor] = []

    def critic(z: Tensor) -> Tensor:
        seen.append(z.detach())
        return z

    gradient_penalty(critic, real, fake, torch.Generator().manual_seed(0))
    assert 0 < seen[0].min() < 1
    assert seen[0].unique().numel() == 1


def test_wasserstein_losses_by_hand() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-2.0, 4.0])
    assert wasserstein_critic(real, fake).item() == -2.0 + 1.0
    assert wasserstein_generator(fake).item() == -1.0


class Halving(nn.Module):
    """Half the patch, whatever the condition."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, patch: Tensor, _condition: Tensor) -> Tensor:
        return patch * self.scale


class Judge(nn.Module):
    """The sum of the first channel, and 0.25 as condition."""

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Parameter(torch.tensor(0.25))

    def forward(self, patch: Tensor) -> tuple[Tensor, Tensor]:
        return patch[:, :1], self.label.expand(len(patch), 1)


def step_of_simple_networks(pixels: Pixels, **settings: Any) -> tuple[dict[str, float], Any, Any]:
    """Losses of one step of G and one of D that a pencil can follow, and the patches of each."""
    method = make(pixels, critic_steps=1, **settings)
    method.networks = {"G": Halving(), "D": Judge()}
    method.optimisers = {
        n: torch.optim.SGD(v.parameters(), 0.0) for n, v in method.networks.items()
    }
    again = draw(pixels)
    first, second = (torch.cat([method._patches(b) for b in again()]).numpy() for _ in range(2))
    losses = method.training_step(draw(pixels))
    return {name: loss.item() for name, loss in losses.items()}, first, second


def test_losses_of_the_discriminator_by_hand(pixels: Pixels) -> None:
    losses, patch, _ = step_of_simple_networks(pixels)
    red = patch[:, 0]
    assert losses["D/adv"] == pytest.approx(0.5 * red.mean() - red.mean(), rel=1e-5)
    assert losses["D/cls"] == pytest.approx((0.75**2 + 1.25**2) / 2, rel=1e-5)
    assert losses["D/gp"] == pytest.approx((np.sqrt(32 * 32) - 1) ** 2, rel=1e-5)


def test_losses_of_the_generator_by_hand(pixels: Pixels) -> None:
    losses, _, patch = step_of_simple_networks(pixels, weight_rec=1.0)
    assert losses["G/adv"] == pytest.approx(-0.5 * patch[:, 0].mean(), rel=1e-5)
    assert losses["G/cls"] == pytest.approx((0.75**2 + 1.25**2) / 2, rel=1e-5)
    assert losses["G/cyc"] == pytest.approx(0.75 * np.abs(patch).mean(), rel=1e-5)
    assert losses["G/rec"] == pytest.approx(0.5 * np.abs(patch).mean(), rel=1e-5)


def test_the_total_weighs_the_terms_as_the_authors_do(pixels: Pixels) -> None:
    totals: list[float] = []
    method = make(pixels, critic_steps=1)
    method.backward = lambda loss: totals.append(loss.item()) or loss.backward()  # type: ignore[func-returns-value]
    loss = {name: value.item() for name, value in method.training_step(draw(pixels)).items()}
    d = loss["D/adv"] + 10 * loss["D/gp"] + 5 * loss["D/cls"]
    g = loss["G/adv"] + 5 * loss["G/cls"] + 50 * loss["G/cyc"]
    assert totals == pytest.approx([d, g], rel=1e-5)


def test_a_step_gives_gradients_to_one_network_alone(pixels: Pixels) -> None:
    method = make(pixels, critic_steps=2)
    touched = touched_in_each_update(method, pixels)
    assert touched == [{"D"}, {"D"}, {"G"}]
    assert all(p.requires_grad for p in method.networks["D"].parameters())


def test_every_update_has_its_own_draw(pixels: Pixels) -> None:
    once = draw(pixels)
    make(pixels, critic_steps=3).training_step(once)
    later = [b.ids for b in once()]
    again = draw(pixels)
    assert later == [[b.ids for b in again()] for _ in range(5)][4]


def test_a_correction_keeps_every_pixel_outside_the_eye_boxes(pixels: Pixels) -> None:
    batch = away(pixels)
    with torch.no_grad():
        changed = to_uint8(make(pixels).correct(batch)) != to_uint8(batch.image)
    assert not (changed & (batch.mask == 0)).any()
    assert (changed & (batch.mask == 1)).any()


def test_eyes_that_mirror_each_other_are_corrected_alike(pixels: Pixels) -> None:
    batch = away(pixels)
    image = batch.image[:1]
    left_eye = eye_patches(image, batch.eyes[:1])[:, 0]
    pairs = torch.stack([left_eye, left_eye.flip(-1)], dim=1)
    image = paste_patches(image, batch.eyes[:1], pairs)
    batch = replace(batch, ids=batch.ids[:1], image=image, mask=batch.mask[:1], eyes=batch.eyes[:1])
    with torch.no_grad():
        left, right = eye_patches(make(pixels).correct(batch), batch.eyes)[0]
    assert torch.allclose(right, left.flip(-1), atol=1e-6)


def test_training_is_a_function_of_the_seed(pixels: Pixels) -> None:
    runs = []
    for _ in range(2):
        method = make(pixels, critic_steps=2)
        runs.append([method.training_step(draw(pixels, step)) for step in range(2)])
    assert runs[0] == runs[1]


def test_the_learning_rate_is_constant_and_then_falls_to_zero(pixels: Pixels) -> None:
    scale = make(pixels).learning_rate_scale
    assert [scale(s, 300) for s in (0, 149, 150, 225, 300)] == [1, 1, 1, 0.5, 0]


@pytest.mark.parametrize("patch", [32, 100])
def test_a_patch_that_the_discriminator_cannot_halve_is_refused(patch: int) -> None:
    with pytest.raises(InputError, match="take a multiple of 32 that is at least 64"):
        config.build(PRGAN.Config, {"patch": patch}, "methods.prgan")


def test_it_learns_to_give_back_what_it_sees(pixels: Pixels) -> None:
    method = make(pixels, critic_steps=1, lr=2e-3, weight_rec=50.0)
    first, *_, last = [method.training_step(draw(pixels, step)) for step in range(40)]
    assert last["G/rec"] < 0.7 * first["G/rec"]
