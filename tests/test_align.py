import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gazebench
from gazebench.curation import align
from gazebench.curation.align import ALIGNMENTS, AlignmentError, Square
from gazebench.dataset.boxes import Point
from gazebench.errors import MissingPartError

SIZE = (640, 560)  # width, height of the source pictures here
LEFT, RIGHT, MOUTH = Point(262.3, 240.1), Point(371.9, 263.4), Point(296.0, 371.7)  # turned by 12°
PIXELS = st.floats(-2000, 5000, allow_nan=False)


@st.composite
def faces(draw: st.DrawFn) -> tuple[Point, Point, Point]:
    """Eyes and mouth of a face at any place, size and turn up to 40°."""
    x, y = draw(st.floats(50, 600)), draw(st.floats(50, 500))
    span, turn = draw(st.floats(20, 300)), math.radians(draw(st.floats(-40, 40)))
    along = complex(math.cos(turn), math.sin(turn)) * span
    left, right = complex(x, y) - along / 2, complex(x, y) + along / 2
    mouth = complex(x, y) + along * 1j * draw(st.floats(0.7, 1.5)) + draw(st.floats(-9, 9))
    return Point(left.real, left.imag), Point(right.real, right.imag), Point(mouth.real, mouth.imag)


@given(faces(), st.sampled_from([256, 512]))
def test_both_eyes_land_where_celebgaze_has_them(face, resolution: int) -> None:
    left, right, _ = face
    transform = align.square("eyes", SIZE, left, right, None).transform(resolution)
    # means of the released list, in pixels of 256; a pixel's centre is half a pixel off its edge
    for eye, (x, y) in ((left, (78.6, 92.9)), (right, (177.8, 92.7))):
        expected = ((x + 0.5) * resolution / 256 - 0.5, (y + 0.5) * resolution / 256 - 0.5)
        assert align.apply(transform, eye) == pytest.approx(expected, abs=1e-6)


def published_ffhq_quad(left: Point, right: Point, mouth: Point) -> np.ndarray:
    """Corners of the crop of Karras et al. 2019, computed apart from the code under test."""
    eyes = np.array(right) - np.array(left)
    average = (np.array(left) + np.array(right)) * 0.5
    to_mouth = np.array(mouth) - average
    x = eyes - to_mouth[::-1] * [-1, 1]
    x /= np.hypot(*x)
    x *= max(np.hypot(*eyes) * 2.0, np.hypot(*to_mouth) * 1.8)
    y = x[::-1] * [-1, 1]
    center = average + to_mouth * 0.1
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


@given(faces())
def test_the_ffhq_square_is_the_published_one(face) -> None:
    transform = align.square("ffhq", SIZE, *face).transform(512)
    corners = [align.apply(transform, Point(*corner)) for corner in published_ffhq_quad(*face)]
    expected = [(-0.5, -0.5), (-0.5, 511.5), (511.5, 511.5), (511.5, -0.5)]
    np.testing.assert_allclose(np.array(corners), expected, atol=1e-6)


@given(faces(), st.sampled_from(ALIGNMENTS), PIXELS, PIXELS)
def test_the_inverse_undoes_the_map(face, kind: str, x: float, y: float) -> None:
    transform = align.square(kind, SIZE, *face).transform(256)
    back = align.apply(align.invert(transform), align.apply(transform, Point(x, y)))
    assert back == pytest.approx((x, y), abs=1e-6)


@given(faces(), st.sampled_from(ALIGNMENTS))
def test_the_map_is_a_similarity_that_mirrors_nothing(face, kind: str) -> None:
    a, b, _, d, e, _ = align.square(kind, SIZE, *face).transform(256)
    assert (a, b) == pytest.approx((e, -d))
    assert a * e - b * d > 0


def with_dot(size: tuple[int, int], at: Point, radius: float = 9.0) -> Image.Image:
    """A soft bright dot on black whose centre of mass is ``at``."""
    rows, columns = np.indices((size[1], size[0]))
    distance = np.hypot(columns - at.x, rows - at.y)
    values = 255 * np.clip(1 - distance / radius, 0, 1)
    return Image.fromarray(values.round().astype(np.uint8)).convert("RGB")


