"""CelebA as it goes round: Kaggle's copy, torchvision's folders, lists with headers or commas."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from build_runs import build
from PIL import Image

from gazebench import sources
from gazebench.dataset import Manifest
from gazebench.dataset.attributes import ATTRIBUTES, read_attributes
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources.celeba import LANDMARKS, CelebA
from gazebench.sources.celeba_hq import CelebAHQ
from gazebench.sources.celeba_wild import CelebAWild
from gazebench.sources.folder import Folder

NAMES = ("000001.jpg", "000002.jpg", "000003.jpg")
POINTS = ["69", "111", "108", "111", "88", "135", "73", "152", "105", "152"]
BOX = ["95", "71", "226", "313"]
COLUMNS = {
    "list_landmarks_align_celeba": LANDMARKS,
    "list_landmarks_celeba": LANDMARKS,
    "list_bbox_celeba": ("x_1", "y_1", "width", "height"),
    "list_attr_celeba": ATTRIBUTES,
    "list_eval_partition": ("partition",),
    "identity_CelebA": ("identity",),
}
PEOPLE = ("5", "5", "6")
PARTS = ("0", "1", "2")


def values(stem: str) -> list[list[str]]:
    """What a list says of the three pictures."""
    ones = {
        "list_eval_partition": [[part] for part in PARTS],
        "identity_CelebA": [[person] for person in PEOPLE],
        "list_attr_celeba": [["1", *["-1"] * 39]] * 3,
        "list_bbox_celeba": [BOX] * 3,
    }
    return ones.get(stem, [POINTS] * 3)


def write_list(
    path: Path, *, mark: str = ",", first: str = "image_id", count: bool = False, end: str = "\n"
) -> None:
    """A list with a header, its cells apart by ``mark``."""
    header = [first, *COLUMNS[path.stem]] if first else []
    rows = [[name, *cells] for name, cells in zip(NAMES, values(path.stem), strict=True)]
    lines = [mark.join(words) for words in ([header] if header else []) + rows]
    text = end.join([*(["3"] if count else []), *lines, ""])
    path.write_text(text, encoding="utf-8", newline="")


def pictures(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in NAMES:
        Image.new("RGB", (178, 218)).save(folder / name)
    return folder


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """Kaggle's copy: the pictures one folder deeper, four lists with commas, no identities."""
    root = tmp_path / "archive"
    pictures(root / "img_align_celeba" / "img_align_celeba")
    for stem in ("list_landmarks_align_celeba", "list_attr_celeba", "list_eval_partition"):
        write_list(root / f"{stem}.csv")
    write_list(root / "list_bbox_celeba.csv")
    return root


def read_as_listed(source: CelebA) -> None:
    faces = list(source.faces())
    assert [face.partition for face in faces] == ["train", "val", "test"]
    assert {face.eyes for face in faces} == {(Point(69, 111), Point(108, 111))}
    assert [face.attributes for face in faces] == [1, 1, 1]


@pytest.mark.parametrize("inside", ["", "img_align_celeba", "img_align_celeba/img_align_celeba"])
def test_the_lists_of_kaggle_are_read_from_wherever_one_stands(kaggle: Path, inside: str) -> None:
    root = kaggle / inside
    assert sources.locate(sources, root)[0] == "celeba"
    read_as_listed(CelebA(root))


def test_kaggle_lacks_the_people_and_that_is_said(kaggle: Path) -> None:
    remarks = CelebA(kaggle).remarks()
    assert len(remarks) == 1
    assert "identity_CelebA.txt not found" in remarks[0]
    assert "people can be in both halves" in remarks[0]
    write_list(kaggle / "identity_CelebA.txt", mark=" ", first="")
    assert CelebA(kaggle).remarks() == []


