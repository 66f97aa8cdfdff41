"""Labels as spreadsheet programs write them: what a person would call the same table is read."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from build_runs import build, gazebench
from hypothesis import given
from hypothesis import strategies as st

from gazebench import sources
from gazebench.annotation.importing import import_votes
from gazebench.annotation.labels import import_csv
from gazebench.dataset import Manifest, names, read_labels
from gazebench.errors import InputError

CASES = Path(__file__).parents[2] / "shared" / "cases"


@pytest.fixture
def bare(dataset: Path) -> Path:
    """The dataset without labels; its ids are numbers of five digits."""
    (dataset / "labels.csv").unlink()
    return dataset


@pytest.fixture
def two(bare: Path) -> tuple[str, str]:
    a, b = [p.id for p in Manifest.load(bare).portraits][:2]
    return a, b


def bring(dataset: Path, data: bytes | str) -> str:
    """What ``label import`` says of a file with this content."""
    path = dataset.with_name("made.csv")
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    done = gazebench("label", "import", dataset, path)
    assert done.exit_code in (0, 3), done.output
    return done.output


FORMS: dict[str, Callable[[str, str], str | bytes]] = {
    "a spreadsheet's semicolons": lambda a, b: f"\ufeffid;label\r\n{a};X\r\n{b};Y\r\n",
    "its hint": lambda a, b: f"sep=;\r\nid;label\r\n{a};X\r\n{b};Y\r\n",
    "tabs": lambda a, b: f"id\tlabel\n{a}\tX\n{b}\tY\n",
    "blanks after commas": lambda a, b: f"id, label\n{a}, X\n{b}, Y\n",
    "blanks and quotes": lambda a, b: f'id, "label"\n{a}, "X"\n"{b}" ,"Y"\n'.replace('" ,', '",'),
    "capitals": lambda a, b: f" ID , Label \n{a},x\n{b},y\n",
    "words apart": lambda a, b: f"Source Name,Label\n{a}.jpg,X\n{b}.jpg,Y\n",
    "another name of the column": lambda a, b: f"image_id,label\n{a},X\n{b},Y\n",
    "UTF-16": lambda a, b: f"id,label\n{a},X\n{b},Y\n".encode("utf-16"),
    "UTF-16, no mark": lambda a, b: f"id\tlabel\r\n{a}\tX\r\n{b}\tY\r\n".encode("utf-16-le"),
    "UTF-16, high bytes first": lambda a, b: f"id,label\n{a},X\n{b},Y\n".encode("utf-16-be"),
    "png": lambda a, b: f"id,label\n{a}.png,X\n{b}.PNG,Y\n",
    "folders": lambda a, b: f"id,label\n/home/me/hq/images/{a}.png,X\n./{b}.jpeg,Y\n",
    "folders of Windows": lambda a, b: f"id,label\nC:\\hq\\images\\{a}.png,X\n{b},Y\n",
    "zeros lost": lambda a, b: f"id,label\n{int(a)},X\n{int(b)},Y\n",
    "bars": lambda a, b: f"id|label\n{a}|X\n{b}|Y\n",
    "returns only": lambda a, b: f"id;label\r{a};X\r{b};Y\r",
    "numbers kept as text": lambda a, b: f'id,label\n"=""{a}""",X\n\'{b},Y\n',
    "zeros lost, decimals after a comma": lambda a, b: f"id;label\n{int(a)},0;X\n{int(b)},00;Y\n",
    "zeros lost, decimals won": lambda a, b: f"id,label\n{int(a)}.0,X\n{int(b)}.00,Y\n",
    "empty columns and rows": lambda a, b: f"id;label;;\n{a};X;;\n;;;\n{b};Y\n",
    "a note with commas": lambda a, b: f'id,note,label\n{a},"1, 2",X\n{b},,Y\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_in_any_of_its_forms(bare: Path, two: tuple[str, str], form: str) -> None:
    said = bring(bare, FORMS[form](*two))
    assert "2 labels read, 2 new" in said, said
    assert read_labels(bare / "labels.csv") == dict(zip(two, "XY", strict=True))


def test_names_that_are_written_otherwise_are_told(bare: Path, two: tuple[str, str]) -> None:
    a, b = two
    said = bring(bare, f"id,label\n{int(a)},X\n{b},Y\n")
    assert f"written otherwise here: 1 name, {int(a)} is {a} ..." in said
    assert "written otherwise" not in bring(bare, f"id,label\n{a},X\n{b}.jpg,Y\n")


def test_lines_without_a_label_are_counted(bare: Path, two: tuple[str, str]) -> None:
    a, b = two
    said = bring(bare, f"id,label\n{a},X\n{b},\nstranger, \n")
    assert "1 label read, 1 new" in said
    assert "2 lines without a label left out" in said
    assert read_labels(bare / "labels.csv") == {a: "X"}
    path = bare.with_name("votes.csv")
    path.write_text(f"id,annotator,vote\n{a},p,X\n{b},p,\n")
    assert import_votes(bare, path).unlabelled == 1


