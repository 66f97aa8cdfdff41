import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gazebench import plugins, sources
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.landmarks import FaceError
from gazebench.landmarks.listed import Listed
from gazebench.sources import SourceFace, _lists, safe_ids
from gazebench.sources.celeba import CelebA
from gazebench.sources.celeba_hq import CelebAHQ
from gazebench.sources.folder import Folder

PLACES = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
POINTS = " ".join(f"{place}_{axis}" for place in PLACES for axis in "xy")
LANDMARKS = {
    f"{n:06}.jpg": (69, 110 + n, 106, 111 + n, 88, 131, 72, 150, 103, 151) for n in (1, 2, 3)
}
IDENTITIES = {"000001.jpg": 2880, "000002.jpg": 2937, "000003.jpg": 2880}
PARTITIONS = {"000001.jpg": 0, "000002.jpg": 1, "000003.jpg": 2}


def landmark_list(points: dict[str, tuple[int, ...]], newline: str = "\n") -> str:
    rows = [f"{name}  {'  '.join(map(str, p))}" for name, p in points.items()]
    return newline.join([str(len(points)), POINTS, *rows, ""])


def two_columns(values: dict[str, int], newline: str = "\n") -> str:
    return newline.join([*(f"{name} {value}" for name, value in values.items()), ""])


def make_pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (178, 218)).save(folder / name)


def celeba(root: Path, layout: str, names: tuple[str, ...] = tuple(LANDMARKS)) -> Path:
    """A tree in one of CelebA's layouts; what to give to build-dataset."""
    released = layout == "released"
    images = root / ("Img/img_align_celeba" if released else "img_align_celeba")
    anno, evaluation = (root / "Anno", root / "Eval") if released else (root, root)
    make_pictures(images, list(names))
    for folder in (anno, evaluation):
        folder.mkdir(exist_ok=True)
    (anno / "list_landmarks_align_celeba.txt").write_text(landmark_list(LANDMARKS))
    (anno / "identity_CelebA.txt").write_text(two_columns(IDENTITIES))
    (evaluation / "list_eval_partition.txt").write_text(two_columns(PARTITIONS))
    return images if layout == "images" else root


def found(source: sources.Source) -> list[tuple[str, str | None, str | None]]:
    return [(face.id, face.identity, face.partition) for face in source.faces()]


EXPECTED = [
    ("000001", "2880", "train"),
    ("000002", "2937", "val"),
    ("000003", "2880", "test"),
]


@pytest.mark.parametrize("layout", ["released", "flat", "images"])
def test_celeba_is_read_in_each_of_its_layouts(tmp_path: Path, layout: str) -> None:
    root = celeba(tmp_path, layout)
    assert sources.locate(sources, root)[0] == "celeba"
    source = CelebA(root)
    assert found(source) == EXPECTED
    assert source.remarks() == []
    assert next(source.faces()).eyes == (Point(69, 111), Point(106, 112))


def test_celeba_is_known_from_inside_its_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(celeba(tmp_path, "images"))
    assert sources.locate(sources, Path())[0] == "celeba"
    assert found(CelebA(Path())) == EXPECTED


def test_the_png_release_finds_its_lines(tmp_path: Path) -> None:
    root = celeba(tmp_path, "flat", ("000002.png", "000003.png"))
    assert found(CelebA(root)) == EXPECTED[1:]


def test_macos_leftovers_are_no_pictures(tmp_path: Path) -> None:
    root = celeba(tmp_path, "flat")
    (root / "img_align_celeba" / "._000001.jpg").write_bytes(b"AppleDouble")
    assert found(CelebA(root)) == EXPECTED


def test_celeba_without_lists_says_what_follows(tmp_path: Path) -> None:
    make_pictures(tmp_path / "img_align_celeba", ["000001.jpg"])
    source = CelebA(tmp_path)
    assert found(source) == [("000001", None, None)]
    assert "treats each picture as a different person" in source.remarks()[0]
    assert "--split partition is not possible" in source.remarks()[1]


