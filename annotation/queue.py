"""Which faces a volunteer sees next.

Everybody has a random order of their own, in which proposals may bring forward faces of the train
half (see ``proposals``). A face is given to as many people as the plan says (chosen at random for
each face), and to one more where they differ or somebody is unsure. Some faces come
back once, hidden among the others. All of it is a function of the plan and of the votes so far,
so that a restart changes nothing.
"""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gazebench.annotation.faces import Faces
from gazebench.annotation.session import Session
from gazebench.annotation.votes import UNDO, VOTES, Event, Round

REPEAT_AFTER = 30  # faces in between, so that nobody remembers
_NONE = -1  # no vote


class Task(NamedTuple):
    """One face to decide on."""

    portrait: str
    round: Round


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a volunteer is."""

    done: int  # faces with a vote of hers, repeats not counted
    total: int  # those and the ones that wait for her


class Queue:
    """The faces of one annotator, kept up to date by ``apply``."""

    def __init__(
        self,
        annotator: str,
        session: Session,
        faces: Faces,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        """``annotator`` need not be one of the session's.

        ``weights`` (N,): how much earlier faces of the train half come; None: all the same.
        """
        self.annotator = annotator
        self._faces = faces
        plan, people = session.plan, session.annotators
        seed = plan.seed
        keys = {name: _keys(seed, name, faces.ids) for name in {*people, annotator}}
        mine = keys[annotator]
        ranks = [(key < mine) for name, key in keys.items() if name != annotator]
        self._rank = np.sum(ranks, axis=0, dtype=np.int16) + np.zeros(len(mine), np.int16)
        self._gold = {faces.index[id_] for id_ in plan.gold if id_ in faces.index}
        self._rank[list(self._gold)] = 0  # everybody sees them
        base = np.where(faces.is_test, plan.test_votes, plan.votes)
        self._base = np.minimum(base, len(people)).astype(np.int16)
        self._spare = np.where((base < 3) & (self._base < len(people)), 1, 0).astype(np.int16)
        self._order = _order(mine, faces.is_test, weights)
        self._repeats = _keys(seed, f"{annotator}/repeat", faces.ids) < plan.repeats * 2**64
        self._choices: dict[str, NDArray[np.int8]] = {}
        self._wanted = self._rank < self._base
        self._history: dict[int, int] = {}  # my faces → how many I had before it
        self._repeated: set[int] = set()

    def apply(self, event: Event) -> None:
        """Take note of a vote, anybody's, in the order of the commits."""
        place = self._faces.index.get(event.portrait)
        if place is None:  # of an earlier build of the dataset
            return
        if event.round == Round.REPEAT and event.annotator == self.annotator:
            (self._repeated.discard if event.vote == UNDO else self._repeated.add)(place)
        if event.round != Round.LABEL:
            return
        choices = self._choices_of(event.annotator)
        choices[place] = _NONE if event.vote == UNDO else VOTES.index(event.vote)
        if event.annotator == self.annotator:
            self._history.pop(place, None)
            if event.vote != UNDO:
                self._history[place] = len(self._history)
        self._wanted[place] = self._is_wanted(place)

    def next(self, count: int, held: Set[str] = frozenset()) -> list[Task]:
        """Up to ``count`` faces in their order, without those that the screen holds already."""
        away = {self._faces.index[id_] for id_ in held if id_ in self._faces.index}
        repeats = [place for place in self._due() if place not in away][:1]
        places = self._some(self._wanted, count, away) or self._some(self._open(), count, away)
        tasks = [(place, Round.REPEAT) for place in repeats if places]
        tasks += [(place, Round.LABEL) for place in places]
        return [Task(self._faces.ids[place], round_) for place, round_ in tasks[:count]]

    @property
    def progress(self) -> Progress:
        """Faces done and faces in all; the total grows where others disagree."""
        done = len(self._history)
        return Progress(done=done, total=done + int(self._wanted.sum()))

    def _some(self, mask: NDArray[np.bool_], count: int, away: Set[int]) -> list[int]:
        found = self._order[mask[self._order]][: count + len(away)].tolist()
        return [place for place in found if place not in away][:count]

    def _due(self) -> list[int]:
        late = len(self._history) - REPEAT_AFTER
        mine = self._history.items()
        return [
            place
            for place, before in mine
            if before < late and self._repeats[place] and place not in self._repeated
        ]

    def _open(self) -> NDArray[np.bool_]:
        """Faces that lack votes whoever was meant to give them, once nothing else is left."""
        given = np.sum([c > _NONE for c in self._choices.values()], axis=0, dtype=np.int16)
        given = given + np.zeros_like(self._base)
        mine = self._choices_of(self.annotator) > _NONE
        return ~mine & (given < self._base)

    def _is_wanted(self, place: int) -> bool:
        said = [int(c[place]) for c in self._choices.values() if c[place] > _NONE]
        if self._choices_of(self.annotator)[place] > _NONE:
            return False
        disputed = len(set(said)) > 1 or VOTES.index("unsure") in said
        needed = self._base[place] + (self._spare[place] if disputed else 0)
        return place in self._gold or (self._rank[place] < needed and len(said) < needed)

    def _choices_of(self, annotator: str) -> NDArray[np.int8]:
        if annotator not in self._choices:
            self._choices[annotator] = np.full(len(self._faces.ids), _NONE, np.int8)
        return self._choices[annotator]


def _order(
    keys: NDArray[np.uint64], is_test: NDArray[np.bool_], weights: NDArray[np.float64] | None
) -> NDArray[np.intp]:
    """Places in the order of their keys; those of the train half drawn by weight among themselves.

    Exponential variates divided by weights: a draw without replacement (Efraimidis and Spirakis,
    2006). Faces of the test half stand where they would without weights.
    """
    order = np.argsort(keys, kind="stable")
    if weights is not None:
        variates = -np.log1p(-np.minimum(keys / 2**64, 1 - 2**-53))
        train = order[~is_test[order]]
        order[~is_test[order]] = train[np.argsort((variates / weights)[train], kind="stable")]
    return order


def _keys(seed: int, name: str, ids: list[str]) -> NDArray[np.uint64]:
    """A random number for each portrait, (N,), the same whenever it is asked for."""
    prefix = f"{seed}:{name}:"
    digests = (hashlib.sha256((prefix + id_).encode()).digest()[:8] for id_ in ids)
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