def dot_in(portrait: Image.Image) -> tuple[float, float]:
    values = np.asarray(portrait.convert("L"), float)
    rows, columns = np.indices(values.shape)
    return (columns * values).sum() / values.sum(), (rows * values).sum() / values.sum()


@pytest.mark.parametrize("kind", ALIGNMENTS)
@pytest.mark.parametrize("resolution", [96, 256, 512])
@pytest.mark.parametrize("dot", [LEFT, Point(330.25, 300.75), Point(300, 200)])
def test_a_drawn_dot_lands_where_the_map_says(kind: str, resolution: int, dot: Point) -> None:
    frame = align.square(kind, SIZE, LEFT, RIGHT, MOUTH)
    portrait = align.cut(with_dot(SIZE, dot), frame, resolution)
    assert portrait.size == (resolution, resolution)
    assert dot_in(portrait) == pytest.approx(
        align.apply(frame.transform(resolution), dot), abs=0.15
    )


@pytest.mark.parametrize("kind", ["eyes", "ffhq"])
@pytest.mark.parametrize("shift", [(-200, -150), (230, 140)])
def test_a_dot_stays_in_place_where_the_border_is_mirrored(kind: str, shift) -> None:
    left, right, mouth = (Point(p.x + shift[0], p.y + shift[1]) for p in (LEFT, RIGHT, MOUTH))
    frame = align.square(kind, SIZE, left, right, mouth)
    portrait = align.cut(with_dot(SIZE, right), frame, 256)
    expected = align.apply(frame.transform(256), right)
    rows, columns = np.indices((256, 256))
    near = np.hypot(columns - expected.x, rows - expected.y) < 20  # not the dot's reflection
    only = Image.fromarray(np.where(near, np.asarray(portrait.convert("L")), 0).astype(np.uint8))
    assert dot_in(only) == pytest.approx(expected, abs=0.15)


def test_beyond_the_border_the_picture_is_mirrored() -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    frame = Square(Point(20.0, 100.0), Point(50.0, 1e-9))  # from column -30 to 70, turned a hair
    row = np.asarray(align.cut(Image.fromarray(ramp).convert("RGB"), frame, 100))[50, :, 0]
    centers = np.arange(100) + 20.0 + 0.5 - 50
    np.testing.assert_allclose(row[:29], -centers[:29], atol=1)
    np.testing.assert_allclose(row[31:], centers[31:], atol=1)


def test_a_square_far_outside_is_refused() -> None:
    frame = Square(Point(10.0, 10.0), Point(700.0, 5.0))
    with pytest.raises(AlignmentError, match="far outside"):
        align.cut(Image.new("RGB", SIZE), frame, 256)


def test_ffhq_without_a_mouth_is_refused() -> None:
    with pytest.raises(AlignmentError, match="needs the mouth"):
        align.square("ffhq", SIZE, LEFT, RIGHT, None)


