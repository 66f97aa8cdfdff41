"""Fréchet distance between Gaussians fitted to features (Heusel et al. 2017), in float64.

|μ₁ - μ₂|² + tr Σ₁ + tr Σ₂ - 2 tr (Σ₁Σ₂)^½, without a matrix square root: with Σ = FᵀF, the last
trace is the sum of the singular values of F₁F₂ᵀ, because (Σ₁Σ₂)^½ has the same eigenvalues. This
is exact for singular covariances, never complex, and needs no small number on the diagonal.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gazebench.errors import GazebenchError, InputError
from gazebench.results import Score, jackknife_error, pseudo_values, t_interval

Array = NDArray[np.float64]

_ROUNDING = 1e-9  # relative to the traces; anything more negative is a mistake, not rounding
_BLOCK = 4096  # rows reduced at a time
_GROUPS = 50  # of portraits, left out in turn for the standard error


@dataclass(frozen=True)
class Gaussian:
    """Mean and covariance of n feature rows; the covariance as a factor F with Σ = FᵀF."""

    mean: Array  # (d,)
    factor: Array  # (k, d), k ≤ d
    n: int

    @classmethod
    def of(cls, rows: NDArray[np.floating]) -> Self:
        """Fit to rows (n, d); the covariance is the unbiased one.

        For n ≤ d the factor is the centred rows over √(n - 1), for n > d the triangular factor of
        their QR decomposition, taken block by block.

        Raises:
            InputError: fewer than two rows, or a value that is not finite.
        """
        if len(rows) < 2:
            raise InputError(f"a covariance needs at least 2 rows, there are {len(rows)}")
        mean = rows.mean(axis=0, dtype=np.float64)
        if not np.isfinite(mean).all():
            raise InputError("a feature is not finite")
        return cls(mean, _reduced(rows, mean) / np.sqrt(len(rows) - 1), len(rows))

    @property
    def trace(self) -> float:
        """Sum of the variances, tr Σ."""
        return float(np.square(self.factor).sum())


def distance(a: Gaussian, b: Gaussian) -> float:
    """Squared Fréchet distance, 0 or more.

    Raises:
        GazebenchError: negative by more than rounding, which would be a fault of ours.
    """
    common = np.linalg.svd(a.factor @ b.factor.T, compute_uv=False).sum()
    scale = np.square(a.mean - b.mean).sum() + a.trace + b.trace
    value = float(scale - 2 * common)
    if value < -_ROUNDING * max(scale, 1.0):
        raise GazebenchError(f"Fréchet distance {value} of traces {a.trace} and {b.trace}")
    return max(value, 0.0)


def fid_score(
    rows: NDArray[np.floating],
    reference: Gaussian,
    portraits: NDArray[np.intp],
    *,
    groups: int = _GROUPS,
) -> Score:
    """The distance of feature rows (n, d) to a reference, with a 95 % interval over portraits.

    ``portraits`` (n,) numbers from 0 the portrait that each row is of; its rows are left out
    together, in ``groups`` of portraits. ``n`` of the score counts rows. Two portraits are too few
    for an interval.
    """
    value = distance(Gaussian.of(rows), reference)
    if portraits.max() < 2:
        return Score(value=value, n=len(rows))
    left_out = distances_without(rows, reference, portraits % groups)
    stderr = jackknife_error(left_out)
    return Score(
        value=value,
        n=len(rows),
        interval=t_interval(value, stderr, len(left_out) - 1, (0.0, None)),
        stderr=stderr,
        groups=pseudo_values(value, left_out),
    )


def distances_without(
    rows: NDArray[np.floating], reference: Gaussian, groups: NDArray[np.intp]
) -> Array:
    """The distance of ``rows`` (n, d) to ``reference`` without each group in turn, for a jackknife.

    ``groups`` (n,) numbers the rows from 0; the rows of one number are left out together. Rows
    are projected on the reference's factor once, and singular values are taken as roots of
    eigenvalues, so that leaving out costs little. A bootstrap would repeat rows, and the
    distance of a set with fewer distinct rows is higher: its percentiles miss the value itself.
    """
    middle = rows.mean(axis=0, dtype=np.float64)
    rows = rows - middle
    projected = rows @ reference.factor.T  # (n, k)
    products = projected @ projected.T if len(rows) <= projected.shape[1] else None  # (n, n)
    values = np.empty(groups.max() + 1)
    for number in range(len(values)):
        kept = groups != number
        if products is None:
            covariance = np.cov(projected[kept], rowvar=False)
        else:
            covariance = _centred(products[np.ix_(kept, kept)]) / (kept.sum() - 1)
        common = np.sqrt(np.linalg.eigvalsh(covariance).clip(0)).sum()
        gap = np.square(rows[kept].mean(axis=0) + middle - reference.mean).sum()
        spread = rows[kept].var(axis=0, ddof=1).sum() + reference.trace
        values[number] = gap + spread - 2 * common
    return values


def _centred(products: Array) -> Array:
    """Scalar products of rows after their mean was taken off, from those before."""
    means = products.mean(axis=0)
    return products - means - means[:, None] + means.mean()


def _reduced(rows: NDArray[np.floating], mean: Array) -> Array:
    n, d = rows.shape
    if n <= d:
        return rows - mean
    factor = np.empty((0, d))
    for start in range(0, n, _BLOCK):
        block = rows[start : start + _BLOCK] - mean
        factor = np.asarray(np.linalg.qr(np.concatenate([factor, block]), mode="r"))
    return factor