def test_kaggles_copy_becomes_a_dataset(kaggle: Path, faces: Path, tmp_path: Path) -> None:
    images = kaggle / "img_align_celeba" / "img_align_celeba"
    for name, path in zip(NAMES, sorted(faces.iterdir()), strict=False):
        shutil.copy(path, images / name)
    text = (kaggle / "list_landmarks_align_celeba.csv").read_text()
    points = ",".join(["195", "240", "320", "240", *POINTS[4:]])
    (kaggle / "list_landmarks_align_celeba.csv").write_text(text.replace(",".join(POINTS), points))
    flags = ("--landmarks", "listed", "--split", "partition")
    done = build(kaggle, out := tmp_path / "out", *flags)
    assert "3 found = 3 portraits" in done.output, done.output
    portraits = Manifest.load(out).portraits
    assert [(p.id, str(p.split)) for p in portraits] == [
        ("000001", "train"), ("000002", "train"), ("000003", "test"),
    ]  # fmt: skip
    assert read_attributes(out / "attributes.csv") == {p.id: 1 for p in portraits}


def torchvision(root: Path, name: str) -> Path:
    """As ``torchvision.datasets.CelebA(root)`` unpacks it."""
    pictures(root / name / "img_align_celeba")
    for stem in COLUMNS:
        is_plain = stem in ("list_eval_partition", "identity_CelebA")
        first = "" if is_plain else "image_id" if stem == "list_bbox_celeba" else " "
        write_list(root / name / f"{stem}.txt", mark=" ", first=first, count=not is_plain)
    return root


@pytest.mark.parametrize("name", ["celeba", "CelebA", "my faces"])
def test_a_dataset_one_folder_down_is_found(tmp_path: Path, name: str) -> None:
    root = torchvision(tmp_path, name)
    found, place, notes = sources.locate(sources, root)
    assert (found, place) == ("celeba", root / name)
    assert notes == [f"{name}/ is CelebA, aligned and cropped"]
    read_as_listed(CelebA(place))
    assert [face.identity for face in CelebA(place).faces()] == list(PEOPLE)
    assert sources.locate(sources, root, "celeba")[1] == root / name


def test_a_dataset_two_folders_down_is_found(tmp_path: Path) -> None:
    pictures(tmp_path / "download" / "celeba" / "img_align_celeba")
    name, place, said = sources.locate(sources, tmp_path)
    assert (name, place) == ("celeba", tmp_path / "download" / "celeba")
    assert said == ["download/celeba/ is CelebA, aligned and cropped"]


def test_other_folders_beside_it_are_counted(tmp_path: Path) -> None:
    root = torchvision(tmp_path, "celeba")
    (root / "mine").mkdir()
    Image.new("RGB", (9, 9)).save(root / "mine" / "a.jpg")
    note = sources.locate(sources, root)[2][0]
    assert "1 other folders beside it are left out; give --source-type folder" in note
    assert sources.locate(sources, root, "folder")[:2] == ("folder", root)
    Image.new("RGB", (9, 9)).save(root / "b.jpg")  # pictures of its own: any folder
    assert sources.locate(sources, root)[:2] == ("folder", root)


def test_two_datasets_in_one_folder_are_named(tmp_path: Path) -> None:
    root = torchvision(tmp_path, "celeba")
    pictures(root / "CelebAMask-HQ" / "CelebA-HQ-img")
    with pytest.raises(InputError, match=r"holds 2 datasets, CelebAMask-HQ/ \(CelebA-HQ\), celeba"):
        sources.locate(sources, root)
    assert sources.locate(sources, root, "celeba_hq")[1] == root / "CelebAMask-HQ"


