"""Lists that do not belong to the pictures are told of before the work."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from build_runs import build
from PIL import Image

from gazebench.curation import plausible
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import SourceFace, SpooledFaces
from gazebench.sources.celeba import LANDMARKS, CelebA
from gazebench.sources.celeba_wild import CelebAWild

LISTED, BY_DLIB = DatasetSettings(landmarks="listed"), DatasetSettings(landmarks="dlib")
LEFT, RIGHT = Point(195, 240), Point(318, 240)


def listed(
    paths: Sequence[Path], eyes: Sequence[tuple[Point, Point]], **more: object
) -> SpooledFaces:
    pairs = zip(paths, eyes, strict=True)
    return SpooledFaces(
        SourceFace(id=f"{n}", name=path.name, path=path, eyes=both, **more)  # type: ignore[arg-type]
        for n, (path, both) in enumerate(pairs)
    )


@pytest.fixture(scope="module")
def portraits(demo_portraits: Path) -> list[Path]:
    return sorted(demo_portraits.glob("*.jpg"))[:4]


@pytest.fixture(scope="module")
def found(portraits: list[Path]) -> list[tuple[Point, Point]]:
    """Where dlib sees their eyes."""
    faces = [SourceFace(id="", name="", path=path) for path in portraits]
    eyes = [plausible._found(face) for face in faces]
    assert all(eyes)
    return [both for both in eyes if both]


def test_points_of_the_pictures_are_silent(portraits, found) -> None:
    near = [(Point(a.x + 5, a.y - 5), Point(b.x - 5, b.y)) for a, b in found]
    assert plausible.remarks(listed(portraits, near), LISTED) == []


@pytest.mark.parametrize("wrong", [1, 2, 3, 4])
def test_points_of_other_pictures_are_told(portraits, found, wrong: int) -> None:
    eyes = [
        (Point(a.x / 3, a.y / 3), Point(b.x / 3, b.y / 3)) if n < wrong else (a, b)
        for n, (a, b) in enumerate(found)
    ]
    remarks = plausible.remarks(listed(portraits, eyes), LISTED)
    if wrong == 1:  # one in four may be dlib's own mistake
        assert remarks == []
    else:
        assert f"dlib finds the eyes elsewhere in {wrong} of 4 pictures" in remarks[0]
        assert portraits[0].name in remarks[0]
    assert plausible.remarks(listed(portraits, eyes), BY_DLIB) == []  # the list is not used


def test_exchanged_eyes_are_refused_where_they_would_be_used(portraits, found) -> None:
    faces = listed(portraits, [(b, a) for a, b in found])
    with pytest.raises(InputError, match=r"in 4 of 4 lines .* exchange the columns of the list"):
        plausible.remarks(faces, LISTED)
    assert "stands to the right of the right one" in plausible.remarks(faces, BY_DLIB)[0]


def test_equal_points_are_told(portraits: list[Path]) -> None:
    paths = [portraits[0]] * 12
    remarks = plausible.remarks(listed(paths, [(LEFT, RIGHT)] * 12), BY_DLIB)
    assert remarks == [
        "all 12 lines of eye points are equal (195 240 318 240): are they those of these pictures?"
    ]
    others = [(LEFT, RIGHT)] * 11 + [(LEFT, Point(319, 240))]
    assert plausible.remarks(listed(paths, others), BY_DLIB) == []


def test_eyes_outside_their_boxes_are_told(portraits: list[Path]) -> None:
    faces = listed(portraits, [(LEFT, RIGHT)] * 4, box=(400.0, 100.0, 200.0, 300.0))
    remark = plausible.remarks(faces, BY_DLIB)[0]
    assert remark.startswith("4 of 4 pictures have their listed eyes outside their listed box")
    inside = listed(portraits, [(LEFT, RIGHT)] * 4, box=(150.0, 100.0, 250.0, 300.0))
    assert plausible.remarks(inside, BY_DLIB) == []


def test_pictures_that_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "half.jpg").write_bytes(b"\xff\xd8\xff")
    paths = [tmp_path / "half.jpg", tmp_path / "none.jpg"]
    assert plausible.remarks(listed(paths, [(LEFT, RIGHT)] * 2), LISTED) == []


def test_a_sample_is_spread_over_all_pictures(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.jpg" for n in range(100)]
    sample = plausible._sample(list(listed(paths, [(LEFT, RIGHT)] * 100)))
    assert len(sample) <= plausible.SAMPLE
    assert [face.id for face in sample[:3]] == ["0", "4", "8"]
    assert int(sample[-1].id) >= 96


def celeba(root: Path, name: str, size: tuple[int, int], points: str) -> Path:
    (root / name).mkdir(parents=True)
    Image.new("RGB", size).save(root / name / "000001.jpg")
    (root / "identity_CelebA.txt").write_text("000001.jpg 1\n")
    (root / "list_eval_partition.txt").write_text("000001.jpg 1\n")
    text = f"1\n{' '.join(LANDMARKS)}\n000001.jpg {points}\n"
    (root / "list_landmarks_align_celeba.txt").write_text(text)
    return root


def test_the_aligned_list_beside_other_pictures_is_told(tmp_path: Path) -> None:
    plain = "69 111 108 111 88 135 73 152 105 152"
    assert CelebA(celeba(tmp_path / "a", "img_align_celeba", (178, 218), plain)).remarks() == []
    other = celeba(tmp_path / "b", "img_align_celeba", (409, 687), plain)
    assert "the pictures are not 178x218" in CelebA(other).remarks()[0]
    wild = celeba(tmp_path / "c", "img_celeba", (409, 687), plain)
    remarks = " ".join(CelebAWild(wild).remarks())
    assert "list_landmarks_align_celeba.txt is for the aligned pictures and is not used" in remarks


def test_exchanged_columns_of_celeba_are_told_and_put_right(tmp_path: Path) -> None:
    root = celeba(tmp_path, "img_align_celeba", (178, 218), "108 111 69 111 88 135 73 152 105 152")
    source = CelebA(root)
    assert next(source.faces()).eyes == (Point(69, 111), Point(108, 111))
    assert "list_landmarks_align_celeba.txt: in 1 of 1 lines the left eye" in source.remarks()[0]


def test_a_build_says_it_before_the_work(demo_portraits: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    rows = ["name,left_x,left_y,right_x,right_y"]
    for path in sorted(demo_portraits.glob("*.jpg"))[:4]:
        shutil.copy(path, tmp_path / "faces")
        rows.append(f"{path.name},60,60,120,60")
    (tmp_path / "eyes.csv").write_text("\n".join(rows))
    done = build(tmp_path / "faces", tmp_path / "out", "--eyes", tmp_path / "eyes.csv", "--dry-run")
    assert "note: dlib finds the eyes elsewhere in 4 of 4 pictures" in done.output, done.output
