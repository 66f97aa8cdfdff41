"""Several methods trained one after the other under one budget; one that fails stops no other."""

import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gazebench import methods, plugins
from gazebench.dataset import Manifest
from gazebench.errors import (
    DiskError,
    GazebenchError,
    InputError,
    MissingPartError,
    RefusedError,
    StoppedError,
)
from gazebench.methods import Task
from gazebench.plugins import Collection
from gazebench.training.job import Budget, Job, trainable
from gazebench.training.loop import TrainingResult, train_job
from gazebench.training.monitor import aloud
from gazebench.training.run import RunFolder, TrainingSettings, is_main, read_log

_ALIKE = (InputError, MissingPartError, RefusedError)  # in all processes or in none


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One training of the queue, before the runs that give its parts are there."""

    name: str  # of the method
    run: Path
    settings: Mapping[str, Any]  # the method's table
    parts: Mapping[str, Path]  # method → run that gives a part


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """What became of the entries."""

    results: tuple[TrainingResult, ...]
    failures: tuple[str, ...]  # "RUN: why" of those that are not trained


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """What all trainings of a queue share."""

    manifest: Manifest
    collection: Collection  # of the methods
    settings: TrainingSettings
    budget: Budget
    overwrite: bool = False
    progress: bool = True
    say: Callable[[str], None] = aloud

    def run(self, entries: Sequence[QueueEntry]) -> QueueReport:
        """Train every entry; where one fails, the reason is kept and the others are still trained.

        The same call again resumes where an earlier one stopped and skips what is trained.

        Raises:
            DiskError: no space or not writable.
            StoppedError: a signal asked for it; all is saved.
        """
        results: list[TrainingResult] = []
        failures: list[str] = []
        for number, entry in enumerate(entries, 1):
            self._tell(f"{number} of {len(entries)}: {entry.run.name}")
            try:
                results.append(self.one(entry))
            except (DiskError, StoppedError):
                raise
            except Exception as error:
                failures.append(f"{entry.run.name}: {self._sentence(error, entry)}")
                self._tell(failures[-1])
                if _processes() > 1 and not isinstance(error, _ALIKE):
                    raise  # the others would wait for this one forever
        return QueueReport(results=tuple(results), failures=tuple(failures))

    def one(self, entry: QueueEntry) -> TrainingResult:
        """Train one entry, for as many steps as the budget has.

        Raises:
            GazebenchError: as ``train`` does.
        """
        job = Job.of(
            self.manifest,
            entry.run,
            self.collection,
            entry.name,
            entry.settings,
            entry.parts,
            self.settings,
            self.budget,
        )
        return train_job(job, overwrite=self.overwrite, progress=self.progress, say=self.say)

    def _sentence(self, error: Exception, entry: QueueEntry) -> str:
        if isinstance(error, GazebenchError):
            return str(error)
        if isinstance(error, torch.OutOfMemoryError):
            return (
                "the GPU's memory is full; lower the batch, as in "
                f"--set methods.{entry.name}.batch=4, or take --precision bf16"
            )
        self._tell(traceback.format_exc().rstrip())  # a mistake in a method's file is to be found
        return f"{type(error).__name__}: {error}"

    def _tell(self, sentence: str) -> None:
        if is_main():
            self.say(sentence)


def plan(
    manifest: Manifest,
    collection: Collection,
    names: Sequence[str],
    tables: Mapping[str, Mapping[str, Any]],
    runs: Path,
    parts: Mapping[str, Path],
    variants: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[QueueEntry]:
    """The trainings of the methods ``names`` ("all" for every one that corrects), in order.

    ``variants`` are named runs instead, such as ablations: name of the run → its method and the
    settings that differ from the method's table; ``names`` says of which methods.

    Each goes into ``runs/NAME``. A method with parts comes after the training that gives them,
    ``runs/PART``, or ``runs/PART-SETTING-VALUE`` where it needs other settings than the table's;
    ``parts`` has runs that are trained already.

    Raises:
        InputError: no such method, one without training, bad settings, or no method takes what is
            in ``parts``.
    """
    wanted = every(collection) if "all" in names else names
    found: dict[Path, QueueEntry] = {}
    for name, table, folder in _wanted(wanted, tables, runs, variants):
        settings = {**tables, name: table}
        *before, own = _entries(manifest, collection, name, {}, settings, runs, parts)
        for entry in (*before, replace(own, run=folder)):
            found.setdefault(entry.run, entry)
    taken = {method for entry in found.values() for method in entry.parts}
    for method in parts.keys() - taken:
        raise InputError(f"none of {', '.join(wanted)} takes a part of {method}")
    return list(found.values())


def _wanted(
    names: Sequence[str],
    tables: Mapping[str, Mapping[str, Any]],
    runs: Path,
    variants: Mapping[str, Mapping[str, Any]] | None,
) -> Iterator[tuple[str, Mapping[str, Any], Path]]:
    """Method, its table and its folder of each training that is asked for."""
    if not variants:
        yield from ((name, tables.get(name, {}), runs / name) for name in names)
    for run, variant in (variants or {}).items():
        table = dict(variant)
        name = table.pop("method", None)
        if not isinstance(name, str) or Path(run).name != run:
            raise InputError(f'settings table runs.{run}: needs method = "NAME", and a plain name')
        if name in names:
            yield name, {**tables.get(name, {}), **table}, runs / run


def every(collection: Collection) -> list[str]:
    """Names of the methods that are trained and correct portraits."""
    kinds = {name: methods.load(collection, name) for name in plugins.names(collection)}
    return [n for n, kind in kinds.items() if methods.is_trainable(kind) and methods.corrects(kind)]


def _entries(
    manifest: Manifest,
    collection: Collection,
    name: str,
    needed: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    runs: Path,
    given: Mapping[str, Path],
) -> Iterator[QueueEntry]:
    """The training of a method whose settings must be ``needed``, last, after those it needs."""
    kind = trainable(collection, name)
    own = methods.settings_of(kind, name, tables.get(name, {}))
    other = {k: v for k, v in needed.items() if getattr(own, k) != v}
    table = {**tables.get(name, {}), **other}
    chosen = methods.settings_of(kind, name, table)
    parts: dict[str, Path] = {}
    for part in kind.parts(chosen, Task(manifest.resolution, manifest.window)).values():
        if part.method in given:
            parts[part.method] = given[part.method]
            continue
        before = list(
            _entries(manifest, collection, part.method, part.settings, tables, runs, given)
        )
        yield from before
        parts[part.method] = before[-1].run
    folder = "-".join([name, *(f"{key}-{value}" for key, value in other.items())])
    yield QueueEntry(name=name, run=runs / folder, settings=table, parts=parts)


def last_losses(run: Path) -> Mapping[str, float]:
    """Losses of the newest step in a run's log; none where there is no log."""
    rows = read_log(RunFolder(run).log)
    return rows[-1]["losses"] if rows else {}


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))
