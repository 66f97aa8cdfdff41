"""What a table found beside what the paper printed: paper, ours, difference, why it may differ.

The paper's numbers are of other data, other weights and other machines: a difference is not a
verdict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from gazebench.dataset import csv_text
from gazebench.reports.grid import Column, Grid, Row
from gazebench.reports.writers import csv, markdown

_COLUMNS = (
    *("table", "dataset", "fingerprint", "benchmark", "row", "metric"),
    *("paper_dataset", "paper", "ours", "ours_low", "ours_high", "n", "difference"),
)


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """One printed cell and ours."""

    row: Row
    column: Column
    printed: str  # as in the paper
    difference: float  # ours less the paper's, in the unit of the column

    @property
    def ours(self) -> str:
        """As the table shows it, with its interval."""
        cell = self.row.cells[self.column.key]
        return f"{cell.text} {cell.spread}".strip()

    @property
    def signed(self) -> str:
        """The difference with its sign and the digits of the column."""
        return f"{self.difference:+.{self.column.card.digits}f}"


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """All that a table and the paper both have."""

    grid: Grid
    cells: tuple[Reproduced, ...]
    order: tuple[str, ...]  # sentences: does the paper's order of the rows hold?
    reasons: tuple[str, ...]  # sentences: why numbers may differ


def reproduction(grid: Grid) -> Reproduction | None:
    """The table beside the paper's; None where no cell is in both."""
    cells = tuple(_cells(grid))
    if not cells:
        return None
    order = tuple(text for column in grid.columns if (text := _order(column, cells)))
    rows = dict.fromkeys(cell.row.key for cell in cells)
    reasons = (*_of_data(grid), *_of_rows(grid, set(rows)), *grid.paper.caveats)
    return Reproduction(grid=grid, cells=cells, order=order, reasons=reasons)


def as_markdown(found: Sequence[Reproduction]) -> str:
    """A section for each table."""
    parts = ["# Reproduction", "", "Ours beside what Zhang et al. (2022) printed.", ""]
    for one in found:
        parts += [*_section(one), ""]
    return "\n".join(parts).rstrip("\n") + "\n"


def as_csv(found: Sequence[Reproduction]) -> str:
    """A line for each cell, in full precision."""
    return csv_text(_COLUMNS, (_line(one.grid, cell) for one in found for cell in one.cells))


def _cells(grid: Grid) -> Iterator[Reproduced]:
    for row in grid.all_rows:
        for column in grid.columns:
            printed, score = row.paper.get(column.key), row.cells[column.key].score
            if printed and score:
                yield Reproduced(
                    row=row,
                    column=column,
                    printed=printed,
                    difference=score.value - float(printed),
                )


def _order(column: Column, cells: Sequence[Reproduced]) -> str:
    """How many pairs of rows stand in the paper's order; "" for fewer than two rows."""
    there = [cell for cell in cells if cell.column.key == column.key and cell.row.cells]
    pairs = [(a, b) for a, b in combinations(there, 2) if float(a.printed) != float(b.printed)]
    if not pairs:
        return ""
    same = sum(_gap(a, b, ours=True) * _gap(a, b, ours=False) > 0 for a, b in pairs)
    return (
        f"{column.card.title}: {same} of {len(pairs)} pair{'s' if len(pairs) > 1 else ''} of rows "
        f"{'stand' if len(pairs) > 1 else 'stands'} in the paper's order."
    )


def _gap(a: Reproduced, b: Reproduced, *, ours: bool) -> float:
    gap = float(a.printed) - float(b.printed)
    return gap + a.difference - b.difference if ours else gap


def _of_data(grid: Grid) -> Iterator[str]:
    paper = grid.paper
    yield (
        f"Measured on {grid.dataset} ({grid.resolution} px), not on the paper's {paper.dataset} "
        f"({paper.resolution} px)."
        if grid.dataset != paper.dataset
        else f"Another build of {grid.dataset}: its halves and labels may not be the paper's."
    )
    sizes = [f"{c.card.title} n = {c.n}" for c in grid.columns if c.n and c.key in paper.columns]
    if sizes:
        yield f"Sample sizes of ours: {'; '.join(sizes)}. The paper states none."


def _of_rows(grid: Grid, keys: set[str]) -> Iterator[str]:
    """How ours was trained, and what the method's card says differs."""
    for row in grid.all_rows:
        if row.key in keys:
            facts, card = row.details.get("provenance", {}), row.details.get("card", {})
            if "step" in facts:
                yield f"{row.label} was trained for {facts['step']:,} steps{_seen(facts)}."
            if card.get("differs"):
                yield f"{row.label}: {str(card['differs']).rstrip('.')}."
    devices = {
        str(device)
        for row in grid.all_rows
        if (device := row.details.get("provenance", {}).get("device"))
    }
    if devices and any(column.key == "fps" for column in grid.columns):
        yield f"FPS was measured on {', '.join(sorted(devices))}."


def _seen(facts: dict[str, object]) -> str:
    images = facts.get("images")
    return f", which saw {images:,} portraits" if isinstance(images, int) else ""


def _section(one: Reproduction) -> Iterator[str]:
    grid, text = one.grid, markdown.escape
    yield f"## Table {grid.number}. {text(grid.title)}: {text(grid.dataset)}, {grid.resolution} px"
    yield ""
    printed = f"{text(grid.paper.dataset)}, printed"
    yield f"| {text(grid.corner)} | column | {printed} | ours | difference |"
    yield "|---|---|---:|---:|---:|"
    for cell in one.cells:
        title = f"{text(cell.column.card.title)} {cell.column.arrow}"
        ours = cell.ours.replace("[", "\\[").replace("]", "\\]")
        yield f"| {text(cell.row.label)} | {title} | {cell.printed} | {ours} | {cell.signed} |"
    yield ""
    yield from (f"- {text(sentence)}" for sentence in one.order)
    yield ""
    yield "Why they may differ:"
    yield ""
    yield from (f"- {text(sentence)}" for sentence in one.reasons)


def _line(grid: Grid, cell: Reproduced) -> list[object]:
    score = cell.row.cells[cell.column.key].score
    assert score is not None
    low, high = score.interval or ("", "")
    names = (grid.number, grid.dataset, grid.fingerprint, grid.benchmark, cell.row.label)
    return [
        *(csv.escape(name) for name in names),
        *(cell.column.key, grid.paper.dataset, cell.printed),
        *(score.value, low, high, score.n, cell.difference),
    ]
