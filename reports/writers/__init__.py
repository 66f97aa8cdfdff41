"""How a table is written: each format in one module, each with one function, ``write(grid)``.

Every text of a grid is escaped for its format here, whatever it contains.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gazebench.reports.grid import Grid
from gazebench.reports.writers import csv, json, latex, markdown


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that a table can be."""

    title: str
    suffix: str
    media_type: str
    write: Callable[[Grid], str]


FORMATS = (
    Format("CSV", "csv", "text/csv", csv.write),
    Format("Markdown", "md", "text/markdown", markdown.write),
    Format("LaTeX", "tex", "text/x-tex", latex.write),
    Format("JSON", "json", "application/json", json.write),
)


def written(grid: Grid) -> dict[str, str]:
    """The table in every format, by suffix."""
    return {form.suffix: form.write(grid) for form in FORMATS}
