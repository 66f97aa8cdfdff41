"""Who answered what, and whose answers count by the rules of the design."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gazebench.errors import RefusedError
from gazebench.study.answers import CONSENT, SIMULATED, WITHDRAW, Answer
from gazebench.study.design import SOURCE, Design
from gazebench.study.plan import Plan, Trial

_STRAIGHT_FROM = 10  # answers; with fewer, one place may come up by chance
REASONS = {
    "withdrawn": "withdrew",
    "unfinished": "did not finish",
    "catch": "failed catch trials",
    "fast": "answered too fast",
    "straight": "kept choosing one place",
}


@dataclass(kw_only=True)
class Respondent:
    """One person's answers, and whether they count."""

    name: str
    consented: str = ""  # time
    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # of each answer, as far as it is known
    excluded: str = ""  # a key of REASONS; "" where they count
    is_simulated: bool = False

    def of(self, trial: Trial) -> list[Answer]:
        """Answers to questions of one kind, in the order of their numbers."""
        found = [answer for answer in self.answers if answer.trial == trial]
        return sorted(found, key=lambda answer: answer.question or 0)


def respondents(events: Iterable[Answer], design: Design) -> list[Respondent]:
    """Everybody who consented, in the order of the consents; withdrawn ones without answers.

    Raises:
        RefusedError: somebody consented under another design: it was changed since.
    """
    plan = Plan(design)
    found: dict[str, Respondent] = {}
    last: dict[str, str] = {}  # time of the event before
    for event in events:
        person = found.setdefault(event.respondent, Respondent(name=event.respondent))
        kind = event.event.rpartition("/")[2]
        if kind == WITHDRAW:
            person.excluded = "withdrawn"
        elif kind == CONSENT:
            _check_design(event, design)
            person.consented = event.time
            person.is_simulated = event.client == SIMULATED
        else:
            person.answers.append(event)
            person.seconds.append(_seconds(event, last.get(event.respondent)))
        last[event.respondent] = event.time
    for person in found.values():
        if person.excluded:
            person.answers, person.seconds = [], []
        else:
            person.excluded = _verdict(person, design, len(plan.questions(person.name)))
    return list(found.values())


def _check_design(consent: Answer, design: Design) -> None:
    if consent.shown != design.id:
        raise RefusedError(
            f"design.json was changed after people answered: they saw design {consent.shown}, and "
            f"this is {design.id}; put back the file as `gazebench study create` wrote it"
        )


def counted(people: Sequence[Respondent]) -> list[Respondent]:
    """Those whose answers count."""
    return [person for person in people if not person.excluded]


def passes(answer: Answer) -> bool:
    """Whether the answer to a catch trial is the one picture that is whole."""
    return answer.choice == SOURCE


def _seconds(event: Answer, before: str | None) -> float:
    """What the page measured; never more than the time since the event before, on our clock."""
    known = [] if event.milliseconds is None else [event.milliseconds / 1000]
    if before is not None:
        passed = datetime.fromisoformat(event.time) - datetime.fromisoformat(before)
        known.append(passed.total_seconds())
    return min(known, default=0.0)


def _verdict(person: Respondent, design: Design, asked: int) -> str:
    rules = design.rules
    if len(person.answers) < asked:
        return "unfinished"
    if sum(not passes(answer) for answer in person.of(Trial.CATCH)) > rules.catch_failures:
        return "catch"
    if statistics.median(person.seconds) < rules.min_seconds:
        return "fast"
    places = Counter(a.place for a in person.answers if a.trial != Trial.CATCH and a.place)
    voted = len(person.answers) - design.catches
    if voted >= _STRAIGHT_FROM and max(places.values(), default=0) > rules.straight * voted:
        return "straight"
    return ""
