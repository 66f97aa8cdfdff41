"""Which faces a page shows: some chosen at random, and the worst, median and best by a metric."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gazebench.dataset.random_order import in_random_order
from gazebench.reports.grid import Column, Grid, Row

# a metric of the eyes goes before one of the rest of the portrait
PREFERRED = ("gaze", "harm", "other", "quality", "preservation", "animation", "cost")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A face and why it is shown."""

    id: str
    why: str  # "at random", "worst", "median", "best", "at random, best"
    metric: Column | None = None  # that the face was chosen by
    drawn: bool = False  # at random


def choose(grid: Grid, ids: Iterable[str], *, drawn: int, extremes: bool) -> list[Choice]:
    """``drawn`` faces at random, then up to three by a metric; each once.

    The order depends on no score, see ``in_random_order``.
    """
    pool = in_random_order(ids)
    chosen = {id_: Choice(id=id_, why="at random", drawn=True) for id_ in sorted(pool[:drawn])}
    for one in _extremes(grid, set(pool)) if extremes else []:
        before = chosen.get(one.id)
        chosen[one.id] = (
            replace(before, why=f"{before.why}, {one.why}", metric=one.metric) if before else one
        )
    return list(chosen.values())


def _extremes(grid: Grid, ids: set[str]) -> list[Choice]:
    """Worst, median and best portrait by the mean over the ranked methods.

    Of the preferred metrics, that which tells most portraits apart: degrees before a yes or no.
    """
    known = [(column, _mean_values(grid.rows, column, ids)) for column in grid.columns]
    telling = [(column, means) for column, means in known if len(set(means.values())) >= 3]
    if not telling:
        return []
    column, means = min(telling, key=lambda c: (preferred(c[0]), -len(set(c[1].values()))))
    sign = 1 if column.card.higher_is_better else -1
    order = sorted(means, key=lambda id_: (sign * means[id_], id_))
    picks = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    return [Choice(id=id_, why=why, metric=column) for why, id_ in picks.items()]


def preferred(column: Column) -> int:
    """Sort key of metrics: those that say most about a face first."""
    return PREFERRED.index(column.card.group)


def _mean_values(rows: Sequence[Row], column: Column, ids: set[str]) -> dict[str, float]:
    scores = [row.cells[column.key].score for row in rows if row.cells[column.key].ranked]
    values = [score.per_portrait for score in scores if score and score.per_portrait]
    shared = ids.intersection(*values) if values else set()
    return {id_: sum(v[id_] for v in values) / len(values) for id_ in sorted(shared)}
