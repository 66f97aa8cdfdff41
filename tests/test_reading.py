"""What is read back is whole and plain, or a sentence: never a traceback, never a wait."""

import os
from pathlib import Path

import numpy as np
import pytest

from gazebench import config, reading
from gazebench.annotation.imports._lines import text_of
from gazebench.dataset import Manifest, read_csv, read_labels, tables
from gazebench.errors import InputError
from gazebench.results import RunResult
from gazebench.training import checkpoint
from gazebench.training.run import Recipe, read_last, read_log

READERS = [
    reading.read_json,
    reading.read_toml,
    reading.read_array,
    reading.read_arrays,
    reading.check_tensors,
    reading.sha256_of,
    lambda path: list(reading.csv_rows(path)),
    lambda path: list(read_csv(path, ("id",))),
    lambda path: list(tables.read(path, ("id",))),
    text_of,
    read_labels,
    read_log,
    read_last,
    config.read,
    RunResult.load,
    Recipe.load,
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a pipe"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(read, kind, tmp_path: Path) -> None:
    path = tmp_path / "it"
    if kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path if kind == "pipe" else tmp_path / "pipe")
        if kind != "pipe":
            path.symlink_to(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"is not a regular file|cannot be read"):
        read(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 50 + "]" * 50, "lists or tables within each other"),
        ("[" * 100_000, "too deeply"),
        ("1" + "0" * 30, "digits"),
        ("1" + "0" * 5000, "digits"),
        ('"\\ud800"', "surrogates not allowed"),
        ("{", "Expecting property name"),
        ("\xff", "no UTF-8 text"),
    ],
)
def test_json_beyond_the_limits_is_a_sentence(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=rf"a\.json: damaged \(.*{why}.*\); make it again"):
        reading.read_json(tmp_path / "a.json", "make it again")


def test_json_of_a_text_says_where_it_stands() -> None:
    assert reading.json_value('{"a": [1.5]}', "votes, line 7") == {"a": [1.5]}
    with pytest.raises(
        InputError, match=r"^votes, line 7: damaged \(a whole number .*\); mend it$"
    ):
        reading.json_value("1" + "0" * 30, "votes, line 7", "mend it")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = 1" + "0" * 40, "a." * 3000 + "b = 1"])
def test_toml_beyond_the_limits_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InputError, match=r"a\.toml: damaged"):
        reading.read_toml(tmp_path / "a.toml")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.toml").open("wb") as file:
        file.truncate(reading.MAX_TOML + 1)
    with pytest.raises(InputError, match="bytes, at most"):
        reading.read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize("text", ["1_0", "\u0661\u0662", "1e3", "0x1", "", " 1", "9" * 30])
def test_whole_numbers_are_plain_digits(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        reading.whole_number(text)
    assert reading.whole_number("-12") == -12


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "1_0.5", "\u0661.5"])
def test_real_numbers_are_finite(text: str) -> None:
    with pytest.raises(ValueError, match="is not a finite number"):
        reading.real_number(text)
    assert reading.real_number("-1.5e3") == -1500


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([print], object), allow_pickle=True)
    with pytest.raises(InputError, match="damaged"):
        reading.read_array(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", a=np.array([print], object))
    with pytest.raises(InputError, match="damaged"):
        reading.read_arrays(tmp_path / "b.npz")


@pytest.mark.parametrize("claim", [0, (16 << 20) + 1, 1 << 62, 1000])
def test_a_safetensors_header_of_no_sane_size_is_never_parsed(tmp_path: Path, claim: int) -> None:
    path = tmp_path / "weights.safetensors"
    with path.open("wb") as file:
        file.write(claim.to_bytes(8, "little") + b"{}")
        file.truncate(100 if claim == 1000 else 20 << 20)
    with pytest.raises(InputError, match="its header claims"):
        reading.check_tensors(path)
    with pytest.raises(InputError, match="its header claims"):
        checkpoint.Checkpoint(tmp_path, {}).weights()


def test_a_row_of_another_length_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,label\na,X\nb\n")
    with pytest.raises(InputError, match=r"line 3: 1 cells, the header has 2"):
        read_labels(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"resolution": 256', '"resolution": "256"'),
        ('"resolution": 256', '"resolution": 999999'),
        ('"window": [', '"window": [1, '),
        ('"tree_hash": "', '"tree_hash": 1, "x": "'),
    ],
)
def test_a_dataset_json_of_wrong_kinds_is_a_sentence(dataset: Path, old: str, new: str) -> None:
    text = (dataset / "dataset.json").read_text()
    assert old in text
    (dataset / "dataset.json").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=r"dataset\.json: damaged \((resolution|window|tree_hash)"):
        Manifest.load(dataset)
