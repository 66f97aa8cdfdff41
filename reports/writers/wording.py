"""Phrases that several formats write."""

from gazebench.reports.grid import Grid


def in_brackets(text: str) -> str:
    """The text in brackets after a space; nothing for nothing."""
    return f" ({text})" if text else ""


def about_paper(grid: Grid) -> str:
    """Where the paper's numbers come from and why they do not compare."""
    return f"{grid.paper.source}. {' '.join(grid.paper.caveats)}"
