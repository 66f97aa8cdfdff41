"""Table I: one row per run, from results that compare; nothing is ever copied into a cell."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from gazebench.errors import InputError
from gazebench.reports.grid import (
    MISSING,
    Cell,
    Column,
    Grid,
    Line,
    Notes,
    Row,
    cells_by_line,
    columns_of,
)
from gazebench.reports.measured import Measured, groups
from gazebench.reports.paper import table_1
from gazebench.results import DatasetFacts, RunResult

if TYPE_CHECKING:
    from gazebench.cards import MetricCard


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each dataset and benchmark version, the one with most runs first."""
    for group in groups(measured.runs):
        yield grid([run.result for run in group])


def grid(results: Sequence[RunResult]) -> Grid:
    """The table of these results, best of the leading column first, then the controls.

    Raises:
        InputError: none, or some that do not compare: another dataset, benchmark version, or
            two meanings of one metric.
    """
    _check_compare(results)
    first = results[0]
    lines = [_line(result) for result in results]
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
        rows=tuple(row for row in rows if not row.control),
        controls=tuple(row for row in rows if row.control),
        notes=tuple(notes),
        paper=table_1(first.dataset.resolution),
        sorted_by=sorted_by,
        details={"benchmark": first.benchmark, "dataset": asdict(first.dataset)},
    )


def _caption(facts: DatasetFacts, benchmark: str) -> str:
    return (
        f"{facts.n_test} test portraits of {facts.name} "
        f"({facts.resolution} px, fingerprint {facts.fingerprint}, benchmark version "
        f"{benchmark}). Brackets hold 95 % intervals, ± a standard error. "
        "The best of a column is bold. Methods with one letter are not told apart from the "
        "best of that letter (sign-flip test over portraits, Holm-corrected, 5 %); set "
        "metrics such as FID get no letters. Controls bound the scale and are not ranked."
    )


def _line(result: RunResult) -> Line:
    control = result.method.kind == "control"
    return Line(key=result.run, scores=result.scores, complete=result.ranked, control=control)


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
    names = _labels(results)
    cells = cells_by_line(columns, lines)
    ordered = sorted(results, key=lambda result: _place(result, sorted_by, columns, names))
    ordered.sort(key=lambda result: result.method.kind == "control")
    notes = Notes()
    rows = [_row(result, names[result.run], cells[result.run], notes) for result in ordered]
    trainings = _trainings(ordered, names)
    return rows, [
        *notes.texts,
        *_never_measured(results, [column.key for column in columns]),
        *trainings,
    ]


def _place(
    result: RunResult, key: str, columns: Sequence[Column], names: Mapping[str, str]
) -> tuple[int, float, str]:
    """Sort key: competing scores, then others, then missing ones; best first."""
    score = result.scores.get(key)
    if score is None:
        return 2, 0.0, names[result.run]
    column = next(c for c in columns if c.key == key)
    value = -score.value if column.card.higher_is_better else score.value
    full = result.ranked and column.n in (None, score.n)
    return 0 if full else 1, value, names[result.run]


def _labels(results: Sequence[RunResult]) -> dict[str, str]:
    titles = {r.run: r.method.title or r.name for r in results}
    counts = Counter(titles.values())
    return {run: t if counts[t] == 1 else f"{t} ({run})" for run, t in titles.items()}


def _row(result: RunResult, label: str, cells: Mapping[str, Cell], notes: Notes) -> Row:
    printed = table_1(result.dataset.resolution).of(result.name)
    remarks = [note.rstrip(".") for note in result.notes]
    if result.scores and not result.ranked:
        remarks.append("not ranked, for its predictions are incomplete")
    marks = (notes.mark(f"{label}: {'; '.join(remarks)}."),) if remarks else ()
    marked = {}
    for key, cell in cells.items():
        why = cell.score.note if cell.score else f"{MISSING} {_reason(result, key)}."
        marked[key] = replace(cell, marks=(notes.mark(why),)) if why else cell
    missing = [f"{key}: {why}" for key, why in sorted(result.skipped.items())]
    return Row(
        key=result.run,
        label=label,
        cells=marked,
        marks=marks,
        paper={key: text for key, text in printed.items() if key in cells},
        control=result.method.kind == "control",
        share=_share(result),
        aside=str(result.method.year or ""),
        facts=_facts(result, label),
        remarks={"missing": "; ".join(missing), "notes": "; ".join(result.notes)},
        details=_details(result, label),
    )


def _share(result: RunResult) -> str:
    if result.ranked or not result.scores:
        return ""
    return f"{result.n_predicted} of {result.dataset.n_test} portraits"


def _facts(result: RunResult, label: str) -> dict[str, Any]:
    return {
        "run": result.run,
        "method": result.name,
        "title": label,
        "kind": result.method.kind,
        "ranked": int(result.ranked),
        "n_predicted": result.n_predicted,
        "n_test": result.dataset.n_test,
    }


def _details(result: RunResult, label: str) -> dict[str, Any]:
    return {
        "run": result.run,
        "method": result.name,
        "label": label,
        "card": asdict(result.method),
        "ranked": result.ranked,
        "n_predicted": result.n_predicted,
        "skipped": result.skipped,
        "notes": result.notes,
        "provenance": result.provenance,
    }


def _reason(result: RunResult, key: str) -> str:
    """Why a score is missing; a method that declined the dataset gave one reason for all."""
    reasons = set(result.skipped.values())
    declined = reasons.pop() if len(reasons) == 1 and not result.scores else ""
    return result.skipped.get(key, declined or "not measured in this run").rstrip(".")


def _never_measured(results: Sequence[RunResult], measured: Iterable[str]) -> list[str]:
    """A note for each metric that every run skipped, which therefore has no column."""
    reasons: dict[str, dict[str, None]] = {}
    for result in results:
        for key in sorted(result.skipped.keys() - set(measured)):
            title = result.metrics[key].title if key in result.metrics else key
            reasons.setdefault(title, {})[result.skipped[key].rstrip(".")] = None
    return [f"{title} was not measured: {'; '.join(why)}." for title, why in reasons.items()]


def _trainings(results: Sequence[RunResult], names: Mapping[str, str]) -> Iterator[str]:
    """One note on how long each run was trained; scores of other budgets compare less well."""
    texts = [f"{names[r.run]} {text}" for r in results if (text := _training(r.provenance))]
    if texts:
        yield f"Trained: {'; '.join(texts)}."


def _training(facts: Mapping[str, Any]) -> str:
    """Steps, portraits seen and minutes, as far as they are known; "" for no training."""
    if "step" not in facts:
        return ""
    texts = [f"{facts['step']:,} steps"]
    if facts.get("images"):
        texts.append(f"{facts['images']:,} portraits seen")
    if "training_seconds" in facts:
        texts.append(f"{facts['training_seconds'] / 60:,.1f} minutes")
    for part in dict(facts.get("parts") or {}).values():
        texts.append(f"besides {part['method']}'s {part['step']:,} steps")
    return ", ".join(texts)
