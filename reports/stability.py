"""How firmly a method leads: the share of resamples in which it does, ranks, paired differences.

A bootstrap over portraits (Efron 1979): every resample draws as many portraits as there are, with
replacement, the same ones for all methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazebench.reports.statistics import holm, paired_p_values

ROUNDS = 10_000
CHUNK = 500  # rounds at once, which bounds the memory
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One method among those that one metric compares on the same portraits."""

    share: float  # of resamples in which it has the best mean, 0 to 1; equal ones share one
    ranks: tuple[int, int]  # 95 % of resamples have it at these ranks, 1 is the best
    difference: float  # its mean less that of the best
    interval: tuple[float, float]  # 95 %, of the difference
    p: float  # of no difference from the best, Holm-corrected; 1 for the best itself


def standings(
    values: Mapping[str, Mapping[str, float]], *, higher_is_better: bool
) -> dict[str, Standing]:
    """Where each method stands, from its per-portrait values (method → portrait id → value).

    All have the same portraits.
    """
    names = sorted(values)
    ids = sorted(values[names[0]])
    table = np.array([[values[name][id_] for name in names] for id_ in ids], np.float64)  # (n, k)
    sign = 1.0 if higher_is_better else -1.0
    best = int(np.argmax(sign * table.mean(axis=0)))
    differences = table - table[:, [best]]
    # differences from the best lose no digits where all values are large and near each other
    means = _resampled_means(differences)  # (ROUNDS, k)
    means[np.abs(means) <= 1e-12 * max(np.abs(differences).max(), 1e-300)] = 0.0
    ranks = _ranks(sign * means)
    p_values = _p_values(differences, best)
    return {
        name: Standing(
            share=float(((ranks[:, k] == 1) / (ranks == 1).sum(axis=1)).mean()),
            ranks=_middle(ranks[:, k]),
            difference=float(differences[:, k].mean()),
            interval=_interval(means[:, k]),
            p=float(p_values[k]),
        )
        for k, name in enumerate(names)
    }


def _resampled_means(table: Array) -> Array:
    n, rng = len(table), np.random.default_rng(0)
    return np.concatenate(
        [rng.multinomial(n, [1 / n] * n, CHUNK) @ table / n for _ in range(ROUNDS // CHUNK)]
    )


def _ranks(means: Array) -> NDArray[np.int64]:
    """One more than the number of better methods, in each round."""
    return 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)


def _middle(ranks: NDArray[np.int64]) -> tuple[int, int]:
    low, high = np.quantile(ranks, [0.025, 0.975], method="nearest")
    return int(low), int(high)


def _interval(means: Array) -> tuple[float, float]:
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _p_values(differences: Array, best: int) -> Array:
    others = [k for k in range(differences.shape[1]) if k != best]
    found = np.ones(differences.shape[1])
    if others:
        found[others] = holm(paired_p_values(differences[:, others]))
    return found
