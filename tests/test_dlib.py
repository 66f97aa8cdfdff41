"""The face finder: faces of any size are found, on copies no larger than needed."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazebench.dataset.boxes import Point
from gazebench.landmarks import FaceError, FoundFace
from gazebench.landmarks import dlib as finding
from gazebench.landmarks.dlib import Dlib
from gazebench.sources import SourceFace

FACE = SourceFace(id="a", name="a", path=Path("a"))


@pytest.fixture(scope="module")
def finder() -> Dlib:
    return Dlib()


@pytest.fixture(scope="module")
def portrait(demo_portraits: Path) -> Image.Image:
    return Image.open(sorted(demo_portraits.glob("*.jpg"))[0]).convert("RGB").resize((256, 256))


def scene(portrait: Image.Image, *sides: int, size: int = 1024) -> Image.Image:
    """A grey wall with the portrait on it, once for each side in pixels."""
    wall = Image.new("RGB", (size, size), (128, 128, 128))
    for index, side in enumerate(sides):
        wall.paste(portrait.resize((side, side)), (20 + index * size // 2, 20))
    return wall


def test_the_detector_that_is_shipped_is_dlibs_own(tmp_path: Path) -> None:
    import dlib

    dlib.get_frontal_face_detector().save(str(tmp_path / "own.svm"))  # type: ignore[attr-defined]
    shipped = Path(finding.__file__).with_name("dlib_faces.svm")
    assert shipped.read_bytes() == (tmp_path / "own.svm").read_bytes()


def test_a_detector_that_cannot_be_read_is_taken_from_dlib(portrait, monkeypatch) -> None:
    monkeypatch.setattr(finding, "_DETECTOR", "dlib.py")  # no detector
    boxes = finding._detector().run(np.asarray(portrait), 0, 0.0)[0]
    assert len(boxes) == 1


def eyes(found: FoundFace) -> tuple[Point, Point]:
    return found.left_eye, found.right_eye


@pytest.mark.parametrize("side", [100, 160, 300, 500, 900])
def test_a_face_of_any_size_is_found_at_its_place(finder, portrait, side: int) -> None:
    whole = finder.find(portrait, FACE)
    found = finder.find(scene(portrait, side), FACE)
    for there, here in zip(eyes(found), eyes(whole), strict=True):
        expected = (20 + (v + 0.5) * side / 256 - 0.5 for v in here)
        assert math.dist(there, tuple(expected)) < 0.06 * found.eye_distance + 1


def test_a_face_of_like_size_is_noticed_and_a_small_one_is_not_minded(finder, portrait) -> None:
    with pytest.raises(FaceError, match="2 faces"):
        finder.find(scene(portrait, 400, 380), FACE)
    assert finder.find(scene(portrait, 480, 200), FACE).eye_distance > 90


def test_landmarks_are_those_of_the_whole_picture(finder, portrait) -> None:
    picture = scene(portrait, 500)
    (box,) = finder._search(picture, thorough=False)
    corners = (round(v) for v in box[:4])
    shape = finder._predictor(np.asarray(picture), finder._dlib.rectangle(*corners))
    expected = [(p.x, p.y) for p in shape.parts()]
    np.testing.assert_allclose(finder._landmarks(picture, box), expected, atol=1)


def test_a_picture_without_a_face_has_none(finder) -> None:
    with pytest.raises(FaceError, match="no face"):
        finder.find(Image.new("RGB", (300, 200), (90, 120, 90)), FACE)
