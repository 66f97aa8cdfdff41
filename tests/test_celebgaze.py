"""CelebGaze in the layout its authors released."""

import shutil
from pathlib import Path

import pytest
from build_runs import build, tree_hash
from PIL import Image

from gazebench import sources
from gazebench.annotation.labels import write_source_labels
from gazebench.dataset import Manifest, pictures, read_csv, read_labels
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources.celebgaze import CelebGaze

EYES = "80 110 176 110"
X_LINES = [f"anna-lee-1 {EYES}", f"anna-lee-2 {EYES} 7 extra", f"bo-1 {EYES}", f"cy-1 {EYES}"]
Y_LINES = [f"anna-lee-3 {EYES}", f"bo-1 {EYES}", f"dee-1 {EYES}", f"eve-1 {EYES}"]


def reasons(out: Path) -> dict[str, str]:
    return {row["source_name"]: row["reason"] for _, row in read_csv(out / "quarantine.csv", ())}


def write_lists(root: Path, x_lines: list[str], y_lines: list[str]) -> None:
    (root / "1.txt").write_text("\n".join([*x_lines, ""]))
    (root / "0.txt").write_text("\n".join([*y_lines, ""]))


@pytest.fixture
def celebgaze(demo_portraits: Path, tmp_path: Path) -> Path:
    """Eight pictures of 256 in the released layout; bo-1 stands in both domains."""
    root = tmp_path / "CelebAGaze"
    portraits = iter(sorted(demo_portraits.glob("*.jpg")))
    for folder, lines in (("1", X_LINES), ("0", Y_LINES)):
        (root / folder).mkdir(parents=True)
        for line in lines:
            with Image.open(next(portraits)) as image:
                image.resize((256, 256)).save(root / folder / f"{line.split()[0]}.jpg")
    write_lists(root, X_LINES, Y_LINES)
    return root


def empty_celebgaze(root: Path, x_names: list[str], y_names: list[str]) -> Path:
    """The layout with pictures that nobody opens."""
    for folder, names in (("1", x_names), ("0", y_names)):
        (root / folder).mkdir(parents=True)
        for name in names:
            (root / folder / f"{name}.jpg").touch()
    write_lists(root, [f"{n} {EYES}" for n in x_names], [f"{n} {EYES}" for n in y_names])
    return root


