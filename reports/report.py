"""From a folder of runs to tables, figures and the leaderboard page."""

import hashlib
import importlib
import importlib.util
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gazebench import plugins, store
from gazebench.errors import GazebenchError, InputError
from gazebench.reports import earlier, reproduction, tables, writers
from gazebench.reports.grid import Grid
from gazebench.reports.illustrations import Illustrations, file_names, group_of, illustrate
from gazebench.reports.measured import Measured, Run
from gazebench.reports.page import Board, Sheet, render, study
from gazebench.reports.page import figures as figures_page
from gazebench.reports.page import gallery as gallery_page
from gazebench.reports.page import methods as methods_page
from gazebench.reports.page.figures import Figures
from gazebench.reports.page.gallery import Gallery, gallery
from gazebench.reports.page.methods import Extremes, extremes_of
from gazebench.reports.slices import dimension

LIMIT = 3_000_000  # bytes of a page; more where there are very many tables
_LEAST_ROOM = 0.25


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was written."""

    page: Path
    runs: int
    tables: int
    figures: int
    unfilled: tuple[str, ...]  # a sentence for each figure that the runs cannot fill
    damaged: tuple[str, ...]  # a sentence for each result that could not be read
    notes: tuple[str, ...]  # why pictures are left out
    earlier: tuple[str, ...]  # names of figures that are as an earlier report drew them


def write_report(
    runs: Path,
    out: Path,
    *,
    dataset: Path | None = None,
    pictures: bool = True,
    slices: Sequence[str] = (),
) -> Report:
    """Write ``OUT/index.html``, ``OUT/tables/`` and ``OUT/figures/`` from all below ``runs``.

    Every table of ``reports/tables`` and every figure of ``reports/figures`` that the runs can fill
    is made; without ``pictures`` none that shows portraits. ``dataset`` overrides where the runs
    say their dataset is.
    ``slices`` ("yaw", "glasses" ...) add Table I for each slice of the portraits, see ``slices``.

    Raises:
        InputError: no readable result, results of one dataset that do not compare, or no such
            slices.
        DiskError: ``out`` cannot be written.
    """
    measured = Measured(runs, tuple(map(_known_slices, slices)))
    sheets = [sheet for name in plugins.names(tables) for sheet in _sheets(name, measured)]
    if not sheets:
        raise _nothing(measured)
    drawn = _illustrations(sheets, measured, dataset, pictures)
    drawn = earlier.with_earlier(drawn, out / "figures", measured, pictures=pictures)
    boards = _boards(sheets, measured.runs, drawn, dataset, pictures)
    boards = _with_study(boards, measured)
    texts = {f"{s.name}.{suffix}": text for s in sheets for suffix, text in s.files.items()}
    texts |= _beside_the_paper(sheets)
    images = {f"{i.name}.{suffix}": data for i in drawn.made for suffix, data in i.files.items()}
    page = out / "index.html"
    store.write_many([(out / "tables" / name, text) for name, text in texts.items()])
    images[earlier.FILE] = earlier.noted(drawn.made)
    store.write_many([(out / "figures" / name, data) for name, data in images.items()])
    store.write(page, render(boards))
    _remove_others(out / "tables", _table_files(), texts)  # last: an earlier figure may be the only
    _remove_others(out / "figures", file_names(), images)
    return Report(
        page=page,
        runs=len(measured.runs),
        tables=len(sheets),
        figures=len(drawn.made),
        unfilled=drawn.unfilled,
        damaged=(*dict.fromkeys(measured.damaged), *drawn.failed),
        notes=tuple(dict.fromkeys(b.gallery.note for b in boards if pictures and b.gallery.note)),
        earlier=drawn.earlier,
    )


def _sheets(name: str, measured: Measured) -> list[Sheet]:
    """The tables that one module makes, called after it; several have a hash in their names."""
    found = _grids(name, measured)
    base = _file_name(name)
    return [
        Sheet(
            name=base if len(found) == 1 else f"{base}-{_short(grid)}",
            grid=grid,
            files=writers.written(grid),
        )
        for grid in found
    ]


def _beside_the_paper(sheets: Sequence[Sheet]) -> dict[str, str]:
    """What all tables have in common with the paper's, as files; none where that is nothing."""
    found = [one for sheet in sheets if (one := reproduction.reproduction(sheet.grid))]
    if not found:
        return {}
    return {
        "reproduction.md": reproduction.as_markdown(found),
        "reproduction.csv": reproduction.as_csv(found),
    }


def _grids(name: str, measured: Measured) -> list[Grid]:
    where = f"{tables.__name__}.{name}"
    try:
        module = importlib.import_module(where)
        if not hasattr(module, "grids"):
            raise InputError(f"reports/tables/{name}.py defines no function `grids(measured)`")
        return list(module.grids(measured))
    except GazebenchError:
        raise
    except Exception as error:  # a mistake in the table's own file
        spec = importlib.util.find_spec(where)
        path = Path(spec.origin if spec and spec.origin else where)
        raise InputError(plugins.sentence(error, path)) from error


