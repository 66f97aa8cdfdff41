"""Which questions a respondent sees, in which order: a pure function of (design, respondent).

Nothing is stored, so a respondent resumes after any crash, on any device, at the same question.
"""

import hashlib
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from gazebench.study.design import SOURCE, Design

BROKEN = "broken"  # prefix of the options of a catch trial that nobody prefers
_KEPT = 4096  # plans at hand


class Trial(StrEnum):
    """Why a question is asked."""

    MAIN = "main"  # counts
    CATCH = "catch"  # one picture is whole and looks at the camera, the others are broken
    REPEAT = "repeat"  # an earlier question again, in another order


@dataclass(frozen=True, slots=True)
class Question:
    """One question: a face and the pictures to choose from, in the order shown."""

    trial: Trial
    face: str
    options: tuple[str, ...]  # runs; in a catch trial the source and broken ones
    first: int | None = None  # of a repeat: number of the question that it repeats


class Plan:
    """The questions of everybody in one study."""

    def __init__(self, design: Design) -> None:
        self._design = design
        self.questions = lru_cache(maxsize=_KEPT)(self._questions)

    def _questions(self, respondent: str) -> tuple[Question, ...]:
        design = self._design
        seed = hashlib.sha256(f"{design.seed}:{respondent}".encode()).digest()
        rng = random.Random(seed)
        questions = list(_main(design, rng))
        for question in _catches(design, rng):  # not at the very start, where all is new
            questions.insert(rng.randint(min(2, len(questions)), len(questions)), question)
        return tuple(_with_repeats(questions, design.repeats, rng))


def _main(design: Design, rng: random.Random) -> Iterator[Question]:
    faces = rng.sample(design.faces, design.questions)
    sets = _sets(design, rng)
    for face in faces:
        options = list(next(sets))
        rng.shuffle(options)
        yield Question(Trial.MAIN, face, tuple(options))


def _sets(design: Design, rng: random.Random) -> Iterator[Sequence[str]]:
    """What is compared, question by question: all runs, or each pair equally often."""
    if design.kind == "best":
        yield from itertools.repeat(design.names)
    pairs = list(itertools.combinations(design.names, 2))
    while True:
        rng.shuffle(pairs)
        yield from pairs


def _catches(design: Design, rng: random.Random) -> Iterator[Question]:
    count = len(design.names) if design.kind == "best" else 2
    for face in rng.sample(design.catch_faces, design.catches):
        broken = rng.sample([f"{BROKEN}-{n}" for n in range(len(design.names) - 1)], count - 1)
        options = [SOURCE, *broken]
        rng.shuffle(options)
        yield Question(Trial.CATCH, face, tuple(options))


def _with_repeats(questions: list[Question], count: int, rng: random.Random) -> list[Question]:
    """Questions of the first half come again at random places of the last third."""
    early = [n for n, q in enumerate(questions[: len(questions) // 2]) if q.trial == Trial.MAIN]
    again = rng.sample(early, min(count, len(early)))
    ordered: list[tuple[int, Question]] = list(enumerate(questions))
    start = len(ordered) * 2 // 3
    for number in again:
        question = questions[number]
        options = list(question.options)
        rng.shuffle(options)
        repeated = Question(Trial.REPEAT, question.face, tuple(options), first=number)
        ordered.insert(rng.randint(start, len(ordered)), (-1, repeated))
    places = {before: now for now, (before, _) in enumerate(ordered)}
    return [
        q if q.first is None else Question(q.trial, q.face, q.options, places[q.first])
        for _, q in ordered
    ]
