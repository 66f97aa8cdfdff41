"""A table as CSV: one line per row, full precision, intervals and n in columns of their own.

The paper's numbers are columns that end in "_paper".
"""

from typing import Any

from gazebench.dataset import csv_text
from gazebench.reports.grid import Column, Grid, Row


def escape(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def write(grid: Grid) -> str:
    """The text; an empty column is left out."""
    rows = [_cells(row, grid) for row in grid.all_rows]
    used = {key for row in rows for key, value in row.items() if value != ""}
    always = {key for row in grid.all_rows for key in row.facts}
    keys = [key for key in rows[0] if key in used | always] if rows else []
    return csv_text(map(escape, keys), ([row[key] for key in keys] for row in rows))


def _cells(row: Row, grid: Grid) -> dict[str, Any]:
    cells: dict[str, Any] = {key: _safe(value) for key, value in row.facts.items()}
    for column in grid.columns:
        cells |= _score_cells(column, row)
    return cells | {key: _safe(value) for key, value in row.remarks.items()}


def _safe(value: Any) -> Any:
    return escape(value) if isinstance(value, str) else value


def _score_cells(column: Column, row: Row) -> dict[str, Any]:
    key, cell, score = column.key, row.cells[column.key], row.cells[column.key].score
    low, high = (score.interval if score else None) or ("", "")
    stderr = score.stderr if score and score.stderr is not None else ""
    counted = score and column.n is not None
    return {
        key: score.value if score else "",
        f"{key}_low": low,
        f"{key}_high": high,
        f"{key}_stderr": stderr,
        f"{key}_n": score.n if score and counted else "",
        f"{key}_tie": cell.letter,
        f"{key}_paper": row.paper.get(key, ""),
    }
