"""Bytes of every file that is read back, changed at random: a sentence or a result, nothing else.

2,000 examples of each file. What is not a ``GazebenchError`` is a traceback and fails, so does an
example that takes five seconds; nothing outside the folder that is read may change.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import report_runs
import torch
import toy_methods
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from training_folders import make_dataset, train

from gazebench import training
from gazebench.annotation import importing, imports
from gazebench.annotation.labels import read_rows
from gazebench.annotation.votes import UNDO
from gazebench.config import build
from gazebench.curation import verify
from gazebench.dataset import LABELS, Domain, Manifest, Split, intact, read_heading
from gazebench.errors import GazebenchError
from gazebench.evaluation.correct import _is_complete, read_facts
from gazebench.methods import Task
from gazebench.reports.measured import Measured
from gazebench.reports.report import _sheets
from gazebench.training import checkpoint
from gazebench.training.run import Recipe, RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

VALUES = st.sampled_from(
    [
        *(b"null", b"true", b"-1", b"0.5", b"1e999", b"NaN", b"1" * 30, b"9" * 5000, b"1_0"),
        *(b"[]", b"{}", b"[" * 100, b'{"a":' * 60, b'""', b'"\\ud800"', b"../../etc"),
        *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\r", b"\n", b",", b"=", b"[[", b"'", b'"'),
        *(b"1979-05-27", "\u0663".encode()),
    ]
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "cut", "flip", "value", "twice", "end"]),
        st.floats(0, 1),  # where
        st.integers(0, 60),  # how much
        VALUES | st.binary(max_size=12),
    ),
    min_size=1,
    max_size=4,
)

Edits = list[tuple[str, float, int, bytes]]


def edited(data: bytes, edits: Edits) -> bytes:
    """Bytes after some changes at random places."""
    for kind, where, length, new in edits:
        place = int(where * len(data))
        if kind == "put":
            data = data[:place] + new + data[place:]
        elif kind == "cut":
            data = data[:place] + data[place + length :]
        elif kind == "flip" and place < len(data):
            data = data[:place] + bytes([data[place] ^ (1 << length % 8)]) + data[place + 1 :]
        elif kind == "value":
            data = _with_value(data, place, new)
        elif kind == "twice":
            data = data[: place + length] + data[place:]
        else:
            data = data[:place]
    return data


def _with_value(data: bytes, place: int, new: bytes) -> bytes:
    """Another value after the next separator, so that what surrounds it stays valid."""
    starts = [at for sign in b":=," if (at := data.find(bytes([sign]), place)) >= 0]
    if not starts:
        return data
    start = min(starts) + 1
    ends = [at for sign in b",}]\n" if (at := data.find(bytes([sign]), start)) >= 0]
    return data[:start] + new + data[min(ends, default=len(data)) :]


def snapshot(root: Path, but: Path) -> dict[str, str]:
    """Digests of the files below ``root`` that do not lie below ``but``."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and but not in path.parents
    }


@dataclass(frozen=True)
class World:
    """A dataset, a run trained on it, results; all small."""

    root: Path

    @property
    def dataset(self) -> Path:
        return self.root / "dataset"

    @property
    def run(self) -> Path:
        return self.root / "trained" / "run"

    @property
    def scored(self) -> Path:
        return self.root / "runs" / "v2"

    @property
    def given(self) -> Path:
        return self.root / "given"

    def file(self, name: str) -> Path:
        """One that another tool wrote, for `label import`."""
        return self.given / name


