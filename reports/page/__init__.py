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
from gazebench.reports.page.methods import GAP, STRIP, Extremes, sections
from gazebench.reports.page.offline import environment, joined, policy
from gazebench.reports.page.slices import slice_charts
from gazebench.reports.page.study import STYLE, StudySection
from gazebench.reports.reproduction import reproduction
from gazebench.reports.writers import FORMATS, Format
from gazebench.reports.writers.wording import names
from gazebench.results import RunResult

STYLES = (
    *("page.css", "table.css", "faces.css", "slices.css", "figures.css", "methods.css"),
    STYLE,
)
MOST_ROWS = 8  # of a table without a search


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
    extremes: Mapping[str, Extremes] = field(default_factory=dict)  # by run


# does it look at the camera, do the eyes look real, is anybody harmed
_ASKED_FIRST = ("eye_contact_estimated", "gaze_error", "fid_eyes", "harm_lpips")


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """The best of one column, in a sentence or two."""

    column: Column
    text: str
    spread: str
    holders: str
    tied: str
    untouched: str  # what portraits have that are left alone


def render(boards: Sequence[Board]) -> str:
    """The page."""
    templates = environment()
    templates.filters |= {"link": _link, "minus": _minus, "commands": _commands, "tags": _tags}
    style, script = joined(templates, STYLES), joined(templates, ["leaderboard.js"])
    return templates.get_template("leaderboard.html.j2").render(
        boards=[
            {**_context(board, f"b{number}"), "called": called}
            for number, (board, called) in enumerate(zip(boards, _called(boards), strict=True), 1)
        ],
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        version=gazebench.__version__,
        dates=_dates([result for board in boards for result in board.results]),
        most_rows=MOST_ROWS,
        strip=(STRIP[0], 2 * STRIP[1] + GAP),
    )


def _called(boards: Sequence[Board]) -> list[str]:
    """What tells each part of the page from the others: its dataset, and more where needed."""
    grids = [board.sheets[0].grid for board in boards]
    if len(grids) == 1:
        return [grids[0].dataset]
    names = [f"{g.dataset}, {g.resolution} px, version {g.benchmark}" for g in grids]
    return [
        name if names.count(name) == 1 else f"{name}, {grid.fingerprint}"
        for name, grid in zip(names, grids, strict=True)
    ]


def _context(board: Board, name: str) -> dict[str, Any]:
    results = {result.run: result for result in board.results}
    first = board.sheets[0].grid
    entries = [(row, results[row.key]) for row in first.all_rows if row.key in results]
    methods = sections(name, entries, board.figures.curves, board.extremes)
    own = {section.result.run for section in methods}
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
        "curves": [one for one in board.figures.curves if one.of not in own],
        "methods": methods,
        "sections": {section.row.key: section.id for section in methods},
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
    """Of the columns that a reader asks for first; then of the others, in their order."""
    quality = [column for column in grid.columns if not column.is_cost]
    asked = {key: place for place, key in enumerate(_ASKED_FIRST)}
    quality.sort(key=lambda column: asked.get(column.key, len(asked)))
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
            untouched=_untouched(grid, column),
        )


def _untouched(grid: Grid, column: Column) -> str:
    """What the control has that corrects nothing; "" where it was not measured."""
    rows = (row for row in grid.unranked if row.facts.get("method") == "identity")
    cells = (row.cells[column.key] for row in rows)
    return next((cell.text for cell in cells if cell.score), "")


def _tied(rows: Sequence[Row], column: Column, best: Cell) -> list[Row]:
    cells = [(row, row.cells[column.key]) for row in rows]
    return [row for row, c in cells if best.letter and c.letter == best.letter and not c.best]


def _names(rows: Sequence[Row]) -> str:
    labels = [row.label for row in rows]
    return names(labels if len(labels) < 4 else [*labels[:2], f"{len(labels) - 2} more"])


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


def _tags(row: Row) -> str:
    """By what a table of many rows can be filtered."""
    cells = row.cells.values()
    found = {
        "leading": any(cell.best or cell.leading for cell in cells),
        "code": bool(row.details.get("card", {}).get("code")),
        "complete": not row.share,
    }
    return " ".join(tag for tag, holds in found.items() if holds)


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
