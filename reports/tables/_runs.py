"""What tables whose rows are runs share: labels, footnotes, and what their files say of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gazebench.cards import MetricCard
from gazebench.errors import counted
from gazebench.reports import ablations
from gazebench.reports.grid import (
    MISSING,
    OTHER_JUDGE,
    Cell,
    Column,
    Grid,
    Group,
    Line,
    Notes,
    Row,
    cells_by_line,
    columns_of,
)
from gazebench.reports.paper import by_method
from gazebench.results import RunResult

# the two rules by which the paper counts: Table VI, and Table I
COUNTS = ("parameters_inference", "parameters_training_vgg")
_COUNTED = (
    "Parameters are counted by both rules of the paper: the networks that make the pictures, and "
    "all that a training holds, with the frozen VGG-16 where a loss looks through it."
)


@dataclass(frozen=True, kw_only=True)
class SomeScores:
    """What a table shows of runs, and what it calls it."""

    number: str  # "II"
    title: str
    paper: str  # its key in paper.toml
    caption: str  # sentences on what was measured
    titles: Mapping[str, str]  # metric → heading of its column, in the order of the columns


def table_of(results: Sequence[RunResult], what: SomeScores) -> Grid:
    """A row for each run with the scores that ``what`` names, and what the method weighs."""
    first = results[0]
    groups = {result.run: group_of(result) for result in results}
    lines = [line_of(result, (*what.titles, *COUNTS), groups[result.run]) for result in results]
    columns = columns_of(lines, _cards(results, what.titles))
    sorted_by = next(iter(what.titles))
    names, notes = labels_of(results), Notes()
    cells = cells_by_line(columns, lines)
    paper = by_method(what.paper, first.dataset.resolution)
    rows = [
        row_of(
            r, names[r.run], cells[r.run], notes, groups[r.run], paper.of(ablations.printed_as(r))
        )
        for r in sorted(results, key=lambda r: place_of(r, sorted_by, columns, names))
    ]
    return Grid(
        number=what.number,
        title=what.title,
        caption=f"{what.caption} {_about(first, rows)} {_COUNTED}",
        corner="Method",
        dataset=first.dataset.name,
        fingerprint=first.dataset.fingerprint,
        benchmark=first.benchmark,
        resolution=first.dataset.resolution,
        columns=columns,
        rows=tuple(row for row in rows if row.group == Group.METHOD),
        unranked=tuple(row for row in rows if row.group != Group.METHOD),
        notes=(*notes.texts, *trainings(results, names)),
        paper=paper,
        sorted_by=sorted_by,
        details={"benchmark": first.benchmark, "dataset": asdict(first.dataset)},
    )


def group_of(result: RunResult) -> Group:
    """A control's, or that of the methods."""
    return Group.CONTROL if result.method.kind == "control" else Group.METHOD


def line_of(result: RunResult, keys: Iterable[str], group: Group) -> Line:
    """The scores of a run that ``keys`` names."""
    scores = {key: result.scores[key] for key in keys if key in result.scores}
    return Line(key=result.run, scores=scores, complete=result.ranked, group=group)


def place_of(
    result: RunResult, key: str, columns: Sequence[Column], names: Mapping[str, str]
) -> tuple[int, float, str]:
    """Sort key by one column: competing scores, then others, then missing ones; best first."""
    score = result.scores.get(key)
    column = next((c for c in columns if c.key == key), None)
    if score is None or column is None:
        return 2, 0.0, names[result.run]
    value = -score.value if column.card.higher_is_better else score.value
    full = result.ranked and column.admits(score)
    return 0 if full else 1, value, names[result.run]


def _about(result: RunResult, rows: Sequence[Row]) -> str:
    facts, cells = result.dataset, [cell for row in rows for cell in row.cells.values()]
    texts = [
        f"Dataset {facts.name}, {facts.resolution} px, fingerprint {facts.fingerprint}, benchmark "
        f"version {result.benchmark}. The best of a column is bold."
    ]
    if any(cell.spread.startswith("[") for cell in cells):
        texts.append("Brackets hold 95 % intervals.")
    if any(cell.spread.startswith("±") for cell in cells):
        texts.append("± is a standard error.")
    if any(cell.letter for cell in cells):
        texts.append(
            "Methods with one letter are not told apart from the best of that letter (sign-flip "
            "test over portraits, Holm-corrected, 5 %)."
        )
    return " ".join(texts)


def _cards(results: Sequence[RunResult], titles: Mapping[str, str]) -> dict[str, MetricCard]:
    """The cards of the runs, under the headings of a table, in its order."""
    cards = {key: card for result in results for key, card in result.metrics.items()}
    renamed = {
        key: replace(cards[key], title=title, order=place)
        for place, (key, title) in enumerate(titles.items())
        if key in cards
    }
    return {**cards, **renamed}


def labels_of(results: Sequence[RunResult]) -> dict[str, str]:
    """What tables call each run, by run; equal titles have the run's name behind them."""
    titles = {r.run: ablations.title(r) for r in results}
    counts = Counter(titles.values())
    return {run: t if counts[t] == 1 else f"{t} ({run})" for run, t in titles.items()}


def row_of(
    result: RunResult,
    label: str,
    cells: Mapping[str, Cell],
    notes: Notes,
    group: Group,
    printed: Mapping[str, str],
) -> Row:
    """A row with its footnotes; ``printed`` are the paper's numbers by column."""
    remarks = [note.rstrip(".") for note in result.notes]
    if result.scores and not result.ranked:
        remarks.append("not ranked, for its predictions are incomplete")
    marks = (notes.mark(f"{label}: {'; '.join(remarks)}."),) if remarks else ()
    marked = {}
    for key, cell in cells.items():
        why = _remark(cell) if cell.score else f"{MISSING} {_reason(result, key)}."
        marked[key] = replace(cell, marks=(notes.mark(why),)) if why else cell
    missing = [f"{key}: {why}" for key, why in sorted(result.skipped.items())]
    return Row(
        key=result.run,
        label=label,
        cells=marked,
        marks=marks,
        paper={key: text for key, text in printed.items() if key in cells},
        group=group,
        share=_share(result),
        aside=str(result.method.year or ""),
        facts=_facts(result, label),
        remarks={"missing": "; ".join(missing), "notes": "; ".join(result.notes)},
        details=_details(result, label),
    )


def _remark(cell: Cell) -> str:
    """What a reader needs beside a score."""
    told = cell.score.note if cell.score else ""
    if OTHER_JUDGE not in cell.apart:
        return told
    return (
        f"{told} Another training of the judge than that of the column, so it is not ranked; "
        "`gazebench eval --overwrite` scores all by one."
    ).strip()


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


def trainings(results: Sequence[RunResult], names: Mapping[str, str]) -> Iterator[str]:
    """One note on how long each run was trained; scores of other budgets compare less well."""
    texts = [f"{names[r.run]} {text}" for r in results if (text := _training(r.provenance))]
    if texts:
        yield f"Trained: {'; '.join(texts)}."


def _training(facts: Mapping[str, Any]) -> str:
    """Steps, portraits seen and minutes, as far as they are known; "" for no training."""
    if "step" not in facts:
        return ""
    texts = [counted(facts["step"], "step")]
    if facts.get("images"):
        texts.append(f"{counted(facts['images'], 'portrait')} seen")
    if "training_seconds" in facts:
        texts.append(f"{facts['training_seconds'] / 60:,.1f} minutes")
    for part in dict(facts.get("parts") or {}).values():
        texts.append(f"besides {part['method']}'s {counted(part['step'], 'step')}")
    return ", ".join(texts)
