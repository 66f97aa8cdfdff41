"""Finds and reads ``scores.json`` files; what leaves here may be shown to anybody."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gazebench.errors import InputError
from gazebench.reports.texts import published
from gazebench.results import RunResult

_RESULT = TypeAdapter(RunResult)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A result and the folder that its relative paths start from."""

    result: RunResult
    folder: Path


def find_runs(root: Path) -> tuple[list[Run], list[str]]:
    """Runs below a folder in the order of their names, and a sentence for each damaged one.

    A run is called by its folder below ``root``.

    Raises:
        InputError: no such folder, or no readable ``scores.json`` in it.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder of runs; run `gazebench eval` first")
    runs, damaged = [], []
    for path in sorted(root.rglob("scores.json")):
        name = path.parent.relative_to(root).as_posix()
        try:
            runs.append(Run(result=read_result(path, name), folder=path.parent))
        except InputError as error:
            damaged.append(str(error))
    if not runs:
        reason = f" that can be read: {damaged[0]}" if damaged else ""
        raise InputError(f"{root}: holds no scores.json{reason}; run `gazebench eval` first")
    return runs, damaged


def groups(runs: list[Run]) -> list[list[Run]]:
    """Runs that compare, together: one dataset fingerprint, one benchmark version.

    The largest group comes first.
    """
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        key = run.result.dataset.fingerprint, run.result.benchmark
        found.setdefault(key, []).append(run)
    return [found[key] for key in sorted(found, key=lambda key: (-len(found[key]), key))]


def read_result(path: Path, name: str) -> RunResult:
    """A result with every value checked and every text made fit to publish.

    Raises:
        InputError: missing, damaged, or with a value that no table can show.
    """
    loaded = RunResult.load(path)
    row = asdict(loaded)
    public: dict[str, Any] = published(row)
    places = {"pictures": row["pictures"], "dataset_folder": row["dataset_folder"]}
    try:
        result = _RESULT.validate_python({**public, **places, "run": _name(name, public)})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{where}: {first['msg']}") from None
    for complaint in _complaints(result):
        raise _damaged(path, complaint)
    return result


def _name(name: str, public: dict[str, Any]) -> str:
    return str(public["run"] if name == "." else published(name))


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path}: damaged ({why}); run `gazebench eval` again")


def _complaints(result: RunResult) -> Iterator[str]:
    for key, score in result.scores.items():
        values = [score.value, score.stderr or 0.0, *(score.interval or ())]
        values += (score.per_portrait or {}).values()
        if not all(map(math.isfinite, values)):
            yield f"score {key} has a value that is not finite"
        if key not in result.metrics:
            yield f"score {key} has no metric card"
    for key, card in result.metrics.items():
        if not 0 <= card.digits <= 12:
            yield f"metric {key} asks for {card.digits} digits"
