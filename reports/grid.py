"""A table as every writer and the page take it: columns, rows and notes.

Also what tables share: which cells compete in a column, which is best, which are not told apart.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gazebench.cards import METRIC_GROUPS, MetricCard
from gazebench.reports import statistics
from gazebench.reports.paper import Published
from gazebench.results import Score

MISSING = "\N{EN DASH}"
OTHER_JUDGE = "another judge"


class Group(StrEnum):
    """Rows that stand together in a table; only methods compete for the best of a column."""

    METHOD = "method"
    ABLATION = "ablation"
    CONTROL = "control"


# groups that are shown below the methods, in this order, and what a table says of them
UNRANKED = {
    Group.ABLATION: ("Ablations", "lack a part of their method, not ranked"),
    Group.CONTROL: ("Controls", "bound the scale, not ranked"),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of a table."""

    key: str
    card: MetricCard
    n: int | None  # sample size of the cells that compete, see ``admits``; None for a cost
    judge: str = ""  # ``Score.judge`` of the cells that compete

    def admits(self, score: Score) -> bool:
        """Whether a score is by the column's judge and of enough portraits to compete.

        A set metric falls with n, so n must be the column's. A mean over portraits may have more:
        who loses irises is measured on fewer, and who keeps them is not to be left out for it.
        """
        if score.judge != self.judge:
            return False
        if self.n is None or score.n == self.n:
            return True
        return score.per_portrait is not None and score.n > self.n

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.card.higher_is_better else "↓"

    @property
    def is_cost(self) -> bool:
        """Whether it is about the method and not about its pictures."""
        return self.card.group == "cost"

    @property
    def facts(self) -> str:
        """Unit and sample size: "M", "n = 600"."""
        size = f"n = {self.n}" if self.n is not None else ""
        return ", ".join(part for part in (self.card.unit, size) if part)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One score as it is shown."""

    score: Score | None = None
    text: str = MISSING
    spread: str = ""  # "[0.97, 0.99]", "± 0.002"
    apart: str = ""  # what is not the column's: "n = 16", "another judge"
    ranked: bool = False  # competes for the column's best
    best: bool = False
    letter: str = ""  # rows that share one are not told apart
    marks: tuple[int, ...] = ()  # notes, from 1

    @property
    def leading(self) -> bool:
        """Whether it is the best of its column, or not told apart from it."""
        return self.letter == "a"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of measured numbers, and the printed ones below it."""

    key: str  # unique in its table: the run, the up-sampler
    label: str  # unique too, for a person
    cells: Mapping[str, Cell]  # by column
    marks: tuple[int, ...] = ()  # notes on the whole row
    paper: Mapping[str, str] = field(default_factory=dict)  # printed numbers by column
    group: Group = Group.METHOD
    share: str = ""  # how much of an incomplete run there is, "8 of 12 portraits"
    aside: str = ""  # in small letters below the label on the page: the year
    facts: Mapping[str, Any] = field(default_factory=dict)  # columns of the CSV before the scores
    remarks: Mapping[str, str] = field(default_factory=dict)  # and after them
    details: Mapping[str, Any] = field(default_factory=dict)  # what the JSON says besides


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table: results in, columns, rows and notes out."""

    number: str  # "I", as the paper counts
    title: str  # "Gaze correction"
    caption: str  # sentences: what is shown and how it is to be read
    corner: str  # heading of the first column: "Method"
    dataset: str  # its name
    fingerprint: str
    benchmark: str
    resolution: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()  # numbered from 1
    paper: Published = field(default_factory=Published)
    unranked: tuple[Row, ...] = ()  # rows of other groups than the methods
    sorted_by: str = ""  # key of the column that the rows are sorted by
    of: str = ""  # the run, where a table is of one
    details: Mapping[str, Any] = field(default_factory=dict)  # what the JSON says besides

    @property
    def key(self) -> str:
        """What tells this table from others of the same number."""
        return " ".join(part for part in (self.fingerprint, self.benchmark, self.of) if part)

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """Rows that compete, then the others."""
        return self.rows + self.unranked

    @property
    def below(self) -> list[tuple[str, str, tuple[Row, ...]]]:
        """The groups below the rows that compete: title, what it says, rows."""
        groups = [
            (*words, tuple(row for row in self.unranked if row.group == group))
            for group, words in UNRANKED.items()
        ]
        return [group for group in groups if group[2]]

    @property
    def has_paper(self) -> bool:
        """Whether the paper has a number for any row."""
        return any(row.paper for row in self.all_rows)


@dataclass(frozen=True, kw_only=True)
class Line:
    """The scores of one row, before it is known how they compare."""

    key: str
    scores: Mapping[str, Score]
    complete: bool = True  # False: shown, but never best
    group: Group = Group.METHOD


class Notes:
    """Numbers texts from 1 in the order in which they come; equal texts share a number."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, text: str) -> int:
        """The number of a text."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def columns_of(lines: Sequence[Line], cards: Mapping[str, MetricCard]) -> tuple[Column, ...]:
    """The metrics that any line has a score of, group by group, in the order of their cards."""
    keys = {key for line in lines for key in line.scores}
    ordered = sorted(keys, key=lambda key: place(key, cards[key]))
    return tuple(_column(key, cards[key], lines) for key in ordered)


def place(key: str, card: MetricCard) -> tuple[int, int, str]:
    """Sort key of a metric among the columns of a table."""
    return METRIC_GROUPS.index(card.group), card.order, key


def cells_by_line(columns: Sequence[Column], lines: Sequence[Line]) -> dict[str, dict[str, Cell]]:
    """The cells of a table: by line, then by column."""
    by_column = {column.key: cells_of(column, lines) for column in columns}
    return {line.key: {key: by_column[key][line.key] for key in by_column} for line in lines}


def cells_of(column: Column, lines: Sequence[Line]) -> dict[str, Cell]:
    """The column's cells by line.

    Ablations, controls, incomplete lines and cells that the column does not admit are shown but
    never best, and no letter is given to a set metric, which has no per-portrait values to pair.
    """
    ranked = {line.key: line.scores[column.key] for line in lines if competes(column, line)}
    pick = max if column.card.higher_is_better else min
    best = pick((score.value for score in ranked.values()), default=None)
    letters = statistics.tie_letters(
        {key: s.per_portrait for key, s in ranked.items() if s.per_portrait is not None},
        higher_is_better=column.card.higher_is_better,
    )
    cells = {}
    for line in lines:
        score = line.scores.get(column.key)
        cells[line.key] = Cell(
            score=score,
            text=number(score.value, column.card) if score else MISSING,
            spread=_spread(score, column) if score else "",
            apart=_apart(column, score),
            ranked=line.key in ranked,
            best=line.key in ranked and ranked[line.key].value == best,
            letter=letters.get(line.key, ""),
        )
    return cells


def competes(column: Column, line: Line) -> bool:
    """Whether the line's score may be the best of the column."""
    score = line.scores.get(column.key)
    full = score is not None and column.admits(score)
    return full and line.complete and line.group == Group.METHOD


