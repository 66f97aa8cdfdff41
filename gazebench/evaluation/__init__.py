"""Correct the domain-Y test portraits with every method, then score the pictures on the disk.

It uses `methods`, `metrics`, `training` (to load a finished run) and `results`, and imports no
method or metric by name.
"""

import contextlib
import inspect
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import torch

from gazebench import methods, metrics, plugins, store
from gazebench.cards import MethodCard, checked
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels
from gazebench.errors import (
    BusyError,
    DiskError,
    GazebenchError,
    MethodError,
    RefusedError,
    StoppedError,
)
from gazebench.evaluation import animation, cost
from gazebench.evaluation.animation import Animations
from gazebench.evaluation.contenders import (
    Contender,
    Entry,
    find,
    find_parts,
    ready,
    refuse_taken,
)
from gazebench.evaluation.copies import Copies, scored_before, tell_others
from gazebench.evaluation.correct import (
    OF_CAMERA,
    correct,
    device_name,
    portraits_of_camera,
    portraits_to_animate,
    portraits_to_correct,
    read_facts,
    timings_of,
)
from gazebench.evaluation.describing import (
    dataset_facts,
    declined,
    gaps,
    has_scores,
    kept,
    note_failure,
    now,
    provenance,
    without,
)
from gazebench.evaluation.figures import write_for_figures
from gazebench.evaluation.predictions import PARTLY, Predictions
from gazebench.evaluation.score import Scoring
from gazebench.evaluation.traits import traits
from gazebench.methods import animates, has_parts, pick_device
from gazebench.metrics import Instruments
from gazebench.plugins import Collection
from gazebench.reading import read_arrays
from gazebench.results import RunResult

__all__ = ["EvalReport", "Evaluation", "find", "portraits_of_camera", "portraits_to_correct"]

_AGAIN = "`gazebench eval --overwrite` makes them again"  # pictures of a run


