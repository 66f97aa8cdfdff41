"""GazeGAN: what learns from what, what a correction and an animation keep, mirrored portraits."""

from typing import Any

import pytest
import torch
from gaze_batches import (
    BlindPerceptual,
    draw,
    noise,
    portraits,
    same,
    standing_step,
    state,
    touched_in_each_update,
)
from torch import Tensor

from gazebench import contract
from gazebench.baselines._gazegan_shared import between, flipped_together, mirrored
from gazebench.baselines.gazegan import GazeGAN
from gazebench.config import build
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.errors import InputError, MethodError
from gazebench.methods import Task

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"width": 2, "code": 8, "divisor": 2, "weight_per": 0.0}
WINDOW = (8, 12)
# odd and even corners, and eyes in the corners of the portrait
CORNERS = [((3, 7), (41, 8)), ((10, 20), (36, 21)), ((0, 0), (52, 56)), ((0, 56), (52, 0))]


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(64)


def make(**settings: Any) -> GazeGAN:
    torch.manual_seed(0)
    return GazeGAN(GazeGAN.Config(**{**SMALL, **settings}), Task(64, WINDOW))


@pytest.mark.parametrize("joint", [True, False])
def test_a_step_gives_gradients_to_one_network_after_the_other(pixels: Pixels, joint: bool) -> None:
    touched = touched_in_each_update(make(joint_angle=joint), pixels)
    assert touched == [{"D_x"}, {"D_y"}, {"G_x"}, {"G_y", "E_r"}]


def test_e_c_and_vgg_stay_as_they_are_and_all_else_learns(pixels: Pixels) -> None:
    method = make(weight_per=100.0)
    method.perceptual = BlindPerceptual()
    watched = {**method.networks, "VGG": method.perceptual}
    before = {letter: state(network) for letter, network in watched.items()}
    for step in range(2):
        method.training_step(draw(pixels, step))
    kept = {letter for letter, network in watched.items() if same(before[letter], state(network))}
    assert kept == {"E_c", "VGG"}


def test_the_correction_that_g_y_learns_from_is_a_constant_but_its_codes_are_not() -> None:
    method, y = make(), portraits(64, WINDOW, CORNERS)
    view = method._view(y)
    corrected, retold, content = method._retold(view, method._content(view.patches))
    assert not corrected.requires_grad
    assert not content.requires_grad
    retold.sum().backward()
    assert all(p.grad is None for p in method.networks["G_x"].parameters())
    assert any(p.grad is not None and p.grad.any() for p in method.networks["E_r"].parameters())


def test_the_names_of_the_losses(pixels: Pixels) -> None:
    method = make(weight_per=1.0)
    without, _ = standing_step(method, pixels)
    method.perceptual = BlindPerceptual()
    names = ["D_x/adv", "D_y/adv", "G_x/adv", "G_x/rec"]
    names += ["G_y/adv", "G_y/adv_x", "G_y/rec", "G_y/rec_x", "G_y/fp"]
    assert list(without) == names
    assert standing_step(method, pixels)[0].keys() - names == {"G_x/per", "G_y/per"}


def test_one_step_from_one_seed_gives_the_same_weights(pixels: Pixels) -> None:
    states = []
    for _ in range(2):
        method = make()
        method.training_step(draw(pixels))
        states.append({n: state(network) for n, network in method.networks.items()})
    assert all(same(states[0][n], states[1][n]) for n in states[0])


def changed(batch: Batch, made: Tensor) -> Tensor:
    """Whether a pixel is another one in 8 bits, (N, 1, H, W)."""
    return (to_uint8(made) != to_uint8(batch.image)).any(1, keepdim=True)


@torch.no_grad()
def test_a_correction_keeps_every_pixel_outside_the_eye_boxes() -> None:
    batch = portraits(64, WINDOW, CORNERS)
    made = changed(batch, make().correct(batch))
    assert not (made & (batch.mask == 0)).any()
    assert (made & (batch.mask == 1)).sum() > 0.9 * batch.mask.sum()


@torch.no_grad()
def test_a_correction_is_g_x_of_the_masked_portrait_and_its_content_code() -> None:
    method, batch = make(), portraits(64, WINDOW, CORNERS)
    view = method._view(batch)
    code = method._content(view.patches)
    expected = method.networks["G_x"](batch.image * (1 - batch.mask), batch.mask, code)
    assert torch.equal(method.correct(batch), torch.where(batch.mask > 0, expected, batch.image))


def painted(method: GazeGAN, batch: Batch, angle: Tensor, content: Tensor) -> Tensor:
    condition = torch.cat([angle, content], 1)
    made = method.networks["G_y"](batch.image * (1 - batch.mask), batch.mask, condition)
    return torch.where(batch.mask > 0, made, batch.image)


@pytest.mark.parametrize("along", [True, False])
@torch.no_grad()
def test_an_animation_goes_from_the_reconstruction_to_the_codes_of_the_correction(
    along: bool,
) -> None:
    method, batch = make(interpolate_content=along), portraits(64, WINDOW, CORNERS)
    view = method._view(batch)
    code = method._content(view.patches)
    eyes = view.eyes_of(method.correct(batch))
    first, last = method._angle(view.patches), method._angle(eyes)
    end = method._content(eyes) if along else code
    found = method.animate(batch, [0.0, 1.0, -0.5])
    assert torch.allclose(found[:, 0], painted(method, batch, first, code), atol=1e-6)
    assert torch.allclose(found[:, 1], painted(method, batch, last, end), atol=1e-6)
    beyond = painted(method, batch, 1.5 * first - 0.5 * last, 1.5 * code - 0.5 * end)
    assert torch.allclose(found[:, 2], beyond, atol=1e-6)
    assert not changed(batch, found[:, 0]).logical_and(batch.mask == 0).any()