def test_a_zero_that_may_be_one_of_two_is_refused(faces: Path, tmp_path: Path) -> None:
    first, second = sorted(faces.iterdir())[:2]
    first.rename(faces / "07.jpg")
    second.rename(faces / "007.jpg")
    build(faces, out := tmp_path / "out")
    assert "'7' may mean 007 and 07" in bring(out, "id,label\n7,X\n")
    assert "1 label read" in bring(out, "id,label\n07,X\n")


def workbook() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (workbook(), "is a spreadsheet (xlsx or ods), not a table of text; open it and choose"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is a spreadsheet (xls)"),
        ("id;label\ncafé;X\n".encode("cp1252"), 'choose "Save as", type "CSV UTF-8"'),
        (b"id,label\n1,X,Y\n", "line 2: has not as many cells as the header"),
        (b'id,label\n"1,X\n', "line 2: no table"),
        (b"sep=;\nid;label\n1;Q\n", "line 3: label 'Q'"),
        (b"id,label\n1,\n", "no line has a label; the first is line 2"),
        (b"sep=;\n", "has no lines below its header"),
    ],
)
def test_what_is_no_such_table_says_how_to_save_one(bare: Path, data: bytes, words: str) -> None:
    assert words in bring(bare, data)
    assert not (bare / "labels.csv").exists()


def test_a_name_of_no_portrait_is_said_plainly(bare: Path, two: tuple[str, str]) -> None:
    said = bring(bare, f"id,label\n{two[0]},X\nann,Y\n")
    assert f"names that no portrait of {bare} has: line 3: 'ann'" in said
    assert f"its portraits are called such as {two[0]} or {two[0]}.jpg" in said


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffID;Label\r\n{a}.png;x\r\n{b};\r\n",
        "sep=;\r\nid;label\r\n{a};X\r\n",
        "id, label\n{a}, X\n",
    ],
)
def test_labels_for_a_build_may_come_from_a_spreadsheet(faces, tmp_path, table: str) -> None:
    a, b = sorted(path.stem for path in faces.iterdir())[:2]
    (tmp_path / "labels.csv").write_bytes(table.format(a=a, b=b).encode())
    found = sources.with_labels(
        sources.load(sources, "folder")(faces).faces(), tmp_path / "labels.csv"
    )
    assert {face.id: face.label for face in found if face.label} == {a: "X"}


def test_eye_points_may_have_decimal_commas(faces: Path, tmp_path: Path) -> None:
    name = min(path.name for path in faces.iterdir())
    text = f"Name;Left X;Left Y;Right X;Right Y\r\n{name};92,5;100;160,25;101\r\n"
    (tmp_path / "eyes.csv").write_text(text)
    known = sources.load(sources, "folder")(faces).faces()
    assert sources.with_eye_points(known, tmp_path / "eyes.csv")[0].eyes == (
        (92.5, 100),
        (160.25, 101),
    )


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the cases beside the checkout")
@pytest.mark.parametrize("name", ["excel_semicolon", "ids_with_png", "space_after_comma"])
def test_the_tables_of_real_users_are_read(bare: Path, name: str) -> None:
    ids = [p.id for p in Manifest.load(bare).portraits][:12]
    data = (CASES / f"12_{name}.csv").read_bytes()
    for number, id_ in enumerate(ids, 1):
        data = data.replace(f"{number:06}".encode(), id_.encode())
    assert "12 labels read, 12 new" in bring(bare, data)


NAMES = st.lists(st.text("ab01./\\-é ", min_size=1, max_size=6), min_size=1, unique=True)


@given(NAMES)
def test_a_name_always_means_itself(every: list[str]) -> None:
    known = names.Names(zip(every, every, strict=True))
    assert [known.find(name) for name in every] == [{name} for name in every]


@pytest.mark.parametrize(
    ("known", "name", "meant"),
    [
        (["x/a.jpg"], "y/a.jpg", set()),  # another folder is another picture
        (["x/a.jpg", "y/a.jpg"], "a.png", {"x/a.jpg", "y/a.jpg"}),
        (["x/a.jpg", "y/a.jpg"], "/data/y/a.png", {"y/a.jpg"}),
        (["000123.jpg"], "123.jpg", {"000123.jpg"}),
        (["000123.jpg", "123.jpg"], "123", {"123.jpg"}),
        (["000123.jpg"], "1234", set()),
        (["Ann.JPG"], "ann.png", {"Ann.JPG"}),
    ],
)
def test_a_name_means_no_other_picture(known: list[str], name: str, meant: set[str]) -> None:
    assert names.Names(zip(known, known, strict=True)).find(name) == meant


def test_a_label_of_the_file_is_the_one_imported(bare: Path, two: tuple[str, str]) -> None:
    path = bare.with_name("l.csv")
    path.write_text(f"id;label\n{two[0]}.png;Y\n")
    assert import_csv(bare, path).renamed == ((f"{two[0]}.png", two[0]),)
    path.write_text(f"id;label\n{two[0]}.png;Y\n{int(two[0])};X\n")
    with pytest.raises(InputError, match="is X here and Y in line 2"):
        import_csv(bare, path)
