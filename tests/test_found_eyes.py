"""Eyes that methods paint by: found once a portrait, and left alone where too little shows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gazebench.baselines import _found_eyes
from gazebench.baselines._found_eyes import FoundEyes, why_not
from gazebench.baselines._iris_target import Target
from gazebench.baselines.iris_warp import IrisWarp
from gazebench.baselines.undo import Undo
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Batch, Pixels, to_float, to_uint8
from gazebench.dataset.boxes import Box
from gazebench.irises import EyePair
from gazebench.methods import Method, Task

pytestmark = pytest.mark.usefixtures("one_thread")
TASK = Task(256, (30, 50))
Face = tuple[NDArray[np.uint8], tuple[Box, Box]]
METHODS: list[Callable[[bool], Method]] = [
    lambda careful: IrisWarp(IrisWarp.Config(careful=careful, leave_alone=0), TASK),
    lambda careful: Undo(
        Undo.Config(careful=careful, leave_alone=0, width=16, critic_width=8), TASK
    ),
]


@pytest.fixture(scope="module")
def batch(small_dataset: Path) -> Batch:
    """Portraits that look away."""
    manifest = Manifest.load(small_dataset)
    return Pixels.open(manifest).batch(manifest.select(domain=Domain.AWAY)[:4])


@pytest.fixture(scope="module")
def faces(batch: Batch) -> list[Face]:
    pixels = to_uint8(batch.image).permute(0, 2, 3, 1).contiguous().numpy()
    boxes = [(Box(*left), Box(*right)) for left, right in batch.eyes.tolist()]
    return list(zip(pixels, boxes, strict=True))


@pytest.fixture(scope="module")
def pair(faces: list[Face]) -> EyePair:
    """Eyes that are good enough to be painted by."""
    found = FoundEyes()
    pairs = [(pixels, found.of(pixels, boxes)) for pixels, boxes in faces]
    return next(pair for pixels, pair in pairs if not why_not(pixels, pair, careful=True))


def behind_dark_glasses(batch: Batch) -> Batch:
    """The same with lenses over the eye boxes that let a tenth of the light through."""
    image = to_uint8(batch.image).float()
    lens = torch.nn.functional.max_pool2d(batch.mask, 13, 1, 6)
    return replace(batch, image=to_float((image * (1 - 0.9 * lens)).round().to(torch.uint8)))


def test_eyes_are_found_once_for_each_portrait(
    faces: list[Face], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = FoundEyes()
    pixels, boxes = faces[0]
    first = found.of(pixels, boxes)
    assert found.of(pixels.copy(), boxes) is first
    assert found.of(np.asfortranarray(pixels), boxes) is first
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert found.of(changed, boxes) is not first
    assert found.of(pixels, (boxes[0], replace(boxes[1], right=boxes[1].right + 2))) is not first
    monkeypatch.setattr(_found_eyes, "MOST", 2)
    for other, others_boxes in faces[1:]:
        found.of(other, others_boxes)
    again = found.of(pixels, boxes)  # forgotten, and found as before
    assert again is not first
    assert np.array_equal(again.mesh, first.mesh)
    found.forget()
    assert found.of(pixels, boxes) is not again
    assert again.left.iris == first.left.iris


@pytest.mark.parametrize("make", METHODS, ids=["iris_warp", "undo"])
def test_eyes_behind_dark_glasses_stay_where_settings_are_careful(
    batch: Batch, make: Callable[[bool], Method]
) -> None:
    dark = behind_dark_glasses(batch)
    with torch.no_grad():
        assert not torch.equal(make(False).correct(batch), batch.image)
        careful = make(True)
        assert torch.equal(careful.correct(dark), dark.image)
        assert not torch.equal(careful.correct(batch), batch.image)


def test_reasons_are_in_words(batch: Batch, faces: list[Face], pair: EyePair) -> None:
    pixels = faces[0][0]
    turned = replace(pair, head=replace(pair.head, yaw_deg=-50.0))
    apart = replace(pair, left=replace(pair.left, spread=0.8))
    assert "turned too far" in why_not(pixels, turned, careful=True)
    blurred = replace(pair, right=replace(pair.right, fit=0.15))
    assert "disagree" in why_not(pixels, apart, careful=True)
    assert "cannot be seen" in why_not(pixels, blurred, careful=True)
    for doubtful in (turned, apart, blurred):
        assert why_not(pixels, doubtful, careful=False) == ""


def lifted(pair: EyePair, up: float) -> EyePair:
    """The same with upper lids ``up`` iris radii higher between the corners."""
    rise = np.outer([0, 0.5, 0.8, 1, 1, 1, 0.8, 0.5, 0], [0, -up * pair.left.radius])
    left, right = (replace(eye, upper=eye.upper + rise) for eye in pair.eyes)
    return replace(pair, left=left, right=right)


def at_camera(pair: EyePair) -> EyePair:
    """The same with irises where the target has them."""
    for _ in range(4):  # the middle of the corners does not move, lids may
        goal = Target.shipped().goal(pair)
        left, right = (
            replace(eye, iris=type(eye.iris)(*map(float, place)))
            for eye, place in zip(pair.eyes, goal.irises, strict=True)
        )
        pair = replace(pair, left=left, right=right)
    return pair


@pytest.mark.parametrize("up", [-0.4, 0.5, 0.8])
def test_squinting_or_wide_eyes_alone_do_not_look_away(pair: EyePair, up: float) -> None:
    goal = Target.shipped().goal(lifted(at_camera(pair), up))
    assert goal.away() < 0.1
    assert goal.share(1.3) == 0


def shifted(pair: EyePair, aside: float, down: float) -> EyePair:
    """The same with both irises elsewhere, iris radii."""
    x, y = aside * pair.left.radius, down * pair.left.radius
    left, right = (
        replace(eye, iris=type(eye.iris)(eye.iris.x + x, eye.iris.y + y)) for eye in pair.eyes
    )
    return replace(pair, left=left, right=right)


def test_with_care_a_little_up_or_down_is_left_alone_and_as_much_aside_is_not(
    pair: EyePair,
) -> None:
    camera, target = at_camera(pair), Target.shipped()
    ways = np.linspace(0.05, 1, 40)
    aside = [target.goal(shifted(camera, way, 0)) for way in ways]
    up = [target.goal(shifted(camera, 0, -way)) for way in ways]
    for goals, moved in ((aside, True), (up, False)):
        nearest = min(goals, key=lambda goal: abs(goal.away() - 1.8))
        assert nearest.share(1.3) > 0.1
        assert (nearest.share(1.3, careful=True) > 0.1) is moved
    assert up[-1].share(1.3, careful=True) == 1  # and far up is not left alone


def test_methods_leave_a_little_up_or_down_alone_where_care_is_asked_for(pair: EyePair) -> None:
    camera, target = at_camera(pair), Target.shipped()
    ways = np.linspace(0.02, 1, 100)
    away = np.array([target.goal(shifted(camera, 0, -way)).away() for way in ways])

    def stays(careful: bool, way: float) -> tuple[bool, bool]:
        warp = IrisWarp(IrisWarp.Config(careful=careful), TASK)
        undo = Undo(Undo.Config(careful=careful, width=16, critic_width=8), TASK)
        looks = [  # up by as many times what is left alone aside
            shifted(camera, 0, -ways[np.argmin(np.abs(away - way * method.config.leave_alone))])
            for method in (warp, undo)
        ]
        return warp._why_still(looks[0]) == "looks at the camera", undo._way(looks[1]) == 0

    assert stays(careful=True, way=1.5) == (True, True)
    assert stays(careful=False, way=1.5) == (False, False)
    assert stays(careful=True, way=2.5) == (False, False)


def test_a_direction_in_degrees_is_turned_to_from_the_whole_way_to_the_camera(
    pair: EyePair,
) -> None:
    up = shifted(at_camera(pair), 0, -0.2)
    careful, other = (
        IrisWarp(IrisWarp.Config(careful=careful), TASK)._turned(up, 0, 0)[0]
        for careful in (True, False)
    )
    assert np.abs(other).max() > 0
    assert np.array_equal(careful, other)


def test_wide_eyes_are_not_closed_and_low_lids_are_lifted(pair: EyePair) -> None:
    camera = at_camera(pair)
    wide, low = (Target.shipped().goal(lifted(camera, up)) for up in (0.8, -0.8))
    assert np.abs(wide.lids).max() < 0.05 * pair.left.radius
    assert low.lids.min() > 0.2 * pair.left.radius
