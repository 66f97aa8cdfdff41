"""Table I: one row per run, from results that compare; nothing is ever copied into a cell."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from gazebench.errors import InputError, counted
from gazebench.reports import ablations, study_results
from gazebench.reports.grid import Column, Grid, Group, Line, Notes, Row, cells_by_line, columns_of
from gazebench.reports.measured import Measured, groups
from gazebench.reports.paper import table_1
from gazebench.reports.tables._runs import group_of, labels_of, line_of, place_of, row_of, trainings
from gazebench.results import DatasetFacts, RunResult

if TYPE_CHECKING:
    from gazebench.cards import MetricCard


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each dataset and benchmark version, the one with most runs first."""
    choices = study_results.read(measured)
    for group in groups(measured.runs):
        yield grid([study_results.with_study(run.result, choices) for run in group])


def grid(results: Sequence[RunResult]) -> Grid:
    """The table of these results: methods, best of the leading column first, then the others.

    Raises:
        InputError: none, or some that do not compare: another dataset, benchmark version, or
            two meanings of one metric.
    """
    _check_compare(results)
    results = [_of_corrections(result) for result in results]
    first = results[0]
    lines = [line_of(result, result.scores, _group_of(result)) for result in results]
    cards = {key: card for result in results for key, card in result.metrics.items()}
    columns = columns_of(lines, cards)
    sorted_by = _leading(columns)
    rows, notes = _rows(results, lines, columns, sorted_by)
    return Grid(
        number="I",
        title="Gaze correction",
        caption=_caption(first.dataset, first.benchmark),
        corner="Method",
        dataset=first.dataset.name,
        fingerprint=first.dataset.fingerprint,
        benchmark=first.benchmark,
        resolution=first.dataset.resolution,
        columns=columns,
        rows=tuple(row for row in rows if row.group == Group.METHOD),
        unranked=tuple(row for row in rows if row.group != Group.METHOD),
        notes=tuple(notes),
        paper=table_1(first.dataset.resolution),
        sorted_by=sorted_by,
        details={"benchmark": first.benchmark, "dataset": asdict(first.dataset)},
    )


def _caption(facts: DatasetFacts, benchmark: str) -> str:
    return (
        f"{counted(facts.n_test, 'test portrait')} of {facts.name} "
        f"({facts.resolution} px, fingerprint {facts.fingerprint}, benchmark version "
        f"{benchmark}). Brackets hold 95 % intervals, ± a standard error. "
        "The best of a column is bold. Methods with one letter are not told apart from the "
        "best of that letter (sign-flip test over portraits, Holm-corrected, 5 %); set "
        "metrics such as FID get no letters. Controls, which bound the scale, and ablations, "
        "which lack a part of their method, are not ranked."
    )


def _group_of(result: RunResult) -> Group:
    """An ablation has a group of its own: it says something of its method and is not offered."""
    return Group.ABLATION if ablations.without(result) else group_of(result)


def _of_corrections(result: RunResult) -> RunResult:
    """Without what is measured on animations, which have tables of their own."""
    cards = {k: card for k, card in result.metrics.items() if card.group != "animation"}
    away = result.metrics.keys() - cards.keys()
    scores = {k: score for k, score in result.scores.items() if k not in away}
    skipped = {k: why for k, why in result.skipped.items() if k not in away}
    return replace(result, metrics=cards, scores=scores, skipped=skipped)


def _leading(columns: Sequence[Column]) -> str:
    """Key of the first column on how real the eyes look; of the first one where there is none."""
    quality = [column.key for column in columns if column.card.group == "quality"]
    return next(iter([*quality, *(column.key for column in columns)]), "")


def _check_compare(results: Sequence[RunResult]) -> None:
    if not results:
        raise InputError("no results to make a table of; run `gazebench eval` first")
    first = results[0]
    known: dict[str, tuple[RunResult, MetricCard]] = {}
    for result in results:
        if result.dataset.fingerprint != first.dataset.fingerprint:
            raise _differ(first, result, "dataset")
        if result.benchmark != first.benchmark:
            raise _differ(first, result, "benchmark version")
        for key, card in result.metrics.items():
            other, meant = known.setdefault(key, (result, card))
            if meant.meaning != card.meaning:
                raise _differ(other, result, f"meaning of {key}")
    counts = Counter(result.run for result in results)
    if twice := [run for run, count in counts.items() if count > 1]:
        raise InputError(f"two results are called {twice[0]!r}; rename one of the folders")


def _differ(one: RunResult, other: RunResult, what: str) -> InputError:
    return InputError(
        f"{one.run} and {other.run} do not compare: they have another {what}; "
        "run `gazebench eval` again for both on one dataset"
    )


def _rows(
    results: Sequence[RunResult], lines: Sequence[Line], columns: Sequence[Column], sorted_by: str
) -> tuple[list[Row], list[str]]:
    names = labels_of(results)
    cells = cells_by_line(columns, lines)
    groups = {result.run: _group_of(result) for result in results}
    ordered = sorted(results, key=lambda result: place_of(result, sorted_by, columns, names))
    ordered.sort(key=lambda result: list(Group).index(groups[result.run]))
    notes = Notes()
    paper = table_1(results[0].dataset.resolution)
    rows = [
        row_of(
            r, names[r.run], cells[r.run], notes, groups[r.run], paper.of(ablations.printed_as(r))
        )
        for r in ordered
    ]
    return rows, [
        *notes.texts,
        *_never_measured(results, [column.key for column in columns]),
        *trainings(ordered, names),
    ]


def _never_measured(results: Sequence[RunResult], measured: Iterable[str]) -> list[str]:
    """A note for each metric that every run skipped, which therefore has no column."""
    reasons: dict[str, dict[str, None]] = {}
    for result in results:
        for key in sorted(result.skipped.keys() - set(measured)):
            title = result.metrics[key].title if key in result.metrics else key
            reasons.setdefault(title, {})[result.skipped[key].rstrip(".")] = None
    return [f"{title} was not measured: {'; '.join(why)}." for title, why in reasons.items()]
