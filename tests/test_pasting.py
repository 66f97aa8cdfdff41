"""Eyes go back to where they came from, and nothing else of the photograph changes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from gazebench.curation import align
from gazebench.dataset.boxes import Box, Point
from gazebench.photographs.pasting import Window, _turned, paste

SIDE = 128  # of the portrait
EYES = (Box(22, 38, 58, 58), Box(70, 38, 106, 58))
SIZE = 240, 180  # of the photograph

transforms = st.builds(
    lambda x, y, side, turn: align.Square(
        Point(x, y), Point(side / 2 * math.cos(turn), side / 2 * math.sin(turn))
    ).transform(SIDE),
    st.floats(60, 180),
    st.floats(50, 130),
    st.floats(50, 400),
    st.floats(-0.7, 0.7),
)


def photograph(seed: int = 0) -> NDArray[np.uint8]:
    width, height = SIZE
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def places(transform: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column and row in the portrait of every pixel of the photograph."""
    a, b, c, d, e, f = transform
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    return a * x + b * y + c, d * x + e * y + f


def inside(transform: tuple[float, ...], eye: Box, margin: float = 0.0) -> NDArray[np.bool_]:
    """Which pixels of the photograph lie in the turned box, ``margin`` portrait pixels deep."""
    column, row = places(transform)
    across = (column >= eye.left - 0.5 + margin) & (column <= eye.right - 0.5 - margin)
    return across & (row >= eye.top - 0.5 + margin) & (row <= eye.bottom - 0.5 - margin)


@given(transforms, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_no_pixel_outside_the_turned_boxes_changes(
    transform: tuple[float, float, float, float, float, float], seed: int
) -> None:
    before = photograph(seed)
    after = before.copy()
    grey = np.full((SIDE, SIDE, 3), 90, np.uint8)
    paste(after, transform, EYES, grey, grey + np.uint8(120))
    changed = (before != after).any(axis=2)
    within = inside(transform, EYES[0], -1e-6) | inside(transform, EYES[1], -1e-6)
    assert not (changed & ~within).any()


@given(transforms)
@settings(max_examples=40, deadline=None)
def test_every_change_lands_where_the_transform_says(
    transform: tuple[float, float, float, float, float, float],
) -> None:
    grey = np.full((SIDE, SIDE, 3), 90, np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    ramp = np.repeat(np.round(90 + 0.7 * x + 0.5 * y)[..., None], 3, axis=2).astype(np.uint8)
    after = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    paste(after, transform, EYES, grey, ramp)
    column, row = places(transform)
    scale = math.hypot(transform[0], transform[3])
    for eye in EYES:
        deep = inside(transform, eye, max(eye.height / 8, 2 * scale) + 0.01)
        expected = 90 + 0.7 * column[deep] + 0.5 * row[deep]
        assert (
            np.abs(after[deep].astype(float) - expected[:, None]).max(initial=0) <= 1.2
        )  # half a level of the ramp, of the result


@given(transforms, st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_what_the_method_left_alone_is_left_alone(
    transform: tuple[float, float, float, float, float, float], seed: int
) -> None:
    before = photograph()
    after = before.copy()
    portrait = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    paste(after, transform, EYES, portrait, portrait.copy())
    assert np.array_equal(before, after)


def test_the_edge_is_soft() -> None:
    window = Window.of(EYES[0], (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), SIZE)
    assert window is not None
    middle = window.share[window.share.shape[0] // 2]
    steps = np.diff(np.concatenate([[0.0], middle, [0.0]]))
    assert middle.max() == 1
    assert np.abs(steps).max() < 0.7


def test_an_eye_outside_the_photograph_is_no_window() -> None:
    assert Window.of(EYES[0], (1.0, 0.0, 500.0, 0.0, 1.0, 0.0), SIZE) is None


@pytest.mark.parametrize("finer", [0.7, 2.3])
def test_what_is_turned_near_an_eye_is_what_turning_the_whole_portrait_gives(finer: float) -> None:
    cos, sin = finer * np.cos(0.2), finer * np.sin(0.2)
    transform = (cos, -sin, 9.0, sin, cos, -7.0)
    plane = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    eye = Box(30, 40, 60, 58)
    window = Window.of(eye, transform, (300, 300))
    assert window
    side = min(96, round(96 / finer))
    whole = Image.fromarray(plane.astype(np.float32)).resize(
        (side, side), Image.Resampling.LANCZOS if side < 96 else Image.Resampling.NEAREST
    )
    a, b, c, d, e, f = transform
    x, y = window.box.left - 0.5, window.box.top - 0.5
    edges = (a, b, a * x + b * y + c + 0.5, d, e, d * x + e * y + f + 0.5)
    size = window.box.width, window.box.height
    scaled = [value * side / 96 for value in edges]
    reference = whole.transform(size, Image.Transform.AFFINE, scaled, Image.Resampling.BICUBIC)
    found = _turned(plane, transform, window.box, eye)
    inside = window.share > 0
    assert inside.sum() > 50
    assert np.abs(found - np.asarray(reference))[inside].max() < 0.05
