"""GazeGANV2: what learns from what, what is kept, its ablations, animations made fine."""

from typing import Any

import pytest
import torch
from gaze_batches import (
    BlindPerceptual,
    draw,
    portraits,
    same,
    standing_step,
    state,
    touched_in_each_update,
)
from torch import Tensor, nn

from gazebench import contract
from gazebench.baselines._gazegan_shared import halved, mask_of, snapped
from gazebench.baselines.gazegan_v2 import GazeGANV2, GazeGANV2Config
from gazebench.config import build
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.errors import MethodError
from gazebench.methods import Task, count_parameters

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"width": 2, "code": 8, "angle": 6, "preset": "paper"}
WINDOW = (16, 24)
# odd and even corners, and eyes in the corners of the portrait
CORNERS = [((7, 15), (83, 16)), ((20, 40), (72, 42)), ((0, 0), (104, 112)), ((0, 112), (104, 0))]
OFF = {
    "A": {"content_code": False},
    "B": {"synthesis_as_training": False},
    "C": {"weight_fp": 0.0},
    "D": {"coarse_to_fine": False},
}


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(128)


def make(**settings: Any) -> GazeGANV2:
    torch.manual_seed(0)
    return GazeGANV2(GazeGANV2Config(**{**SMALL, **settings}), Task(128, WINDOW))


def faces() -> Batch:
    return portraits(128, WINDOW, CORNERS)


def test_critics_learn_first_and_then_all_generators_at_once(pixels: Pixels) -> None:
    touched = touched_in_each_update(make(), pixels)
    assert touched == [{"D_x"}, {"D_y"}, {"D_h"}, {"G_x", "G_y", "E_r", "G_h"}]


def touches(loss: Tensor, network: nn.Module) -> bool:
    parameters = list(network.parameters())
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return any(gradient is not None and bool(gradient.any()) for gradient in found)


def test_nothing_that_g_y_is_told_reaches_g_x() -> None:
    method = make()
    y = method._scene(faces())
    condition = torch.cat([method._angle(y.view.patches), y.content], 1)
    target, content, made = method._retold(y)
    losses = method._animation_losses(y, method._painted(y, "G_y", condition))
    total = sum((losses | method._retold_losses(target, content, made)).values(), torch.zeros(()))
    assert {
        n for n, v in method.networks.items() if n[0] in "EG" and n != "E_c" and touches(total, v)
    } == {
        *("G_y", "G_h", "E_r"),
    }
    assert not any(t.requires_grad for t in (target.image, target.eyes, target.crops, y.content))  # type: ignore[union-attr]


def test_e_c_and_vgg_stay_as_they_are_and_all_else_learns(pixels: Pixels) -> None:
    method = make(preset="repro")
    method.perceptual = BlindPerceptual()
    watched = {**method.networks, "VGG": method.perceptual}
    before = {letter: state(network) for letter, network in watched.items()}
    for step in range(2):
        method.training_step(draw(pixels, step))
    kept = {letter for letter, network in watched.items() if same(before[letter], state(network))}
    assert kept == {"E_c", "VGG"}
    critics = [method.networks[letter] for letter in ("D_x", "D_y", "D_h")]
    assert all(p.requires_grad for critic in critics for p in critic.parameters())


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


@pytest.mark.parametrize("settings", [{}, {"upsampling": "nearest"}, OFF["A"], OFF["D"]], ids=str)
@torch.no_grad()
def test_a_correction_keeps_every_pixel_outside_the_eye_boxes(settings: dict[str, Any]) -> None:
    batch, method = faces(), make(**settings)
    corrected = method.correct(batch)
    animated = method.animate(batch, [0.3])[:, 0]
    for made in (corrected, animated):
        assert not (changed(batch, made) & (batch.mask == 0)).any()
        assert (changed(batch, made) & (batch.mask == 1)).sum() > 0.9 * batch.mask.sum()
    assert corrected.abs().max() <= 1


