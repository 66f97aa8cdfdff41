"""A folder of results that lives in git: datasets and benchmark versions apart, no pictures.

``RESULTS/DATASET-FINGERPRINT/vVERSION/RUN/scores.json``; ``gazebench report RESULTS OUT`` reads it.
"""

import re
from dataclasses import replace
from pathlib import Path

from gazebench.errors import InputError, RefusedError
from gazebench.reports.measured import read_result
from gazebench.results import RunResult


def add(run: Path, results: Path, *, overwrite: bool = False) -> Path:
    """Put the scores of a run into ``results``; gives their new place.

    Texts are made fit to publish; where pictures and the dataset are is left out.

    Raises:
        InputError: the run has no scores, or damaged ones.
        RefusedError: another result is there, and not ``overwrite``.
        DiskError: ``results`` cannot be written.
    """
    found = read_result(run / "scores.json", ".")
    if not found.scores:
        raise InputError(f"{run}: has no score; there is nothing to add")
    public = replace(found, pictures="", dataset_folder="")
    path = place(results, public)
    if path.exists() and not overwrite and RunResult.load(path) != public:
        raise RefusedError(f"{path}: is another result; rename the run, or give --overwrite")
    public.save(path)
    return path


def place(results: Path, result: RunResult) -> Path:
    """Where a result lies."""
    facts = result.dataset
    dataset = f"{_plain(facts.name)}-{_plain(facts.fingerprint)[:8]}"
    version = f"v{_plain(result.benchmark)}"
    return results / dataset / version / _plain(result.run) / "scores.json"


def _plain(text: str) -> str:
    """Text as a safe name of a folder."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip(".-")[:100] or "unnamed"
