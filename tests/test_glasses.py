"""Frames and reflections over an eye keep their pixels; hidden pupils are the other eye's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gazebench import baselines, training
from gazebench.baselines import _glasses as glasses
from gazebench.baselines import _iris_renderer as renderer
from gazebench.baselines._eye_view import TooLittleError
from gazebench.baselines._iris_renderer import Scene, Shift
from gazebench.baselines.undo import Undo
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Pixels, to_float, to_uint8
from gazebench.dataset.boxes import Box, Point
from gazebench.irises import EyePair, find_eyes

pytestmark = pytest.mark.usefixtures("one_thread")
Image8 = NDArray[np.uint8]
Face = tuple[Image8, EyePair, tuple[Box, Box]]
Points = Sequence[tuple[float, float]]  # units from the middle of an eye
SHIFT = Shift((2.5, 0.0), -1.0)
FINE = 4  # drawn pixels to a pixel
DARK, LIGHT = (25, 22, 24), (250, 246, 240)
FRAMES = {  # points, width and colour
    "upright": ([(-7, -20), (-5, 16)], 3.0, DARK),
    "slanted": ([(-4, -20), (9, 16)], 3.0, DARK),
    "over the iris": ([(1, -20), (-1, 16)], 3.0, DARK),
    "bent": ([(9, -20), (6, -8), (6, 4), (9, 16)], 3.0, DARK),
    "metal": ([(7, -20), (5, 16)], 2.0, LIGHT),
}


@pytest.fixture(scope="module")
def faces(small_dataset: Path) -> list[Face]:
    """Generated portraits without glasses whose irises are not in doubt."""
    manifest = Manifest.load(small_dataset)
    batch = Pixels.open(manifest).batch(manifest.select(domain=Domain.AWAY))
    images = to_uint8(batch.image).permute(0, 2, 3, 1).contiguous().numpy()
    made: list[Face] = []
    for image, (left, right) in zip(images, batch.eyes.tolist(), strict=True):
        boxes = Box(*left), Box(*right)
        pair = find_eyes(image, (middle(boxes[0]), middle(boxes[1])))
        if not pair.doubt and glasses.bridge(image, pair) < 0.05:
            made.append((image, pair, boxes))
    return made


def middle(box: Box) -> Point:
    return Point((box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2)


def drawn(
    face: Face, points: Points, width: float, color: tuple[int, int, int]
) -> tuple[Image8, NDArray[np.bool_]]:
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


def bridged(pixels: Image8, pair: EyePair) -> Image8:
    """The portrait with the bridge of glasses on its nose."""
    middle = pair.mesh[[9, 197], :2].mean(0)  # of the nose's ridge
    left, right = (np.array(eye.middle) for eye in pair.eyes)
    reach = (right - left) / 5
    picture = Image.fromarray(pixels)
    ends = [tuple(middle - reach), tuple(middle + reach)]
    ImageDraw.Draw(picture).line(ends, DARK, 3)
    worn = np.array(picture)
    assert glasses.bridge(worn, pair) > glasses.WORN
    return worn


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
        framed, line = drawn((bridged(face[0], pair), *face[1:]), points, width, color)
        core = inside(boxes[0], line)
        assert (framed[core] == color).all()
        try:
            made = Scene(framed, pair, boxes).render((SHIFT, SHIFT))
        except TooLittleError:
            continue
        assert (made[~core] != framed[~core]).any()  # the eye behind it moves
        kept.append(float(np.mean(np.abs(made[core].astype(int) - color).max(-1) <= 3)))
    assert len(kept) > 4
    assert np.mean(np.array(kept) > 0.95) >= 0.75, kept


def test_a_frame_keeps_its_pixels_before_eyes_that_a_network_makes(small_dataset: Path) -> None:
    manifest = Manifest.load(small_dataset)
    batch = Pixels.open(manifest).batch(manifest.select(domain=Domain.AWAY))
    images, lines = to_uint8(batch.image).permute(0, 2, 3, 1).contiguous().numpy(), {}
    for row, (left, right) in enumerate(batch.eyes.tolist()):
        boxes = Box(*left), Box(*right)
        pair = find_eyes(images[row], (middle(boxes[0]), middle(boxes[1])))
        if not pair.doubt and glasses.bridge(images[row], pair) < 0.05:
            face = bridged(images[row], pair), pair, boxes
            images[row], line = drawn(face, *FRAMES["over the iris"])
            lines[row] = inside(boxes[0], line)
    framed = replace(batch, image=to_float(torch.from_numpy(images).permute(0, 3, 1, 2)))
    method = training.load_shipped(baselines, "undo", device="cpu").method
    made = to_uint8(method.correct(framed)).permute(0, 2, 3, 1).numpy()
    changed = [row for row in lines if (made[row] != images[row]).any()]
    kept = [(made[row][lines[row]] == images[row][lines[row]]).all(1).mean() for row in changed]
    assert len(kept) > 4
    assert np.mean(np.array(kept) > 0.9) >= 0.75, kept


def test_a_reflection_on_a_lens_keeps_its_pixels(faces: list[Face]) -> None:
    kept = []
    for pixels, pair, boxes in faces:
        shiny, (x, y) = bridged(pixels, pair), np.rint(pair.left.iris).astype(int)
        spot = np.s_[y - 3 : y + 4, x + 2 : x + 11]
        shiny[spot] = 255
        try:
            made = Scene(shiny, pair, boxes).render((SHIFT, SHIFT))
        except TooLittleError:
            continue
        kept.append((made[y - 2 : y + 3, x + 3 : x + 10] >= 252).all())
    assert len(kept) > 4
    assert np.mean(kept) >= 0.75, kept


def test_a_catch_light_goes_with_the_eye(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    x, y = np.rint(pair.left.iris).astype(int)
    lit = bridged(pixels, pair)
    lit[y - 2 : y, x - 2 : x] = 255
    cover = glasses.take_off(lit, pair, boxes).covers[0]
    assert cover is None


def test_eyes_without_glasses_are_left_as_they_are(faces: list[Face]) -> None:
    for pixels, pair, boxes in faces:
        bare = glasses.take_off(pixels, pair, boxes)
        assert bare.pixels is pixels
        assert bare.covers == (None, None)


def test_a_frame_above_the_eyes_is_not_bent_by_a_lid_that_opens(faces: list[Face]) -> None:
    """A bridge on the nose says that lines beside the eye are a frame."""
    off = []
    for pixels, pair, boxes in faces:
        framed = pixels.copy()
        top = round(min(lid[:, 1].min() for lid in (pair.left.upper, pair.right.upper))) - 6
        framed[top : top + 3, 40:216] = DARK
        assert glasses.bridge(framed, pair) > glasses.WORN
        lift = Shift((0.0, -1.0), -3.0)
        made = Scene(framed, pair, boxes).render((lift, lift))
        bent = np.abs(made[top : top + 3, 40:216].astype(int) - DARK).max((0, 2))
        off.append(float(np.mean(bent > 8)))
        assert (made != framed).any()
    assert np.median(off) < 0.05, off


def test_an_eye_that_glasses_hide_is_left_with_the_reason(faces: list[Face]) -> None:
    pixels, pair, boxes = faces[0]
    x, y = np.rint(pair.left.iris).astype(int)
    hidden = bridged(pixels, pair)
    hidden[y - 7 : y + 8, x - 8 : x + 9] = 255
    with pytest.raises(TooLittleError, match="glasses hide too much of an eye"):
        Scene(hidden, pair, boxes)


def test_a_network_leaves_an_eye_that_glasses_hide(small_dataset: Path, monkeypatch) -> None:
    manifest = Manifest.load(small_dataset)
    batch = Pixels.open(manifest).batch(manifest.select(domain=Domain.AWAY)[:1])
    method = training.load_shipped(baselines, "undo", device="cpu").method
    assert isinstance(method, Undo)
    bare = glasses.Bare(np.empty(0, np.uint8), (None, None), (0.0, 0.9))
    assert not torch.equal(method.correct(batch), batch.image)
    monkeypatch.setattr(glasses, "take_off", lambda *_: bare)
    assert torch.equal(method.correct(batch), batch.image)
    assert method.unchanged == {"glasses hide too much of an eye": 1}


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
    pixels: Image8, pair: EyePair, boxes: tuple[Box, Box]
) -> tuple[renderer.View, renderer.View]:
    left, right = (
        renderer.View(pixels, eye, box, pair.distance / 64)
        for eye, box in zip(pair.eyes, boxes, strict=True)
    )
    return left, right