@dataclass(frozen=True, kw_only=True)
class EvalReport:
    """Results, and sentences on what is missing or failed."""

    results: tuple[RunResult, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One dataset, one set of metrics, one device; methods come one after the other."""

    manifest: Manifest
    runs: Path
    methods: Collection  # the baselines, and files beside them
    metrics: ModuleType  # package of the metrics
    device: torch.device
    date: str  # ISO 8601, written into the results
    command: str  # what the user typed, without absolute paths
    wanted: tuple[str, ...] = ("all",)  # metrics, see ``metrics.chosen``
    overwrite: bool = False
    quiet: bool = False
    threads: int | None = None  # for work that other processes wait for; None: as for all else

    @classmethod
    def open(
        cls, dataset: str | Path, runs: str | Path, methods: Collection, **options: Any
    ) -> Self:
        """With the metrics of the package, on a dataset's folder, now.

        ``options``: the device's name or None, and the other fields.

        Raises:
            InputError: no finished dataset, or no such device or metric.
        """
        metrics.chosen(metrics, options.get("wanted", ()))
        return cls(
            manifest=Manifest.load(Path(dataset)),
            runs=Path(runs),
            methods=methods,
            metrics=metrics,
            date=now(),
            **{**options, "device": pick_device(options["device"])},
        )

    def run(self, entries: Sequence[Entry]) -> EvalReport:
        """Correct and score every entry; a bad one is recorded and the others go on.

        Raises:
            InputError: the dataset has no labelled test portrait, or was changed after its build.
            DiskError: no space or not writable; run the same command again later.
        """
        self.check()
        scored: list[tuple[RunResult, Predictions]] = []
        refused: list[RunResult] = []
        failures: list[str] = []
        for entry in entries:
            try:
                result, made = self._entry(entry)
                result.save(self.runs / result.run / "scores.json")  # an interrupt loses no score
                scored.append((result, made))
            except (DiskError, StoppedError):
                raise
            except BusyError as error:
                failures.append(f"{entry.run}: {error}")
            except GazebenchError as error:
                failures.append(f"{entry.run}: {error}")
                if has_scores(entry.folder / "scores.json"):  # a fault of now takes none away
                    note_failure(entry.folder, self.manifest, str(error))
                elif isinstance(error, MethodError):
                    reason, cards = str(error), (self.metrics, self._names)
                    refused.append(declined(entry, self.methods, *cards, self.manifest, reason))
        results = [*self._flagged(scored), *refused]
        if any(has_parts(methods.load(self.methods, entry.name)) for entry in entries):
            failures += self._figures_of_parts()
        return self._saved(results, failures)

    def _figures_of_parts(self) -> list[str]:
        """Write what figures show of runs that correct nothing; sentences on those that failed."""
        failures: list[str] = []
        for entry in find_parts(self.methods, self.runs):
            try:
                with store.locked(entry.folder):
                    part = ready(entry, self.methods, self.manifest, self.device)
                    flags = {"device": self.device, "overwrite": self.overwrite}
                    write_for_figures(part, self._pixels, quiet=self.quiet, **flags)
            except (DiskError, StoppedError):
                raise
            except (BusyError, RefusedError):  # it is trained now, or for another dataset
                continue
            except GazebenchError as error:
                failures.append(f"{entry.run}: {error}")
        return failures

    def score_folder(
        self,
        folder: Path,
        card: MethodCard,
        run: str,
        *,
        allow_partial: bool,
        of_camera: Path | None = None,
        of_animation: Path | None = None,
    ) -> EvalReport:
        """Score the predictions of an outside program, as run ``run``.

        ``of_camera``: folder of what it made of the domain-X test portraits, where there is one;
        ``of_animation``: folder of its animations, see ``animation``.

        Raises:
            InputError: names or sizes do not match the dataset's test portraits.
            RefusedError: the folder of that run holds another one.
            BusyError: another process writes there.
        """
        self.check()
        checked(card, MethodCard, run)
        portraits = portraits_to_correct(self.manifest)
        remedy = "" if allow_partial else PARTLY
        made = Predictions.check(
            folder, self.manifest, portraits, allow_partial=allow_partial, remedy=remedy
        )
        entry = Entry(run=run, name=run, folder=self.runs / run, trained=False)
        refuse_taken(entry, folder, self.methods, overwrite=self.overwrite)
        with store.locked(entry.folder):
            refuse_taken(entry, folder, self.methods, overwrite=self.overwrite)
            camera = self._of_camera(of_camera) if of_camera else None
            animated = self._animated(of_animation) if of_animation else None
            path, hooks = entry.folder / "scores.json", list[str]()
            there = self._kept(path, None, made)
            if there:  # which does not say what other folders its scores are of
                hooks += ["update_camera"] if camera else []
                hooks += ["update_animation"] if animated else []
                there = without(there, hooks, self.metrics)
            result = self._scored(entry, card, made, {}, there, camera, animated)
            return self._saved(self._flagged([(result, made)]), [])

    def check(self) -> None:
        """Make sure that there are portraits to correct, and that they are those that were built.

        Raises:
            InputError: no labelled test portrait, or something was changed: the dataset's fault,
                not a method's.
        """
        portraits_to_correct(self.manifest)
        _ = self._pixels

    def with_flags(self, reports: Sequence[EvalReport]) -> EvalReport:
        """Several reports as one, with notes on equal predictions across them."""
        failures = tuple(dict.fromkeys(f for report in reports for f in report.failures))
        results = [result for report in reports for result in report.results]
        if len([report for report in reports if report.results]) < 2:
            return EvalReport(results=tuple(results), failures=failures)
        scored = [(result, self._made(result)) for result in results if result.scores]
        flagged = {r.run: r for r in self._flagged(scored)}
        for result in (r for r in flagged.values() if r not in results):
            result.save(self.runs / result.run / "scores.json")
        return EvalReport(
            results=tuple(flagged.get(result.run, result) for result in results), failures=failures
        )

    def _flagged(self, scored: Sequence[tuple[RunResult, Predictions]]) -> list[RunResult]:
        """The results, with notes on their predictions; runs that equal them get theirs too."""
        others = scored_before(self.runs, self.manifest, without={r.run for r, _ in scored})
        copies = Copies.of(scored, others, self.manifest)
        tell_others(self.runs, others, copies)
        return [copies.told(result, made.remarks()) for result, made in scored]

    def _kept(self, path: Path, contender: Contender | None, made: Predictions) -> RunResult | None:
        """What of the result at ``path`` need not be computed again."""
        wanted = (self.metrics, self._names)
        return None if self.overwrite else kept(path, self.manifest, contender, made, *wanted)

    def _made(self, result: RunResult) -> Predictions:
        portraits = portraits_to_correct(self.manifest)
        return Predictions.check(self.runs / result.run / "predictions", self.manifest, portraits)

    def _of_camera(self, folder: Path, *, remedy: str = "") -> Predictions | None:
        """What a method made of the domain-X test portraits; None where there are none."""
        portraits = portraits_of_camera(self.manifest)
        if not portraits:
            return None
        what = "domain-X test portraits"
        return Predictions.check(folder, self.manifest, portraits, what=what, remedy=remedy)

    def _animated(self, folder: Path, *, remedy: str = "") -> Animations:
        portraits = portraits_to_animate(self.manifest)
        return Animations.check(folder, self.manifest, portraits, remedy=remedy)

    @cached_property
    def _names(self) -> list[str]:
        return metrics.chosen(self.metrics, self.wanted)

    @cached_property
    def _traits(self) -> dict[str, dict[str, float]]:
        return traits(self.manifest)

    @cached_property
    def _pixels(self) -> Pixels:
        return Pixels.open(self.manifest)

    @cached_property
    def _instruments(self) -> Instruments:
        cache = self.manifest.root / "cache"
        return Instruments(self.device, cache=cache, threads=self.threads)

    def _entry(self, entry: Entry) -> tuple[RunResult, Predictions]:
        with self._told(entry):
            contender = ready(entry, self.methods, self.manifest, self.device)
        with store.locked(entry.folder):
            flags = {"device": self.device, "overwrite": self.overwrite, "quiet": self.quiet}
            with self._told(entry):
                correct(contender, self._pixels, **flags)
                write_for_figures(contender, self._pixels, **flags)
            portraits = portraits_to_correct(self.manifest)
            folder = entry.folder
            made = Predictions.check(
                folder / "predictions", self.manifest, portraits, remedy=_AGAIN
            )
            path = folder / "scores.json"
            there = self._kept(path, contender, made)
            if there and set(self._names) <= there.scores.keys():
                return replace(there, notes=contender.notes, traits=self._traits), made
            costs, facts = read_facts(folder)
            camera = self._of_camera(folder / OF_CAMERA, remedy=_AGAIN)
            moves = animates(type(contender.method))
            animated = self._animated(folder / animation.FOLDER, remedy=_AGAIN) if moves else None
            result = self._scored(entry, contender.card, made, facts, there, camera, animated)
            if (
                there
                and result.scores.keys() <= there.scores.keys()
                and result.skipped.keys() <= there.skipped.keys()
            ):  # what was a dash is one still
                return replace(there, notes=contender.notes, traits=self._traits), made
        cards = {name: cost.CARDS[name] for name in costs}
        full = replace(
            result,
            scores={**result.scores, **costs},
            metrics={**result.metrics, **cards},
            notes=contender.notes,
        )
        return full, made

    @contextlib.contextmanager
    def _told(self, entry: Entry) -> Iterator[None]:
        """Around a method's own code: whatever it raises becomes its sentence."""
        try:
            with plugins.blaming(self.methods, entry.name):
                yield
        except (Exception, SystemExit) as error:
            if isinstance(error, GazebenchError):
                raise
            file = inspect.getfile(methods.load(self.methods, entry.name))
            said = plugins.sentence(error, Path(file)).replace(file, Path(file).name)
            raise MethodError(said) from error

    def _scored(
        self,
        entry: Entry,
        card: MethodCard,
        made: Predictions,
        facts: dict[str, Any],
        there: RunResult | None = None,
        camera: Predictions | None = None,
        animated: Animations | None = None,
    ) -> RunResult:
        """The result with the scores of ``there`` and all that it lacks."""
        began = time.monotonic()
        known = there.scores if there else {}
        scoring = Scoring(self.metrics, self._names, self._instruments, known)
        scoring.run(self._pixels, made, camera, animated, label=entry.run, quiet=self.quiet)
        timings = {**timings_of(entry.folder), "score": round(time.monotonic() - began, 3)}
        _save_features(entry.folder / "features.npz", scoring.features, keep=there is not None)
        total = len(portraits_to_correct(self.manifest))
        earlier = there.skipped if there else {}
        dashes = {name: why for name, why in earlier.items() if name not in scoring.scores}
        return RunResult(
            run=entry.run,
            name=entry.name,
            method=card,
            dataset=dataset_facts(self.manifest),
            scores=scoring.scores,
            metrics={**(there.metrics if there else {}), **scoring.cards},
            skipped={**dashes, **scoring.skipped},
            notes=(f"{len(made.portraits)} of {total} portraits",) if made.missing else (),
            ranked=not made.missing,
            n_predicted=len(made.portraits),
            provenance=provenance(
                {**facts, "predictions_sha256": made.sha256, "timings": timings},
                weights={
                    **(there.provenance["weights"] if there else {}),
                    **self._instruments.used_weights,
                },
                device=device_name(self.device),
                date=self.date,
                command=self.command,
            ),
            pictures=os.path.relpath(made.folder, entry.folder),
            dataset_folder=os.path.relpath(self.manifest.root, entry.folder),
            traits=self._traits,
        )

    def _saved(self, results: Sequence[RunResult], failures: Sequence[str]) -> EvalReport:
        for result in results:
            result.save(self.runs / result.run / "scores.json")
        return EvalReport(results=tuple(results), failures=(*failures, *gaps(results, self.wanted)))


def _save_features(path: Path, found: Mapping[str, np.ndarray], *, keep: bool) -> None:
    """Write the features of metrics; those of metrics that were not computed again are kept."""
    if not found:
        return
    earlier = read_arrays(path) if keep and path.exists() else {}
    store.write_arrays(path, {**earlier, **found})
