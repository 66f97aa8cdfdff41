r"""A table as LaTeX: booktabs rules, every text escaped, fit for pdfLaTeX and its successors."""

import re
import unicodedata
from collections.abc import Iterator

from gazebench.reports.grid import Cell, Column, Grid, Row
from gazebench.reports.writers.wording import about_paper, in_brackets

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
    """A ``table*`` that needs the packages booktabs and xcolor."""
    heads = [_head(column) for column in grid.columns]
    lines = [
        "% needs \\usepackage{booktabs,xcolor}",
        *(r"\begin{table*}", r"\centering", r"\scriptsize", r"\setlength{\tabcolsep}{3pt}"),
        rf"\caption{{{escape(grid.title)}: {escape(grid.caption)}}}",
        rf"\begin{{tabular}}{{p{{2.6cm}}{'r' * len(heads)}}}",
        *(r"\toprule", " & ".join([escape(grid.corner), *heads]) + r" \\", r"\midrule"),
        *_group(grid.rows, grid),
        *([r"\midrule"] if grid.rows and grid.controls else []),
        *_group(grid.controls, grid),
        *(r"\bottomrule", r"\end{tabular}", r"\par\smallskip\raggedright"),
        *(rf"\textsuperscript{{{i}}}\,{escape(t)}\par" for i, t in enumerate(grid.notes, 1)),
        *([escape(f"{grid.paper.label}: {about_paper(grid)}")] if grid.has_paper else []),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _head(column: Column) -> str:
    *words, last = escape(column.card.title).split(" ")
    words.append(f"{last} {escape(column.arrow)}")
    facts = escape(in_brackets(column.facts).strip())
    return _stack([*words, *([facts] if facts else [])], "b")


def _group(rows: tuple[Row, ...], grid: Grid) -> list[str]:
    groups = [list(_lines(row, grid)) for row in rows]
    return [line for group in groups for line in (*group, r"\addlinespace")][:-1]


def _lines(row: Row, grid: Grid) -> Iterator[str]:
    name = rf"\raggedright {escape(row.label + in_brackets(row.share))}{_raised(row.marks)}"
    yield " & ".join([name, *(_cell(row.cells[c.key]) for c in grid.columns)]) + r" \\"
    if row.paper:
        label = rf"\raggedright \textcolor{{gray}}{{{escape(grid.paper.label)}}}"
        printed = [row.paper.get(c.key, "") for c in grid.columns]
        grey = [rf"\textcolor{{gray}}{{{escape(text)}}}" if text else "" for text in printed]
        yield " & ".join([label, *grey]) + r" \\"


def _cell(cell: Cell) -> str:
    text = rf"\textbf{{{_number(cell.text)}}}" if cell.best else _number(cell.text)
    small = [rf"\tiny {_number(part)}" for part in (cell.spread, cell.size) if part]
    first = text + _raised(cell.marks, cell.letter)
    return _stack([first, *small]) if small else first


def _number(text: str) -> str:
    return escape(text.replace("-", "\N{MINUS SIGN}"))


def _stack(parts: list[str], align: str = "t") -> str:
    lines = r" \\ ".join(parts)
    return rf"\begin{{tabular}}[{align}]{{@{{}}r@{{}}}}{lines}\end{{tabular}}"


def _raised(marks: tuple[int, ...], letter: str = "") -> str:
    text = ", ".join([*([letter] if letter else []), *map(str, marks)])
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
