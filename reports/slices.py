"""Test portraits in slices: by the head's yaw, openness of the eyes, size of the face, glasses.

Limits are fixed, so that the slices of one report are those of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gazebench.cards import MetricCard
from gazebench.errors import InputError
from gazebench.results import RunResult, Score


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One part of a dimension."""

    label: str  # "10\N{EN DASH}20°"
    low: float  # of the trait; it belongs to the slice
    high: float  # it does not


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """What portraits are sliced by."""

    name: str  # as `--slice` takes it
    title: str
    trait: str  # key of ``RunResult.traits``
    slices: tuple[Slice, ...]


_MANY = float("inf")
DIMENSIONS = (
    Dimension(
        name="yaw",
        title="Head yaw",
        trait="yaw_deg",
        slices=(
            Slice(label="under 10°", low=0, high=10),
            Slice(label="10\N{EN DASH}20°", low=10, high=20),
            Slice(label="20° and over", low=20, high=_MANY),
        ),
    ),
    Dimension(
        name="openness",
        title="Openness of the eyes",
        trait="openness",
        slices=(
            Slice(label="under 0.24", low=0, high=0.24),
            Slice(label="0.24\N{EN DASH}0.30", low=0.24, high=0.30),
            Slice(label="0.30 and over", low=0.30, high=_MANY),
        ),
    ),
    Dimension(
        name="size",
        title="Face size, px between the eyes",
        trait="eye_distance",
        slices=(
            Slice(label="under 64", low=0, high=64),
            Slice(label="64\N{EN DASH}128", low=64, high=128),
            Slice(label="128 and over", low=128, high=_MANY),
        ),
    ),
    Dimension(
        name="glasses",
        title="Glasses",
        trait="glasses",
        slices=(Slice(label="without", low=0, high=0.5), Slice(label="with", low=0.5, high=_MANY)),
    ),
)


def dimension(name: str) -> Dimension:
    """The dimension called ``name``.

    Raises:
        InputError: there is none.
    """
    for known in DIMENSIONS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in DIMENSIONS)
    raise InputError(f"--slice {name}: no such slices; there are: {names}")


def members(results: Sequence[RunResult], by: Dimension, part: Slice) -> frozenset[str]:
    """Ids of the portraits in a slice, as far as any of the results knows them."""
    return frozenset(
        id_
        for result in results
        for id_, value in result.traits.get(by.trait, {}).items()
        if part.low <= value < part.high
    )


def restricted(result: RunResult, ids: frozenset[str]) -> RunResult:
    """The result with its scores over these portraits alone.

    What has no values per portrait, such as FID, is skipped; what is no matter of portraits, the
    cost, is left out.
    """
    cards = {key: card for key, card in result.metrics.items() if card.group != "cost"}
    scores = {
        key: score
        for key, card in cards.items()
        if (score := over(result.scores.get(key), ids, card))
    }
    gone = {
        key: "no portrait of the slice"
        if result.scores[key].per_portrait
        else "no values per portrait"
        for key in cards
        if key in result.scores and key not in scores
    }
    return replace(result, metrics=cards, scores=scores, skipped={**result.skipped, **gone})


def over(score: Score | None, ids: frozenset[str], card: MetricCard) -> Score | None:
    """The score over some of its portraits, with an interval of its own; None for none."""
    if not score:
        return None
    some = {id_: value for id_, value in (score.per_portrait or {}).items() if id_ in ids}
    kept = {"bounds": card.bounds, "share": card.share, "judge": score.judge}
    return Score.of(some, **kept) if some else None
