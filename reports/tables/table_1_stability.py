"""How firmly the methods of Table I lead: a leading group, and ranks over resampled portraits."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from gazebench.reports.grid import MISSING, Cell, Column, Grid, Row
from gazebench.reports.measured import Measured
from gazebench.reports.stability import Standing, standings
from gazebench.reports.statistics import LEVEL
from gazebench.reports.tables import table_1
from gazebench.results import Score

_CAPTION = (
    "Share of 10,000 resamples of the test portraits (drawn with replacement, the same ones for "
    "all methods, fixed seed) in which a method has the best mean of a metric, in percent, and the "
    "ranks that 95 % of the resamples give it. Bold is the statistically leading group: the best "
    "and all that are not told apart from it. A lead that few resamples share would fall with "
    "other faces. FID and KID have no values per portrait: for them groups of portraits are drawn, "
    "and their jackknife pseudo-values averaged."
)


def grids(measured: Measured) -> Iterator[Grid]:
    """Beside each Table I, where two methods have one metric of the same portraits."""
    for table in table_1.grids(measured):
        found = {column.key: _standings(table, column) for column in table.columns}
        found = {key: standing for key, standing in found.items() if standing}
        if found:
            yield _grid(table, found)


def _grid(table: Grid, found: Mapping[str, Mapping[str, Standing]]) -> Grid:
    columns = [_column(column) for column in table.columns if column.key in found]
    rows = [row for row in table.rows if any(row.key in standing for standing in found.values())]
    return replace(
        table,
        number="I (stability)",
        title="Leading group and stability of ranks",
        caption=f"{_CAPTION} Dataset {table.dataset}, fingerprint {table.fingerprint}, benchmark "
        f"version {table.benchmark}.",
        columns=tuple(columns),
        rows=tuple(_row(row, columns, found) for row in rows),
        unranked=(),
        notes=(),
        sorted_by="",
        details={
            **table.details,
            "comparisons": {
                key: {run: asdict(one) for run, one in standing.items()}
                for key, standing in found.items()
            },
        },
    )


def _standings(table: Grid, column: Column) -> dict[str, Standing]:
    """By run, of those that were scored on the same portraits, where there are two."""
    scores = {row.key: row.cells[column.key] for row in table.rows}
    values = {
        key: cell.score.per_portrait
        for key, cell in scores.items()
        if cell.letter and cell.score and cell.score.per_portrait
    }
    values = values or {
        key: cell.score.groups
        for key, cell in scores.items()
        if cell.ranked and cell.score and cell.score.groups
    }
    if len(values) < 2 or len({tuple(sorted(one)) for one in values.values()}) > 1:
        return {}
    return standings(values, higher_is_better=column.card.higher_is_better)


def _column(column: Column) -> Column:
    card = replace(column.card, unit="%", higher_is_better=True, digits=0, bounds=(0.0, 100.0))
    return replace(column, card=card)


def _row(row: Row, columns: list[Column], found: Mapping[str, Mapping[str, Standing]]) -> Row:
    cells = {c.key: _cell(row.cells[c.key], found[c.key].get(row.key)) for c in columns}
    return replace(row, cells=cells, paper={}, marks=(), remarks={})


def _cell(cell: Cell, standing: Standing | None) -> Cell:
    if standing is None or cell.score is None:
        return Cell()
    low, high = standing.ranks
    return Cell(
        score=Score(value=100 * standing.share, n=cell.score.n),
        text=_percent(standing.share),
        spread=f"rank {low}" if low == high else f"rank {low}{MISSING}{high}",
        ranked=True,
        best=standing.p >= LEVEL,
        letter=cell.letter,
    )


def _percent(share: float) -> str:
    """Whole percents; what is neither never nor always does not look so."""
    if 0 < share < 0.005:
        return "<1"
    return ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"
