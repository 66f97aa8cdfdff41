"""A table as JSON: all that it rests on, but for per-portrait values.

Those stay in ``scores.json``.
"""

import json
from dataclasses import asdict
from typing import Any

from gazebench.reports.grid import Cell, Column, Grid, Row

_OF_THE_TABLE = (
    "group",
    "order",
    "sees_eyes",
    "noise_hurts",
    "optional",
    "on_request",
)  # fields of a metric's card


def write(grid: Grid) -> str:
    """The text, keys in alphabetical order."""
    content = {
        "format": 1,
        "table": grid.number,
        "columns": [_column(column) for column in grid.columns],
        "rows": [_row(row) for row in grid.all_rows],
        "footnotes": grid.notes,
        "paper": asdict(grid.paper),
        **grid.details,
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _column(column: Column) -> dict[str, Any]:
    """The column with its card, but for what the card says to the table itself."""
    card = {k: v for k, v in asdict(column.card).items() if k not in _OF_THE_TABLE}
    return {"key": column.key, "n": column.n, **card}


def _row(row: Row) -> dict[str, Any]:
    scores = {key: _score(cell) for key, cell in row.cells.items() if cell.score}
    return {**row.details, "scores": scores}


def _score(cell: Cell) -> dict[str, Any]:
    score = cell.score
    assert score is not None
    return {
        "value": score.value,
        "n": score.n,
        "interval": score.interval,
        "stderr": score.stderr,
        "competes": cell.ranked,
        "best": cell.best,
        "tie": cell.letter or None,
    }
