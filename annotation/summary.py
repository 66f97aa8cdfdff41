"""The votes of a dataset in numbers: what each annotator does, and what all agree on."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gazebench.annotation import agreement, consensus
from gazebench.annotation.agreement import MISSING, Alpha, Kappa, Ratings
from gazebench.annotation.votes import UNDO, VOTES, Event, Round

SURE = 0.9  # least posterior of a label
AMBIGUOUS = "ambiguous"
PAUSE_MS = 60_000  # a longer look was a pause, and does not count as speed
PEOPLE_FOR_RATES = 3  # with fewer, error rates cannot be told from the portraits' own labels
VOTES_FOR_RATES = 20  # least of a person whose error rates can be told
_Key = TypeVar("_Key", str, tuple[str, str])


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the votes on one portrait come to."""

    portrait: str
    label: str  # one of VOTES, or AMBIGUOUS
    posterior: float  # of the likeliest choice
    votes: Mapping[str, str]  # annotator → choice
    is_adjudicated: bool = False

    @property
    def is_disputed(self) -> bool:
        """Whether the votes differ, or somebody was unsure."""
        said = set(self.votes.values())
        return len(said) > 1 or "unsure" in said


@dataclass(frozen=True, kw_only=True)
class Person:
    """What one annotator did."""

    name: str
    votes: int
    counts: Mapping[str, int]  # choice → votes
    median_ms: float | None  # from the face on the screen to the key
    agrees: float | None  # share of votes that are the consensus of the portraits that have one
    early: float | None  # the same over the first half of the votes, and over the second
    late: float | None
    repeats: int  # faces that came back
    repeats_same: int  # of those, with the same vote as at first
    gold: int  # votes on faces whose label is known
    gold_right: int
    confusion: Sequence[Sequence[int]]  # consensus (rows) against vote, in the order of VOTES


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All votes of a dataset."""

    people: tuple[Person, ...]
    decisions: tuple[Decision, ...]  # of the portraits with votes enough, by id
    waiting: int  # portraits with too few votes
    alpha: Alpha  # over all four choices
    alpha_domains: Alpha  # over X and Y, unsure and reject being missing
    kappas: tuple[Kappa, ...]
    majority: Mapping[str, int]  # labels that the plain majority would give
    by_number: Mapping[int, int]  # votes on a portrait → portraits
    rated: int  # people with votes enough for an estimate of their error rates
    adjudicator: str = ""
    events: int = 0
    gold: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Read:
    """Events, sorted out."""

    current: dict[tuple[str, str], Event] = field(default_factory=dict)
    repeats: dict[tuple[str, str], Event] = field(default_factory=dict)
    adjudicated: dict[str, Event] = field(default_factory=dict)
    number: int = 0


def summarise(
    events: Iterable[Event],
    *,
    portraits: Iterable[str],
    min_votes: int,
    gold: Mapping[str, str] | None = None,
) -> Summary:
    """The summary of ``events`` in the order of their commits, on the ``portraits`` that are there.

    A portrait is decided on when ``min_votes`` people voted on it. Its label is Dawid and Skene's
    where that is at least 0.9 probable, and else "ambiguous". Where fewer than three people have
    20 votes or more that stand, nobody's error rates can be estimated, and a label needs all its
    votes to be the same.
    """
    gold = gold or {}
    read = _sorted_out(events, set(portraits))
    table = agreement.ratings({key: e.vote for key, e in read.current.items()}, VOTES)
    number = table.counts.sum(axis=1)
    rated = int(((table.values != MISSING).sum(axis=0) >= VOTES_FOR_RATES).sum())
    decisions = _decisions(table, read, min_votes, alone=rated < PEOPLE_FOR_RATES)
    labels = {decision.portrait: decision.label for decision in decisions}
    return Summary(
        people=tuple(_person(name, read, labels, gold) for name in table.annotators),
        decisions=tuple(decisions),
        waiting=int((number < min_votes).sum()),
        alpha=agreement.alpha(table.counts),
        alpha_domains=agreement.alpha(table.only("X", "Y").counts),
        kappas=tuple(agreement.kappas(table)),
        majority=_majority(table, min_votes),
        by_number=dict(sorted(Counter(number.tolist()).items())),
        rated=rated,
        adjudicator=", ".join(sorted({e.annotator for e in read.adjudicated.values()})),
        events=read.number,
        gold=gold,
    )


def _sorted_out(events: Iterable[Event], portraits: set[str]) -> _Read:
    read = _Read()
    for event in events:
        read.number += 1
        if event.portrait not in portraits:
            continue
        match event.round:
            case Round.LABEL:
                _hold(read.current, (event.annotator, event.portrait), event)
            case Round.REPEAT:
                _hold(read.repeats, (event.annotator, event.portrait), event)
            case Round.ADJUDICATE:
                _hold(read.adjudicated, event.portrait, event)
    return read


def _hold(held: dict[_Key, Event], key: _Key, event: Event) -> None:
    held.pop(key, None)  # so that the order is that of the newest events
    if event.vote != UNDO:
        held[key] = event


def _decisions(table: Ratings, read: _Read, min_votes: int, *, alone: bool) -> list[Decision]:
    """``alone``: a label needs all its votes to be the same."""
    if not table.portraits:
        return []
    posterior = consensus.dawid_skene(table).posterior
    counts = table.counts
    number = counts.sum(axis=1)
    found: list[Decision] = []
    for row, portrait in enumerate(table.portraits):
        said = _said(table, row)
        if judged := read.adjudicated.get(portrait):
            found.append(
                Decision(
                    portrait=portrait,
                    label=judged.vote,
                    posterior=1.0,
                    votes=said,
                    is_adjudicated=True,
                )
            )
        elif number[row] >= min_votes:
            sure = float(posterior[row].max())
            agreed = not alone or counts[row].max() == number[row]
            label = VOTES[int(posterior[row].argmax())] if sure >= SURE and agreed else AMBIGUOUS
            found.append(Decision(portrait=portrait, label=label, posterior=sure, votes=said))
    return found


def _said(table: Ratings, row: int) -> dict[str, str]:
    values = table.values[row]
    return {
        name: table.choices[place]
        for name, place in zip(table.annotators, values.tolist(), strict=True)
        if place != MISSING
    }


def _majority(table: Ratings, min_votes: int) -> dict[str, int]:
    if not table.portraits:
        return {}
    enough = table.counts.sum(axis=1) >= min_votes
    places = consensus.majority(table.counts)[enough]
    found = {VOTES[place]: int((places == place).sum()) for place in range(len(VOTES))}
    return {**found, AMBIGUOUS: int((places == MISSING).sum())}


def _person(name: str, read: _Read, labels: Mapping[str, str], gold: Mapping[str, str]) -> Person:
    mine = [event for (who, _), event in read.current.items() if who == name]
    again = [event for (who, _), event in read.repeats.items() if who == name]
    paired = [
        (read.current[name, e.portrait].vote, e.vote)
        for e in again
        if (name, e.portrait) in read.current
    ]
    known = [e for e in mine if e.portrait in gold]
    half = len(mine) // 2
    spent = [e.milliseconds for e in mine if e.milliseconds and e.milliseconds < PAUSE_MS]
    return Person(
        name=name,
        votes=len(mine),
        counts={vote: sum(e.vote == vote for e in mine) for vote in VOTES},
        median_ms=statistics.median(spent) if spent else None,
        agrees=_agreeing(mine, labels),
        early=_agreeing(mine[:half], labels),
        late=_agreeing(mine[half:], labels),
        repeats=len(paired),
        repeats_same=sum(first == second for first, second in paired),
        gold=len(known),
        gold_right=sum(gold[e.portrait] == e.vote for e in known),
        confusion=_confusion(mine, labels).tolist(),
    )


def _agreeing(events: Sequence[Event], labels: Mapping[str, str]) -> float | None:
    known = [e for e in events if labels.get(e.portrait, AMBIGUOUS) != AMBIGUOUS]
    return sum(labels[e.portrait] == e.vote for e in known) / len(known) if known else None


def _confusion(events: Sequence[Event], labels: Mapping[str, str]) -> NDArray[np.int64]:
    known = [e for e in events if labels.get(e.portrait, AMBIGUOUS) != AMBIGUOUS]
    rows = np.array([VOTES.index(labels[e.portrait]) for e in known], np.int8)
    columns = np.array([VOTES.index(e.vote) for e in known], np.int8)
    return agreement.confusion(rows, columns, len(VOTES))


def most_disputed(decisions: Iterable[Decision], count: int) -> list[Decision]:
    """The decisions that the posterior is least sure of, those of most different votes first."""
    by_doubt: dict[tuple[float, int], list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.is_disputed:
            by_doubt[decision.posterior, -len(set(decision.votes.values()))].append(decision)
    ordered = [d for key in sorted(by_doubt) for d in by_doubt[key]]
    return ordered[:count]