def test_between_goes_on_in_a_straight_line() -> None:
    start, end = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.0])
    assert [between(start, end, a).tolist() for a in (0, 0.5, 1, 1.5, -1)] == [
        [0, 2],
        [0.5, 1],
        [1, 0],
        [1.5, -1],
        [-1, 4],
    ]


@torch.no_grad()
def test_its_pictures_are_both_eyes_at_five_stations() -> None:
    batch = portraits(64, WINDOW, CORNERS)
    assert make().pictures(batch).shape == (4, 5, 3, 8, 24)


def test_both_domains_are_mirrored_with_their_windows_or_neither(pixels: Pixels) -> None:
    turned = 0
    for step in range(40):
        plain, found = draw(pixels, step)(), flipped_together(draw(pixels, step), True)
        flips = {torch.equal(a.image, mirrored(b).image) for a, b in zip(found, plain, strict=True)}
        assert len(flips) == 1
        expected = [mirrored(b) if True in flips else b for b in plain]
        for a, b in zip(found, expected, strict=True):
            assert all(torch.equal(getattr(a, n), getattr(b, n)) for n in ("image", "eyes", "mask"))
        turned += True in flips
    assert 12 <= turned <= 28


def test_mirroring_hangs_on_the_draws_generator_alone(pixels: Pixels) -> None:
    steps = {}
    for seed in range(2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        steps[seed] = [flipped_together(draw(pixels, s), True)[0].eyes for s in range(6)]
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(steps[0], steps[1], strict=True))


def test_without_flips_nothing_is_mirrored(pixels: Pixels) -> None:
    for step in range(6):
        (x, y), (a, b) = flipped_together(draw(pixels, step), False), draw(pixels, step)()
        assert torch.equal(x.image, a.image)
        assert torch.equal(y.image, b.image)


def test_the_learning_rate_falls_every_2_000_steps() -> None:
    scale = make().learning_rate_scale
    steps = (0, 19_999, 20_000, 21_999, 22_000, 23_999, 110_001, 199_999)
    assert [scale(s, 200_000) * 180_000 for s in steps] == pytest.approx(
        [180_000, 180_000, 180_000, 180_000, 178_000, 178_000, 90_000, 2_000]
    )


def test_rates_and_betas_are_the_authors() -> None:
    optimisers = make().optimisers
    assert list(optimisers) == ["D_x", "D_y", "G_x", "G_y"]
    for optimiser in optimisers.values():
        (group,) = optimiser.param_groups
        assert (group["lr"], group["betas"]) == (1e-4, (0.5, 0.999))


@pytest.mark.parametrize(
    ("preset", "code", "joint"), [("released", 256, True), ("table_i", 128, False)]
)
def test_a_preset_gives_way_to_what_is_set(preset: str, code: int, joint: bool) -> None:
    plain = build(GazeGAN.Config, {"preset": preset})
    assert (plain.code, plain.joint_angle) == (code, joint)
    assert build(GazeGAN.Config, {"preset": preset, "code": 3}).code == 3
    assert build(GazeGAN.Config, plain.model_dump()) == plain


@pytest.mark.parametrize("preset", ["tableI", 3, ["released"]])
def test_an_unknown_preset_is_a_sentence(preset: Any) -> None:
    with pytest.raises(InputError, match=r"preset = .*'released' or 'table_i'"):
        build(GazeGAN.Config, {"preset": preset})


def test_the_part_asks_for_the_pam_that_fits() -> None:
    part = GazeGAN.parts(GazeGAN.Config(preset="released"), Task(256, (40, 60)))["E_c"]
    assert (part.method, part.network) == ("pam", "E_c")
    assert part.settings == {"code": 256, "divisor": 4, "shrink": 1, "width": 16}


@pytest.mark.parametrize(("side", "divisor"), [(96, 4), (32, 1)])
def test_a_portrait_that_cannot_be_halved_five_times_is_refused(side: int, divisor: int) -> None:
    with pytest.raises(MethodError, match=f"a multiple of {32 * divisor} and at least 64"):
        GazeGAN(GazeGAN.Config(divisor=divisor), Task(side, WINDOW))


def test_it_learns_to_paint_what_it_sees(pixels: Pixels) -> None:
    method = make(lr=2e-3, flip=False)
    for letter in ("D_x", "D_y"):  # a weaker judge, so that 25 steps show it
        method.optimisers[letter].param_groups[0]["lr"] = 1e-4
    losses = [method.training_step(draw(pixels, step)) for step in range(25)]
    for name in ("G_x/rec", "G_y/rec"):
        early, late = (sum(row[name].item() for row in p) for p in (losses[:5], losses[-5:]))
        assert late < 0.8 * early


def test_the_codes_of_both_eyes_stand_side_by_side() -> None:
    method, patches = make(), torch.rand(3, 2, 3, 32, 32, generator=noise())
    left, right = (method.networks["E_c"](patches[:, eye])[0] for eye in (0, 1))
    assert torch.allclose(method._content(patches), torch.cat([left, right], 1), atol=1e-5)


def test_a_joint_angle_is_one_code_of_both_eyes() -> None:
    method, patches = make(joint_angle=True), torch.rand(3, 2, 3, 32, 32, generator=noise())
    both = torch.cat([patches[:, 0], patches[:, 1]], 1)
    assert torch.equal(method._angle(patches), method.networks["E_r"](both)[0])
    assert method._angle(patches).shape == (3, 2)
