"""The leaderboard: one HTML file that opens by double click and loads nothing from anywhere.

A pure function of its inputs: no clock, no host name, no absolute path.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

import gazebench
from gazebench.reports.columns import Cell, Column
from gazebench.reports.pages import environment, joined, policy
from gazebench.reports.pictures import Gallery
from gazebench.reports.tables import Row, Table
from gazebench.results import RunResult

FORMATS = (
    ("CSV", "csv", "text/csv"),
    ("Markdown", "md", "text/markdown"),
    ("LaTeX", "tex", "text/x-tex"),
    ("JSON", "json", "application/json"),
)
STYLES = ("page.css", "table.css", "faces.css")
# provenance keys with a place of their own, in order
KNOWN = {
    "date": "Date",
    "command": "Command",
    "gazebench": "gazebench",
    "device": "Device",
    "python": "Python",
    "torch": "PyTorch",
    "steps": "Steps",
    "images": "Portraits seen in training",
    "budget": "Training budget",
    "seed": "Seed",
    "training_seconds": "Training, seconds",
    "checkpoint_sha256": "Checkpoint, sha256",
}


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the page shows of one table."""

    name: str  # of its files, "table-1"
    table: Table
    gallery: Gallery
    files: dict[str, str]  # suffix → text


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """The best of one column, in a sentence or two."""

    column: Column
    text: str
    spread: str
    holders: str
    tied: str


def render(boards: Sequence[Board]) -> str:
    """The page."""
    templates = environment()
    templates.filters |= {"link": _link, "minus": _minus}
    style, script = joined(templates, STYLES), joined(templates, ["leaderboard.js"])
    return templates.get_template("leaderboard.html.j2").render(
        boards=[_context(board, number) for number, board in enumerate(boards, 1)],
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        version=gazebench.__version__,
        dates=_dates([row.result for board in boards for row in board.table.all_rows]),
    )


def _context(board: Board, number: int) -> dict[str, Any]:
    return {
        "id": f"b{number}",
        "table": board.table,
        "gallery": board.gallery,
        "highlights": list(_highlights(board.table)),
        "downloads": [
            {"label": label, "name": f"{board.name}.{suffix}", "uri": _uri(board, suffix, kind)}
            for label, suffix, kind in FORMATS
        ],
        "runs": [(row, list(provenance(row.result))) for row in board.table.all_rows],
        "cards": list({row.result.name: row for row in board.table.all_rows}.values()),
        "dates": _dates([row.result for row in board.table.all_rows]),
    }


def _uri(board: Board, suffix: str, kind: str) -> str:
    data = base64.b64encode(board.files[suffix].encode()).decode()
    return f"data:{kind};charset=utf-8;base64,{data}"


def _dates(results: Sequence[RunResult]) -> str:
    """When the results were made: a day, or the first and the last."""
    days = sorted({str(d)[:10] for r in results if (d := r.provenance.get("date"))})
    return " to ".join(days[:1] + days[1:][-1:])


def _highlights(table: Table) -> Iterator[Highlight]:
    quality = [column for column in table.columns if not column.is_cost]
    for column in quality[:4]:
        best = [row for row in table.rows if row.cells[column.key].best]
        if not best:
            continue
        cell = best[0].cells[column.key]
        yield Highlight(
            column=column,
            text=cell.text,
            spread=cell.spread,
            holders=_names(best),
            tied=_names(_tied(table.rows, column, cell)),
        )


def _tied(rows: Sequence[Row], column: Column, best: Cell) -> list[Row]:
    cells = [(row, row.cells[column.key]) for row in rows]
    return [row for row, c in cells if best.letter and c.letter == best.letter and not c.best]


def _names(rows: Sequence[Row]) -> str:
    names = [row.label for row in rows]
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def provenance(result: RunResult) -> Iterator[tuple[str, str]]:
    """What a run's scores depend on, as label and text."""
    yield "Run", result.run
    yield "Benchmark version", result.benchmark
    yield "Dataset", f"{result.dataset.name}, fingerprint {result.dataset.fingerprint}"
    yield "Portraits", f"{result.n_predicted} of {result.dataset.n_test} corrected"
    for key, label in KNOWN.items():
        if result.provenance.get(key) not in (None, ""):
            yield label, str(result.provenance[key])
    for key in sorted(result.provenance.keys() - KNOWN.keys()):
        yield from _flat(result.provenance[key], key)
    for key, reason in sorted(result.skipped.items()):
        yield f"Not measured: {key}", reason


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Leaves of nested tables as ("settings.batch", "8")."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _flat(value[key], f"{path}.{key}")
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _link(address: str) -> str:
    """The address where it is an ordinary web address, else nothing."""
    return address if address.startswith(("https://", "http://")) else ""


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
