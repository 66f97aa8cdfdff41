"""Small charts of scores by slices of the portraits, as inline SVG: one row a metric."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gazebench.reports.grid import Column, Grid, Row, number
from gazebench.reports.measured import of_each_method
from gazebench.reports.page.choice import preferred
from gazebench.reports.slices import DIMENSIONS, Dimension, members, over
from gazebench.results import RunResult, Score

METRICS, METHODS = 8, 8  # shown at most
FEWEST = 3  # portraits in a slice that is drawn
WIDTH, HEIGHT = 240, 138  # of a chart, in its own units
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 28
_SPREAD = 26  # across, between the first and the last method of a slice


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One method in one slice."""

    method: int  # its place in the legend, from 0
    x: float
    y: float
    low: float  # ends of the interval, y as well
    high: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One metric by one dimension."""

    by: str  # name of the dimension
    title: str
    labels: tuple[tuple[float, str, int], ...]  # x, of a slice, n
    ticks: tuple[tuple[float, str], ...]  # y, value
    marks: tuple[Mark, ...]
    lines: tuple[tuple[int, str], ...]  # method, points of its polyline


@dataclass(frozen=True, kw_only=True)
class SliceCharts:
    """What the section shows."""

    methods: tuple[str, ...] = ()
    rows: tuple[tuple[Column, tuple[Chart, ...]], ...] = ()
    left_out: tuple[str, ...] = ()  # sentences


def slice_charts(grid: Grid, results: Sequence[RunResult]) -> SliceCharts:
    """Charts of the table's runs; empty where nothing is known of the portraits."""
    by_run = {result.run: result for result in results}
    known = [row for row in grid.all_rows if row.key in by_run]
    rows = of_each_method(known, lambda row: by_run[row.key].name, METHODS)
    others = [row for row in known if row not in rows]
    some = [by_run[row.key] for row in rows]
    columns = sorted(filter(lambda c: _is_told_apart(c, rows), grid.columns), key=preferred)
    found = [(c, tuple(_charts(c, rows, some))) for c in columns]
    shown = [(column, charts) for column, charts in found if charts][:METRICS]
    if not shown:
        return SliceCharts()
    seen = {chart.by for _, charts in shown for chart in charts}
    left_out = [
        f"{by.title}: fewer than two slices have {FEWEST} portraits."
        for by in DIMENSIONS
        if by.name not in seen
    ]
    if others:
        left_out.append(f"Not in the charts: {', '.join(row.label for row in others)}.")
    charted = {column.key for column, _ in shown}
    if more := [column.card.title for column in columns if column.key not in charted]:
        left_out.append(f"Without charts: {', '.join(more)}.")
    return SliceCharts(
        methods=tuple(row.label for row in rows), rows=tuple(shown), left_out=tuple(left_out)
    )


def _is_told_apart(column: Column, rows: Sequence[Row]) -> bool:
    """Whether the metric has values per portrait, and not the same one everywhere."""
    scores = [row.cells[column.key].score for row in rows]
    values = {v for s in scores if s and s.per_portrait for v in s.per_portrait.values()}
    return len(values) > 1


def _charts(column: Column, rows: Sequence[Row], results: Sequence[RunResult]) -> Iterator[Chart]:
    """A chart for each dimension in which at least two slices have enough portraits."""
    for by in DIMENSIONS:
        parts = {
            part.label: _scores(column, rows, members(results, by, part)) for part in by.slices
        }
        parts = {label: scores for label, scores in parts.items() if scores}
        if len(parts) > 1:
            yield _chart(column, by, rows, parts)


def _scores(column: Column, rows: Sequence[Row], ids: frozenset[str]) -> dict[int, Score]:
    """By place of the method: its score over the portraits, where those are enough."""
    found = {
        place: over(row.cells[column.key].score, ids, column.card) for place, row in enumerate(rows)
    }
    return {place: score for place, score in found.items() if score and score.n >= FEWEST}


def _chart(
    column: Column, by: Dimension, rows: Sequence[Row], parts: Mapping[str, Mapping[int, Score]]
) -> Chart:
    scores = {
        (place, method): score
        for place, by_method in enumerate(parts.values())
        for method, score in by_method.items()
    }
    low, high = _range(list(scores.values()), 10.0**-column.card.digits)
    step = (WIDTH - _LEFT - _RIGHT) / len(parts)

    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    def x(place: int, method: int = 0, of: int = 1) -> float:
        aside = (method / (of - 1) - 0.5) * _SPREAD if of > 1 else 0.0
        return round(_LEFT + (place + 0.5) * step + aside, 1)

    marks = [
        Mark(
            method=method,
            x=x(place, method, len(rows)),
            y=y(score.value),
            low=y((score.interval or (score.value,) * 2)[0]),
            high=y((score.interval or (score.value,) * 2)[1]),
            title=f"{rows[method].label}, {by.title.lower()} {list(parts)[place]}: "
            f"{_told(score, column)}",
        )
        for (place, method), score in scores.items()
    ]
    labels = [
        (x(place), label, max(score.n for score in by_method.values()))
        for place, (label, by_method) in enumerate(parts.items())
    ]
    return Chart(
        by=by.name,
        title=f"{column.card.title} by {by.title.lower()}",
        labels=tuple(labels),
        ticks=tuple((y(value), number(value, column.card)) for value in (low, high)),
        marks=tuple(marks),
        lines=tuple(_lines(marks)),
    )


def _range(scores: Sequence[Score], least: float) -> tuple[float, float]:
    """What the y axis spans: all values, and their intervals as far as they are not wild.

    ``least``: what its ends differ by at least.
    """
    values = [score.value for score in scores]
    ends = [end for score in scores for end in score.interval or ()]
    low, high = min(values), max(values)
    room = max(high - low, least)
    return max(min([low, *ends]), low - room), min(max([high, *ends, low + least]), high + room)


def _lines(marks: Sequence[Mark]) -> Iterator[tuple[int, str]]:
    for method in sorted({mark.method for mark in marks}):
        points = [f"{mark.x},{mark.y}" for mark in marks if mark.method == method]
        yield method, " ".join(points)


def _told(score: Score, column: Column) -> str:
    ends = (score.value, *(score.interval or ()))
    value, *interval = (number(end, column.card).replace("-", "\u2212") for end in ends)
    text = f"{value}{column.card.unit}, n = {score.n}"
    if not interval:
        return text
    low, high = interval
    return f"{text}, 95 % interval {low} to {high}"