def test_celeba_without_pictures_is_said(tmp_path: Path) -> None:
    (tmp_path / "Img" / "img_align_celeba").mkdir(parents=True)
    with pytest.raises(InputError, match="no picture in img_align_celeba"):
        CelebA(tmp_path)


def celeba_hq(root: Path) -> Path:
    make_pictures(root / "CelebA-HQ-img", ["0.jpg", "1.jpg", "10.jpg"])
    rows = "0 2 000003.jpg\n1 0 000001.jpg\n10 1 000002.jpg\n"
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(f"idx    orig_idx    orig_file\n{rows}")
    return root


def test_celeba_hq_gets_its_people_through_the_mapping(tmp_path: Path) -> None:
    root = celeba_hq(tmp_path / "CelebAMask-HQ")
    (root / "identity_CelebA.txt").write_text(two_columns(IDENTITIES))
    (tmp_path / "list_eval_partition.txt").write_text(two_columns(PARTITIONS))  # beside it
    assert sources.locate(sources, root)[0] == "celeba_hq"
    expected = [("0", "2880", "test"), ("1", "2880", "train"), ("10", "2937", "val")]
    assert found(CelebAHQ(root)) == found(CelebAHQ(root / "CelebA-HQ-img")) == expected


def test_celeba_hq_without_mapping_knows_nobody(tmp_path: Path) -> None:
    root = celeba_hq(tmp_path)
    (root / "identity_CelebA.txt").write_text(two_columns(IDENTITIES))
    (root / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
    assert found(CelebAHQ(root)) == [("0", None, None), ("1", None, None), ("10", None, None)]
    assert "mapping.txt not found" in CelebAHQ(root).remarks()[0]


def test_celeba_wins_over_celeba_hq_over_any_folder(tmp_path: Path) -> None:
    celeba_hq(tmp_path)
    assert sources.locate(sources, tmp_path)[0] == "celeba_hq"
    celeba(tmp_path, "flat")
    assert sources.locate(sources, tmp_path)[0] == "celeba"
    assert sources.locate(sources, tmp_path / "CelebA-HQ-img" / "..")[0] == "celeba"
    shutil.copytree(tmp_path / "CelebA-HQ-img", tmp_path / "other" / "deep")
    assert sources.locate(sources, tmp_path / "other")[0] == "folder"


@pytest.mark.parametrize("name", plugins.names(sources))
def test_every_source_says_what_it_is(name: str) -> None:
    source = sources.load(sources, name)
    assert source.title
    assert source.license
    assert source.alignment in ("none", "eyes", "ffhq")


def test_a_folder_without_pictures_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match="no pictures found"):
        sources.locate(sources, tmp_path)[0]


# lists


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("gap", [" ", "\t", "  \t "])
def test_line_ends_bom_tabs_and_blank_lines_are_fine(
    tmp_path: Path, newline: str, bom: str, gap: str
) -> None:
    root = celeba(tmp_path, "flat")
    for name in ("list_landmarks_align_celeba.txt", "identity_CelebA.txt"):
        lines = (root / name).read_text().splitlines()
        text = newline.join(["", *(gap.join(line.split()) for line in lines), "", "  "])
        (root / name).write_text(bom + text, newline="", encoding="utf-8")
    assert found(CelebA(root)) == EXPECTED
    assert next(CelebA(root).faces()).eyes == (Point(69, 111), Point(106, 112))


def spoilt(line: int, word: int, text: str) -> str:
    """The landmark list with one of its words replaced."""
    lines = [row.split() for row in landmark_list(LANDMARKS).splitlines()]
    lines[line - 1][word] = text
    return "\n".join(map(" ".join, lines))


