"""How far annotators agree: Krippendorff's alpha with an interval, and Cohen's kappa.

Krippendorff, Content Analysis (2004), chapter 11, and Computing Krippendorff's Alpha-Reliability
(2011): nominal values, missing ones allowed. Cohen, A coefficient of agreement for nominal scales,
Educational and Psychological Measurement 20 (1960). All own code.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
MISSING = -1


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Who said what of which portrait: N portraits, A annotators, C choices."""

    portraits: tuple[str, ...]
    annotators: tuple[str, ...]
    choices: tuple[str, ...]
    values: NDArray[np.int8]  # (N, A): place in ``choices``, MISSING where nobody said anything

    @property
    def counts(self) -> NDArray[np.int64]:
        """(N, C): how many said what."""
        places = range(len(self.choices))
        return np.stack([(self.values == place).sum(axis=1) for place in places], axis=1)

    def only(self, *choices: str) -> "Ratings":
        """The same with every other choice missing."""
        kept = [self.choices.index(choice) for choice in choices]
        table = np.full(len(self.choices) + 1, MISSING, np.int8)
        table[kept] = range(len(kept))
        values = table[self.values]  # MISSING is the last place, which is MISSING too
        return Ratings(
            portraits=self.portraits, annotators=self.annotators, choices=choices, values=values
        )


def ratings(votes: Mapping[tuple[str, str], str], choices: Sequence[str]) -> Ratings:
    """A table of ``votes``, which has a choice for (annotator, portrait)."""
    annotators = sorted({annotator for annotator, _ in votes})
    portraits = sorted({portrait for _, portrait in votes})
    rows = {portrait: row for row, portrait in enumerate(portraits)}
    columns = {annotator: column for column, annotator in enumerate(annotators)}
    places = {choice: place for place, choice in enumerate(choices)}
    values = np.full((len(portraits), len(annotators)), MISSING, np.int8)
    for (annotator, portrait), choice in votes.items():
        values[rows[portrait], columns[annotator]] = places[choice]
    return Ratings(
        portraits=tuple(portraits),
        annotators=tuple(annotators),
        choices=tuple(choices),
        values=values,
    )


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha: 1 is full agreement, 0 what chance would give."""

    value: float  # NaN where nothing can be compared, or where everybody always said one thing
    low: float  # 95 % interval, percentiles of a bootstrap over portraits
    high: float
    portraits: int  # with two votes or more


def alpha(counts: NDArray[np.int64], *, resamples: int = RESAMPLES) -> Alpha:
    """Krippendorff's alpha for nominal values.

    ``counts``: (N, C), how many annotators made which choice for each of N portraits; portraits
    with fewer than two votes do not count.
    """
    # portraits with the same votes have the same weight, so that a resample is one multinomial draw
    pairable = counts[counts.sum(axis=1) >= 2]
    patterns, weights = np.unique(pairable, axis=0, return_counts=True)
    total = int(weights.sum())
    if not total:
        return Alpha(value=math.nan, low=math.nan, high=math.nan, portraits=0)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(total, weights / total, size=resamples)
    values = _alphas(patterns, np.vstack([weights, drawn]))
    known = values[1:][~np.isnan(values[1:])]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (math.nan, math.nan)
    return Alpha(value=float(values[0]), low=float(low), high=float(high), portraits=total)


def _alphas(patterns: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Alpha for each row of ``weights`` (B, P), how often each of P patterns (P, C) occurs."""
    size = patterns.sum(axis=1)  # (P,) votes on a portrait
    # observed disagreement (Krippendorff 2011, D_o): pairs within a portrait that differ
    same = (patterns * (patterns - 1)).sum(axis=1)
    differing = (size * (size - 1) - same) / (size - 1)
    votes = weights @ patterns  # (B, C): n_c
    all_votes = votes.sum(axis=1)  # (B,): n
    observed = weights @ differing / all_votes
    same_by_chance = (votes * (votes - 1)).sum(axis=1)
    expected = 1 - same_by_chance / (all_votes * (all_votes - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, math.nan)


@dataclass(frozen=True, kw_only=True)
class Kappa:
    """Cohen's kappa of two annotators, over the portraits that both voted on."""

    first: str
    second: str
    value: float  # NaN where they share nothing, or each always said one thing
    agree: float  # share of equal votes, 0 to 1
    portraits: int


def kappas(table: Ratings) -> list[Kappa]:
    """Cohen's kappa of every pair."""
    return [_kappa(table, a, b) for a, b in itertools.combinations(range(len(table.annotators)), 2)]


def _kappa(table: Ratings, a: int, b: int) -> Kappa:
    crossed = confusion(table.values[:, a], table.values[:, b], len(table.choices))
    total = int(crossed.sum())
    agree, value = math.nan, math.nan
    if total:
        agree = float(np.trace(crossed)) / total
        by_chance = float(crossed.sum(axis=1) @ crossed.sum(axis=0)) / total**2
        value = (agree - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan
    names = table.annotators
    return Kappa(first=names[a], second=names[b], value=value, agree=agree, portraits=total)


def confusion(rows: NDArray[np.int8], columns: NDArray[np.int8], choices: int) -> NDArray[np.int64]:
    """(C, C): how often ``rows`` (N,) says one thing and ``columns`` (N,) another."""
    both = (rows != MISSING) & (columns != MISSING)
    places = rows[both].astype(np.int64) * choices + columns[both]
    return np.bincount(places, minlength=choices**2).reshape(choices, choices)
