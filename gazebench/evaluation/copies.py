"""Runs that made the same pictures, and what the row of each says of it.

One rule, whatever was evaluated first and how often: each of them names all the others. None is
called the original, which the files do not tell: the date of a result is that of its last
evaluation, and pictures of an outside program have none. A run that equals its input says that
alone, and a control says nothing.
"""

import contextlib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gazebench import store
from gazebench.dataset import Manifest
from gazebench.errors import BusyError, DiskError, InputError
from gazebench.evaluation import predictions
from gazebench.evaluation.correct import portraits_to_correct
from gazebench.evaluation.describing import dataset_facts
from gazebench.evaluation.predictions import Predictions
from gazebench.results import RunResult

_EQUALS = "every portrait equals "


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Which runs of a folder made the same."""

    digests: Mapping[str, str]  # of the predictions, by run
    inputs: str  # the digest that a run has which changes nothing

    @classmethod
    def of(
        cls,
        scored: Sequence[tuple[RunResult, Predictions]],
        others: Mapping[str, RunResult],
        manifest: Manifest,
    ) -> "Copies":
        """Of results with their predictions, and of runs that were scored before."""
        sources = {
            p.id: predictions.pixel_digest(manifest.path(p)) for p in portraits_to_correct(manifest)
        }
        before = {run: _digest(result) for run, result in others.items()}
        now = {result.run: made.sha256 for result, made in scored}
        return cls(digests={**before, **now}, inputs=predictions.digest_of(sources))

    def told(self, result: RunResult, remarks: Sequence[str] = ()) -> RunResult:
        """The result with ``remarks`` on its pictures, and its note on copies as it is now."""
        rest = [note for note in result.notes if not note.startswith(_EQUALS)]
        return replace(result, notes=tuple(dict.fromkeys([*rest, *remarks, *self._notes(result)])))

    def _notes(self, result: RunResult) -> Iterator[str]:
        digest = self.digests[result.run]
        twins = [run for run in sorted(self.digests) if self.digests[run] == digest]
        twins.remove(result.run)
        if result.method.kind == "control" or not digest:
            return
        if digest == self.inputs:
            yield f"{_EQUALS}the input"
        elif twins:
            yield f"{_EQUALS}that of {', '.join(twins)}"


def scored_before(
    runs: Path, manifest: Manifest, *, without: Container[str]
) -> dict[str, RunResult]:
    """The results of a dataset in a folder of runs, by run, but those ``without``."""
    found: dict[str, RunResult] = {}
    for path in sorted(runs.glob("*/scores.json")):
        if path.parent.name in without:
            continue
        with contextlib.suppress(InputError):
            there = RunResult.load(path)
            if there.dataset == dataset_facts(manifest) and there.scores:
                found[path.parent.name] = replace(there, run=path.parent.name)
    return found


def tell_others(runs: Path, others: Mapping[str, RunResult], copies: Copies) -> None:
    """Write the notes of runs that were scored before, where another command changed them.

    One that is being trained or evaluated now, or may not be written to, is passed over: its own
    next evaluation does it.
    """
    for run in [run for run, result in others.items() if copies.told(result) != result]:
        path = runs / run / "scores.json"
        with contextlib.suppress(BusyError, DiskError, InputError), store.locked(path.parent):
            there = RunResult.load(path)
            if _digest(there) == _digest(others[run]):
                noted = copies.told(replace(there, run=run)).notes
                replace(there, notes=noted).save(path)


def _digest(result: RunResult) -> str:
    return result.provenance.get("predictions_sha256", "")  # earlier results do not say it