def test_celebgaze_becomes_a_labelled_dataset(celebgaze: Path, tmp_path: Path) -> None:
    done = build(celebgaze, out := tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "CelebGaze as released, 8 pictures" in done.output
    assert "8 labels of the source written" in done.output
    assert "label import" not in done.output
    assert read_labels(out / "labels.csv") == {
        "X-bo-1": "X", "Y-bo-1": "Y", "anna-lee-1": "X", "anna-lee-2": "X", "anna-lee-3": "Y",
        "cy-1": "X", "dee-1": "Y", "eve-1": "Y",
    }  # fmt: skip
    tree_hash(out)


def test_the_portraits_are_the_released_pictures(celebgaze: Path, tmp_path: Path) -> None:
    build(celebgaze, out := tmp_path / "out")
    for portrait in Manifest.load(out).portraits:
        source = pictures.read_picture(celebgaze / portrait.source_name)
        cut = pictures.read_picture(out / "images" / f"{portrait.id}.png")
        assert cut.tobytes() == source.tobytes()
        assert (portrait.left_center, portrait.right_center) == ((80, 110), (176, 110))
        assert portrait.left_eye.left == 80 - 25
        assert portrait.left_eye.top == 110 - 15


def test_people_never_stand_in_both_halves(celebgaze: Path, tmp_path: Path) -> None:
    build(celebgaze, out := tmp_path / "out", "--test-fraction", 0.5)
    halves: dict[str | None, set] = {}
    for portrait in Manifest.load(out).portraits:
        halves.setdefault(portrait.identity, set()).add(portrait.split)
    assert {identity: len(found) for identity, found in halves.items()} == {
        "anna-lee": 1, "bo": 1, "cy": 1, "dee": 1, "eve": 1,
    }  # fmt: skip


def test_labels_that_are_there_stay(celebgaze: Path, tmp_path: Path) -> None:
    build(celebgaze, out := tmp_path / "out")
    (out / "labels.csv").write_text("id,label\ncy-1,reject\n")
    done = build(celebgaze, out)
    assert "labels.csv is there already and stays as it is" in done.output
    assert write_source_labels(out, {"cy-1": "X"}) is None
    assert (out / "labels.csv").read_text() == "id,label\ncy-1,reject\n"


def test_quarantined_faces_get_no_label(celebgaze: Path, tmp_path: Path) -> None:
    (celebgaze / "0" / "eve-1.jpg").write_bytes(b"")
    y_lines = [f"anna-lee-3 {EYES}", "bo-1 80 110 300 110", "dee-1 176 110 80 110", Y_LINES[3]]
    write_lists(celebgaze, X_LINES, y_lines)
    build(celebgaze, out := tmp_path / "out")
    assert reasons(out) == {
        "0/bo-1.jpg": "landmark_invalid",
        "0/dee-1.jpg": "landmark_invalid",
        "0/eve-1.jpg": "empty",
    }
    assert [i for i, la in read_labels(out / "labels.csv").items() if la == "Y"] == ["anna-lee-3"]


def test_png_pictures_at_another_size_are_found(celebgaze: Path) -> None:
    for path in [*celebgaze.glob("?/*.jpg")]:
        with Image.open(path) as image:
            image.resize((512, 512)).save(path.with_suffix(".png"))
        path.unlink()
    source = CelebGaze(celebgaze)
    assert {face.path.suffix for face in source.faces()} == {".png"}
    assert source.remarks()[0].endswith("bo-1.png, is 512x512: build with --res 512")


def test_celebgaze_is_recognised_before_a_folder(celebgaze: Path) -> None:
    assert sources.locate(sources, celebgaze)[0] == "celebgaze"
    (celebgaze / "0.txt").unlink()
    assert sources.locate(sources, celebgaze)[0] == "folder"


def test_faults_of_the_lists_are_counted_and_named(celebgaze: Path) -> None:
    (celebgaze / "1" / "new-1.jpg").touch()
    (celebgaze / "1" / ".hidden.jpg").touch()
    (celebgaze / "masks").mkdir()
    y_lines = [f"{name}-1 {EYES}" for name in "uvwx"]
    write_lists(celebgaze, [*X_LINES, X_LINES[3]], [*Y_LINES, *y_lines])
    remarks = CelebGaze(celebgaze).remarks()
    assert remarks[:6] == [
        "the first picture, bo-1.jpg, is 256x256: build with --res 256 "
        "(eye boxes 30x50 in the papers, 40x60 in the released weights)",
        "1 names in both domains, taken as X-NAME and Y-NAME and kept in one half: 'bo-1'",
        "1 names twice in 1.txt, taken once: 'cy-1'",
        "1 pictures of 1/ not in 1.txt, left out: 'new-1.jpg'",
        "4 names of 0.txt without a picture, left out: 'u-1', 'v-1', 'w-1' ...",
        "masks/ is not read: eye boxes are placed around the listed centres",
    ]


BAD_LISTS = {
    "1.txt, line 2: 'a-1' is listed twice": f"a-1 {EYES}\na-1 80 111 176 110",
    "1.txt, line 1: 4 columns, expected 5": "a-1 80 110 176",
    "1.txt, line 1: '1_0' is not a whole number": "a-1 1_0 110 176 110",
    "1.txt, line 3: 'NaN' is not a whole number": f"a-1 {EYES}\n\nb-1 80 NaN 176 110",
    "1.txt, line 1: '١١' is not a whole number": "a-1 ١١ 110 176 110",
    "1.txt, line 1: a web page": "<html>",
    "1.txt: is empty": "\r\n",
}


@pytest.mark.parametrize("sentence", BAD_LISTS)
def test_a_damaged_celebgaze_list_is_named_with_the_line(tmp_path: Path, sentence: str) -> None:
    root = empty_celebgaze(tmp_path, ["a-1"], ["b-1"])
    (root / "1.txt").write_text(BAD_LISTS[sentence], encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        CelebGaze(root)


def test_crlf_bom_and_tabs_are_fine(tmp_path: Path) -> None:
    root = empty_celebgaze(tmp_path, ["a-1"], ["b-1"])
    (root / "1.txt").write_bytes(b"\xef\xbb\xbfa-1\t80 110\t176 110\r\n\r\n")
    assert next(CelebGaze(root).faces()).eyes == (Point(80, 110), Point(176, 110))


def test_lists_without_any_picture_are_an_error(tmp_path: Path) -> None:
    root = empty_celebgaze(tmp_path, ["a-1"], ["b-1"])
    shutil.rmtree(root / "0")
    shutil.rmtree(root / "1")
    with pytest.raises(InputError, match="1: no such folder"):
        CelebGaze(root)
    (root / "0").mkdir()
    (root / "1").mkdir()
    with pytest.raises(InputError, match=r"no picture of 0\.txt or 1\.txt is in the folders"):
        CelebGaze(root)


def test_the_released_split_is_the_end_of_the_lists(tmp_path: Path) -> None:
    x_names, y_names = ([f"{d}{n}-1" for n in range(320)] for d in "xy")
    root = empty_celebgaze(tmp_path, x_names, y_names)
    (root / "1" / "x319-1.jpg").unlink()  # not counted, as in the released code
    tested = {face.id for face in CelebGaze(root).faces() if face.partition == "test"}
    assert tested == {*x_names[-101:-1], *y_names[-300:]}


def test_people_shared_by_the_released_halves_are_counted(tmp_path: Path) -> None:
    names = [f"ann-{n}" for n in range(1, 121)]
    remarks = CelebGaze(empty_celebgaze(tmp_path, names, ["bob-1"])).remarks()
    assert "100 of 101 test pictures show a person who is in the training half" in remarks[-1]


def test_ids_of_celebgaze_stay_apart_whatever_the_names(tmp_path: Path) -> None:
    root = empty_celebgaze(tmp_path, ["a-1", "X-a-1", "Bo-1"], ["a-1", "bo-1", "a..."])
    faces = list(CelebGaze(root).faces())
    assert len({face.id.lower() for face in faces}) == len({face.name for face in faces}) == 6


def test_a_name_in_a_list_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").touch()
    root = empty_celebgaze(tmp_path / "tree", ["a-1"], ["b-1"])
    (root / "1.txt").write_text(f"a-1 {EYES}\n../../secret {EYES}\n")
    assert [face.id for face in CelebGaze(root).faces()] == ["a-1", "b-1"]


def test_two_pictures_of_one_name_are_an_error(tmp_path: Path) -> None:
    root = empty_celebgaze(tmp_path, ["a-1"], ["b-1"])
    (root / "1" / "a-1.png").touch()
    with pytest.raises(InputError, match=r"has both a-1\.jpg and a-1\.png"):
        CelebGaze(root)
