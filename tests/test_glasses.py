"""Frames and reflections over an eye keep their pixels; a hidden pupil is taken from the other eye."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gazebench.baselines import _glasses as glasses
from gazebench.baselines import _iris_renderer as renderer
from gazebench.baselines._iris_renderer import Scene, Shift, TooLittleError
from gazebench.baselines.iris_warp import IrisWarp
from gazebench.dataset.batches import Batch, to_float
from gazebench.dataset.boxes import Box
from gazebench.dataset.pictures import decode
from gazebench.irises import EyePair, find_eyes
from gazebench.methods import Task
from gazebench.synthetic.portrait import DrawnPortrait

pytestmark = pytest.mark.usefixtures("one_thread")
Pixels = NDArray[np.uint8]
Face = tuple[Pixels, EyePair, tuple[Box, Box]]
Points = Sequence[tuple[float, float]]  # units from the middle of an eye
SHIFT = Shift((2.5, 0.0), -1.0)
FINE = 4  # drawn pixels to a pixel
DARK, LIGHT = (25, 22, 24), (250, 246, 240)
FRAMES = {  # points, width and colour
    "upright": ([(-7, -20), (-5, 16)], 3.0, DARK),
    "slanted": ([(-4, -20), (9, 16)], 3.0, DARK),
    "over the iris": ([(1, -20), (-1, 16)], 3.0, DARK),
    "bent": ([(10, -20), (8, -8), (8, 4), (10, 16)], 3.0, DARK),
    "metal": ([(9, -20), (7, 16)], 2.0, LIGHT),
}


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    """Synthetic portraits whose irises are not in doubt."""
    made: list[Face] = []
    for number in range(10):
        portrait = DrawnPortrait(1, number, 256)
        pixels = np.asarray(decode(portrait.png(), "portrait"))
        left, right = (Box.around(eye, 30, 50) for eye in portrait.truth.eyes)
        pair = find_eyes(pixels, portrait.truth.eyes)
        if not pair.doubt:
            made.append((pixels, pair, (left, right)))
    return made


def drawn(
    face: Face, points: Points, width: float, color: tuple[int, int, int]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """The portrait with a line over its left eye, and which pixels are nothing but line."""
    pixels, pair, _ = face
    middle = np.array(pair.left.middle) + 0.5
    line = [tuple(FINE * (middle + point)) for point in points]
    size = FINE * pixels.shape[1], FINE * pixels.shape[0]
    picture, mask = (
        Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST),
        Image.new("L", size),
    )
    ImageDraw.Draw(picture).line(line, color, round(width * FINE), joint="curve")
    ImageDraw.Draw(mask).line(line, 255, round(width * FINE), joint="curve")
    small = [p.resize(pixels.shape[1::-1], Image.Resampling.BOX) for p in (picture, mask)]
    return np.array(small[0]), np.asarray(small[1]) == 255


def inside(box: Box, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask without what lies outside a box."""
    kept = np.zeros_like(mask)
    kept[box.top : box.bottom, box.left : box.right] = True
    return kept & mask


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_across_an_eye_keeps_its_pixels(faces: list[Face], name: str) -> None:
    points, width, color = FRAMES[name]
    kept = []
    for face in faces:
        _, pair, boxes = face
        framed, line = drawn(face, points, width, color)
        core = inside(boxes[0], line)
        assert (framed[core] == color).all()
        made = Scene(framed, pair, boxes).render((SHIFT, SHIFT))
        assert (made[~core] != framed[~core]).any()  # the eye behind it moves
        kept.append(np.abs(made[core].astype(int) - color).max() <= 3)
    assert np.mean(kept) >= 0.8, kept


