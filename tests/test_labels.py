from pathlib import Path
from typing import Any

import pytest
from build_runs import build, gazebench
from labelling import ids
from PIL import Image

from gazebench import store
from gazebench.annotation.labels import ImportReport, import_csv
from gazebench.dataset import read_labels
from gazebench.errors import BusyError, InputError


def bring(dataset: Path, *lines: str, header: str = "id,label", **options: Any) -> ImportReport:
    """Import a file with these lines."""
    path = dataset.with_name("new.csv")
    path.write_text("\n".join([header, *lines, ""]))
    return import_csv(dataset, path, **options)


def refusal(dataset: Path, *lines: str, header: str = "id,label") -> str:
    """What is said of a file that is refused; nothing may have been written."""
    path = dataset / "labels.csv"
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(InputError) as error:
        bring(dataset, *lines, header=header)
    assert (path.read_bytes() if path.exists() else None) == before
    return str(error.value)


HEADERS = ("id,label", "filename,vote", "source_name,domain", "who,image,label")


@pytest.mark.parametrize("header", HEADERS)
def test_portraits_are_named_by_id_or_source_name(bare: Path, header: str) -> None:
    a, b = ids(bare)[:2]
    extra = "somebody," if header.startswith("who") else ""
    report = bring(bare, f"{extra}{a},X", f"{extra}{b}.jpg,Y", header=header)
    assert (report.read, report.new, report.changed) == (2, 2, 0)
    assert read_labels(bare / "labels.csv") == {a: "X", b: "Y"}


def test_case_and_blanks_do_not_matter(bare: Path) -> None:
    a, b, c, d = ids(bare)[:4]
    bring(bare, f"{a}, x ", f" {b} ,y", f"{c},UNSURE", f"{d},Reject")
    assert list(read_labels(bare / "labels.csv").values()) == ["X", "Y", "unsure", "reject"]


def test_a_file_of_windows_is_fine(bare: Path) -> None:
    a, b = ids(bare)[:2]
    path = bare.with_name("w.csv")
    path.write_bytes(f'\ufeffid,label\r\n"{a}",X\r\n\r\n{b},Y\r\n'.encode())
    assert import_csv(bare, path).read == 2


def test_the_same_file_again_changes_nothing(dataset: Path) -> None:
    before = (dataset / "labels.csv").read_bytes()
    report = import_csv(dataset, dataset / "labels.csv")
    assert (report.read, report.new, report.changed) == (24, 0, 0)
    assert (dataset / "labels.csv").read_bytes() == before


def test_labels_are_merged(bare: Path) -> None:
    a, b, c = ids(bare)[:3]
    bring(bare, f"{a},X", f"{b},Y")
    report = bring(bare, f"{b},Y", f"{c},X")
    assert (report.read, report.new) == (2, 1)
    assert read_labels(bare / "labels.csv") == {a: "X", b: "Y", c: "X"}


def test_counts_are_of_the_whole_file(dataset: Path) -> None:
    report = bring(dataset, f"{ids(dataset)[0]},reject", replace=True)
    assert sum(report.counts.values()) == 24
    assert sum(n for (label, _), n in report.counts.items() if label == "reject") == 1


def test_two_lines_that_contradict_are_both_named(bare: Path) -> None:
    a = ids(bare)[0]
    sentence = refusal(bare, f"{a},X", "", f"{a}.jpg,Y")
    assert f"line 4: '{a}.jpg' is Y here and X in line 2" in sentence


def test_the_same_line_twice_is_fine(bare: Path) -> None:
    a = ids(bare)[0]
    assert bring(bare, f"{a},X", f"{a}.jpg,x").read == 1


def test_another_label_than_before_needs_replace(bare: Path) -> None:
    a, b = ids(bare)[:2]
    bring(bare, f"{a},X", f"{b},Y")
    sentence = refusal(bare, f"{a},Y", f"{b},X")
    assert f"{a} is X in labels.csv and Y here (2 such); --replace takes the new ones" in sentence
    assert bring(bare, f"{a},Y", f"{b},X", replace=True).changed == 2
    assert read_labels(bare / "labels.csv") == {a: "Y", b: "X"}


