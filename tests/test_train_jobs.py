"""Trainings side by side: parts first, failures kept, processes that die, Ctrl-C and resume."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import SIGTERM

import pytest
import toy_methods
from training_folders import losses, make_dataset, two_files

from gazebench.dataset import Manifest
from gazebench.training import TrainingSettings, checkpoint
from gazebench.training.job import Budget
from gazebench.training.queue import QueueEntry, QueueReport, Trainer, plan
from gazebench.training.side_by_side import SideBySide

CONTEXT = get_context("spawn")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


def train_toy(report: Connection, dataset: Path, entry: QueueEntry) -> None:
    if entry.settings.get("seed_of_death"):
        os._exit(9)
    report.send(queued(Manifest.load(dataset), [entry]))


def queued(dataset: Manifest, entries: Sequence[QueueEntry]) -> QueueReport:
    trainer = Trainer(
        manifest=dataset,
        collection=toy_methods,
        settings=TrainingSettings(device="cpu"),
        budget=Budget(),
        progress=False,
        say=lambda _: None,
    )
    return trainer.run(entries)


def start(dataset: Path, entry: QueueEntry) -> tuple[BaseProcess, Connection]:
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=train_toy, args=(theirs, dataset, entry))
    process.start()
    theirs.close()
    return process, ours


def toys(
    dataset: Manifest, entries: Sequence[QueueEntry], jobs: int
) -> tuple[QueueReport, list[str]]:
    heard: list[str] = []
    return SideBySide(partial(start, dataset.root), jobs, heard.append).run(entries), heard


@pytest.mark.long
def test_the_weights_are_those_of_a_queue_and_parts_come_first(
    dataset: Manifest, tmp_path: Path
) -> None:
    ends, heard = [], []
    for runs in (tmp_path / "queue", tmp_path / "jobs"):
        entries = plan(dataset, toy_methods, ["taker", "small"], {}, runs, {})
        if runs.name == "queue":
            report = queued(dataset, entries)
        else:
            report, heard = toys(dataset, entries, 3)
        assert not report.failures
        assert {r.run.name for r in report.results} == {"small", "taker", "small-lr-0.02"}
        found = [checkpoint.newest(runs / e.run.name / "checkpoints", print) for e in entries]
        ends.append([f and f.weights_sha256 for f in found])
    assert ends[0] == ends[1]
    assert heard.index("small: begins") < heard.index("small-lr-0.02: trained")
    assert heard.index("small-lr-0.02: trained") < heard.index("taker: begins")


@pytest.mark.long
def test_a_process_that_dies_is_a_failure_and_so_is_what_needs_it(
    dataset: Manifest, tmp_path: Path
) -> None:
    part, taker, other = plan(dataset, toy_methods, ["taker", "small"], {}, tmp_path, {})
    dying = QueueEntry(name="small", run=part.run, settings={"seed_of_death": 1}, parts={})
    report, _ = toys(dataset, [dying, taker, other], 2)
    assert set(report.failures) == {
        "small-lr-0.02: its process ended with code 9",
        "taker: small-lr-0.02 is not trained",
    }
    assert [result.run.name for result in report.results] == ["small"]


@pytest.mark.long
def test_the_command_stops_at_a_signal_and_the_same_command_resumes(
    dataset: Manifest, tmp_path: Path
) -> None:
    runs, words = tmp_path / "runs", two_files(tmp_path)
    flags = ["--jobs", "2", "--device", "cpu", "--images", "1440"]  # 360 steps
    line = [
        sys.executable,
        "-m",
        "gazebench",
        "train",
        *words,
        *flags,
        str(dataset.root),
        str(runs),
    ]
    slow = {**os.environ, "PACE": "0.05"}
    process = subprocess.Popen(
        line, env=slow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while process.poll() is None and not all(losses(runs / n) for n in ("one", "two")):
        time.sleep(0.1)
    process.send_signal(SIGTERM)
    said, _ = process.communicate()
    assert process.returncode == 143, said
    stopped = {name: len(losses(runs / name)) for name in ("one", "two")}
    assert min(stopped.values()) > 0
    assert min(stopped.values()) < 360
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in stopped:
        assert [step for step, _ in losses(runs / name)] == list(range(1, 361))
    assert "1,440" in done.stdout