def test_a_reflection_on_a_lens_keeps_its_pixels(faces: list[Face]) -> None:
    kept = []
    for pixels, pair, boxes in faces:
        shiny, (x, y) = pixels.copy(), np.rint(pair.left.iris).astype(int)
        spot = np.s_[y - 3 : y + 4, x + 2 : x + 11]
        shiny[spot] = 255
        made = Scene(shiny, pair, boxes).render((SHIFT, SHIFT))
        kept.append((made[y - 2 : y + 3, x + 3 : x + 10] >= 252).all())
    assert np.mean(kept) >= 0.8, kept


def test_a_catch_light_goes_with_the_eye(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    x, y = np.rint(pair.left.iris).astype(int)
    lit = pixels.copy()
    lit[y - 2 : y, x - 2 : x] = 255
    assert glasses.take_off(lit, pair, boxes).covers == (None, None)


def test_eyes_without_glasses_are_left_as_they_are(faces: list[Face]) -> None:
    for pixels, pair, boxes in faces:
        bare = glasses.take_off(pixels, pair, boxes)
        assert bare.pixels is pixels
        assert bare.covers == (None, None)


def test_a_frame_above_the_eyes_is_not_bent_by_a_lid_that_opens(faces: list[Face]) -> None:
    """A bridge on the nose says that lines beside the eye are a frame."""
    for pixels, pair, boxes in faces:
        framed = pixels.copy()
        top = round(min(lid[:, 1].min() for lid in (pair.left.upper, pair.right.upper))) - 6
        framed[top : top + 3, 40:216] = DARK
        assert glasses.bridge(framed, pair) > 2 * glasses.bridge(pixels, pair)
        lift = Shift((0.0, -1.0), -3.0)
        made = Scene(framed, pair, boxes).render((lift, lift))
        assert np.abs(made[top : top + 3, 40:216].astype(int) - DARK).max() <= 3
        assert (made != framed).any()


def test_an_eye_that_glasses_hide_is_left_with_the_reason(faces: list[Face]) -> None:
    face = faces[0]
    hidden, _ = drawn(face, [(0, -20), (0, 16)], 8.0, DARK)
    with pytest.raises(TooLittleError, match="glasses hide too much of an eye"):
        Scene(hidden, face[1], face[2])


def test_a_hidden_pupil_is_taken_from_the_other_eye(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    x, y = np.rint(pair.right.iris).astype(int)
    green = pixels.copy()
    green[y - 1 : y + 2, x - 1 : x + 2] = 20, 90, 30
    layers = renderer.apart(*views(green, lowered(pair, left=True), boxes))
    assert layers.theirs is not None
    view = views(green, lowered(pair, left=True), boxes)[0]
    pupil = renderer.texture(view, layers, np.zeros(1), np.zeros(1))[0]
    assert pupil[1] > 1.5 * max(pupil[0], pupil[2])
    assert renderer.apart(*views(green, pair, boxes)).theirs is None


def test_two_hidden_pupils_leave_the_eyes_with_the_reason(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    with pytest.raises(TooLittleError, match="the lids hide both pupils"):
        renderer.apart(*views(pixels, lowered(pair, left=True, right=True), boxes))


def lowered(pair: EyePair, *, left: bool = False, right: bool = False) -> EyePair:
    """The eyes with upper lids that end just below the pupil."""
    sides = []
    for eye, low in zip(pair.eyes, (left, right), strict=True):
        upper, lower = eye.upper.copy(), eye.lower.copy()
        upper[1:-1, 1] = np.maximum(upper[1:-1, 1], eye.iris.y + 0.25 * eye.radius)
        lower[1:-1, 1] = np.maximum(lower[1:-1, 1], eye.iris.y + 1.1 * eye.radius)
        sides.append(replace(eye, upper=upper, lower=lower) if low else eye)
    return replace(pair, left=sides[0], right=sides[1])


def views(
    pixels: Pixels, pair: EyePair, boxes: tuple[Box, Box]
) -> tuple[renderer.View, renderer.View]:
    left, right = (
        renderer.View(pixels, eye, box, pair.distance / 64)
        for eye, box in zip(pair.eyes, boxes, strict=True)
    )
    return left, right
