"""Table I: one row per run, from results that compare; nothing is ever copied into a cell."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from gazebench.errors import InputError
from gazebench.reports.columns import MISSING, Cell, Column, cells_of, columns_of
from gazebench.reports.paper import Published, table_1
from gazebench.results import DatasetFacts, RunResult

if TYPE_CHECKING:
    from gazebench.cards import MetricCard


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run."""

    result: RunResult
    label: str  # unique in its table
    cells: Mapping[str, Cell]  # by column
    marks: tuple[int, ...]  # footnotes of the whole row
    paper: Mapping[str, str]  # the paper's numbers for this method, by column

    @property
    def control(self) -> bool:
        """Whether it bounds the scale and competes with nobody."""
        return self.result.method.kind == "control"

    @property
    def share(self) -> str:
        """How much of an incomplete run is there, "8 of 12 portraits", else ""."""
        if self.result.ranked or not self.result.scores:
            return ""
        return f"{self.result.n_predicted} of {self.result.dataset.n_test} portraits"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Runs on one dataset under one benchmark version."""

    dataset: DatasetFacts
    benchmark: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]  # methods, best of ``sorted_by`` first
    controls: tuple[Row, ...]
    footnotes: tuple[str, ...]
    paper: Published
    sorted_by: str  # key of a column; "" without columns

    @classmethod
    def of(cls, results: Sequence[RunResult]) -> Self:
        """The table of these results.

        Raises:
            InputError: none, or some that do not compare: another dataset, benchmark version, or
                two meanings of one metric.
        """
        _check_compare(results)
        columns = columns_of(results)
        sorted_by = _leading(columns)
        rows, footnotes = _rows(results, columns, sorted_by)
        return cls(
            dataset=results[0].dataset,
            benchmark=results[0].benchmark,
            columns=columns,
            rows=tuple(row for row in rows if not row.control),
            controls=tuple(row for row in rows if row.control),
            footnotes=tuple(footnotes),
            paper=table_1(results[0].dataset.resolution),
            sorted_by=sorted_by,
        )

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """Methods, then controls."""
        return self.rows + self.controls

    @property
    def has_paper(self) -> bool:
        """Whether the paper has a number for any row."""
        return any(row.paper for row in self.all_rows)

    @property
    def caption(self) -> str:
        """What the table shows and how it is to be read, as sentences."""
        facts = self.dataset
        return (
            f"{facts.n_test} test portraits of {facts.name} "
            f"({facts.resolution} px, fingerprint {facts.fingerprint}, benchmark version "
            f"{self.benchmark}). Brackets hold 95 % intervals, ± a standard error. "
            "The best of a column is bold. Methods with one letter are not told apart from the "
            "best of that letter (paired bootstrap over portraits, Holm-corrected, 5 %); set "
            "metrics such as FID get no letters. Controls bound the scale and are not ranked."
        )


def _leading(columns: Sequence[Column]) -> str:
    """Key of the first column on how real the eyes look; of the first one where there is none."""
    quality = [column.key for column in columns if column.card.group == "quality"]
    return next(iter([*quality, *(column.key for column in columns)]), "")


class _Footnotes:
    """Numbers texts from 1 in the order in which they come; equal texts share a number."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


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
    results: Sequence[RunResult], columns: Sequence[Column], sorted_by: str
) -> tuple[list[Row], list[str]]:
    names = _labels(results)
    cells = {column.key: cells_of(column, results) for column in columns}
    ordered = sorted(results, key=lambda result: _place(result, sorted_by, columns, names))
    ordered.sort(key=lambda result: result.method.kind == "control")
    footnotes = _Footnotes()
    rows = [
        _row(result, names[result.run], {k: cells[k][result.run] for k in cells}, footnotes)
        for result in ordered
    ]
    texts = [*footnotes.texts, *_never_measured(results, cells.keys()), *_trainings(rows)]
    return rows, texts


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


def _row(result: RunResult, label: str, cells: Mapping[str, Cell], footnotes: _Footnotes) -> Row:
    printed = table_1(result.dataset.resolution).of(result.name)
    notes = [note.rstrip(".") for note in result.notes]
    if result.scores and not result.ranked:
        notes.append("not ranked, for its predictions are incomplete")
    marks = (footnotes.mark(f"{label}: {'; '.join(notes)}."),) if notes else ()
    marked = {}
    for key, cell in cells.items():
        why = f"{MISSING} {_reason(result, key)}."
        marked[key] = cell if cell.score else replace(cell, marks=(footnotes.mark(why),))
    paper = {key: text for key, text in printed.items() if key in cells}
    return Row(result=result, label=label, cells=marked, marks=marks, paper=paper)


def _reason(result: RunResult, key: str) -> str:
    """Why a score is missing; a method that declined the dataset gave one reason for all."""
    reasons = set(result.skipped.values())
    declined = reasons.pop() if len(reasons) == 1 and not result.scores else ""
    return result.skipped.get(key, declined or "not measured in this run").rstrip(".")


def _never_measured(results: Sequence[RunResult], measured: Iterable[str]) -> list[str]:
    """A footnote for each metric that every run skipped, which therefore has no column."""
    reasons: dict[str, dict[str, None]] = {}
    for result in results:
        for key in sorted(result.skipped.keys() - set(measured)):
            title = result.metrics[key].title if key in result.metrics else key
            reasons.setdefault(title, {})[result.skipped[key].rstrip(".")] = None
    return [f"{title} was not measured: {'; '.join(why)}." for title, why in reasons.items()]


def _trainings(rows: Sequence[Row]) -> Iterator[str]:
    """One footnote on how long each run was trained; scores of other budgets compare less well."""
    told = [f"{row.label} {text}" for row in rows if (text := _training(row.result.provenance))]
    if told:
        yield f"Trained: {'; '.join(told)}."


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
