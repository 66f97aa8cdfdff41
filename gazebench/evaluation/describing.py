"""What a result says of itself: dataset, provenance, gaps."""

import contextlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from gazebench import __version__, methods, metrics, plugins, store
from gazebench.dataset import Domain, Manifest, Split
from gazebench.errors import BusyError, InputError
from gazebench.evaluation.contenders import Contender, Entry
from gazebench.evaluation.correct import portraits_to_correct
from gazebench.evaluation.predictions import Predictions
from gazebench.plugins import Collection
from gazebench.results import BENCHMARK, DatasetFacts, RunResult

_FAILED = "the last evaluation failed: "


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def dataset_facts(manifest: Manifest) -> DatasetFacts:
    """The dataset, as a result names it."""
    return DatasetFacts(
        name=manifest.name,
        fingerprint=manifest.fingerprint,
        resolution=manifest.resolution,
        window=manifest.window,
        n_test=len(portraits_to_correct(manifest)),
        n_reference=len(manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)),
    )


def provenance(
    facts: Mapping[str, Any], *, weights: Mapping[str, str], device: str, date: str, command: str
) -> dict[str, Any]:
    """Where a score comes from; ``facts`` are those of ``predictions.json``."""
    told = {k: v for k, v in facts.items() if k not in ("method", "dataset", "portraits")}
    return {
        "device": device,
        **told,
        "gazebench": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "date": date,
        "command": command,
        "weights": dict(weights),
    }


def declined(
    entry: Entry,
    collection: Collection,
    metric_package: ModuleType,
    names: Sequence[str],
    manifest: Manifest,
    reason: str,
) -> RunResult:
    """The result of a method that cannot handle the dataset: a row of dashes with the reason."""
    return RunResult(
        run=entry.run,
        name=entry.name,
        method=methods.load(collection, entry.name).card,
        dataset=dataset_facts(manifest),
        scores={},
        metrics={name: metrics.load(metric_package, name).card for name in names},
        skipped=dict.fromkeys(names, reason),
        ranked=False,
    )


def has_scores(path: Path) -> bool:
    """Whether there is a result at ``path`` with any score."""
    try:
        return path.exists() and bool(RunResult.load(path).scores)
    except InputError:
        return False


def note_failure(folder: Path, manifest: Manifest, reason: str) -> None:
    """Say beside the scores that a run has of a dataset that its last evaluation failed.

    The note goes with the next evaluation that succeeds. Folders are named as a reader knows them.
    """
    for place in {folder.parent, folder.parent.resolve(), manifest.root, manifest.root.resolve()}:
        reason = reason.replace(f"{place}/", "") if place.is_absolute() else reason
    with contextlib.suppress(RuntimeError):  # there is no home
        reason = reason.replace(str(Path.home()), "~")
    path = folder / "scores.json"
    if not has_scores(path):
        return
    with contextlib.suppress(BusyError, InputError), store.locked(folder):
        there = RunResult.load(path)
        if there.dataset != dataset_facts(manifest):
            return
        date = str(there.provenance.get("date", ""))[:10] or "an earlier evaluation"
        rest = [note for note in there.notes if _FAILED not in note]
        replace(there, notes=(*rest, f"scores of {date}; {_FAILED}{reason}")).save(path)


def kept(
    path: Path,
    manifest: Manifest,
    contender: Contender | None,
    made: Predictions,
    package: ModuleType,
    names: Sequence[str],
) -> RunResult | None:
    """The result at ``path`` with the scores that would come out again, if it has any.

    ``contender``: None for an outside program, of which only the predictions are known.

    Those are scores of the same dataset, weights, predictions and benchmark version, by metrics
    that still measure the same. What is wanted besides is to be computed: a new metric, one that
    was skipped, and of the metrics ``names`` that are asked for now, one whose score is of another
    judge than the dataset's. The cards of the metrics are those of now.
    """
    if not path.exists():
        return None
    try:
        there = RunResult.load(path)
    except InputError:
        return None
    facts = there.provenance
    same = (
        there.dataset == dataset_facts(manifest)
        and there.benchmark == BENCHMARK
        and facts.get("checkpoint_sha256", "") == (contender.checkpoint if contender else "")
        and facts.get("file_sha256") == (contender.file_sha256 if contender else None)
        # earlier results do not say which pictures they are of
        and facts.get("predictions_sha256", made.sha256) == made.sha256
    )
    if not same or not there.scores:
        return None
    there = _brought_up_to_date(there, package)
    return _without_other_judges(there, package, manifest, names)


def _brought_up_to_date(there: RunResult, package: ModuleType) -> RunResult:
    """The result with today's cards, without the scores of metrics that mean another thing now."""
    known = there.metrics.keys() & plugins.names(package)
    cards = {name: metrics.load(package, name).card for name in sorted(known)}
    scores = {
        name: score
        for name, score in there.scores.items()
        if name not in cards or cards[name].meaning == there.metrics[name].meaning
    }
    return replace(there, scores=scores, metrics={**there.metrics, **cards})


def _without_other_judges(
    there: RunResult, package: ModuleType, manifest: Manifest, names: Sequence[str]
) -> RunResult:
    """The result without scores by another judge than the dataset's, of metrics in ``names``.

    Where the dataset has no judge yet, whoever asks for one of these metrics has it trained.
    """
    others = {
        name
        for name in names
        if name in there.scores
        and (judge_of := getattr(metrics.load(package, name), "judge_of", None))
        and judge_of(manifest) != there.scores[name].judge
    }
    return replace(there, scores={n: s for n, s in there.scores.items() if n not in others})


def without(there: RunResult, hooks: Sequence[str], package: ModuleType) -> RunResult:
    """The result without the scores of metrics that have one of these methods."""
    kinds = {n: metrics.load(package, n) for n in there.scores.keys() & plugins.names(package)}
    gone = {name for name, kind in kinds.items() if any(hasattr(kind, hook) for hook in hooks)}
    return replace(there, scores={n: s for n, s in there.scores.items() if n not in gone})


def gaps(results: Sequence[RunResult], wanted: Sequence[str]) -> tuple[str, ...]:
    """Sentences on the scores that are missing in rows that have others.

    Optional ones may be, but for those on request that were asked for by name.
    """
    return tuple(
        f"{result.run}: no {result.metrics[name].title}: {reason}"
        for result in results
        if result.scores
        for name, reason in result.skipped.items()
        if not (card := result.metrics[name]).optional or (card.on_request and name in wanted)
    )
