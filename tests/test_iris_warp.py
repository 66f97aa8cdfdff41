"""A person's own irises moved: what the renderer promises, and what the method makes of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from gazebench.baselines import _iris_renderer as renderer
from gazebench.baselines._eye_view import TooLittleError, View
from gazebench.baselines._iris_renderer import Scene, Shift
from gazebench.baselines._iris_target import LEAST, Target
from gazebench.baselines._sclera import complete_sclera
from gazebench.baselines.iris_warp import IrisWarp
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.pictures import decode
from gazebench.errors import InputError
from gazebench.irises import EyePair, find_eyes
from gazebench.methods import Task
from gazebench.synthetic.portrait import DrawnPortrait

pytestmark = pytest.mark.usefixtures("one_thread")
Face = tuple[NDArray[np.uint8], EyePair, tuple[Box, Box]]
TASK = Task(256, (30, 50))
STILL = Shift((0.0, 0.0))
SIDES = ("left", "right")


@pytest.fixture(scope="module")
def batch(small_dataset: Path) -> Batch:
    """The portraits of a dataset that look away."""
    manifest = Manifest.load(small_dataset)
    return Pixels.open(manifest).batch(manifest.select(domain=Domain.AWAY))


@pytest.fixture(scope="module")
def faces(batch: Batch) -> list[Face]:
    """Those whose irises are not in doubt."""
    pixels = to_uint8(batch.image).permute(0, 2, 3, 1).contiguous().numpy()
    boxes = [(Box(*left), Box(*right)) for left, right in batch.eyes.tolist()]
    found = [(p, find_eyes(p, middles(b)), b) for p, b in zip(pixels, boxes, strict=True)]
    return [face for face in found if not face[1].doubt]


@pytest.fixture(scope="module")
def synthetic() -> list[Face]:
    """Synthetic portraits."""
    return [face for face in drawn_faces(12, 256) if not face[1].doubt]


def drawn_faces(count: int, side: int) -> list[Face]:
    made: list[Face] = []
    for number in range(count):
        portrait = DrawnPortrait(1, number, side)
        pixels = np.asarray(decode(portrait.png(), "portrait"))
        height, width = (round(length * side / 256) for length in TASK.window)
        left, right = (Box.around(eye, height, width) for eye in portrait.truth.eyes)
        made.append((pixels, find_eyes(pixels, portrait.truth.eyes), (left, right)))
    return made


def render(
    pixels: NDArray[np.uint8],
    pair: EyePair,
    boxes: tuple[Box, Box],
    shifts: tuple[Shift, Shift],
    near: float = 0.0,
) -> NDArray[np.uint8]:
    return Scene(pixels, pair, boxes, near=near).render(shifts)


def views_of(pixels: NDArray[np.uint8], pair: EyePair, boxes: tuple[Box, Box]) -> tuple[View, View]:
    left, right = (
        View(pixels, eye, box, pair.distance / 64)
        for eye, box in zip(pair.eyes, boxes, strict=True)
    )
    return left, right


def middles(boxes: tuple[Box, Box]) -> tuple[Point, Point]:
    left, right = (Point((b.left + b.right - 1) / 2, (b.top + b.bottom - 1) / 2) for b in boxes)
    return left, right


def moved(faces: Sequence[Face], shift: Shift, near: float = 0.0) -> list[float]:
    """How far the irises are found to have moved along the shift, of what was asked."""
    length = float(np.hypot(*shift.iris))
    shares = []
    for pixels, pair, boxes in faces:
        try:
            made = render(pixels, pair, boxes, (shift, shift), near=near)
            after = find_eyes(made, middles(boxes))
        except TooLittleError:
            continue
        for one, other in zip(pair.eyes, after.eyes, strict=True):
            way = np.array(other.iris) - np.array(one.iris)
            shares.append(float(way @ shift.iris) / length**2)
    return shares


def test_without_a_shift_nothing_changes(faces: list[Face]) -> None:
    for pixels, pair, boxes in faces:
        assert np.array_equal(render(pixels, pair, boxes, (STILL, STILL)), pixels)


@pytest.mark.parametrize("near", [0.0, 0.3])
def test_a_hair_of_a_shift_changes_hardly_anything(faces: list[Face], near: float) -> None:
    hair = Shift((1e-3, 0.0), 1e-3)
    for pixels, pair, boxes in faces[:4]:
        made = render(pixels, pair, boxes, (hair, hair), near=near)
        assert np.abs(made.astype(int) - pixels).max() <= 1


def test_everything_outside_the_boxes_stays(faces: list[Face]) -> None:
    far = Shift((4.0, -2.0), -2.0)
    for pixels, pair, boxes in faces[:6]:
        made = render(pixels, pair, boxes, (far, far))
        changed = (made != pixels).any(2)
        assert changed.any()
        for box in boxes:
            changed[box.top : box.bottom, box.left : box.right] = False
        assert not changed.any()


def test_only_the_eye_that_is_asked_for_moves(faces: list[Face]) -> None:
    pixels, pair, (left, right) = faces[0]
    made = render(pixels, pair, (left, right), (Shift((2.0, 0.0)), STILL))
    assert (cut(made, left) != cut(pixels, left)).any()
    assert np.array_equal(cut(made, right), cut(pixels, right))


def test_a_change_fades_at_the_edge_of_the_box(faces: list[Face]) -> None:
    far = Shift((3.0, 1.0), 1.5)
    for pixels, pair, boxes in faces[:6]:
        made = render(pixels, pair, boxes, (far, far))
        for box in boxes:
            change = np.abs(cut(made, box).astype(int) - cut(pixels, box))
            edge = np.concatenate([change[0], change[-1], change[:, 0], change[:, -1]])
            assert edge.max() <= 8


def test_irises_of_synthetic_faces_move_as_far_as_asked(synthetic: list[Face]) -> None:
    shares = []
    for face in synthetic:  # towards the middle, where there is room
        aside = sum(eye.iris.x - eye.middle.x for eye in face[1].eyes)
        shares += moved([face], Shift((-2.5 if aside > 0 else 2.5, 0.0)))
    assert len(shares) > 12
    assert np.median(shares) == pytest.approx(1, abs=0.1)
    assert np.mean(np.abs(np.array(shares) - 1) < 0.3) > 0.8


@pytest.mark.parametrize("shift", [(2.0, 0.0), (-2.5, 0.0)], ids=str)
def test_irises_of_photographs_move_as_far_as_asked(
    faces: list[Face], shift: tuple[float, float]
) -> None:
    shares = moved(faces, Shift(shift))
    assert np.median(shares) == pytest.approx(1, abs=0.15)
    assert np.mean(np.abs(np.array(shares) - 1) < 0.4) > 0.8


@pytest.mark.parametrize("shift", [(1.2, 0.0), (-1.5, 0.0), (2.0, 0.0)], ids=str)
def test_pushed_irises_move_as_far_as_asked(synthetic: list[Face], shift: Any) -> None:
    shares = moved(synthetic, Shift(shift), near=0.4)
    assert len(shares) > 12
    assert abs(np.median(shares) - 1) * abs(shift[0]) < 0.25  # pixels


def test_a_short_way_is_gone_with_the_eyes_own_pixels(faces: list[Face]) -> None:
    """No sclera is painted: each pixel is between those around it."""
    short = Shift((1.2, 0.0))
    for pixels, pair, boxes in faces[:6]:
        made = render(pixels, pair, boxes, (short, short), near=0.4)
        low, high = (f(pixels, (7, 7, 1)).astype(int) for f in (minimum_filter, maximum_filter))
        assert (made != pixels).any()
        assert ((made >= low - 12) & (made <= high + 12)).all()


def test_lashes_darken_an_iris_and_make_no_black_spots(faces: list[Face]) -> None:
    """What was dark on the sclera is a share of its light, also where the iris comes to lie."""
    rendered = 0
    for pixels, pair, boxes in faces:
        for way in (3.0, -3.0):
            shift = Shift((way, 0.0))
            try:
                made = render(pixels, pair, boxes, (shift, shift))
            except TooLittleError:
                continue
            rendered += 1
            for box in boxes:
                before, after = (cut(p, box).mean(-1) for p in (pixels, made))
                assert np.quantile(after, 0.005) > 0.6 * np.quantile(before, 0.005) - 2
    assert rendered > len(faces)


@pytest.fixture(scope="module")
def large() -> list[Face]:
    """Synthetic portraits as large as photographs are."""
    return drawn_faces(3, 1024)


@pytest.mark.parametrize(("strength", "size"), [(0.1, 0), (3, 1), (9, 0)])  # levels, pixels
def test_the_sclera_that_appears_is_as_grainy_as_what_shows(
    strength: float, size: float, large: list[Face]
) -> None:
    grain = gaussian_filter(np.random.default_rng(1).normal(size=(1024, 1024)), size)
    grain *= strength / grain.std()
    shares = []
    for pixels, pair, boxes in large:
        grainy = np.rint(pixels + grain[..., None]).clip(0, 255).astype(np.uint8)
        views = views_of(grainy, pair, boxes)
        sclera, view = complete_sclera(*views)[0].mean(-1), views[0]
        open_ = (view.b - view.upper > 2) & (view.lower - view.b > 2) & (np.abs(view.u) < 0.8)
        rough = np.abs(sclera - gaussian_filter(sclera, 1))
        shown, made = (
            np.median(rough[open_ & where])
            for where in (view.from_iris() > view.radius + 3, view.from_iris() < view.radius - 2)
        )
        shares.append(made / shown)
    assert 0.7 < np.median(shares) < 1.7


def test_the_sclera_that_appears_is_as_dark_along_a_lid_as_the_rest_of_it(
    synthetic: list[Face],
) -> None:
    """Lashes and the lid's edge throw a shade, which is there on both sides of an iris."""
    near, deep = [], []
    for pixels, pair, boxes in synthetic:
        plain = views_of(pixels, pair, boxes)
        shaded = pixels.astype(float)
        for view in plain:  # darker by a half up to 1.2 units under the lid, beside the iris
            depth = view.b - view.upper
            edge = (depth > -0.5) & (depth < 1.2) & (view.from_iris() > view.radius + 1)
            inside = slice(view.box.top, view.box.bottom), slice(view.box.left, view.box.right)
            shaded[inside] *= 1 - 0.5 * view.coarse(np.repeat(edge[..., None], 3, 2).astype(float))
        views = views_of(np.rint(shaded).astype(np.uint8), pair, boxes)
        try:
            before, after = (complete_sclera(*both)[0].mean(-1) for both in (plain, views))
        except TooLittleError:
            continue
        view, depth = plain[0], plain[0].b - plain[0].upper
        under = view.from_iris() < view.radius
        share = after / before
        near.append(share[under & (depth > 0) & (depth < 1.2)].mean())
        deep.append(share[under & (depth > 3)].mean())
    assert len(near) > 4
    assert np.median(near) < 0.8
    assert np.median(deep) > 0.98


