"""What several votes on a portrait come to: Dawid and Skene's estimate, and the majority.

Dawid and Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm,
Applied Statistics 28 (1979): equations 2.3 to 2.5, started from the shares of the votes (3.1).
What differs: every cell of an annotator's error rates begins with a small count, so that one vote
never makes a class impossible.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazebench.annotation.agreement import MISSING, Ratings

_ROUNDS = 500
_CLOSE = 1e-8
_TINY = 1e-300
_SMOOTHING = 0.1  # what each cell of an annotator's error rates is begun with


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """N portraits, A annotators, C choices."""

    posterior: NDArray[np.float64]  # (N, C): how probable each choice is
    prior: NDArray[np.float64]  # (C,): share of each choice
    rates: NDArray[np.float64]  # (A, C, C): what an annotator says (last) of what is so (middle)
    rounds: int  # of EM


def dawid_skene(table: Ratings) -> Estimate:
    """The estimate for a table of ratings; every portrait has a vote."""
    rows, annotators = np.nonzero(table.values != MISSING)
    said = table.values[rows, annotators].astype(np.intp)
    shape = (len(table.portraits), len(table.annotators), len(table.choices))
    return estimate(rows, annotators, said, shape, smoothing=_SMOOTHING)


def estimate(
    rows: NDArray[np.intp],
    annotators: NDArray[np.intp],
    said: NDArray[np.intp],
    shape: tuple[int, int, int],
    *,
    smoothing: float,
) -> Estimate:
    """The estimate for V votes, each (V,): portrait, annotator and choice.

    An annotator may vote on a portrait several times. ``shape``: (N, A, C); ``smoothing``: what
    each cell of an error rate is begun with.
    """
    portraits, people, choices = shape
    counts = np.bincount(rows * choices + said, minlength=portraits * choices)
    posterior = counts.reshape(portraits, choices).astype(np.float64)
    posterior /= posterior.sum(axis=1, keepdims=True)
    cells = annotators * choices + said  # one for each (annotator, choice)
    number = 0
    while True:
        number += 1
        prior, rates = _rates(posterior, rows, cells, (people, choices), smoothing)
        likely = np.log(np.maximum(rates, _TINY)).transpose(0, 2, 1).reshape(-1, choices)
        new = np.log(np.maximum(prior, _TINY)) + _summed(rows, likely[cells], portraits)
        new = np.exp(new - new.max(axis=1, keepdims=True))
        new /= new.sum(axis=1, keepdims=True)
        moved = float(np.abs(new - posterior).max())
        posterior = new
        if moved < _CLOSE or number == _ROUNDS:
            return Estimate(posterior=posterior, prior=prior, rates=rates, rounds=number)


def _rates(
    posterior: NDArray[np.float64],
    rows: NDArray[np.intp],
    cells: NDArray[np.intp],
    shape: tuple[int, int],
    smoothing: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equations 2.3 and 2.4: shares of the choices (C,) and error rates (A, C, C)."""
    people, choices = shape
    counts = _summed(cells, posterior[rows], people * choices)  # (A * said, true)
    counts = counts.reshape(people, choices, choices).transpose(0, 2, 1) + smoothing
    sums = counts.sum(axis=2, keepdims=True)
    rates = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    return posterior.mean(axis=0), rates


def _summed(places: NDArray[np.intp], values: NDArray[np.float64], size: int) -> NDArray:
    """(size, C): rows of ``values`` (V, C) added up by their places."""
    columns = [np.bincount(places, weights=column, minlength=size) for column in values.T]
    return np.stack(columns, axis=1)


def majority(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """(N,): the choice with most votes of ``counts`` (N, C); MISSING where two have as many."""
    best = counts.argmax(axis=1)
    most = counts.max(axis=1, keepdims=True)
    tied = (counts == most).sum(axis=1) > 1
    return np.where(tied, MISSING, best)
