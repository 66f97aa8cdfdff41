"""Phrases that several formats write."""

from collections.abc import Sequence

from gazebench.reports.grid import Grid


def names(texts: Sequence[str]) -> str:
    """The texts in a sentence: "A, B and C"."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def in_brackets(text: str) -> str:
    """The text in brackets after a space; nothing for nothing."""
    return f" ({text})" if text else ""


def raised(marks: Sequence[int], letter: str = "") -> str:
    """What stands raised after a number: "a, 1, 2"."""
    return ", ".join([*([letter] if letter else []), *map(str, marks)])


def about_paper(grid: Grid) -> str:
    """Where the paper's numbers come from and why they do not compare."""
    return f"{grid.paper.source}. {' '.join(grid.paper.caveats)}"
