import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gazebench.dataset import (
    Domain,
    Manifest,
    Portrait,
    Split,
    csv_text,
    manifest_csv,
    read_csv,
    read_labels,
    read_manifest,
)
from gazebench.dataset.boxes import Box, Point
from gazebench.errors import InputError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.from_regex("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
NUMBERS = st.integers(-(10**5), 10**5).map(lambda n: n / 100)  # six digits are kept
POINTS = st.builds(Point, NUMBERS, NUMBERS)
BOXES = st.builds(Box, *[st.integers(0, 2000)] * 4)
PORTRAITS = st.builds(
    Portrait,
    id=IDS,
    source_name=TEXTS,
    identity=st.none() | TEXTS.filter(bool),
    split=st.none() | st.sampled_from(Split),
    domain=st.none(),
    left_eye=BOXES,
    right_eye=BOXES,
    left_center=POINTS,
    right_center=POINTS,
    transform=st.tuples(*[NUMBERS] * 6),
    score=NUMBERS,
    faces=st.integers(0, 99),
    source_sha256=TEXTS,
    sha256=TEXTS,
)


@given(st.lists(PORTRAITS, unique_by=lambda p: p.id.lower(), max_size=4))
def test_a_manifest_survives_its_file(tmp_path_factory, portraits: list[Portrait]) -> None:
    path = tmp_path_factory.mktemp("m") / "manifest.csv"
    path.write_bytes(manifest_csv(portraits).encode())
    assert read_manifest(path) == portraits


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_any_text_survives_csv(tmp_path_factory, rows: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("c") / "t.csv"
    path.write_bytes(csv_text(("a", "b"), rows).encode())
    assert [list(row.values()) for _, row in read_csv(path, ("a", "b"))] == rows


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_dataset_is_loaded_with_its_labels(dataset: Path) -> None:
    manifest = Manifest.load(dataset)
    assert manifest.resolution == 256
    assert manifest.window == (30, 50)
    halves = [(split, domain) for split in Split for domain in Domain]
    assert [len(manifest.select(split=s, domain=d)) for s, d in halves] == [6, 6, 6, 6]
    assert all(manifest.path(p).is_file() for p in manifest.portraits)


def test_the_fingerprint_follows_labels_and_nothing_else(dataset: Path) -> None:
    before = Manifest.load(dataset)
    moved = dataset.rename(dataset.with_name("elsewhere"))
    assert Manifest.load(moved).fingerprint == before.fingerprint
    edit(moved / "labels.csv", ",X", ",unsure")
    assert Manifest.load(moved).fingerprint != before.fingerprint


@pytest.mark.parametrize("id_", ["../../evil", "/etc/x", ".hidden", "a/b", "", "a b", "-rf"])
def test_an_id_that_is_no_file_name_is_refused(dataset: Path, id_: str) -> None:
    first = Manifest.load(dataset).portraits[0]
    hostile = manifest_csv([replace(first, id=id_)])
    (dataset / "manifest.csv").write_text(hostile)
    with pytest.raises(InputError, match=r"line 2: id .* is not safe as a file name"):
        Manifest.load(dataset)


def test_an_id_twice_is_refused(dataset: Path) -> None:
    portraits = Manifest.load(dataset).portraits
    (dataset / "manifest.csv").write_text(manifest_csv([*portraits, portraits[0]]))
    with pytest.raises(InputError, match=f"line 26: a second '{portraits[0].id}'"):
        Manifest.load(dataset)


@pytest.mark.parametrize(
    ("old", "new"),
    [(",train,", ",Train,"), (",train,", ",train,x"), ("\n0", "\n0,"), (",1,", ",one,")],
)
def test_a_damaged_line_is_named(dataset: Path, old: str, new: str) -> None:
    edit(dataset / "manifest.csv", old, new)
    with pytest.raises(InputError, match=r"manifest\.csv, line \d+: "):
        Manifest.load(dataset)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 2}', "null"])
def test_a_damaged_dataset_json_is_a_sentence(dataset: Path, text: str) -> None:
    (dataset / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json: "):
        Manifest.load(dataset)


def test_a_folder_that_is_no_dataset_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished dataset; run `gazebench build-dataset"):
        Manifest.load(tmp_path)
    with pytest.raises(InputError, match="no such dataset; run `gazebench build-dataset"):
        Manifest.load(tmp_path / "none")


def test_dataset_json_says_what_the_dataset_is(small_dataset: Path) -> None:
    info = json.loads((small_dataset / "dataset.json").read_text())
    assert info["name"] == "dataset"
    assert info["source"] == "folder"
    counts = info["counts"]
    assert (counts["found"], counts["portraits"], counts["test"]) == (24, 24, 12)
    assert counts["quarantined"] == {}
    assert counts["leaks"] == {"identities": 0, "exact duplicates": 0, "near-duplicates": 0}
    assert info["settings"]["align"] == "none"


def test_labels_that_contradict_each_other_are_refused(dataset: Path) -> None:
    text = (dataset / "labels.csv").read_text()
    id_, _, label = text.splitlines()[1].partition(",")
    (dataset / "labels.csv").write_text(text + f"{id_},{'Y' if label == 'X' else 'X'}\n")
    with pytest.raises(InputError, match=f"line 26: '{id_}' has another label in an earlier line"):
        read_labels(dataset / "labels.csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"id;label\na;X\n", "column 'id' is missing"),
        (b'id,label\n"a,X\n', "cannot be read as CSV"),
        (b"\xff\xfei\x00d\x00", "cannot be read as CSV"),
        (b"", "column 'id' is missing"),
    ],
)
def test_a_file_that_is_no_such_csv_is_a_sentence(tmp_path: Path, content, sentence) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.csv: {sentence}"):
        list(read_csv(tmp_path / "t.csv", ("id", "label")))


def test_blank_lines_do_not_shift_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfid,label\r\n\r\na,X\r\n\r\n\r\nb,Y\r\n")
    rows = list(read_csv(tmp_path / "t.csv", ("id", "label")))
    assert rows == [(3, {"id": "a", "label": "X"}), (6, {"id": "b", "label": "Y"})]
