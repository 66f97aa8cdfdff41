"""Eye points, boxes and mouths that a list gives: the user's own, and CelebA's in the wild."""

from dataclasses import replace
from pathlib import Path

import pytest
from build_runs import build, gazebench
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gazebench import sources
from gazebench.dataset import Manifest, read_csv
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.landmarks import FaceError, _meant
from gazebench.landmarks.listed import Listed
from gazebench.sources import SourceFace, _given
from gazebench.sources.celeba import LANDMARKS
from gazebench.sources.celeba_wild import CelebAWild


def reasons(out: Path) -> dict[str, str]:
    return {row["source_name"]: row["reason"] for _, row in read_csv(out / "quarantine.csv", ())}


HEADER = "name,left_x,left_y,right_x,right_y"
POINT = "196,250,316,250"


def test_given_eyes_place_the_boxes(faces: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in faces.iterdir())
    lines = [f"{names[0]},196.5,250,316.5,250", f"{names[1]},196,250,600,250"]
    lines.append(f"{Path(names[2]).stem},{POINT}")  # an id does too
    (tmp_path / "eyes.csv").write_text("\r\n".join(["\ufeff" + HEADER, *lines, ""]), "utf-8")
    done = build(faces, out := tmp_path / "out", "--eyes", tmp_path / "eyes.csv", "--limit", 6)
    assert "3 pictures have no line in" in done.output, done.output
    assert [p.source_name for p in Manifest.load(out).portraits] == [names[0], names[2]]
    assert Manifest.load(out).portraits[0].left_center == Point(98, 124.75)
    assert set(reasons(out).values()) == {"landmark_invalid"}


def test_given_mouths_allow_the_oriented_square(faces: Path, tmp_path: Path) -> None:
    lines = "".join(f"{path.name},{POINT},256,380\n" for path in faces.iterdir())
    (tmp_path / "eyes.csv").write_text(f"{HEADER},mouth_x,mouth_y\n{lines}")
    flags = ("--align", "ffhq", "--eyes", tmp_path / "eyes.csv", "--res", 256, "--quiet")
    done = gazebench("build-dataset", faces, tmp_path / "out", *flags)
    assert "12 found = 12 portraits" in done.output, done.output


BAD_POINTS = {
    "column 'right_y' is missing": "name,left_x,left_y,right_x\na.jpg,1,2,3\n",
    "line 2: left_x is 'NaN', expected pixels": f"{HEADER}\na.jpg,NaN,2,3,4\n",
    "line 2: right_y is '', expected pixels": f"{HEADER}\na.jpg,1,2,3,\n",
    "line 3: left_x is '1_0'": f"{HEADER}\na.jpg,1,2,3,4\nb.jpg,1_0,2,3,4\n",
    "line 2: has not as many cells": f"{HEADER}\na.jpg,1,2,3\n",
    "line 3: has not as many cells": f"{HEADER}\na.jpg,1,2,3,4\na.jpg,1,2,3,4,5\n",
    "line 3: 'a' is listed twice": f"{HEADER}\na.jpg,1,2,3,4\na,1,2,3,5\n",
    "names that no picture has: line 2: 'c.jpg'": f"{HEADER}\nc.jpg,1,2,3,4\n",
    "'c4' and 2 more": HEADER + "".join(f"\nc{n},1,2,3,4" for n in range(7)),
    "line 2: mouth_y is ''": f"{HEADER},mouth_x,mouth_y\na.jpg,1,2,3,4,5,\n",
    "line 2: 'twin' may mean a and twin": f"{HEADER}\ntwin,1,2,3,4\n",
    "no lines below its header": HEADER,
}


@pytest.mark.parametrize("sentence", BAD_POINTS)
def test_a_damaged_list_of_given_eyes_is_named(tmp_path: Path, sentence: str) -> None:
    names = {"a": "a.jpg", "b": "b.jpg", "twin": "twin.jpg"}
    known = [SourceFace(id=id_, name=name, path=tmp_path) for id_, name in names.items()]
    if "twin" in sentence:
        known[0] = replace(known[0], name="twin")
    (tmp_path / "eyes.csv").write_text(BAD_POINTS[sentence], "utf-8")
    with pytest.raises(InputError) as error:
        _given.with_eye_points(known, tmp_path / "eyes.csv")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--landmarks", "celeba"), "--landmarks celeba is called listed"),
        (("--landmarks", "listed"), "give one with --eyes FILE.csv"),
        (("--eyes", "no.csv"), "no.csv: no such file"),
        (
            ("--eyes", "eyes.csv", "--landmarks", "dlib"),
            "can only be used with --landmarks listed, not dlib",
        ),
        (("--eyes", "eyes.csv", "--align", "ffhq"), "no mouth is listed"),
    ],
)
def test_flags_that_do_not_fit_are_said(faces, tmp_path, monkeypatch, flags, sentence) -> None:
    monkeypatch.chdir(tmp_path)
    Path("eyes.csv").write_text(f"{HEADER}\n{next(faces.iterdir()).name},{POINT}\n")
    done = gazebench("build-dataset", faces, "out", *flags)
    assert done.exit_code == 3, done.output
    assert sentence in done.output