@pytest.mark.parametrize("resolution", [256, 512])
def test_none_is_pillows_lanczos_of_a_square_picture(resolution: int) -> None:
    values = np.random.default_rng(1).integers(0, 256, (1024, 1024, 3), np.uint8)
    picture = Image.fromarray(values)
    frame = align.square("none", picture.size, LEFT, RIGHT, None)
    expected = picture.resize((resolution, resolution), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(align.cut(picture, frame, resolution), expected)


def test_none_is_the_centred_square_of_celeba() -> None:
    values = np.random.default_rng(2).integers(0, 256, (218, 178, 3), np.uint8)
    picture = Image.fromarray(values)
    frame = align.square("none", picture.size, LEFT, RIGHT, None)
    expected = picture.crop((0, 20, 178, 198))
    np.testing.assert_array_equal(align.cut(picture, frame, 178), expected)


def test_a_turned_cut_is_as_sharp_and_bright_as_the_source() -> None:
    stripes = np.tile(np.where(np.arange(1600) // 40 % 2, 220, 40).astype(np.uint8), (1600, 1))
    frame = Square(Point(800.0, 800.0), Point(500.0, 0.001))
    cut = np.asarray(align.cut(Image.fromarray(stripes).convert("RGB"), frame, 250))[:, :, 0]
    assert cut.mean() == pytest.approx(130, abs=1)
    assert np.abs(cut.astype(int) - 130).mean() > 80  # black and white stay so


def turned_lanczos(values: np.ndarray, frame: Square, side: int) -> np.ndarray:
    """The portrait by a Lanczos filter that is turned with the square, summed pixel by pixel."""
    (ux, uy), (cx, cy) = np.array(frame.half_side) * 2 / side, frame.center
    step = np.hypot(ux, uy)  # source pixels per portrait pixel
    places = np.arange(side) - (side - 1) / 2
    x = cx + places[None, :] * ux - places[:, None] * uy
    y = cy + places[None, :] * uy + places[:, None] * ux
    near = range(-math.ceil(4.3 * max(step, 1)), math.ceil(4.3 * max(step, 1)) + 1)
    total, weights = np.zeros((side, side, 3)), np.zeros((side, side, 1))
    for row, column in itertools.product(near, near):
        there = np.floor(y).astype(int) + row, np.floor(x).astype(int) + column
        dy, dx = there[0] - y, there[1] - x
        along, across = (dx * ux + dy * uy) / step, (dy * ux - dx * uy) / step
        weight = lanczos(along / max(step, 1)) * lanczos(across / max(step, 1))
        total += weight[..., None] * values[there]
        weights += weight[..., None]
    return total / weights


def lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


@pytest.mark.parametrize(("half", "side"), [(120, 100), (120, 160), (90, 240), (125, 64)])
def test_a_turned_cut_is_that_of_a_turned_lanczos_filter(half: float, side: int) -> None:
    path = sorted((Path(gazebench.__file__).parent / "demo" / "portraits").glob("*.jpg"))[0]
    picture = Image.open(path).convert("RGB").resize((420, 420), Image.Resampling.LANCZOS)
    frame = Square(Point(208.3, 211.9), Point(half * math.cos(0.2), half * math.sin(0.2)))
    expected = turned_lanczos(np.asarray(picture, float), frame, side)
    error = np.asarray(align.cut(picture, frame, side)) - expected
    assert abs(error.mean()) < 0.25  # of 255 levels: cutting values off would take half a level
    assert 10 * math.log10(255**2 / (error**2).mean()) > 46  # dB


def test_without_libvips_the_command_that_installs_it_is_named(monkeypatch) -> None:
    align._vips.cache_clear()
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(MissingPartError, match=r"pip install 'pyvips\[binary\]'"):
        align.cut(Image.new("RGB", SIZE), Square(Point(300, 300), Point(50, 5)), 64)


@given(st.floats(30, 250))
def test_the_flat_way_and_the_turned_way_agree(half_side: float) -> None:
    flat = Square(Point(320.0, 280.0), Point(half_side, 0.0))
    turned = Square(Point(320.0, 280.0), Point(half_side, 1e-9))
    picture = with_dot(SIZE, Point(330.0, 290.0), 40.0)
    difference = np.asarray(align.cut(picture, flat, 64), int) - align.cut(picture, turned, 64)
    assert np.abs(difference).max() <= 12


@pytest.mark.parametrize("ratio", [1.2, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("turn", [0.5, 4.0, 30.0])
def test_what_is_too_fine_for_the_portrait_does_not_fold_into_it(ratio: float, turn: float) -> None:
    half, angle = ratio * 64, math.radians(turn)
    frame = Square(Point(300.0, 300.0), Point(half * math.cos(angle), half * math.sin(angle)))
    contrasts: list[float] = []
    for cycles in (0.2, 0.7):  # per portrait pixel, along an edge: below and above its band of 0.5
        frequency = min(cycles / ratio, 0.45)
        rows, columns = np.indices((600, 600))
        phase = 2 * np.pi * frequency * (columns * math.cos(angle) + rows * math.sin(angle))
        waves = np.round(127 + 100 * np.cos(phase)).astype(np.uint8)
        cut = align.cut(Image.fromarray(waves).convert("RGB"), frame, 128)
        contrasts.append(np.asarray(cut, float)[8:-8, 8:-8, 0].std() / (100 / math.sqrt(2)))
    assert contrasts[0] > 0.9
    assert contrasts[1] < 0.5
