"""The table of ``gazebench methods --params``: ours beside what papers printed."""

from collections.abc import Iterable

from gazebench.reports.paper import PublishedCount
from gazebench.training.parameters import RULES, ParameterCount

_NONE = "\u2013"  # a dash
_HEAD = ("method", "side", "inference", "training", "training + VGG")


def table(counts: Iterable[ParameterCount], printed: Iterable[PublishedCount]) -> list[str]:
    """Lines of text: parameters in millions.

    In brackets what Zhang et al. (2022) printed, and by how much ours is more. A method without
    some of its networks has only the numbers that are printed.
    """
    known = {(p.method, p.resolution, tuple(p.without), p.rule): p for p in printed}
    return [_line(*_HEAD), *(_row(count, known) for count in counts)]


def _row(
    count: ParameterCount, known: dict[tuple[str, int, tuple[str, ...], str], PublishedCount]
) -> str:
    side = str(count.resolution)
    if count.by_rule is None:
        return _line(count.method, side, _NONE, _NONE, f"{_NONE} {count.declined}")
    cells = []
    for rule in RULES:
        found = known.get((count.method, count.resolution, count.without, rule))
        is_shown = found or not count.without
        cells.append(_cell(count.by_rule[rule], found) if is_shown else _NONE)
    name = count.method
    if count.without:
        name += f" without {', '.join(count.without)}"
    return _line(name, side, *cells)


def _cell(count: int, printed: PublishedCount | None) -> str:
    millions = f"{count / 1e6:.2f}"
    if printed is None:
        return millions
    more = count / 1e6 / float(printed.millions) - 1
    return f"{millions} ({printed.millions}, {more:+.2%})".replace("%", " %")


def _line(*cells: str) -> str:
    widths = (26, 6, 24, 11, 0)
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
