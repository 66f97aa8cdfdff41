"""Intervals and tests over respondents: the answers of one person are not independent.

Efron, Better Bootstrap Confidence Intervals, JASA 82 (1987): BCa. Hesterberg, What Teachers Should
Know About the Bootstrap, The American Statistician 69 (2015): wider percentiles for small samples.
Bradley and Terry, Rank Analysis of Incomplete Block Designs, Biometrika 39 (1952); fitted by the
iteration of Hunter, MM Algorithms for Generalized Bradley-Terry Models, Annals of Statistics 32
(2004). All own code.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from gazebench.reports.statistics import LEVEL

Floats = NDArray[np.float64]
RESAMPLES = 5000
_ITERATIONS = 200


def interval(
    data: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """95 % interval of a statistic of means over respondents: BCa, widened for small samples.

    ``data`` is (n, ...), one entry per respondent; ``statistic`` maps means (B, ...) to (B, k).
    Low and high ends are (k,). One respondent says nothing about others: 0 and 1.
    """
    n = len(data)
    value = statistic(data.mean(axis=0)[None])[0]
    if n < 2:
        return np.zeros_like(value), np.ones_like(value)
    flat = data.reshape(n, -1)
    shape = data.shape[1:]
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples) / n
    drawn = statistic((weights @ flat).reshape(resamples, *shape))
    without = (flat.sum(axis=0) - flat) / (n - 1)
    left_out = statistic(without.reshape(n, *shape))
    return _bca(value, drawn, left_out)


def unanimous(data: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The interval of shares, (n, k), with ends for what nobody or everybody chose each time.

    There a bootstrap has nothing to draw from; the end is Clopper and Pearson's over respondents.
    """
    end = 0.025 ** (1 / len(data))
    high = np.where((data == 0).all(axis=0), np.maximum(high, 1 - end), high)
    low = np.where((data == 1).all(axis=0), np.minimum(low, end), low)
    return low, high


def _bca(value: Floats, drawn: Floats, left_out: Floats) -> tuple[Floats, Floats]:
    n = len(left_out)
    below = ((drawn < value).mean(axis=0) + (drawn <= value).mean(axis=0)) / 2
    bias = special.ndtri(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn)))
    away = left_out.mean(axis=0) - left_out
    spread = (away**2).sum(axis=0)
    skew = (away**3).sum(axis=0) / (6 * np.where(spread > 0, spread, 1) ** 1.5)
    reach = special.stdtrit(n - 1, 0.975) * math.sqrt(n / (n - 1))  # Hesterberg, section 5.3
    ends = []
    for z in (bias - reach, bias + reach):
        place = special.ndtr(bias + z / (1 - skew * z))
        columns = zip(drawn.T, place, strict=True)
        ends.append(np.array([np.quantile(column, where) for column, where in columns]))
    return ends[0], ends[1]


def letters(names: Sequence[str], order: Sequence[str], p_holm: Floats) -> dict[str, str]:
    """A letter for each name: "a" for the first of ``order`` and all not told apart from it.

    Of the rest, "b" for the first and all not told apart from that one, and so on.
    """
    pairs = list(itertools.combinations(names, 2))
    told = {frozenset(pair): p < LEVEL for pair, p in zip(pairs, p_holm, strict=True)}
    found: dict[str, str] = {}
    for letter in map(chr, range(ord("a"), ord("z") + 1)):
        rest = [name for name in order if name not in found]
        if not rest:
            break
        alike = [name for name in rest[1:] if not told[frozenset((rest[0], name))]]
        found |= dict.fromkeys([rest[0], *alike], letter)
    return found


def bradley_terry(wins: Floats, half: float) -> Floats:
    """Worths that sum to 1, (B, k), from how often one beat another, (B, k, k).

    ``half``: added to the wins of both sides of each pair that met, so that who never lost has a
    finite worth; half a win, in the unit of ``wins``.
    """
    met = (wins + wins.transpose(0, 2, 1)) > 0
    smoothed = wins + half * met
    games = smoothed + smoothed.transpose(0, 2, 1)
    won = smoothed.sum(axis=2)
    worth = np.full(won.shape, 1 / won.shape[1])
    for _ in range(_ITERATIONS):
        against = games / (worth[:, :, None] + worth[:, None, :])
        worth = won / against.sum(axis=2)
        worth /= worth.sum(axis=1, keepdims=True)
    return worth
