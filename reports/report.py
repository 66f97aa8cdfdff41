"""From a folder of runs to tables and the leaderboard page."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gazebench import store
from gazebench.reports.collect import Run, find_runs, groups
from gazebench.reports.formats import as_csv, as_json, as_markdown
from gazebench.reports.latex import as_latex
from gazebench.reports.page import Board, render
from gazebench.reports.pictures import PICTURES, Gallery, gallery
from gazebench.reports.tables import Table

_TABLE_FILE = re.compile(r"table-1(-[0-9a-f]{8})?\.(md|tex|csv|json)")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was written."""

    page: Path
    runs: int
    tables: int
    damaged: tuple[str, ...]  # a sentence for each run that could not be read
    notes: tuple[str, ...]  # why pictures are left out


def write_report(
    runs: Path, out: Path, *, dataset: Path | None = None, pictures: bool = True
) -> Report:
    """Write ``OUT/index.html`` and ``OUT/tables/`` from every ``scores.json`` below ``runs``.

    ``dataset`` overrides where the runs say their dataset is.

    Raises:
        InputError: no readable run, or runs of one dataset that do not compare.
        DiskError: ``out`` cannot be written.
    """
    found, damaged = find_runs(runs)
    grouped = groups(found)
    share = PICTURES // len(grouped) if pictures else 0
    boards = [_board(group, len(grouped), dataset, share) for group in grouped]
    texts = {f"{b.name}.{suffix}": text for b in boards for suffix, text in b.files.items()}
    page = out / "index.html"
    _remove_others(out / "tables", texts)
    store.write_many([(out / "tables" / name, text) for name, text in texts.items()])
    store.write(page, render(boards))
    return Report(
        page=page,
        runs=len(found),
        tables=len(boards),
        damaged=tuple(damaged),
        notes=tuple(dict.fromkeys(b.gallery.note for b in boards if pictures and b.gallery.note)),
    )


def _board(group: list[Run], tables: int, dataset: Path | None, pictures: int) -> Board:
    table = Table.of([run.result for run in group])
    left_out = Gallery(note="Pictures were left out when this page was made.")
    return Board(
        name="table-1" if tables == 1 else f"table-1-{_short(table)}",
        table=table,
        gallery=gallery(table, group, dataset, pictures) if pictures else left_out,
        files={
            "md": as_markdown(table),
            "tex": as_latex(table),
            "csv": as_csv(table),
            "json": as_json(table),
        },
    )


def _short(table: Table) -> str:
    """Eight hex digits for a dataset and benchmark version, which are texts of strangers."""
    text = f"{table.dataset.fingerprint} {table.benchmark}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _remove_others(folder: Path, names: Iterable[str]) -> None:
    """Remove tables of an earlier report that this one does not have."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if _TABLE_FILE.fullmatch(path.name) and path.name not in names:
            store.remove(path)