Writer = Callable[[Path], None]
FORMS: dict[str, Writer] = {
    "header": lambda path: write_list(path, mark=" "),
    "count and header": lambda path: write_list(path, mark=" ", count=True),
    "count alone": lambda path: write_list(path, mark=" ", first="", count=True),
    "neither": lambda path: write_list(path, mark=" ", first=""),
    "commas": write_list,
    "commas and blanks": lambda path: write_list(path, mark=", "),
    "commas, no header": lambda path: write_list(path, first=""),
    "semicolons of a spreadsheet": lambda path: write_list(path, mark=";", end="\r\n"),
    "tabs": lambda path: write_list(path, mark="\t", first="file"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_list_is_read_in_any_of_its_forms(tmp_path: Path, form: str) -> None:
    pictures(tmp_path / "img_align_celeba")
    for stem in COLUMNS:
        FORMS[form](tmp_path / f"{stem}.txt")
    read_as_listed(CelebA(tmp_path))
    assert [face.identity for face in CelebA(tmp_path).faces()] == list(PEOPLE)
    pictures(tmp_path / "img_celeba")
    assert next(CelebAWild(tmp_path).faces()).box == tuple(map(float, BOX))


@pytest.mark.parametrize(
    "name",
    [
        "identity_celeba.txt",
        "identity_CelebA.txt.txt",
        "Anno/identity_CelebA.csv",
        "anno/identity_CelebA.txt",
    ],
)
@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16"])
def test_a_list_is_found_under_its_other_names(tmp_path: Path, name: str, code: str) -> None:
    pictures(tmp_path / "img_align_celeba")
    lines = [f"{name} {person}.0\n" for name, person in zip(NAMES, PEOPLE, strict=True)]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("".join(lines), encoding=code)
    assert [face.identity for face in CelebA(tmp_path).faces()] == list(PEOPLE)


def test_a_list_of_other_pictures_is_said(tmp_path: Path) -> None:
    pictures(tmp_path / "img_align_celeba")
    (tmp_path / "identity_CelebA.txt").write_text("1.jpg 5\n2.jpg 6\n")
    said = "\n".join(CelebA(tmp_path).remarks())
    assert "identity_CelebA.txt lists none of these pictures (it has '1', they are such as" in said
    (tmp_path / "identity_CelebA.txt").write_text(f"1.jpg 5\n{NAMES[0]} 6\n")
    assert "lists none" not in "\n".join(CelebA(tmp_path).remarks())


@pytest.mark.parametrize("header", ["image identity", "path label", "filename,person", "id;who"])
def test_a_header_of_identities_may_call_them_anything(tmp_path: Path, header: str) -> None:
    pictures(tmp_path / "img_align_celeba")
    mark = next((m for m in ",;" if m in header), " ")
    lines = [f"{name}{mark}{person}" for name, person in zip(NAMES, PEOPLE, strict=True)]
    (tmp_path / "identity_CelebA.txt").write_text("\n".join([header, *lines]))
    assert [face.identity for face in CelebA(tmp_path).faces()] == list(PEOPLE)


def test_a_column_of_row_numbers_in_front_is_left_out(tmp_path: Path) -> None:
    pictures(tmp_path / "img_align_celeba")
    rows = "".join(
        f"{n},{name},{part}\n" for n, (name, part) in enumerate(zip(NAMES, PARTS, strict=True))
    )
    (tmp_path / "list_eval_partition.csv").write_text(f",image_id,partition\n{rows}")
    assert [face.partition for face in CelebA(tmp_path).faces()] == ["train", "val", "test"]


def test_names_may_have_folders_and_no_endings(tmp_path: Path) -> None:
    pictures(tmp_path / "img_align_celeba")
    names = ("img_align_celeba/000001.jpg", "000002", "000003.png")
    rows = "".join(f"{name} {n}\n" for n, name in enumerate(names))
    (tmp_path / "identity_CelebA.txt").write_text(rows)
    assert [face.identity for face in CelebA(tmp_path).faces()] == ["0", "1", "2"]


SWAPPED = ",".join(["image_id", *LANDMARKS[2:4], *LANDMARKS[:2], *LANDMARKS[4:]])
MISFITS = {
    "list_eval_partition.csv, line 1: column 'identity', expected 'partition'": (
        "image_id,identity\n000001.jpg,1\n"
    ),
    "identity_CelebA.txt, line 2: column 'partition', expected 'identity'": (
        "\nimage_id partition\n000001.jpg 1\n"
    ),
    "list_landmarks_align_celeba.csv, line 1: column 'righteye_x', expected 'lefteye_x'": (
        f"{SWAPPED}\n000001.jpg,{','.join(POINTS)}\n"
    ),
    "list_landmarks_align_celeba.csv, line 1: 9 columns, expected 10": (
        f"{SWAPPED.rpartition(',')[0][9:]}\n000001.jpg,{','.join(POINTS)}\n"
    ),
    "list_attr_celeba.txt, line 2: column 'Male', expected '5_o_Clock_Shadow'": (
        f"1\n{' '.join(('Male', *ATTRIBUTES[1:]))}\n000001.jpg {' '.join(['1'] * 40)}\n"
    ),
    f"identity_CelebA.txt, line 1: '{'9' * 40}...' (5,000 characters) is not a whole number": (
        f"000001.jpg {'9' * 5000}\n"
    ),
    "list_eval_partition.txt, line 2: partition '000000": f"000001.jpg 0\n000002.jpg {'0' * 5000}",
    "identity_CelebA.csv, line 3: 3 columns, expected 2": "a,b\n000001.jpg,1\n000002.jpg,1,2\n",
}


@pytest.mark.parametrize("sentence", MISFITS)
def test_a_list_that_does_not_fit_is_named_with_the_line(tmp_path: Path, sentence: str) -> None:
    pictures(tmp_path / "img_align_celeba")
    (tmp_path / sentence.partition(",")[0]).write_text(MISFITS[sentence])
    with pytest.raises(InputError) as error:
        CelebA(tmp_path)
    assert sentence in str(error.value)
    assert len(str(error.value)) < 400


def test_the_mapping_of_celeba_hq_may_have_commas(tmp_path: Path) -> None:
    pictures(tmp_path / "CelebA-HQ-img")
    for old, new in zip(NAMES, "012", strict=True):
        (tmp_path / "CelebA-HQ-img" / old).rename(tmp_path / "CelebA-HQ-img" / f"{new}.jpg")
    rows = "".join(f"{n},{n},{name}\n" for n, name in zip("012", reversed(NAMES), strict=True))
    text = f"idx,orig_idx,orig_file\n{rows}"
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.csv").write_text(text)
    write_list(tmp_path / "identity_CelebA.txt", mark=" ")
    found = [face.identity for face in CelebAHQ(tmp_path).faces()]
    assert found == list(reversed(PEOPLE))


# folders that look like a dataset


def folder_remarks(root: Path) -> str:
    assert sources.locate(sources, root)[0] == "folder"
    return " ".join(Folder(root).remarks())


def test_celebas_pictures_in_a_plain_folder_are_known_by_their_names(tmp_path: Path) -> None:
    for number in range(1, 7):
        (tmp_path / f"{number:06}.jpg").touch()
    said = folder_remarks(tmp_path)
    assert "identity_CelebA.txt is not read" in said
    assert "people can be in both halves" in said
    (tmp_path / "me.jpg").touch()
    assert "CelebA" not in folder_remarks(tmp_path)


def test_celebas_lists_without_its_folder_are_told(tmp_path: Path) -> None:
    pictures(tmp_path / "images")
    write_list(tmp_path / "list_attr_celeba.csv")
    said = folder_remarks(tmp_path)
    assert "list_attr_celeba.csv is here, but no folder img_align_celeba" in said


@pytest.mark.parametrize("there", ["", "0.txt", "1.txt"])
def test_celebgaze_without_its_lists_says_what_is_lost(tmp_path: Path, there: str) -> None:
    for folder in "01":
        pictures(tmp_path / folder)
    if there:
        (tmp_path / there).write_text("a 1 2 3 4")
    said = folder_remarks(tmp_path)
    missing = [name for name in ("0.txt", "1.txt") if name != there]
    assert f"looks like CelebGaze without {' and '.join(missing)}: the labels X and Y" in said
