"""A table as Markdown: a pipe table with its caption and notes.

The paper's numbers stand on lines of their own, marked as such.
"""

import re
from collections.abc import Iterator

from gazebench.reports.grid import Cell, Grid, Group, Row
from gazebench.reports.writers.wording import about_paper, in_brackets, raised


def escape(text: str) -> str:
    """Text that Markdown shows as it is, also in a table cell."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def write(grid: Grid) -> str:
    """A pipe table with its caption and footnotes."""
    heads = [
        f"{escape(c.card.title)} {c.arrow}{in_brackets(escape(c.facts))}" for c in grid.columns
    ]
    lines = [
        f"**Table {grid.number}. {escape(grid.title)}.** {escape(grid.caption)}",
        "",
        f"| {' | '.join([escape(grid.corner), *heads])} |",
        f"|---{'|---:' * len(heads)}|",
    ]
    for row in grid.all_rows:
        lines += _lines(row, grid)
    lines.append("")
    lines += [f"{i}. {escape(text)}" for i, text in enumerate(grid.notes, 1)]
    if grid.has_paper:
        lines += ["", f"*{grid.paper.label}*: {escape(about_paper(grid))}"]
    return "\n".join(lines).rstrip("\n") + "\n"


def _lines(row: Row, grid: Grid) -> Iterator[str]:
    group = "" if row.group == Group.METHOD else row.group
    aside = [text for text in (group, row.share) if text]
    name = escape(row.label) + "".join(f" *({text})*" for text in aside)
    cells = [_cell(row.cells[c.key]) for c in grid.columns]
    yield f"| {' | '.join([name + _superscript(row.marks), *cells])} |"
    if row.paper:
        printed = [f"*{row.paper[c.key]}*" if c.key in row.paper else "" for c in grid.columns]
        yield f"| {' | '.join([f'*{grid.paper.label}*', *printed])} |"


def _cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    text = " ".join(part for part in (text, cell.spread, in_brackets(cell.apart).strip()) if part)
    # "[1, 2]" right before "(" would be a link
    return text.replace("[", "\\[").replace("]", "\\]") + _superscript(cell.marks, cell.letter)


def _superscript(marks: tuple[int, ...], letter: str = "") -> str:
    text = raised(marks, letter)
    return f"<sup>{text}</sup>" if text else ""
