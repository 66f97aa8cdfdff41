"""Kernel inception distance of eye patches (Binkowski et al. 2018), corrected against real.

The same features as FID. Unbiased, so that sets of different size compare. Over all patches at
once, where the paper averages over subsets; the standard error is a jackknife over portraits.
A portrait's two eyes are alike, so that a pair of them is not a pair of independent patches: pairs
within a set are of different portraits (counted in, six portraits came out 0.008 too far away).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gazebench.cards import MetricCard
from gazebench.errors import InputError
from gazebench.metrics._eyes import PER_PORTRAIT, REGION, WEIGHTS, EyeSets
from gazebench.results import Score, jackknife_error, pseudo_values, t_interval

Array = NDArray[np.float64]

_BLOCK = 2048  # rows of a kernel matrix held at a time; a portrait's two are in one block


class KidEyes(EyeSets):
    """Squared MMD of both sets under the kernel (x·y / 2048 + 1)³; may be just below 0."""

    card: ClassVar[MetricCard] = MetricCard(
        title="KID eyes",
        higher_is_better=False,
        digits=4,
        help="How far corrected eyes as a set are from real eyes that look at the camera "
        "(training portraits): unbiased kernel distance (degree 3) of Inception-2015-12-05 "
        "features; near 0 means not told apart, and chance can bring it just below.",
        region=REGION,
        weights=WEIGHTS,
        group="quality",
        order=20,
    )

    def compute(self) -> Score:
        """The distance; ``n`` counts the corrected patches.

        Raises:
            InputError: fewer than two corrected or two real portraits.
        """
        rows = self._corrected.rows("corrected portraits").astype(np.float64)
        real = self._real.rows("real training portraits looking at the camera").astype(np.float64)
        if min(len(rows), len(real)) < 2 * PER_PORTRAIT:
            raise InputError("needs at least 2 corrected portraits and 2 real ones")
        within_real = self._instruments.kept(
            ("kernel", self._real.digest()), lambda: float(_others(real).sum() / _pairs(len(real)))
        )
        sums = _Sums.of(rows, real, within_real)
        value = sums.distance()
        left_out = sums.distances_without()
        if left_out is None:
            return Score(value=value, n=len(rows))
        stderr = jackknife_error(left_out)
        return Score(
            value=value,
            n=len(rows),
            interval=t_interval(value, stderr, len(left_out) - 1),
            stderr=stderr,
            groups=pseudo_values(value, left_out),
        )


@dataclass(frozen=True)
class _Sums:
    """Sums of kernel values from which the distance follows, with any portrait left out."""

    others: Array  # (n,) of a patch with the corrected patches of every other portrait
    across: Array  # (n,) of a patch with every real patch
    within_real: float  # mean over pairs of patches of different real portraits
    n_real: int

    @classmethod
    def of(cls, rows: Array, real: Array, within_real: float) -> "_Sums":
        return cls(
            others=_others(rows),
            across=np.sum([_kernel(rows, block).sum(axis=1) for block in _blocks(real)], axis=0),
            within_real=within_real,
            n_real=len(real),
        )

    def distance(self) -> float:
        """The unbiased estimate of the squared MMD."""
        return float(self._value(len(self.others), self.others.sum(), self.across.sum()))

    def distances_without(self) -> Array | None:
        """The distance without each portrait in turn; None for fewer than three."""
        portraits = len(self.others) // PER_PORTRAIT
        if portraits < 3:
            return None
        others = self.others.reshape(portraits, -1).sum(axis=1)
        across = self.across.reshape(portraits, -1).sum(axis=1)
        return self._value(
            len(self.others) - PER_PORTRAIT,
            self.others.sum() - 2 * others,
            self.across.sum() - across,
        )

    def _value(self, n: int, others: Any, across: Any) -> Any:
        return others / _pairs(n) + self.within_real - 2 * across / (n * self.n_real)


def _pairs(n: int) -> int:
    """Ordered pairs of patches of different portraits, out of ``n`` patches."""
    return n * (n - PER_PORTRAIT)


def _kernel(a: Array, b: Array) -> Array:
    """(x·y / d + 1)³, the kernel of the paper, section 4."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def _others(rows: Array) -> Array:
    """For each row the sum of its kernel values with the rows of all other portraits."""
    sums = np.zeros(len(rows))
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        for second in range(start, len(rows), _BLOCK):
            values = _kernel(block, rows[second : second + _BLOCK])
            if second == start:
                own = np.arange(len(block)) // PER_PORTRAIT
                values[own[:, None] == own] = 0
            else:  # the kernel is symmetric: each pair of blocks is computed once
                sums[second : second + _BLOCK] += values.sum(axis=0)
            sums[start : start + _BLOCK] += values.sum(axis=1)
    return sums


def _blocks(rows: Array) -> Iterator[Array]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]
