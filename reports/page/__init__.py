"""The leaderboard: one HTML file that opens by double click and loads nothing from anywhere.

A pure function of its inputs: no clock, no host name, no absolute path.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

import gazebench
from gazebench.reports.grid import Cell, Column, Grid, Row
from gazebench.reports.page.figures import Figures
from gazebench.reports.page.gallery import Gallery
from gazebench.reports.page.offline import environment, joined, policy
from gazebench.reports.page.slices import slice_charts
from gazebench.reports.page.study import STYLE, StudySection
from gazebench.reports.reproduction import reproduction
from gazebench.reports.writers import FORMATS, Format
from gazebench.results import RunResult

STYLES = ("page.css", "table.css", "faces.css", "slices.css", "figures.css", STYLE)
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
class Sheet:
    """A table and its files."""

    name: str  # of the files, "table-1"
    grid: Grid
    files: Mapping[str, str]  # suffix → text


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the page shows of one dataset and benchmark version."""

    sheets: Sequence[Sheet]
    results: Sequence[RunResult]  # those of Table I, which is then the first sheet
    gallery: Gallery
    study: StudySection | None = None  # where people were asked about these runs
    figures: Figures = field(default_factory=Figures)


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
    templates.filters |= {"link": _link, "minus": _minus, "commands": _commands}
    style, script = joined(templates, STYLES), joined(templates, ["leaderboard.js"])
    return templates.get_template("leaderboard.html.j2").render(
        boards=[_context(board, f"b{number}") for number, board in enumerate(boards, 1)],
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        version=gazebench.__version__,
        dates=_dates([result for board in boards for result in board.results]),
    )


def _context(board: Board, name: str) -> dict[str, Any]:
    results = {result.run: result for result in board.results}
    first = board.sheets[0].grid
    entries = [(row, results[row.key]) for row in first.all_rows if row.key in results]
    return {
        "id": name,
        "first": first,
        "dataset": board.results[0].dataset if board.results else None,
        "parts": [
            {
                "id": name if place == 0 else f"{name}-{sheet.name}",
                "grid": sheet.grid,
                "highlights": list(_highlights(sheet.grid)) if place == 0 else [],
                "reproduction": reproduction(sheet.grid),
                "downloads": [_download(sheet, form) for form in FORMATS],
            }
            for place, sheet in enumerate(board.sheets)
        ],
        "gallery": board.gallery,
        "study": board.study,
        "slices": slice_charts(first, board.results),
        "figures": board.figures,
        "runs": [(row, result, list(provenance(result))) for row, result in entries],
        "cards": list({result.name: (row, result) for row, result in entries}.values()),
        "dates": _dates(board.results),
    }


def _download(sheet: Sheet, form: Format) -> dict[str, str]:
    data = base64.b64encode(sheet.files[form.suffix].encode()).decode()
    uri = f"data:{form.media_type};charset=utf-8;base64,{data}"
    return {"label": form.title, "name": f"{sheet.name}.{form.suffix}", "uri": uri}


def _dates(results: Sequence[RunResult]) -> str:
    """When the results were made: a day, or the first and the last."""
    days = sorted({str(d)[:10] for r in results if (d := r.provenance.get("date"))})
    return " to ".join(days[:1] + days[1:][-1:])


def _highlights(grid: Grid) -> Iterator[Highlight]:
    quality = [column for column in grid.columns if not column.is_cost]
    for column in quality[:4]:
        best = [row for row in grid.rows if row.cells[column.key].best]
        if not best:
            continue
        cell = best[0].cells[column.key]
        yield Highlight(
            column=column,
            text=cell.text,
            spread=cell.spread,
            holders=_names(best),
            tied=_names(_tied(grid.rows, column, cell)),
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


def _commands(sentence: str) -> Markup:
    """The sentence with what stands between backticks as code."""
    parts = sentence[:1].upper(), *sentence[1:].split("`")
    marked = [parts[0], parts[1]]
    for place, part in enumerate(parts[2:]):
        marked.append(Markup("<code>{}</code>").format(part) if place % 2 == 0 else part)
    return Markup("").join(marked)


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
