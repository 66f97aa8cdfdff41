r"""A table as LaTeX: booktabs rules, every text escaped, fit for pdfLaTeX and its successors."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gazebench.reports.grid import Cell, Column, Grid, Row
from gazebench.reports.writers.wording import about_paper, in_brackets, raised

_MOST_COLUMNS = 8  # of numbers, beside the names; a text of 165 mm has room for them
_COMMANDS = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': "''",
    "\N{EN DASH}": r"\textendash{}",
    "\N{EM DASH}": r"\textemdash{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{DEGREE SIGN}": r"$^\circ$",
    "\N{MICRO SIGN}": r"$\mu$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{UPWARDS ARROW}": r"$\uparrow$",
    "\N{DOWNWARDS ARROW}": r"$\downarrow$",
    "\N{SUPERSCRIPT TWO}": "$^2$",
    "\N{SUPERSCRIPT THREE}": "$^3$",
    "\N{LATIN SMALL LETTER SHARP S}": r"\ss{}",
    "\N{LATIN SMALL LETTER O WITH STROKE}": r"\o{}",
    "\N{LATIN CAPITAL LETTER O WITH STROKE}": r"\O{}",
    "\N{LATIN SMALL LETTER AE}": r"\ae{}",
    "\N{LATIN CAPITAL LETTER AE}": r"\AE{}",
    "\N{LATIN SMALL LETTER L WITH STROKE}": r"\l{}",
    "\N{LATIN CAPITAL LETTER L WITH STROKE}": r"\L{}",
    "\N{LATIN SMALL LETTER DOTLESS I}": r"\i{}",
}
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING MACRON}": "=",
    "\N{COMBINING BREVE}": "u",
    "\N{COMBINING DOT ABOVE}": ".",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING DOUBLE ACUTE ACCENT}": "H",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING CEDILLA}": "c",
}


def escape(text: str) -> str:
    r"""Text that LaTeX typesets as it is; a letter pdfLaTeX does not have becomes "[U+4E2D]"."""
    typeset = "".join(map(_letter, " ".join(text.split())))
    return re.sub("-(?=-)", "-{}", typeset)  # two hyphens would become a dash


def write(grid: Grid) -> str:
    """A ``table*`` that needs the packages booktabs and xcolor.

    A table of more columns than a page is wide enough for is several of them, under one number.
    """
    parts = list(_parts(grid.columns))
    floats = [_float(grid, columns, place, len(parts)) for place, columns in enumerate(parts, 1)]
    return "\n".join(["% needs \\usepackage{booktabs,xcolor}", *floats]) + "\n"


def _parts(columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    """The columns in as few parts as fit a page, of about equal length."""
    count = max(1, -(-len(columns) // _MOST_COLUMNS))
    ends = [len(columns) * part // count for part in range(count + 1)]
    yield from (columns[first:last] for first, last in pairwise(ends))


def _float(grid: Grid, columns: Sequence[Column], place: int, of: int) -> str:
    first, last = place == 1, place == of
    caption = f"{grid.title}: {grid.caption}" if first else f"{grid.title}, continued."
    heads = [_head(column) for column in columns]
    lines = [
        *(r"\begin{table*}", r"\centering", r"\scriptsize", r"\setlength{\tabcolsep}{3pt}"),
        *([] if first else [r"\addtocounter{table}{-1}"]),
        rf"\caption{{{escape(caption)}}}\smallskip",
        rf"\begin{{tabular}}{{p{{2.6cm}}{'r' * len(heads)}}}",
        *(r"\toprule", " & ".join([escape(grid.corner), *heads]) + r" \\", r"\midrule"),
        *_groups(columns, grid),
        *(r"\bottomrule", r"\end{tabular}", r"\par\smallskip\raggedright"),
        *(
            rf"\textsuperscript{{{i}}}\,{escape(text)}\par"
            for i, text in enumerate(grid.notes, 1)
            if i in _marks(grid, columns) or (last and i not in _marks(grid, grid.columns))
        ),
        *([escape(f"{grid.paper.label}: {about_paper(grid)}")] if last and grid.has_paper else []),
        r"\end{table*}",
    ]
    return "\n".join(lines)


def _marks(grid: Grid, columns: Sequence[Column]) -> set[int]:
    """The notes that the rows and these columns point to."""
    cells = [row.cells[column.key].marks for row in grid.all_rows for column in columns]
    return {mark for marks in (*cells, *(row.marks for row in grid.all_rows)) for mark in marks}


def _head(column: Column) -> str:
    *words, last = escape(column.card.title).split(" ")
    words.append(f"{last} {escape(column.arrow)}")
    facts = escape(in_brackets(column.facts).strip())
    return _stack([*words, *([facts] if facts else [])], "b")


def _groups(columns: Sequence[Column], grid: Grid) -> list[str]:
    """The rows that compete, then each other group, with a rule between them."""
    groups = [rows for rows in (grid.rows, *(rows for _, _, rows in grid.below)) if rows]
    lines = [[r"\midrule", *_group(rows, columns, grid)] for rows in groups]
    return [line for group in lines for line in group][1:]


def _group(rows: Sequence[Row], columns: Sequence[Column], grid: Grid) -> list[str]:
    groups = [list(_lines(row, columns, grid)) for row in rows]
    return [line for group in groups for line in (*group, r"\addlinespace")][:-1]


def _lines(row: Row, columns: Sequence[Column], grid: Grid) -> Iterator[str]:
    name = rf"\raggedright {escape(row.label + in_brackets(row.share))}{_raised(row.marks)}"
    yield " & ".join([name, *(_cell(row.cells[c.key]) for c in columns)]) + r" \\"
    printed = [row.paper.get(column.key, "") for column in columns]
    if any(printed):
        label = rf"\raggedright \textcolor{{gray}}{{{escape(grid.paper.label)}}}"
        grey = [rf"\textcolor{{gray}}{{{escape(text)}}}" if text else "" for text in printed]
        yield " & ".join([label, *grey]) + r" \\"


def _cell(cell: Cell) -> str:
    text = rf"\textbf{{{_number(cell.text)}}}" if cell.best else _number(cell.text)
    small = [rf"\tiny {_number(part)}" for part in (cell.spread, cell.apart) if part]
    first = text + _raised(cell.marks, cell.letter)
    return _stack([first, *small]) if small else first


def _number(text: str) -> str:
    return escape(text.replace("-", "\N{MINUS SIGN}"))


def _stack(parts: list[str], align: str = "t") -> str:
    lines = r" \\ ".join(parts)
    return rf"\begin{{tabular}}[{align}]{{@{{}}r@{{}}}}{lines}\end{{tabular}}"


def _raised(marks: tuple[int, ...], letter: str = "") -> str:
    text = raised(marks, letter)
    return rf"\textsuperscript{{{text}}}" if text else ""


def _letter(letter: str) -> str:
    if letter in _COMMANDS:
        return _COMMANDS[letter]
    if " " <= letter < "\x7f":
        return letter
    base, *accents = unicodedata.normalize("NFD", letter)
    if base.isascii() and base.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS:
        return f"\\{_ACCENTS[accents[0]]}{{{base}}}"
    return f"[U+{ord(letter):04X}]"