def number(value: float, card: MetricCard) -> str:
    """A value with the digits of its card, or more where it would look like a bound it is not.

    0.99996 of a metric bounded by 1 becomes 0.99996, not 1.000.
    """
    return _fixed(value, _digits(value, card))


def _digits(value: float, card: MetricCard) -> int:
    for digits in range(card.digits, card.digits + 5):
        if value in card.bounds or float(_fixed(value, digits)) not in card.bounds:
            return digits
    return card.digits


def _fixed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _spread(score: Score, column: Column) -> str:
    """A 95 % interval as it was given; the standard error for a set metric that has one.

    Nothing for a cost: how its runs scatter on one machine is no interval over portraits.
    """
    digits = _digits(score.value, column.card)
    if column.is_cost:
        return ""
    if score.per_portrait is None and score.stderr is not None:
        return f"± {_fixed(score.stderr, digits)}"
    if score.interval is None:
        return ""
    low, high = (_fixed(end, digits) for end in score.interval)
    return f"[{low}, {high}]"


def _apart(column: Column, score: Score | None) -> str:
    if not score:
        return ""
    size = f"n = {score.n}" if column.n not in (None, score.n) else ""
    judge = OTHER_JUDGE if score.judge != column.judge else ""
    return ", ".join(part for part in (size, judge) if part)


def _column(key: str, card: MetricCard, lines: Sequence[Line]) -> Column:
    """With the judge and the n that most complete methods have.

    Of two that are equally frequent the larger n. Without a complete method, those of the complete
    lines, else of all.
    """
    there = [line for line in lines if key in line.scores]
    complete = [line for line in there if line.complete]
    methods = [line for line in complete if line.group == Group.METHOD]
    scores = [line.scores[key] for line in methods or complete or there]
    judges = Counter(score.judge for score in scores)
    judge = max(judges, key=lambda one: (judges[one], one))
    counts = Counter(score.n for score in scores if score.judge == judge)
    size = None if card.group == "cost" else max(counts, key=lambda n: (counts[n], n))
    return Column(key=key, card=card, n=size, judge=judge)
