"""A disk that fills up: every command that writes says so, and its repetition ends well.

Builds, trainings and votes have tests of this of their own, with what they keep.
"""

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from build_runs import gazebench
from report_runs import make_result
from test_submissions import submission

from gazebench.errors import DiskError

Words = tuple[object, ...]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process can grow beyond ``size`` bytes, as on a disk with so much left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    compiling, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # it would be cut off
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = compiling


def evaluate(dataset: Path, out: Path) -> Words:
    chosen = ("--method", "eye_bank", "--metric", "seam_eyes")
    return ("eval", dataset, out, *chosen, "--device", "cpu")


def score(dataset: Path, out: Path) -> Words:
    folder = submission(out.with_name("mine"), dataset)
    where = ("--dataset", dataset, "--runs", out, "--metric", "seam_eyes")
    return (
        "score",
        folder / "predictions",
        *where,
        "--name",
        "mine",
        "--card",
        folder / "card.toml",
    )


def report(dataset: Path, out: Path) -> Words:
    make_result().save(out.with_name("runs") / "prgan" / "scores.json")
    return ("report", out.with_name("runs"), out)


def submit(dataset: Path, out: Path) -> Words:
    make_result().save(out.with_name("runs") / "prgan" / "scores.json")
    return ("submit", "add", out.with_name("runs") / "prgan", out)


def export(dataset: Path, out: Path) -> Words:
    return ("export", dataset, out, "--to", "webdataset", "--with-pixels")


def synthesize(dataset: Path, out: Path) -> Words:
    return ("synthesize", out, "--count", "2", "--size", "64", "--workers", "1")


def correct(dataset: Path, out: Path) -> Words:
    photo = sorted((dataset / "images").iterdir())[0]
    return ("correct", photo, "--method", "eye_bank", "--dataset", dataset, "--out", out)


def label(dataset: Path, out: Path) -> Words:
    names = [line.split(",")[0] for line in (dataset / "labels.csv").read_text().split()[1:]]
    out.with_name("all.csv").write_text("\n".join(("id,label", *(f"{name},X" for name in names))))
    return ("label", "import", dataset, out.with_name("all.csv"), "--replace")


def study(dataset: Path, out: Path) -> Words:
    runs = out.with_name("runs")
    chosen = ("--method", "identity", "--method", "eye_bank", "--metric", "seam_eyes")
    assert gazebench("eval", dataset, runs, *chosen, "--device", "cpu").exit_code == 0
    return ("study", "create", runs, dataset, out, "--questions", "3", "--catches", "1")


COMMANDS = (evaluate, score, report, submit, export, synthesize, correct, label, study)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_full_disk_is_a_sentence_and_the_same_command_ends_well_later(
    command: Callable[[Path, Path], Words], dataset: Path, tmp_path: Path
) -> None:
    words = command(dataset, tmp_path / "out")
    with room_for(200):
        full = gazebench(*words)
    assert full.exit_code == DiskError.exit_code, full.output
    assert "no space left on the disk; free some and run the same command again" in full.output
    again = gazebench(*words)
    assert again.exit_code == 0, again.output