@torch.no_grad()
def test_at_even_corners_a_correction_is_that_of_the_coarse_image_but_for_g_h() -> None:
    method, batch = make(), portraits(128, WINDOW, [((20, 40), (72, 42))])
    method.networks["G_h"] = nn.Identity()
    view = method._scene(batch).view
    coarse = method.networks["G_x"](view.masked, view.mask, method._content(view.patches))
    fine = nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear")
    expected = torch.where(batch.mask > 0, fine, batch.image)
    assert torch.allclose(method.correct(batch), expected, atol=1e-6)


@torch.no_grad()
def test_the_target_of_synthesis_is_the_fine_correction_at_half_size() -> None:
    method, batch = make(), faces()
    scene = method._scene(batch)
    target = method._corrected(scene)
    assert torch.allclose(target.image, halved(method.correct(batch)), atol=1e-6)
    far = halved(mask_of(snapped(batch.eyes) - torch.tensor([2, 2, -2, -2]), 128)) == 0
    assert torch.equal(target.image * far, scene.view.image * far)


@pytest.mark.parametrize("along", [True, False])
@torch.no_grad()
def test_an_animation_goes_from_the_reconstruction_to_the_codes_of_the_correction(
    along: bool,
) -> None:
    method, batch = make(interpolate_content=along), faces()
    scene = method._scene(batch)
    eyes = method._corrected(scene).eyes
    first, last = method._angle(scene.view.patches), method._angle(eyes)
    end = method._content(eyes) if along else scene.content

    def told(angle: Tensor, content: Tensor) -> Tensor:
        painted = method._painted(scene, "G_y", torch.cat([angle, content], 1))
        return method._whole(batch, scene, painted)

    found = method.animate(batch, [0.0, 1.0, 1.5])
    assert torch.allclose(found[:, 0], told(first, scene.content), atol=1e-6)
    assert torch.allclose(found[:, 1], told(last, end), atol=1e-6)
    beyond = told(1.5 * last - 0.5 * first, 1.5 * end - 0.5 * scene.content)
    assert torch.allclose(found[:, 2], beyond, atol=1e-5)
    assert not torch.equal(found[:, 1], found[:, 2])


def test_the_content_code_stands_still_by_default_as_in_the_paper() -> None:
    assert not GazeGANV2Config().interpolate_content


@torch.no_grad()
def test_its_pictures_are_both_eyes_at_five_stations() -> None:
    assert make().pictures(faces()).shape == (4, 5, 3, 16, 48)


@pytest.fixture(scope="module")
def names(pixels: Pixels) -> dict[str, set[str]]:
    """Names of the losses: of the whole method, and of each ablation."""
    found = {tag: standing_step(make(**off), pixels)[0] for tag, off in OFF.items()}
    return {tag: set(losses) for tag, losses in found.items()} | {
        "": set(standing_step(make(), pixels)[0])
    }


def test_the_names_of_the_losses(names: dict[str, set[str]]) -> None:
    critics = {"D_x/adv", "D_y/adv", "D_h/adv"}
    correction = {"G_x/adv", "G_x/adv_h", "G_x/rec", "G_x/rec_h"}
    animation = {"G_y/adv", "G_y/adv_h", "G_y/rec", "G_y/rec_h", "G_y/fp"}
    retold = {"G_y/adv_x", "G_y/rec_x", "G_y/rec_h_x", "G_y/fp_x"}
    assert names[""] == critics | correction | animation | retold


FP = {"G_y/fp", "G_y/fp_x"}
FINE = {"D_h/adv", "G_x/adv_h", "G_y/adv_h", "G_x/rec_h", "G_y/rec_h", "G_y/rec_h_x"}
RETOLD = {"G_y/adv_x", "G_y/rec_x", "G_y/rec_h_x", "G_y/fp_x"}


@pytest.mark.parametrize(("tag", "gone"), [("A", FP), ("B", RETOLD), ("C", FP), ("D", FINE)])
def test_an_ablation_takes_its_losses_away_and_no_other(
    names: dict[str, set[str]], tag: str, gone: set[str]
) -> None:
    assert names[tag] == names[""] - gone


@pytest.mark.parametrize(
    ("tag", "gone"), [("A", {"E_c"}), ("B", set()), ("C", set()), ("D", {"D_h", "G_h"})]
)
def test_an_ablation_takes_its_networks_away_and_no_other(tag: str, gone: set[str]) -> None:
    whole, less = make(), make(**OFF[tag])
    assert whole.networks.keys() - less.networks.keys() == gone
    assert less.networks.keys() <= whole.networks.keys()
    assert whole.optimisers.keys() - less.optimisers.keys() == gone - {"E_c"}
    assert set(less.inference_networks) == set(whole.inference_networks) - gone


