"""The finder on the package face-alignment, as far as it goes without that package."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from build_runs import build
from hypothesis import given
from hypothesis import strategies as st

from gazebench.landmarks import FaceError
from gazebench.landmarks._meant import chosen
from gazebench.landmarks.face_alignment import face_of, in_picture
from gazebench.sources import SourceFace
from gazebench.synthetic.truth import read_truth
from gazebench.synthetic.writing import Series, synthesize_folder

FACE = SourceFace(id="a", name="a.jpg", path=Path("a.jpg"))
BOXED = SourceFace(id="a", name="a.jpg", path=Path("a.jpg"), box=(0, 0, 12, 10))
LARGE, SMALL, TINY = (100.0, 50.0, 300.0, 260.0), (0.0, 0.0, 12.0, 11.0), (400.0, 9.0, 405.0, 12.0)


@given(st.permutations([LARGE, SMALL, TINY]))
def test_the_largest_face_is_taken_in_whatever_order(boxes) -> None:
    assert boxes[chosen(boxes, FACE)] == LARGE
    assert boxes[chosen(boxes, BOXED)] == SMALL


def test_faces_of_like_size_are_no_choice() -> None:
    with pytest.raises(FaceError, match="2 faces, the largest two of like size") as caught:
        chosen([LARGE, (310.0, 60.0, 480.0, 240.0)], FACE)
    assert caught.value.code == "multiple_faces"


def test_no_face_in_the_box_is_no_face() -> None:
    with pytest.raises(FaceError, match="where the source's box is") as caught:
        chosen([LARGE], BOXED)
    assert caught.value.code == "no_face"


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("drawn") / "drawn"
    synthesize_folder(folder, Series(count=1, size=256, seed=3), workers=1, quiet=True)
    return read_truth(folder / "truth.csv")[0]


def test_eyes_and_mouth_are_those_of_the_landmarks(truth) -> None:
    face = face_of(np.array(truth.landmarks, np.float32), score=0.93, faces=2)
    points = np.array(truth.landmarks)
    assert face.left_eye == pytest.approx(points[36:42].mean(axis=0), abs=1e-3)
    assert face.right_eye == pytest.approx(points[42:48].mean(axis=0), abs=1e-3)
    assert face.mouth == pytest.approx((points[48] + points[54]) / 2, abs=1e-3)
    assert (face.score, face.faces, len(face.points or ())) == (0.93, 2, 68)


def test_landmarks_upside_down_are_no_face(truth) -> None:
    turned = 256 - np.array(truth.landmarks, np.float32)
    with pytest.raises(FaceError) as caught:
        face_of(turned, score=0.9, faces=1)
    assert caught.value.code == "landmark_invalid"


def test_a_detection_of_a_smaller_copy_is_scaled_back() -> None:
    row = np.array([10, 20, 30, 50, 0.75], np.float32)
    assert in_picture(row, (2.0, 1.5)) == (20, 30, 60, 75, 0.75)  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(
    importlib.util.find_spec("face_alignment") is not None, reason="face-alignment is installed"
)
def test_without_the_extra_the_sentence_names_it(faces: Path, tmp_path: Path) -> None:
    done = build(faces, tmp_path / "out", "--landmarks", "face_alignment")
    assert done.exit_code == 8
    assert "pip install 'gazebench[face-alignment]'" in done.output
    assert not (tmp_path / "out" / "dataset.json").exists()
