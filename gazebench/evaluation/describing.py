"""What a result says of itself: dataset, provenance, gaps."""

import contextlib
import platform
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from gazebench import __version__, methods, metrics, plugins
from gazebench.dataset import Domain, Manifest, Split
from gazebench.errors import InputError
from gazebench.evaluation.contenders import Contender, Entry
from gazebench.evaluation.correct import portraits_to_correct
from gazebench.evaluation.predictions import Predictions
from gazebench.plugins import Collection
from gazebench.results import BENCHMARK, DatasetFacts, RunResult


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


def pictures_of(runs: Path, manifest: Manifest, *, without: Container[str]) -> dict[str, str]:
    """Digest of what a run made → its name: of scored runs of a dataset but those ``without``."""
    found: dict[str, str] = {}
    for path in sorted(runs.glob("*/scores.json")):
        if path.parent.name in without:
            continue
        with contextlib.suppress(InputError):
            there = RunResult.load(path)
            if there.dataset == dataset_facts(manifest) and there.scores:
                found[there.provenance.get("predictions_sha256", "")] = there.run
    found.pop("", None)  # earlier results do not say it
    return found


def kept(
    path: Path,
    manifest: Manifest,
    contender: Contender | None,
    made: Predictions,
    package: ModuleType,
) -> RunResult | None:
    """The result at ``path`` with the scores that would come out again, if it has any.

    ``contender``: None for an outside program, of which only the predictions are known.

    Those are scores of the same dataset, weights, predictions and benchmark version, by metrics
    that still measure the same. What is wanted besides is to be computed: a new metric, and one
    that was skipped. The cards of the metrics are those of now.
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
    return _brought_up_to_date(there, package) if same and there.scores else None


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