def sizes(method: GazeGANV2) -> dict[str, int]:
    return {letter: count_parameters([network]) for letter, network in method.networks.items()}


def test_without_a_content_code_only_the_mixing_layers_shrink() -> None:
    whole, less = sizes(make()), sizes(make(**OFF["A"]))
    bottleneck = 32 * 2 * 2  # of G at R = 64: 16 times the width, 2x2
    assert {n: whole[n] - less[n] for n in less if whole[n] != less[n]} == dict.fromkeys(
        ("G_x", "G_y"), 2 * 8 * bottleneck
    )


@pytest.mark.parametrize("tag", ["B", "C"])
def test_other_losses_are_the_same_networks(tag: str) -> None:
    assert sizes(make(**OFF[tag])) == sizes(make())


def test_without_coarse_to_fine_the_generators_see_the_whole_portrait() -> None:
    method, batch = make(**OFF["D"]), faces()
    scene = method._scene(batch)
    assert torch.equal(scene.view.image, batch.image)
    assert torch.equal(scene.view.mask, batch.mask)
    assert method.parts(method.config, method.task)["E_c"].settings["shrink"] == 1
    assert make().parts(make().config, method.task)["E_c"].settings["shrink"] == 2
    shared = make(**OFF["D"], pam_shrink=2)
    assert shared.parts(shared.config, shared.task) == make().parts(make().config, shared.task)


def test_a_loss_of_weight_zero_is_not_part_of_the_whole(pixels: Pixels) -> None:
    losses, totals = standing_step(make(weight_rec=0.0, weight_fp=0.0), pixels)
    kept = [v for n, v in losses.items() if n[0] == "G" and not n.endswith(("rec", "rec_h"))]
    assert totals[-1] == pytest.approx(sum(kept), rel=1e-5)


def test_its_learning_rates_fall_in_a_straight_line_after_20_000_steps() -> None:
    method = make()
    scales = [method.learning_rate_scale(s, 200_000) for s in (0, 19_999, 20_001, 110_000, 200_000)]
    assert scales == pytest.approx([1, 1, 179_999 / 180_000, 0.5, 0])
    rates = {name: o.param_groups[0]["lr"] for name, o in method.optimisers.items()}
    assert rates == {**dict.fromkeys(("D_x", "D_y", "D_h", "G_x", "G_y"), 1e-4), "G_h": 4e-4}
    assert {o.param_groups[0]["betas"] for o in method.optimisers.values()} == {(0.5, 0.999)}


@pytest.mark.parametrize(("preset", "weight"), [("paper", 0), ("repro", 0.05)])
def test_a_preset_says_whether_vgg_is_used(preset: str, weight: float) -> None:
    assert build(GazeGANV2Config, {"preset": preset}).weight_per == weight
    assert make(preset=preset).frozen_parameters() == (14_714_688 if weight else 0)


@pytest.mark.parametrize(("side", "divisor", "least"), [(160, 4, 128), (64, 2, 128)])
def test_a_portrait_that_cannot_be_halved_is_refused(side: int, divisor: int, least: int) -> None:
    with pytest.raises(MethodError, match=f"multiple of {32 * divisor} and at least {least}"):
        GazeGANV2(GazeGANV2Config(divisor=divisor), Task(side, WINDOW))


def test_it_learns_to_paint_what_it_sees(pixels: Pixels) -> None:
    method = make(lr=2e-3, lr_refiner=2e-3, flip=False)
    for letter in ("D_x", "D_y", "D_h"):  # a weaker judge, so that 20 steps show it
        method.optimisers[letter].param_groups[0]["lr"] = 1e-4
    losses = [method.training_step(draw(pixels, step)) for step in range(20)]
    for name in ("G_x/rec", "G_x/rec_h", "G_y/rec", "G_y/rec_h"):
        early, late = (sum(row[name].item() for row in p) for p in (losses[:5], losses[-5:]))
        assert late < 0.8 * early