def _known_slices(name: str) -> str:
    return dimension(name).name


def _illustrations(
    sheets: Sequence[Sheet], measured: Measured, dataset: Path | None, pictures: bool
) -> Illustrations:
    """The figures of each dataset and benchmark version that has scores."""
    groups = [
        (key, group_of(_in_order(part[0].grid, runs), measured, dataset, pictures=pictures))
        for key, part in _together(sheets).items()
        if (runs := _runs_of(key, measured.runs))
    ]
    return illustrate(groups)


def _in_order(grid: Grid, runs: Sequence[Run]) -> list[Run]:
    """The runs as the rows of Table I stand."""
    places = {row.key: place for place, row in enumerate(grid.all_rows)}
    return sorted(runs, key=lambda run: places.get(run.result.run, len(places)))


def _boards(
    sheets: Sequence[Sheet],
    runs: Sequence[Run],
    drawn: Illustrations,
    dataset: Path | None,
    pictures: bool,
) -> list[Board]:
    """The tables of each dataset and benchmark version, with the runs that were scored on it."""
    together = _together(sheets)
    bare = [_board(group, _runs_of(key, runs), dataset, 0) for key, group in together.items()]
    room = _room(len(render(bare)))
    share = room / len(together) if pictures else 0
    figures = {key: [i for i in drawn.made if i.key == key] for key in together}
    weight = len(drawn.made) or 1
    return [
        replace(
            _board(group, _runs_of(key, runs), dataset, share),
            figures=Figures.of(figures[key], drawn.unfilled, room * len(figures[key]) / weight),
        )
        for key, group in together.items()
    ]


def _room(bare: int) -> float:
    """The share of the budgets that is left beside a page of ``bare`` bytes without pictures."""
    pictures = gallery_page.BUDGET + figures_page.BUDGET + methods_page.BUDGET
    return min(1.0, max(_LEAST_ROOM, (LIMIT - bare) / pictures))


def _together(sheets: Sequence[Sheet]) -> dict[tuple[str, str], list[Sheet]]:
    """Tables by dataset fingerprint and benchmark version."""
    found: dict[tuple[str, str], list[Sheet]] = {}
    for sheet in sheets:
        found.setdefault((sheet.grid.fingerprint, sheet.grid.benchmark), []).append(sheet)
    return found


def _with_study(boards: list[Board], measured: Measured) -> list[Board]:
    """The same boards; the one of the study's dataset shows it."""
    try:
        rows = study.read(measured.root)
    except InputError as error:
        measured.damaged.append(str(error))
        return boards
    shown = study.section(rows)
    fingerprint = rows[0].fingerprint if rows else ""
    return [
        replace(board, study=shown) if board.sheets[0].grid.fingerprint == fingerprint else board
        for board in boards
    ]


def _runs_of(key: tuple[str, str], runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if (run.result.dataset.fingerprint, run.result.benchmark) == key]


def _board(
    sheets: Sequence[Sheet], runs: Sequence[Run], dataset: Path | None, share: float
) -> Board:
    """Without figures; ``share`` of the page's pictures."""
    extremes: dict[str, Extremes] = {}
    if not runs:
        shown = Gallery()
    elif not share:
        shown = Gallery(note="Pictures were left out when this page was made.")
    else:
        shown = gallery(sheets[0].grid, runs, dataset, share)
        extremes = extremes_of(sheets[0].grid, runs, dataset, share)
    results = [run.result for run in runs]
    return Board(sheets=sheets, results=results, gallery=shown, extremes=extremes)


def _nothing(measured: Measured) -> InputError:
    if measured.damaged:  # which ends with what to do
        return InputError(
            f"{measured.root}: holds no scores.json that can be read: {measured.damaged[0]}"
        )
    return InputError(f"{measured.root}: holds no scores.json; run `gazebench eval` first")


def _file_name(table: str) -> str:
    return table.replace("_", "-")


def _short(grid: Grid) -> str:
    """Eight hex digits for what tells a table from its like, which are untrusted texts."""
    return hashlib.sha256(grid.key.encode()).hexdigest()[:8]


def _table_files() -> re.Pattern[str]:
    """Matches the names of tables that a report may have written."""
    names_of_tables = ("reproduction", *map(_file_name, plugins.names(tables)))
    bases = "|".join(map(re.escape, names_of_tables))
    suffixes = "|".join(form.suffix for form in writers.FORMATS)
    return re.compile(rf"({bases})(-[0-9a-f]{{8}})?\.({suffixes})")


def _remove_others(folder: Path, ours: re.Pattern[str], names: Iterable[str]) -> None:
    """Remove files of an earlier report that this one does not have."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if ours.fullmatch(path.name) and path.name not in names:
            store.remove(path)