def test_a_brighter_eye_makes_the_sclera_of_the_other_no_brighter(synthetic: list[Face]) -> None:
    shares = []
    for pixels, pair, boxes in synthetic:
        one, other = views_of(pixels, pair, boxes)
        lit = views_of((pixels * 1.25).clip(0, 255).astype(np.uint8), pair, boxes)[1]
        try:
            usual, made = (complete_sclera(one, e)[0].mean(-1) for e in (other, lit))
        except TooLittleError:
            continue
        under = one.from_iris() < one.radius - 1
        shares.append(float((made / usual)[under].mean()))
    assert len(shares) > 4
    assert np.median(shares) == pytest.approx(1, abs=0.04)


def test_an_iris_larger_than_its_circle_leaves_nothing_behind(synthetic: list[Face]) -> None:
    whites = []
    for pixels, pair, boxes in synthetic:
        radius = pair.left.radius
        small = replace(
            pair, **{side: replace(getattr(pair, side), radius=0.6 * radius) for side in SIDES}
        )
        aside = Shift((1.4 * radius, 0.0))
        try:
            made = render(pixels, small, boxes, (aside, aside))
        except TooLittleError:
            continue
        for eye in pair.eyes:  # the edge of the iris that moves away from it, on a short arc
            angles = np.radians([160, 170, 180, 190, 200])
            places = np.array(eye.iris) + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
            edge = np.array(eye.iris) + 0.9 * (places - eye.iris)
            outside = np.array(eye.iris) + 1.4 * (places - eye.iris)
            iris, white = (at(pixels, p).mean() for p in (edge, outside))
            if white - iris > 40:
                whites.append((at(made, edge).mean() - iris) / (white - iris))
    assert len(whites) >= 8
    assert np.median(whites) > 0.75  # 1 is as white as the eye beside the iris, 0 is the iris