BAD_LANDMARKS = {
    "line 1: announces 4 lines, there are 3": spoilt(1, 0, "4"),
    "line 1: announces 2 lines, there are 3": spoilt(1, 0, "2"),
    "line 1: '3.5' is not a whole number": spoilt(1, 0, "3.5"),
    "line 2: 9 columns, expected 10": spoilt(2, 0, ""),
    "line 3: 10 columns, expected 11": spoilt(3, 10, ""),
    "line 4: 12 columns, expected 11": spoilt(4, 10, "1 2"),
    "line 4: '1_0' is not a whole number": spoilt(4, 1, "1_0"),
    "line 3: '١١١' is not a whole number": spoilt(3, 2, "١١١"),
    "line 5: 'NaN' is not a whole number": spoilt(5, 4, "NaN"),
    "line 3: '88.5' is not a whole number": spoilt(3, 9, "88.5"),
    "line 5: '000002.jpg' is listed twice": spoilt(5, 0, "000002.jpg"),
    "line 1: a web page, not the list": "\n<html><body>404</body></html>",
    "is empty": "\r\n",
}


@pytest.mark.parametrize("sentence", BAD_LANDMARKS)
def test_a_damaged_landmark_list_is_named_with_the_line(tmp_path: Path, sentence: str) -> None:
    root = celeba(tmp_path, "released")
    path = root / "Anno" / "list_landmarks_align_celeba.txt"
    path.write_text(BAD_LANDMARKS[sentence], encoding="utf-8")
    with pytest.raises(InputError) as error:
        CelebA(root)
    assert str(path) in str(error.value)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("identity_CelebA.txt", "000001.jpg 1\n000002.jpg", "line 2: 1 columns, expected 2"),
        ("identity_CelebA.txt", "000001.jpg x", "line 1: 'x' is not a whole number"),
        ("identity_CelebA.txt", "a.jpg 1\n\na.jpg 2", "line 3: 'a.jpg' is listed twice"),
        ("identity_CelebA.txt", "<!DOCTYPE html>\n<p>", "line 1: a web page"),
        ("identity_CelebA.txt", "", "is empty"),
        ("list_eval_partition.txt", "000001.jpg 3", "line 1: partition '3', expected 0, 1 or 2"),
        ("list_eval_partition.txt", "000001.jpg ٠", "line 1: partition '٠', expected 0, 1 or 2"),
    ],
)
def test_a_damaged_list_is_named_with_the_line(tmp_path, name, text, sentence) -> None:
    root = celeba(tmp_path, "flat")
    (root / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name}.*{sentence}"):
        CelebA(root)


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    root = celeba(tmp_path, "flat")
    (root / "identity_CelebA.txt").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(InputError, match=r"identity_CelebA\.txt: is not a text file"):
        CelebA(root)


def test_the_same_line_twice_is_fine(tmp_path: Path) -> None:
    root = celeba(tmp_path, "flat")
    path = root / "identity_CelebA.txt"
    path.write_text(path.read_text() * 2)
    assert found(CelebA(root)) == EXPECTED


def test_a_damaged_mapping_is_named_with_the_line(tmp_path: Path) -> None:
    root = celeba_hq(tmp_path)
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("idx orig_idx orig_file\n0 1\n")
    with pytest.raises(InputError, match=r"mapping\.txt, line 2: 2 columns, expected 3"):
        CelebAHQ(root)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 5), WORDS | st.integers().map(str)), max_size=6))
def test_nobody_gets_another_faces_value(tmp_path_factory, lines) -> None:
    path = tmp_path_factory.mktemp("list") / "identity_CelebA.txt"
    path.write_text("".join(f"{n}.jpg {word}\n" for n, word in lines), "utf-8", newline="")
    try:
        table = {}
        for line, (name, text) in _lists.rows(path, 2):
            _lists.put(table, name, _lists.integer(text, path, line), path, line)
    except InputError:
        return
    # every line was taken, and to the picture that it names
    assert table == {f"{n}.jpg": int(word) for n, word in lines}


# landmarks


NO_FACES = [
    None,
    (Point(-1, 5), Point(30, 5)),
    (Point(5, 5), Point(400, 5)),
    (Point(30, 5), Point(30, 5)),
    (Point(30, 5), Point(35, 60)),
]


