"""Invented respondents with known preferences, to try a study and to plan one."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from gazebench import store
from gazebench.errors import RefusedError
from gazebench.study.answers import SIMULATED, Answer, Answers
from gazebench.study.design import OTHER, SOURCE, Design
from gazebench.study.desk import Desk
from gazebench.study.plan import Question, Trial
from gazebench.study.respondents import Keyring

ALIKE = (
    10.0  # how alike people are: concentration of the Dirichlet that their tastes are drawn from
)
SAME = 0.6  # of the repeats, those that are remembered


def simulate(
    study: Path,
    count: int,
    *,
    preferences: Mapping[str, float] | None = None,
    alike: float = ALIKE,
    seed: int = 0,
) -> Mapping[str, float]:
    """Add ``count`` invented respondents; the shares that their answers were drawn from.

    ``preferences``: share of each choice over all people; none: invented too.

    Raises:
        InputError: no study.
        RefusedError: it has answers of real people.
        BusyError: it is served.
        DiskError: no space or not writable.
    """
    design = Design.load(study)
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.full(len(design.choices), 2.0)).tolist()
    wanted = preferences or dict(zip(design.choices, drawn, strict=True))
    with store.locked(study), Answers.open(study) as answers:
        if answers.clients() - {SIMULATED}:
            raise RefusedError(f"{study}: has answers of people; simulate in a copy of its own")
        desk = Desk(study, design, Keyring.of(study), answers)
        for _ in range(count):
            respondent = desk.keys.respondent(desk.keys.new_token(rng.bytes(7))) or ""
            answers.add(list(_one(desk, respondent, wanted, alike, rng)))
    return wanted


def _one(
    desk: Desk,
    respondent: str,
    wanted: Mapping[str, float],
    alike: float,
    rng: np.random.Generator,
) -> Iterator[Answer]:
    consent = desk.consent(respondent, SIMULATED)
    yield consent
    time = datetime.fromisoformat(consent.time)
    questions = desk.plan.questions(respondent)
    taste = rng.dirichlet(alike * np.array(list(wanted.values())))
    person = Taste(dict(zip(wanted, taste.tolist(), strict=True)), rng)
    for number, question in enumerate(questions):
        took = max(1.2, float(rng.lognormal(1.4, 0.4)))
        time += timedelta(seconds=took)
        choice = person.choose(number, question)
        place = 0 if choice == OTHER else question.options.index(choice) + 1
        form = {"question": number, "choice": place, "milliseconds": round(1000 * took)}
        stamp = time.isoformat(timespec="milliseconds")
        yield desk.answer(respondent, form, time=stamp, client=SIMULATED)


class Taste:
    """One invented person: how probable each choice is, and what was said before."""

    def __init__(self, shares: Mapping[str, float], rng: np.random.Generator) -> None:
        self._shares, self._rng = shares, rng
        self._said: dict[int, str] = {}

    def choose(self, number: int, question: Question) -> str:
        """The choice in a question: always right in a catch trial, often the same in a repeat."""
        if question.trial == Trial.CATCH:
            return SOURCE
        if question.first is not None and self._rng.random() < SAME:
            return self._said[question.first]
        options = [*question.options, *([OTHER] if OTHER in self._shares else [])]
        weights = np.array([self._shares[option] for option in options]) + 1e-12
        self._said[number] = options[self._rng.choice(len(options), p=weights / weights.sum())]
        return self._said[number]