def test_an_eye_whose_white_is_nearly_as_dark_as_its_iris_is_not_moved(
    synthetic: list[Face],
) -> None:
    pixels, pair, boxes = synthetic[0]
    aside = Shift((2.0, 0.0))
    assert (render(pixels, pair, boxes, (aside, aside)) != pixels).any()
    flat = np.rint(90 + 0.1 * (pixels.astype(float) - 90)).astype(np.uint8)
    with pytest.raises(TooLittleError, match="nearly as dark as its iris"):
        render(flat, pair, boxes, (aside, aside))


def test_a_lid_that_is_lifted_opens_the_eye(faces: list[Face]) -> None:
    lift = Shift((0.0, -1.5), -2.0)
    before, after = [], []
    for pixels, pair, boxes in faces[:6]:
        made = find_eyes(render(pixels, pair, boxes, (lift, lift)), middles(boxes))
        before += [eye.opening for eye in pair.eyes]
        after += [eye.opening for eye in made.eyes]
    assert np.mean(after) > np.mean(before) + 0.4


def test_an_eye_that_shows_too_little_is_not_moved(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    narrow = replace(pair.left, lower=pair.left.upper + np.array([0, 0.5]))
    with pytest.raises(TooLittleError):
        render(pixels, replace(pair, left=narrow), boxes, (Shift((2.0, 0.0)), STILL))


def test_the_renderer_works_in_the_portraits_own_resolution(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    twice = np.repeat(np.repeat(pixels, 2, 0), 2, 1)
    large = find_eyes(twice, middles(doubled(boxes)))
    made = render(twice, large, doubled(boxes), (Shift((4.0, 0.0)), Shift((4.0, 0.0))))
    small = render(pixels, pair, boxes, (Shift((2.0, 0.0)), Shift((2.0, 0.0))))
    halved = made.reshape(256, 2, 256, 2, 3).mean((1, 3))
    box = boxes[0]
    change = cut(small, box).astype(float) - cut(pixels, box)
    again = cut(halved, box) - cut(pixels, box)
    assert np.corrcoef(change.ravel(), again.ravel())[0, 1] > 0.75


def test_the_target_is_kept_as_plain_values() -> None:
    target = Target.shipped()
    again = Target.of_json(json.loads(json.dumps(target.as_json())))
    assert np.array_equal(target.weights, again.weights)
    assert again.portraits > 1000
    with pytest.raises(InputError, match="not the target"):
        Target.of_json({"weights": [1.0]})
    with pytest.raises(InputError, match="shapes"):
        Target.of_json({**target.as_json(), "mean": [1.0, 2.0]})


def test_a_target_is_fitted_where_the_portraits_suffice(faces: list[Face]) -> None:
    """The regression gives back the places of a world in which they follow the head."""
    rng = np.random.default_rng(0)
    shipped = Target.shipped()
    pairs = []
    for _ in range(LEAST):
        pair = faces[int(rng.integers(len(faces)))][1]
        yaw, pitch = rng.uniform(-25, 25, 2)
        pair = replace(pair, head=replace(pair.head, yaw_deg=yaw, pitch_deg=pitch))
        goal = shipped.goal(pair)
        left, right = (
            replace(eye, iris=Point(*map(float, place)))
            for eye, place in zip(pair.eyes, goal.irises, strict=True)
        )
        pairs.append(replace(pair, left=left, right=right))
    fitted = Target.fit(pairs)
    off = [fitted.goal(p).irises - np.array([e.iris for e in p.eyes]) for p in pairs]
    assert np.quantile(np.abs(off), 0.95) < 0.2
    assert fitted.portraits == LEAST


def test_strength_zero_gives_the_source_and_half_goes_half_the_way(batch: Batch) -> None:
    still = IrisWarp(IrisWarp.Config(strength=0), TASK).correct(batch)
    assert torch.equal(still, batch.image)
    half = IrisWarp(IrisWarp.Config(strength=0.5), TASK).correct(batch)
    between = IrisWarp(IrisWarp.Config(), TASK).animate(batch, [0.0, 0.5])
    assert torch.equal(half, between[:, 1])
    assert torch.equal(batch.image, between[:, 0])


def test_eyes_turn_to_a_direction_in_degrees(batch: Batch) -> None:
    """Irises lie 1.7 radii times the sine of an angle from where they look at the camera."""
    method = IrisWarp(IrisWarp.Config(), TASK)
    found: list[float] = []
    ways = method.redirect(batch, [(-15, 0), (15, 0), (0, -8), (0, 8)])
    for row, boxes in enumerate(batch.eyes.tolist()):
        eyes = middles((Box(*boxes[0]), Box(*boxes[1])))
        left, right, down, up = (
            find_eyes(to_uint8(image).permute(1, 2, 0).contiguous().numpy(), eyes)
            for image in ways[row]
        )
        if not any(pair.doubt for pair in (left, right, down, up)):
            shift = right.left.iris.x - left.left.iris.x
            found.append(shift / (2 * 1.7 * np.sin(np.radians(15)) * left.left.radius))
            assert up.left.iris.y < down.left.iris.y
    assert len(found) > 3
    assert 0.7 < np.median(found) < 1.3


def test_averted_irises_come_nearer_to_where_they_belong(batch: Batch) -> None:
    method = IrisWarp(IrisWarp.Config(leave_alone=0), TASK)
    before, after = (away(method, image, batch) for image in (batch.image, method.correct(batch)))
    assert np.median(after) < 0.6 * np.median(before)


def test_closed_eyes_and_pictures_without_a_face_stay_and_are_counted(batch: Batch) -> None:
    method = IrisWarp(IrisWarp.Config(), TASK)
    image = batch.image.clone()
    for row, eyes in enumerate(batch.eyes.tolist()):
        for left, top, right, bottom in eyes:  # skin over the eyes
            image[row, :, top - 8 : bottom + 8, left:right] = image[
                row, :, bottom + 10, left, None, None
            ]
    closed = replace(batch, image=image)
    assert torch.equal(method.correct(closed), image)
    assert method.unchanged.total() == len(batch)
    noise = torch.rand(batch.image.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.equal(method.correct(replace(batch, image=noise)), noise)


def test_too_few_portraits_leave_the_shipped_target(batch: Batch) -> None:
    method = IrisWarp(IrisWarp.Config(), TASK)
    method.prepare([batch])
    assert method.target.portraits == Target.shipped().portraits


def test_the_gaze_can_be_raised(batch: Batch) -> None:
    heights = []
    for up in (-0.3, 0.3):
        method = IrisWarp(IrisWarp.Config(raise_gaze=up), TASK)
        images = to_uint8(method.correct(batch)).permute(0, 2, 3, 1).contiguous().numpy()
        pairs = [
            find_eyes(image, middles((Box(*a), Box(*b))))
            for image, (a, b) in zip(images, batch.eyes.tolist(), strict=True)
        ]
        heights.append([np.mean([e.iris.y - e.middle.y for e in p.eyes]) for p in pairs])
    assert np.mean(heights[1]) < np.mean(heights[0]) - 0.4


def away(method: IrisWarp, image: torch.Tensor, batch: Batch) -> list[float]:
    """Distance of the irises from the target, pixels, where they are not in doubt."""
    found = []
    pixels = to_uint8(image).permute(0, 2, 3, 1).contiguous().numpy()
    for picture, (a, b) in zip(pixels, batch.eyes.tolist(), strict=True):
        pair = find_eyes(picture, middles((Box(*a), Box(*b))))
        if not pair.doubt:
            way = method.target.goal(pair).irises - np.array([eye.iris for eye in pair.eyes])
            found.append(float(np.hypot(*way.mean(0))))
    return found


def at(pixels: NDArray[np.uint8], places: NDArray[np.floating[Any]]) -> NDArray[np.number]:
    """Brightness of the pixels nearest to places (N, 2) x, y."""
    columns, rows = np.rint(places).astype(int).T
    return pixels[rows, columns].mean(1)


def cut(pixels: NDArray[np.number], box: Box) -> NDArray[np.number]:
    return pixels[box.top : box.bottom, box.left : box.right]


def doubled(boxes: tuple[Box, Box]) -> tuple[Box, Box]:
    left, right = (Box(2 * b.left, 2 * b.top, 2 * b.right, 2 * b.bottom) for b in boxes)
    return left, right


def test_the_middle_lines_of_a_view_are_the_eyes(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    view = renderer.View(pixels, pair.left, boxes[0], pair.distance / 64)
    assert view.from_iris().min() < 0.5
    assert (
        np.abs(view.colors.reshape(30, 2, 50, 2, 3).mean((1, 3)) - cut(pixels, boxes[0])).mean() < 3
    )