def test_a_mouth_outside_the_picture_is_refused(tmp_path: Path) -> None:
    eyes = (Point(20, 40), Point(60, 40))
    face = SourceFace(id="1", name="1", path=tmp_path, eyes=eyes, mouth=Point(40, 100))
    with pytest.raises(FaceError, match="puts the mouth outside"):
        Listed().find(Image.new("RGB", (100, 100)), face)


PLACES = " ".join(LANDMARKS)


def wild_tree(root: Path, portraits: list[Path]) -> Path:
    """Two portraits side by side per picture; the lists mean the right one."""
    images = root / "Img" / "img_celeba"
    images.mkdir(parents=True)
    (root / "Anno").mkdir()
    boxes, points = ["2", "image_id x_1 y_1 width height"], ["2", PLACES]
    for number in range(2):
        pair = Image.new("RGB", (1024, 512))
        for place in (0, 512):
            with Image.open(portraits.pop()) as image:
                pair.paste(image, (place, 0))
        pair.save(images / f"{number:06}.jpg")
        boxes.append(f"{number:06}.jpg 590 60 360 430")
        points.append(f"{number:06}.jpg 708 250 828 250 768 320 720 380 816 380")
    (root / "Anno" / "list_bbox_celeba.txt").write_text("\n".join(boxes))
    (root / "Anno" / "list_landmarks_celeba.txt").write_text("\n".join(points))
    (root / "Anno" / "identity_CelebA.txt").write_text("000000.jpg 7\n000001.jpg 8\n")
    return root


def test_the_wild_pictures_come_with_box_eyes_and_mouth(demo_portraits, tmp_path) -> None:
    root = wild_tree(tmp_path, sorted(demo_portraits.glob("*.jpg"))[:4])
    assert sources.locate(sources, root)[0] == "celeba_wild"
    face = next(CelebAWild(root).faces())
    assert (face.id, face.identity, face.box) == ("000000", "7", (590, 60, 360, 430))
    assert (face.eyes, face.mouth) == ((Point(708, 250), Point(828, 250)), Point(768, 380))
    flags = ("--landmarks", "listed", "--res", 256, "--quiet")
    done = gazebench("build-dataset", root, tmp_path / "out", *flags)
    assert "2 found = 2 portraits" in done.output, done.output
    assert "align ffhq" in done.output


def test_the_aligned_pictures_win_over_the_wild_ones(tmp_path: Path) -> None:
    for name in ("img_celeba", "img_align_celeba"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9)).save(tmp_path / name / "000001.jpg")
    assert sources.locate(sources, tmp_path)[0] == "celeba"
    assert "list_bbox_celeba.txt not found" in CelebAWild(tmp_path).remarks()[-1]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("2\nimage_id x_1 y_1 width height\n1.jpg 1 2 3 4", "announces 2 lines, there are 1"),
        ("1\nimage_id x_1 y_1 width height\n1.jpg 1 2 -3 4", "line 3: a box of -3x4 pixels"),
        ("1\nimage_id x_1 y_1 width height\n1.jpg 1 2 3", "line 3: 4 columns, expected 5"),
        ("1\nx_1 y_1 width height\n1.jpg 1 2 3 4", "line 2: 4 columns, expected 5"),
    ],
)
def test_a_damaged_box_list_is_named_with_the_line(tmp_path, lines, sentence) -> None:
    (tmp_path / "img_celeba").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "img_celeba" / "1.jpg")
    (tmp_path / "list_bbox_celeba.txt").write_text(lines)
    with pytest.raises(InputError, match=sentence):
        CelebAWild(tmp_path)


def test_the_meant_face_is_the_one_in_the_box() -> None:
    left, right, small = (10, 10, 210, 210), (300, 40, 400, 140), (20, 300, 60, 340)
    found = [left, right, small]
    assert _meant.meant(found, (280, 0, 140, 180)) == 1  # not the largest one
    assert _meant.meant(found, (0, 0, 220, 260)) == 0
    for nowhere in [(500, 500, 50, 50), (60, 250, 2, 2)]:
        with pytest.raises(FaceError) as error:
            _meant.meant(found, nowhere)
        assert error.value.code == "no_face"
    with pytest.raises(FaceError):
        _meant.meant([], (0, 0, 1, 1))


SIDES = st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 100)] * 2)


@given(SIDES, SIDES)
def test_overlap_is_symmetric_and_a_share(a, b) -> None:
    a, b = ((x, y, x + w, y + h) for x, y, w, h in (a, b))
    assert 0 <= _meant.overlap(a, b) == _meant.overlap(b, a) <= 1 + 1e-9
    assert _meant.overlap(a, a) == pytest.approx(1)