@pytest.mark.parametrize("eyes", NO_FACES)
def test_eyes_that_make_no_face_are_refused(eyes, tmp_path: Path) -> None:
    face = SourceFace(id="1", name="1.jpg", path=tmp_path, eyes=eyes)
    with pytest.raises(FaceError) as error:
        Listed().find(Image.new("RGB", (178, 218)), face)
    assert error.value.code == "landmark_invalid"


# any folder


def touch(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = Path(os.fsdecode(os.fsencode(root) + b"/" + os.fsencode(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_folder_is_searched_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a/c.png", "a/deep/d.webp", "e.bmp", "f.jpeg", "g.txt", "h.gif")
    touch(tmp_path, ".hidden.jpg", ".cache/x.jpg")
    assert [(face.id, face.name) for face in Folder(tmp_path).faces()] == [
        ("a-c", "a/c.png"),
        ("a-deep-d", "a/deep/d.webp"),
        ("b", "b.JPG"),
        ("e", "e.bmp"),
        ("f", "f.jpeg"),
        ("h", "h.gif"),  # for the quarantine
    ]


def test_a_loop_of_links_is_not_walked(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [face.name for face in Folder(tmp_path).faces()] == ["a.jpg"]


def test_a_dataset_within_the_folder_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "out/build.sqlite", "out/images/a.png")
    assert [face.name for face in Folder(tmp_path).faces()] == ["a.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "a.jpg")
    for _ in range(30):  # deeper than a path may be long, so that not even root can list it
        Path("n" * 200).mkdir()
        os.chdir("n" * 200)
    with pytest.raises(InputError, match="too long"):
        list(Folder(tmp_path).faces())


def test_names_that_are_no_utf_8_stay_apart(tmp_path: Path) -> None:
    touch(tmp_path, b"\xff.jpg", b"\\xff.jpg", "é.jpg", "line\nbreak.jpg")
    faces = list(Folder(tmp_path).faces())
    assert {face.name for face in faces} == {
        "\\xff.jpg", "\\\\xff.jpg", "é.jpg", "line\nbreak.jpg",
    }  # fmt: skip
    assert all(face.path.exists() and face.id.isascii() for face in faces)
    assert len({face.id for face in faces}) == 4


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    unique=True,
    max_size=8,
)


@given(NAMES | st.lists(st.text("aA-_./ é0", min_size=1), unique=True), st.randoms())
def test_ids_are_safe_unique_and_know_no_order(names: list[str], rng: random.Random) -> None:
    ids = safe_ids(names)
    assert len({id_.lower() for id_ in ids.values()}) == len(names)
    for id_ in ids.values():
        assert id_.isascii()
        assert 0 < len(id_) <= 140
        assert not set(id_) & set('/\\ \n"<>|:*?')
        assert id_[0] not in ".-"
    rng.shuffle(names)
    assert safe_ids(names) == ids


def test_ids_keep_plain_names() -> None:
    assert safe_ids(["000001.jpg", "a/b.png"]) == {"000001.jpg": "000001", "a/b.png": "a-b"}


def test_a_name_that_looks_like_a_hashed_one_stays_apart() -> None:
    first = safe_ids(["a b.jpg"])["a b.jpg"]
    ids = safe_ids(["a b.jpg", f"{first}.png"])
    assert len(set(ids.values())) == 2


def test_ids_differ_where_case_is_ignored() -> None:
    ids = safe_ids(["Ann.jpg", "ann.jpg", "ann.png"])
    assert len({id_.lower() for id_ in ids.values()}) == 3


def test_ids_are_no_names_of_windows_devices() -> None:
    names = ["con.jpg", "NUL.png", "aux.tar.jpg", "com1.jpg", "LPT9.jpg", "sub/con.jpg", "cone.jpg"]
    ids = safe_ids(names)
    assert ids["cone.jpg"] == "cone"
    assert ids["sub/con.jpg"].startswith("sub-con")
    taken = {"con", "nul", "aux", "com1", "lpt9"}
    assert not taken & {id_.partition(".")[0].lower() for id_ in ids.values()}
    assert len(set(ids.values())) == len(names)
