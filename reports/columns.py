"""One column of a table: which cells compete in it, which is best, which are not told apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gazebench.cards import METRIC_GROUPS, MetricCard
from gazebench.reports import statistics
from gazebench.results import RunResult, Score

MISSING = "\N{EN DASH}"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of the table."""

    key: str
    card: MetricCard
    n: int | None  # sample size of the cells that compete; None for a cost

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
    size: str = ""  # "n = 16" where that is not the column's
    ranked: bool = False  # competes for the column's best
    best: bool = False
    letter: str = ""  # methods that share one are not told apart
    marks: tuple[int, ...] = ()  # footnotes, from 1


def columns_of(results: Sequence[RunResult]) -> tuple[Column, ...]:
    """The metrics that any result has a score of, group by group, in the order of their cards."""
    cards = {k: r.metrics[k] for r in results for k in r.scores}
    keys = sorted(cards, key=lambda key: _place(key, cards[key]))
    return tuple(
        Column(key=key, card=cards[key], n=_sample_size(key, cards[key], results)) for key in keys
    )


def _place(key: str, card: MetricCard) -> tuple[int, int, str]:
    return METRIC_GROUPS.index(card.group), card.order, key


def cells_of(column: Column, results: Sequence[RunResult]) -> dict[str, Cell]:
    """The column's cells by run.

    Controls, incomplete predictions and cells of another sample size are shown but never best,
    and no letter is given to a set metric, which has no per-portrait values to pair.
    """
    ranked = {r.run: r.scores[column.key] for r in results if competes(column, r)}
    pick = max if column.card.higher_is_better else min
    best = pick((score.value for score in ranked.values()), default=None)
    letters = statistics.tie_letters(
        {run: s.per_portrait for run, s in ranked.items() if s.per_portrait is not None},
        higher_is_better=column.card.higher_is_better,
    )
    cells = {}
    for result in results:
        score = result.scores.get(column.key)
        cells[result.run] = Cell(
            score=score,
            text=number(score.value, column.card) if score else MISSING,
            spread=_spread(score, column) if score else "",
            size=_size(column, score),
            ranked=result.run in ranked,
            best=result.run in ranked and ranked[result.run].value == best,
            letter=letters.get(result.run, ""),
        )
    return cells


def competes(column: Column, result: RunResult) -> bool:
    """Whether the run's score may be the best of the column."""
    score = result.scores.get(column.key)
    full = score is not None and column.n in (None, score.n)
    return full and result.ranked and result.method.kind != "control"


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


def _size(column: Column, score: Score | None) -> str:
    return f"n = {score.n}" if score and column.n not in (None, score.n) else ""


def _sample_size(key: str, card: MetricCard, results: Sequence[RunResult]) -> int | None:
    """The n that most complete rows have (the larger of two equally frequent)."""
    if card.group == "cost":
        return None
    sizes = [(r.ranked, r.scores[key].n) for r in results if key in r.scores]
    counts = Counter(n for ranked, n in sizes if ranked) or Counter(n for _, n in sizes)
    return max(counts, key=lambda n: (counts[n], n))