def test_an_unknown_name_is_named_with_its_line(bare: Path) -> None:
    sentence = refusal(bare, f"{ids(bare)[0]},X", "stranger.jpg,Y", "../etc/passwd,X")
    assert "line 3: 'stranger.jpg', line 4: '../etc/passwd'" in sentence
    assert "another dataset" not in sentence


def test_labels_of_another_dataset_are_known_as_such(bare: Path) -> None:
    sentence = refusal(bare, *(f"other-{n}.jpg,X" for n in range(9)))
    assert "line 2: 'other-0.jpg'" in sentence
    assert "and 4 more; these are labels for another dataset" in sentence


@pytest.mark.parametrize(
    ("lines", "header", "sentence"),
    [
        (
            ["00000,Z"],
            "id,label",
            "line 2: label 'Z'; it must be X, Y, unsure, reject or ambiguous",
        ),
        (["00000"], "id,label", "line 2: label ''"),
        (["00000,"], "id,label", "line 2: label ''"),
        (["00000,1"], "id,label", "line 2: label '1'"),
        ([",X"], "id,label", "line 2: ''"),
        ([], "id,label", "has no lines below its header"),
        ([], "", "has no lines below its header"),
        (["a,X"], "portrait,label", "no column id or source_name or name"),
        (["a,X"], "id,gaze", "no column label or domain or vote; it has: id, gaze"),
        (["a:X"], "id:label", "it has: id:label"),
    ],
)
def test_a_file_that_makes_no_sense_is_a_sentence(bare, lines, header, sentence) -> None:
    assert sentence in refusal(bare, *lines, header=header)


def test_labels_of_quarantined_faces_are_counted(faces: Path, tmp_path: Path) -> None:
    Image.new("RGB", (256, 256)).save(faces / "blank.png")
    build(faces, tmp_path / "out", "--limit", 13)
    report = bring(tmp_path / "out", "blank.png,X", "blank,Y", "00023,X")
    assert (report.read, report.new, report.quarantined) == (1, 1, 2)
    assert "no label of a portrait" in refusal(tmp_path / "out", "blank.png,X")


def test_a_name_with_two_meanings_is_refused(faces: Path, tmp_path: Path) -> None:
    first, second = sorted(faces.iterdir())[:2]
    first.rename(faces / "a.jpg")  # id a
    second.rename(faces / "a.jpg.jpg")  # id a.jpg, the other one's name
    build(faces, tmp_path / "out", "--limit", 12)
    assert "'a.jpg' may mean a and a.jpg" in refusal(tmp_path / "out", "a.jpg,X")
    assert bring(tmp_path / "out", "a,X", "a.jpg.jpg,Y").new == 2


def test_nobody_else_may_write_labels_meanwhile(dataset: Path) -> None:
    with store.locked(dataset), pytest.raises(BusyError):
        import_csv(dataset, dataset / "labels.csv")


def test_the_command_says_what_is_missing(bare: Path) -> None:
    path = bare.with_name("new.csv")
    path.write_text(f"id,label\n{ids(bare)[0]},X\n")
    done = gazebench("label", "import", bare, path)
    assert done.exit_code == 0, done.output
    assert "1 label read, 1 new, 0 changed" in done.output
    assert "no Y in the test half (needed to evaluate)" in done.output


def test_the_command_names_the_next_step(dataset: Path) -> None:
    done = gazebench("label", "import", dataset, dataset / "labels.csv")
    assert f"next: gazebench train --method prgan {dataset}" in done.output
    rows = [line.split() for line in done.output.splitlines()]
    assert ["X", "6", "6"] in rows
    assert ["Y", "6", "6"] in rows


def test_a_mistake_ends_with_code_3(dataset: Path, tmp_path: Path) -> None:
    assert gazebench("label", "import", dataset, tmp_path / "none.csv").exit_code == 3
    assert gazebench("label", "import", tmp_path, dataset / "labels.csv").exit_code == 3
