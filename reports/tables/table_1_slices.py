"""Table I again for each slice of the test portraits that was asked for (``report --slice``)."""

from collections.abc import Iterator
from dataclasses import replace

from gazebench.reports.grid import Grid
from gazebench.reports.measured import Measured, groups
from gazebench.reports.paper import Published
from gazebench.reports.slices import Dimension, Slice, dimension, members, restricted
from gazebench.reports.tables import table_1
from gazebench.results import RunResult


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each slice that has portraits; none where no slices were asked for."""
    for by in map(dimension, measured.slices):
        for group in groups(measured.runs):
            yield from _of(by, [run.result for run in group])


def _of(by: Dimension, results: list[RunResult]) -> Iterator[Grid]:
    for part in by.slices:
        ids = members(results, by, part)
        some = [restricted(result, ids) for result in results]
        if any(result.scores for result in some):
            yield _named(table_1.grid(some), by, part)


def _named(table: Grid, by: Dimension, part: Slice) -> Grid:
    rows, unranked = (
        tuple(replace(row, paper={}) for row in some) for some in (table.rows, table.unranked)
    )
    return replace(
        table,
        number=f"I ({by.name} {part.label})",
        title=f"{by.title} {part.label}",
        caption=f"Table I over the test portraits of this slice alone: {by.title.lower()} "
        f"{part.label}. {table.caption}",
        paper=Published(),
        rows=rows,
        unranked=unranked,
        of=f"{by.name} {part.label}",
        details={**table.details, "slice": {"by": by.name, "trait": by.trait, "label": part.label}},
    )
