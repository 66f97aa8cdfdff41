"""Which methods a metric tells apart: sign-flip test, Holm's correction, tie letters.

Only per-portrait values are compared. A set metric (FID, KID) has none and gets no letters.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

ROUNDS = 10_000
CHUNK = 500  # rounds at once, which bounds the memory
LEVEL = 0.05
ALL_FLIPS = 13  # portraits up to which all 2**n flips are tried, fewer than ROUNDS


def paired_p_values(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p-value of the sign-flip test for each column (Fisher 1935, section 21).

    ``differences`` is (n, k): n portraits, k methods, each method minus the one it is compared
    with on the same portrait. Were two methods alike, each difference would as well have the other
    sign: p is the share of sign flips whose mean is at least as far from 0. Up to ``ALL_FLIPS``
    portraits every flip is tried and p is exact; with five even equal signs have p = 2/2**5, so
    that fewer than six tell nothing apart at 5 %. Else ``ROUNDS`` random flips and the observed
    one. All columns see the same flips.
    """
    n = len(differences)
    observed = np.abs(differences.sum(axis=0))
    observed -= 1e-12 * np.abs(differences).sum(axis=0)  # rounding of a sum
    signs = _all_signs(n) if n <= ALL_FLIPS else _random_signs(n)
    beyond = np.zeros(differences.shape[1])
    for some in signs:
        beyond += (np.abs(some @ differences) >= observed).sum(axis=0)
    return beyond / 2**n if n <= ALL_FLIPS else (beyond + 1) / (ROUNDS + 1)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def tie_letters(
    values: Mapping[str, Mapping[str, float]], *, higher_is_better: bool
) -> dict[str, str]:
    """A letter for each method from its per-portrait values (method → portrait id → value).

    "a" goes to the best mean and to all that are not told apart from it; of the rest, "b" to the
    best and to all not told apart from that one, and so on. Methods scored on other portraits
    than the best cannot be paired and get no letter; nor does anybody where only one is left.
    """
    if not all(values.values()):
        return {}
    sign = 1.0 if higher_is_better else -1.0
    means = {name: sign * float(np.mean([*row.values()])) for name, row in values.items()}
    ranking = sorted(means, key=lambda name: (-means[name], name))
    ranking = [name for name in ranking if values[name].keys() == values[ranking[0]].keys()]
    if len(ranking) < 2:
        return {}
    ids = sorted(values[ranking[0]])
    columns = {name: np.array([values[name][id_] for id_ in ids]) for name in ranking}
    return _letters(ranking, columns)


def _letters(ranking: list[str], columns: Mapping[str, NDArray[np.float64]]) -> dict[str, str]:
    letters: dict[str, str] = {}
    group = 0
    while rest := [name for name in ranking if name not in letters]:
        best, others = rest[0], rest[1:]
        letters[best] = _letter(group)
        if others:
            differences = np.stack([columns[name] - columns[best] for name in others], axis=1)
            adjusted = holm(paired_p_values(differences))
            tied = [name for name, p in zip(others, adjusted, strict=True) if p >= LEVEL]
            letters |= dict.fromkeys(tied, _letter(group))
        group += 1
    return letters


def _letter(group: int) -> str:
    return chr(ord("a") + group) if group < 26 else f"z{group - 25}"


def _all_signs(n: int) -> Iterator[NDArray[np.float64]]:
    """Every choice of n signs, as rows of one array."""
    yield 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)


def _random_signs(n: int) -> Iterator[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS // CHUNK):
        yield rng.choice(np.array([-1.0, 1.0]), (CHUNK, n))