EVENT = {
    "event": "e1",
    "annotator": "ana",
    "portrait": "a1",
    "vote": "X",
    "milliseconds": 800,
    "time": "2026-01-02T03:04:05+00:00",
    "round": "label",
    "client": "pack",
}
STUDIO = {
    "id": 1,
    "data": {"image": "http://h:80/data/local-files/?d=f%2Fa1.jpg", "id": "a1"},
    "annotations": [
        {
            "completed_by": {"id": 8, "email": "b@example.org"},
            "was_cancelled": False,
            "lead_time": 2.5,
            "created_at": "2026-01-02T03:04:05.6Z",
            "result": [{"type": "choices", "value": {"choices": ["X"]}}],
        }
    ],
}
STUDIO_MIN = {"image": "x/a2.png", "choice": "Y", "annotator": 3, "lead_time": 1, "id": 2}
GIVEN = {
    "studio.json": json.dumps([STUDIO]),
    "studio-min.json": json.dumps([STUDIO_MIN, STUDIO_MIN]),
    "events.jsonl": "".join(json.dumps(EVENT | {"vote": vote}) + "\n" for vote in ("X", UNDO)),
    "page.json": json.dumps({"format": imports.FORMAT, "annotator": "ana", "events": [EVENT]}),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    found = World(tmp_path_factory.mktemp("world"))
    train(make_dataset(found.dataset), found.run)
    report_runs.make_runs(found.root / "report")
    for run in ("v2", "identity"):
        shutil.move(found.root / "report" / "runs" / run, found.root / "runs" / run)
    facts = {
        "method": "small",
        "dataset": "f" * 16,
        "portraits": 4,
        "costs": {"fps": {"value": 30.0, "n": 20, "interval": [29.0, 31.0]}},
        "device": "CPU",
    }
    (found.run / "predictions.json").write_text(json.dumps(facts, indent=1))
    found.given.mkdir()
    for name, text in GIVEN.items():
        found.file(name).write_text(text)
    return found


def read_scores(world: World) -> None:
    measured = Measured(world.root / "runs")
    assert len(measured.runs) + len(measured.damaged) == 2
    assert _sheets("table_1", measured)


def read_predictions(world: World) -> None:
    read_facts(world.run)
    _is_complete(world.run, "predictions", {"method": "small", "portraits": 4})


def read_config(world: World) -> None:
    training.run_method_name(world.run)
    recipe = Recipe.load(RunFolder(world.run).config)
    manifest = Manifest.load(world.dataset)
    training.load_trained(toy_methods, world.run, manifest, device="cpu", say=lambda _: None)
    recipe.refuse_other(recipe, world.run)


def read_state(world: World) -> None:
    found = checkpoint.newest(RunFolder(world.run).checkpoints, lambda _: None)
    if found is None:
        return
    recipe = Recipe.load(RunFolder(world.run).config)
    kind = training.job.trainable(toy_methods, recipe.method)
    settings_ = build(kind.Config, recipe.settings)
    method = kind(settings_, Task(recipe.resolution, recipe.window))
    weights, rest = found.weights(), found.state()
    checkpoint.load_networks(method.networks, method.networks, weights | rest)
    optimisers = checkpoint.taken("optimiser", rest)
    checkpoint.load_optimisers(method.optimisers, found.facts["optimisers"], optimisers)


def read_dataset(world: World) -> None:
    manifest = Manifest.load(world.dataset)
    manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
    intact.faults(manifest)
    verify.faults(world.dataset, quiet=True)


def read_labels(world: World) -> None:
    read_heading(world.dataset)
    manifest = Manifest.load(world.dataset)
    assert manifest.fingerprint
    read_rows(world.dataset)


def read_given(world: World, name: str) -> None:
    path = world.given / name
    lines = [(said.name, said) for said in imports.read(path)]
    assert {said.vote for _, said in lines} <= {*LABELS, UNDO, ""}
    said = [(id_, line) for id_, line in lines if line.vote]
    events = list(importing._events(path, said, "ana"))
    assert all(event.annotator.strip() for event in events)


FILES: dict[str, tuple[Callable[[World], Path], Callable[[World], None]]] = {
    "scores.json": (lambda w: w.scored / "scores.json", read_scores),
    "predictions.json": (lambda w: w.run / "predictions.json", read_predictions),
    "config.toml": (lambda w: w.run / "config.toml", read_config),
    "state.json": (lambda w: _newest(w) / "state.json", read_state),
    "state.json of an earlier version": (lambda w: _newest(w) / "state.json", read_state),
    "manifest.csv": (lambda w: w.dataset / "manifest.csv", read_dataset),
    "dataset.json": (lambda w: w.dataset / "dataset.json", read_dataset),
    "labels.csv": (lambda w: w.dataset / "labels.csv", read_labels),
    **{n: (partial(World.file, name=n), partial(read_given, name=n)) for n in GIVEN},
}


def _newest(world: World) -> Path:
    return max(RunFolder(world.run).checkpoints.iterdir())


@pytest.fixture
def kept(world: World) -> Iterator[Callable[[Path], bytes]]:
    """The content of a file, which is put back at the end."""
    held: dict[Path, bytes] = {}
    yield lambda path: held.setdefault(path, path.read_bytes())
    for path, data in held.items():
        path.write_bytes(data)


def told(read: Callable[[World], Any], world: World) -> GazebenchError | None:
    """What a reader refuses with, if it does."""
    try:
        read(world)
    except GazebenchError as error:
        return error
    return None


def fuzz(
    world: World, path: Path, change: Callable[[Edits], bytes], read: Callable[[World], Any]
) -> None:
    before = snapshot(world.root, path.parent)

    @settings(
        max_examples=2000,
        deadline=timedelta(seconds=5),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        derandomize=True,
        database=None,
    )
    @given(EDITS)
    def check(edits: Edits) -> None:
        path.write_bytes(change(edits))
        error = told(read, world)
        assert error is None or (str(error) and error.exit_code != 1)

    check()
    assert snapshot(world.root, path.parent) == before


@pytest.mark.parametrize("name", FILES)
def test_changed_bytes_are_a_sentence_or_a_result(name: str, world: World, kept) -> None:
    place, read = FILES[name]
    path = place(world)
    data = kept(path)
    if name.endswith("earlier version"):  # whose file has no digest of itself
        row = json.loads(data)
        del row["sha256"]["state.json"]
        data = json.dumps(row, indent=1).encode()
    fuzz(world, path, lambda edits: edited(data, edits), read)


@pytest.mark.parametrize("fits", [True, False], ids=["right length", "old length"])
def test_changed_headers_of_tensors_are_a_sentence_or_a_result(
    fits: bool, world: World, kept
) -> None:
    path = _newest(world) / "weights.safetensors"
    data = kept(path)
    size = 8 + int.from_bytes(data[:8], "little")

    def change(edits: Edits) -> bytes:
        header = edited(data[8:size], edits)
        length = len(header).to_bytes(8, "little") if fits else data[:8]
        return length + header + data[size:]

    def read(_: World) -> None:
        found = checkpoint.Checkpoint(path.parent, {}).weights()
        assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())

    fuzz(world, path, change, read)
