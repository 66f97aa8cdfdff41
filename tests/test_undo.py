"""Learning to undo: what the pairs, the crops and the networks promise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gazebench import baselines, training
from gazebench.baselines import _averting as averting
from gazebench.baselines import _undo_pairs as undo_pairs
from gazebench.baselines._averting import Gaze, Layers, apart, render, unmoved
from gazebench.baselines._eye_crops import Crops, canonical
from gazebench.baselines._iris_target import Target
from gazebench.baselines._restorer import HEIGHT, WIDTH, Place, Recipe
from gazebench.baselines._undo_pairs import others
from gazebench.baselines.undo import Undo, in_full, without_new_lights
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Batch, Draw, Pixels, to_uint8
from gazebench.dataset.boxes import Box, Point, eye_window
from gazebench.irises import EyePair, find_eyes
from gazebench.methods import Task
from gazebench.photographs import Photographer
from gazebench.weights import trained as shipped

pytestmark = pytest.mark.usefixtures("one_thread")
TASK = Task(256, (30, 50))
SMALL = {**Undo.small_settings, "batch": 2, "steps": 4}
AWAY = ("00067", "00083", "00102", "00130", "00165", "00180", "00186")  # demo portraits
Face = tuple[Tensor, EyePair, tuple[Box, Box]]


@pytest.fixture(scope="module")
def pixels(small_dataset: Path) -> Pixels:
    """A small dataset."""
    return Pixels.open(Manifest.load(small_dataset))


@pytest.fixture(scope="module")
def batch(pixels: Pixels) -> Batch:
    """Its portraits that look at the camera."""
    return pixels.batch(pixels.manifest.select(domain=Domain.CAMERA))


@pytest.fixture(scope="module")
def faces(batch: Batch) -> list[Face]:
    """Those whose irises are not in doubt, values 0 to 255."""
    found: list[Face] = []
    for image, boxes in zip(to_uint8(batch.image), batch.eyes.tolist(), strict=True):
        pair = find_eyes(image.permute(1, 2, 0).contiguous().numpy(), middles(boxes))
        if not pair.doubt:
            found.append((image.float(), pair, (Box(*boxes[0]), Box(*boxes[1]))))
    return found[:4]


@pytest.fixture(scope="module")
def layers(faces: list[Face]) -> Layers:
    """The same taken apart."""
    return Layers.stacked([apart(image, pair, crops_of(pair)) for image, pair, _ in faces])


def middles(boxes: list[list[int]]) -> tuple[Point, Point]:
    left, right = (Point((b[0] + b[2] - 1) / 2, (b[1] + b[3] - 1) / 2) for b in boxes)
    return left, right


def crops_of(pair: EyePair) -> Crops:
    return Crops.around(pair, (averting.HEIGHT, averting.WIDTH))


def gaze(layers: Layers, x: float = 0, y: float = 0, lid: float = 0, warped: bool = False) -> Gaze:
    count = len(layers)
    mirrored = torch.tensor([1.0, -1.0])[None, :, None]
    shift = torch.tensor([float(x), float(y)]).expand(count, 2, 2).clone()
    shift[..., :1] *= mirrored
    same = torch.ones(count)
    return Gaze(shift, lid * same, 0.5 * same, 0.75 * same, same.bool() & warped)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("warped", [False, True])
def test_without_a_shift_the_photograph_comes_back(layers: Layers, warped: bool) -> None:
    made = render(layers, gaze(layers, warped=warped))
    assert (made - layers.photograph.float()).abs().max() < 0.01


def test_a_shift_moves_the_iris_and_leaves_the_skin(layers: Layers) -> None:
    made, photograph = render(layers, gaze(layers, x=4)), layers.photograph.float()
    change = (made - photograph).abs().mean(2)  # (N, 2, H, W)
    assert change[:, :, 16:32, 20:52].mean() > 20 * change[:, :, :6].mean()


def test_the_target_is_the_photograph_bit_for_bit(
    layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo_pairs, "_shared", lambda found, _: found)  # colours of both sides
    found = undo_pairs.pairs(layers, torch.ones(len(layers)).bool(), dice(), share_alike=0)
    cut = undo_pairs.window(layers.photograph.flatten(0, 1), found.left, found.top)
    assert torch.equal(((found.photograph + 1) * 127.5).round().to(torch.uint8), cut)


def test_pairs_of_one_photograph_are_alike_but_for_the_disguise(
    layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo_pairs, "_disguised", lambda found, _: found)
    found = undo_pairs.pairs(layers, torch.ones(len(layers)).bool(), dice(), share_alike=1)
    assert torch.equal(found.averted, found.photograph)
    assert found.alike.all()


def test_faces_that_cannot_be_moved_are_pairs_of_one_photograph(faces: list[Face]) -> None:
    some = Layers.stacked([unmoved(image, crops_of(pair)) for image, pair, _ in faces])
    found = undo_pairs.pairs(some, torch.zeros(len(some)).bool(), dice(), share_alike=0)
    assert found.alike.all()
    assert torch.isfinite(found.averted).all()


def test_gazes_are_a_function_of_the_generator(layers: Layers) -> None:
    one, other = (undo_pairs.looking_away(layers, dice(seed))[0].shift for seed in (1, 1))
    assert torch.equal(one, other)
    assert not torch.equal(one, undo_pairs.looking_away(layers, dice(2))[0].shift)


@pytest.mark.parametrize("factor", [1, 2])
def test_crops_of_every_size_show_the_same_eye(faces: list[Face], factor: int) -> None:
    image, pair, boxes = faces[0]
    large = image.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    points = middles([[v * factor for v in (b.left, b.top, b.right, b.bottom)] for b in boxes])
    found = find_eyes(large.to(torch.uint8).permute(1, 2, 0).contiguous().numpy(), points)
    crops = crops_of(found)
    assert crops.zoom == crops_of(pair).zoom / factor
    seen = crops.cut(large).shape
    assert seen == (2, 3, averting.HEIGHT * factor, averting.WIDTH * factor)


def test_what_is_put_back_stays_in_the_boxes(faces: list[Face]) -> None:
    for image, pair, boxes in faces:
        crops = Crops.around(pair, (HEIGHT, WIDTH))
        changed = crops.put(image, torch.ones(2, 3, *crops.size), boxes) != image
        for box in boxes:
            changed[:, box.top : box.bottom, box.left : box.right] = False
        assert not changed.any()


def test_a_recipe_of_the_eye_itself_changes_nothing() -> None:
    eyes = torch.rand(2, 3, 80, 128)
    still, share = torch.zeros(2, 2, 40, 64), torch.zeros(2, 3, 40, 64)
    share[:, 0] = 1
    recipe = Recipe(still, still, share, torch.zeros(2, 3, 40, 64)).resized((80, 128))
    assert torch.allclose(recipe.apply(eyes, eyes.flip(0)), eyes, atol=1e-5)


def test_no_light_is_painted_into_an_iris_that_had_none() -> None:
    eyes = torch.full((2, 3, 40, 64), 0.4)
    eyes[:, :, 14:26, 26:38] = -0.6  # an iris
    eyes[0, :, 17, 29] = 0.9  # one eye has a light
    still, share, colors = torch.zeros(2, 2, 40, 64), torch.zeros(2, 3, 40, 64), eyes.clone()
    share[:, 0] = 1
    colors[:, :, 21:23, 33:35] = 1.0  # what G paints, into both
    painted = (colors == 1.0).all(1, keepdim=True)
    share[:, 0:1][painted], share[:, 2:3][painted] = 0.01, 0.99
    place = Place(
        iris=torch.full((2, 2), 20.0) + torch.tensor([12.0, 0.0]),
        lid=torch.full((2,), 12.0),
        radius=torch.full((2,), 6.0),
        yaw_deg=torch.zeros(2),
        pitch_deg=torch.zeros(2),
        middle=torch.tensor([[32.0, 20.0]] * 2),
    )
    recipe = Recipe(still, still, share, colors)
    assert recipe.apply(eyes, eyes)[painted.expand_as(eyes)].min() > 0.9
    made = without_new_lights(recipe, eyes, place)
    assert made[painted.expand_as(eyes)].max() < -0.5
    assert torch.allclose(made[0, :, 17, 29], eyes[0, :, 17, 29])  # its own light stays


def test_what_is_painted_has_no_detail_of_what_was_there() -> None:
    eyes = torch.rand(2, 3, 80, 128)
    still, share = torch.zeros(2, 2, 40, 64), torch.zeros(2, 3, 40, 64)
    share[:, 0, :, :32], share[:, 2, :, 32:] = 1, 1  # one half stays, the other is painted
    recipe = Recipe(still, still, share, torch.zeros(2, 3, 40, 64))
    seen = canonical(eyes, 0.5)
    made = in_full(recipe.apply(seen, others(seen)), recipe, eyes, 0.5)
    assert torch.allclose(made[..., :60], eyes[..., :60], atol=1e-5)
    assert made[..., 68:].abs().max() < 1e-5


def test_training_restores_what_was_averted(pixels: Pixels) -> None:
    torch.manual_seed(0)
    settings = {**SMALL, "width": 16, "steps": 40, "weight_adv": 0, "alike": 0, "batch": 4}
    method = Undo(Undo.Config(**settings), TASK)
    x = pixels.manifest.select(domain=Domain.CAMERA)
    losses = [
        float(method.training_step(Draw(pixels, x, x, batch=4, seed=0, step=step))["G/rec"])
        for step in range(40)
    ]
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:4])


def test_the_critic_joins_late(pixels: Pixels) -> None:
    method = Undo(Undo.Config(**SMALL, adv_after=0.5), TASK)
    x = pixels.manifest.select(domain=Domain.CAMERA)
    found = [
        "D/adv" in method.training_step(Draw(pixels, x, x, batch=2, seed=0, step=step))
        for step in range(4)
    ]
    assert found == [False, False, False, True]


def test_animation_begins_at_the_source(pixels: Pixels) -> None:
    away = pixels.batch(pixels.manifest.select(domain=Domain.AWAY)[:2])
    method = Undo(Undo.Config(**SMALL), TASK)
    with torch.no_grad():
        made = method.animate(away, [0.0, 1.0])
        assert torch.equal(made[:, 0], away.image)
        assert torch.equal(made[:, 1], method.correct(away))


@torch.no_grad()
def test_an_animation_begins_without_a_jump(demo_portraits: Path) -> None:
    method = training.load_shipped(baselines, "undo", device="cpu").method
    photographer = Photographer(TASK, align="ffhq", finder="dlib")
    for name in AWAY[:3]:
        batch = photographer.open(demo_portraits / f"{name}.jpg").batch("cpu")
        assert isinstance(method, Undo)
        made = method.animate(batch, [-0.02, 0.02, 0.98, 1.0])[0] - batch.image
        before, first, near, whole = made.abs().sum((1, 2, 3))
        assert 0 < first < 0.1 * whole
        assert 0 < before < 0.1 * whole
        assert near > 0.9 * whole


@torch.no_grad()
def test_eyes_are_raised_by_as_many_radii_as_are_asked_for(faces: list[Face]) -> None:
    _, pair, _ = faces[0]
    crops = crops_of(pair)
    plain, raised = (
        Undo(Undo.Config(**SMALL, raise_gaze=up, leave_alone=0), TASK)._goal(pair, crops, 1.0)
        for up in (0.0, 0.5)
    )
    moved = plain.iris - raised.iris
    assert moved[:, 0].tolist() == [0, 0]
    torch.testing.assert_close(moved[:, 1], 0.5 * plain.radius)


def test_a_change_of_steps_that_would_have_brought_the_critic_elsewhere_is_told() -> None:
    method = Undo(Undo.Config(**SMALL), TASK)
    early = [method.schedule(step, 8000) == method.schedule(step, 16_000) for step in (200, 3599)]
    assert early == [True, True]
    assert method.schedule(3900, 8000) != method.schedule(3900, 16_000)
    assert Undo(Undo.Config(), TASK).typical_step() == 4400


def test_pairs_of_one_photograph_alone_make_the_same_updates(pixels: Pixels) -> None:
    x, found = pixels.manifest.select(domain=Domain.CAMERA), []
    for alike in (0.0, 1.0):  # processes of one training may draw either
        method = Undo(Undo.Config(**{**SMALL, "alike": alike}, adv_after=0), TASK)
        losses = method.training_step(Draw(pixels, x, x, batch=2, seed=0, step=3))
        found.append(losses.keys())
    assert found[0] == found[1]
    assert "D/adv" in found[0]
    assert losses["G/adv"] == 0


@pytest.mark.parametrize("side", [256, 512])
def test_the_shipped_weights_turn_eyes_to_the_camera(demo_portraits: Path, side: int) -> None:
    method = training.load_shipped(baselines, "undo", device="cpu").method
    photographer = Photographer(Task(side, eye_window(side)), align="ffhq", finder="dlib")
    away: list[tuple[float, float]] = []
    for name in AWAY:
        batch = photographer.open(demo_portraits / f"{name}.jpg").batch("cpu")
        with torch.no_grad():
            corrected = method.correct(batch)
        outside = batch.mask.expand_as(batch.image) == 0
        assert torch.equal(corrected[outside], batch.image[outside])
        away.append((how_far_away(batch.image, batch), how_far_away(corrected, batch)))
    before, after = np.median(away, axis=0)
    assert after < 0.75 * before


@torch.no_grad()
def test_what_is_left_alone_is_told_by_reason(batch: Batch) -> None:
    method = Undo(Undo.Config(**SMALL, strength=0), TASK)
    assert torch.equal(method.correct(batch), batch.image)
    reasons = method.told()["unchanged"]
    assert sum(reasons.values()) == len(batch)
    assert "its strength is 0" in reasons


def how_far_away(image: Tensor, batch: Batch) -> float:
    """Deviations from people who look at the camera."""
    pixels = to_uint8(image)[0].permute(1, 2, 0).contiguous().numpy()
    return Target.shipped().goal(find_eyes(pixels, middles(batch.eyes[0].tolist()))).away()


def test_the_shipped_weights_fit_in_the_package() -> None:
    card = shipped.verify("undo")
    assert card.size < 10 * 2**20
    assert card.license
    assert card.recipe["method"] == "undo"
