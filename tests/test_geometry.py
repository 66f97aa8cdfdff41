import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazebench.dataset.boxes import Box, Point, eye_window, mean_point
from gazebench.dataset.masks import eye_mask

SIDES = st.integers(4, 200)
COORDINATES = st.floats(-500, 2000, allow_nan=False)


def published_mask(center: Point, window: tuple[int, int], side: int) -> np.ndarray:
    """Pixel by pixel: rows trunc(cy - h/2) to trunc(cy + h/2) - 1, columns likewise."""
    (height, width), mask = window, np.zeros((side, side), np.uint8)
    for y in range(side):
        for x in range(side):
            mask[y, x] = int(center.y - height / 2) <= y < int(center.y + height / 2) and (
                int(center.x - width / 2) <= x < int(center.x + width / 2)
            )
    return mask


@pytest.mark.parametrize("x", [25.0, 25.49, 40.5, 77.999, 103.0])
@pytest.mark.parametrize("y", [15.0, 60.01, 112.99])
def test_the_box_is_the_published_one_pixel_by_pixel(x: float, y: float) -> None:
    box = Box.around(Point(x, y), 30, 50)
    expected = published_mask(Point(x, y), (30, 50), 128)
    np.testing.assert_array_equal(eye_mask([box], 128, 128), expected)


@given(COORDINATES, COORDINATES, SIDES, SIDES)
def test_a_box_always_has_its_size(x: float, y: float, height: int, width: int) -> None:
    box = Box.around(Point(x, y), height, width)
    assert (box.height, box.width) == (height, width)


@given(COORDINATES, COORDINATES, SIDES, SIDES)
def test_a_box_lies_within_a_pixel_of_its_center(x: float, y: float, h: int, w: int) -> None:
    box = Box.around(Point(x, y), h, w)
    # in the published rule's own coordinates, where pixel i reaches from i to i + 1
    assert -1e-9 <= x - (box.left + box.right) / 2 < 1 + 1e-9
    assert -1e-9 <= y - (box.top + box.bottom) / 2 < 1 + 1e-9


@given(st.integers(0, 200), st.integers(0, 200), SIDES, SIDES)
def test_a_whole_number_is_the_middle_of_an_even_box(x: int, y: int, h: int, w: int) -> None:
    box = Box.around(Point(x, y), 2 * h, 2 * w)
    assert ((box.left + box.right) / 2, (box.top + box.bottom) / 2) == (x, y)


@given(COORDINATES, COORDINATES)
def test_a_box_inside_the_frame_fills_its_mask(x: float, y: float) -> None:
    box = Box.around(Point(x % 256, y % 256), 30, 50)
    assert (eye_mask([box], 256, 256).sum() == 30 * 50) == box.inside(256, 256)


@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_boxes_overlap_when_their_masks_do(places: tuple[int, int, int, int]) -> None:
    a = Box.around(Point(places[0], places[1]), 10, 20)
    b = Box.around(Point(places[2], places[3]), 10, 20)
    masks = [
        eye_mask([Box(c.left + 20, c.top + 20, c.right + 20, c.bottom + 20)], 128, 128)
        for c in (a, b)
    ]
    assert a.overlaps(b) == b.overlaps(a) == bool((masks[0] & masks[1]).any())


@pytest.mark.parametrize(
    ("resolution", "window"),
    [(256, (30, 50)), (512, (46, 80)), (1024, (92, 160)), (128, (16, 24)), (64, (8, 12))],
)
def test_windows_are_the_published_ones(resolution: int, window: tuple[int, int]) -> None:
    assert eye_window(resolution) == window


@given(st.integers(64, 2048))
def test_two_windows_fit_into_every_portrait(resolution: int) -> None:
    height, width = eye_window(resolution)
    assert height % 2 == width % 2 == 0
    assert 2 * width <= resolution
    assert 2 <= height <= width


@given(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=8))
def test_the_mean_point_is_numpys(points: list[tuple[float, float]]) -> None:
    mean = mean_point([Point(*p) for p in points])
    np.testing.assert_allclose(mean, np.mean(points, axis=0), rtol=1e-12, atol=1e-9)
