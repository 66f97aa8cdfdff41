"""What a result says of itself: dataset, provenance, gaps."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from gazebench import __version__, methods, metrics, plugins
from gazebench.dataset import Domain, Manifest, Split
from gazebench.errors import InputError
from gazebench.evaluate.contenders import Contender, Entry
from gazebench.evaluate.correct import portraits_to_correct
from gazebench.plugins import Content
from gazebench.results import BENCHMARK, DatasetFacts, RunResult


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
    entry: Entry, package: Content, metric_package: ModuleType, manifest: Manifest, reason: str
) -> RunResult:
    """The result of a method that cannot handle the dataset: a row of dashes with the reason."""
    names = plugins.names(metric_package)
    return RunResult(
        run=entry.run,
        name=entry.name,
        method=methods.load(package, entry.name).card,
        dataset=dataset_facts(manifest),
        scores={},
        metrics={name: metrics.load(metric_package, name).card for name in names},
        skipped=dict.fromkeys(names, reason),
        ranked=False,
    )


def kept(path: Path, manifest: Manifest, contender: Contender) -> RunResult | None:
    """The complete result at ``path``, if it is of this dataset, method and version."""
    if not path.exists():
        return None
    try:
        there = RunResult.load(path)
    except InputError:
        return None
    same = (
        there.dataset == dataset_facts(manifest)
        and there.benchmark == BENCHMARK
        and there.provenance.get("checkpoint_sha256", "") == contender.checkpoint
        and there.provenance.get("file_sha256") == contender.file_sha256
        and not there.skipped
    )
    return there if same else None


def gaps(results: Sequence[RunResult]) -> tuple[str, ...]:
    """Sentences on the scores that are missing in rows that have others."""
    return tuple(
        f"{result.run}: no {result.metrics[name].title}: {reason}"
        for result in results
        if result.scores
        for name, reason in result.skipped.items()
    )
