"""What the study's page asks for and sends back, apart from the server that carries it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gazebench.errors import InputError
from gazebench.ledger import now
from gazebench.study.answers import CONSENT, WITHDRAW, Answer, Answers, Standing
from gazebench.study.design import OTHER, PICTURES, SOURCE, Design
from gazebench.study.plan import Plan
from gazebench.study.respondents import Keyring

_KEPT = 4096  # respondents whose picture addresses are at hand
_LONGEST = 24 * 3600 * 1000  # milliseconds of an answer; more says nothing of how long it took
_MOST = 99_999_999_999  # any number of a form


@dataclass(frozen=True, slots=True)
class Shown:
    """A question as the page shows it."""

    number: int  # from 0
    total: int
    source: str  # mark of the portrait before correction; "" where it is not shown
    pictures: tuple[str, ...]  # marks, in the order shown
    ahead: tuple[str, ...]  # marks of the next question's pictures


class Desk:
    """One study: its plan, its key, its answers. Everything but ``add`` is quick."""

    def __init__(self, study: Path, design: Design, keys: Keyring, answers: Answers) -> None:
        self.design, self.keys, self.answers = design, keys, answers
        self.plan = Plan(design)
        self._pictures = study / PICTURES
        self._addresses = lru_cache(maxsize=_KEPT)(self._files)

    def check_pictures(self) -> None:
        """Check that all pictures are there.

        Raises:
            InputError: one is not.
        """
        there = {path.name for path in self._pictures.glob("*.jpg")}
        if missing := sorted(set(self.design.pictures.values()) - there):
            raise InputError(
                f"{self._pictures}: {missing[0]} is missing, one of {len(missing)}; put back the "
                "folder as `gazebench study create` wrote it"
            )

    def standing(self, respondent: str) -> Standing:
        """How far somebody is."""
        return self.answers.of(respondent)

    def shown(self, respondent: str, number: int) -> Shown:
        """Question ``number`` of a respondent."""
        questions = self.plan.questions(respondent)
        source, *pictures = self._marks(respondent, number)
        return Shown(
            number=number,
            total=len(questions),
            source=source if self.design.asks_source else "",
            pictures=tuple(pictures),
            ahead=tuple(self._marks(respondent, number + 1)) if number + 1 < len(questions) else (),
        )

    def picture(self, respondent: str, mark: str) -> bytes | None:
        """The picture of a mark of this respondent; None for any other mark."""
        name = self._addresses(respondent).get(mark)
        return (self._pictures / name).read_bytes() if name else None

    def consent(self, respondent: str, client: str = "page") -> Answer:
        """The event of an agreement to the text as it stands."""
        return Answer(
            event=f"{respondent}/{CONSENT}",
            respondent=respondent,
            shown=self.design.id,
            choice=self.design.consent_version,
            time=now(),
            client=client,
        )

    def withdrawal(self, respondent: str) -> Answer:
        """The event of a withdrawal."""
        return Answer(event=f"{respondent}/{WITHDRAW}", respondent=respondent, time=now())

    def answer(
        self, respondent: str, form: Mapping[str, object], *, time: str = "", client: str = "page"
    ) -> Answer:
        """The event of a filled-in question.

        Raises:
            InputError: a question or a choice that there is not.
        """
        questions = self.plan.questions(respondent)
        number = _number(form, "question", len(questions) - 1)
        question = questions[number]
        lowest = 0 if self.design.offers_other else 1
        place = _number(form, "choice", len(question.options), lowest)
        took = None
        if form.get("milliseconds") not in (None, ""):
            took = _number(form, "milliseconds", _MOST)
        return Answer(
            event=f"{respondent}/{number}",
            respondent=respondent,
            question=number,
            trial=question.trial.value,
            face=question.face,
            shown="\t".join(question.options),
            choice=question.options[place - 1] if place else OTHER,
            milliseconds=None if took is None or took > _LONGEST else took,
            time=time or now(),
            client=client,
        )

    def _marks(self, respondent: str, number: int) -> list[str]:
        """Opaque names of a question's pictures, the portrait before correction first."""
        slots = range(len(self.plan.questions(respondent)[number].options) + 1)
        return [self.keys.seal("picture", f"{respondent}/{number}/{slot}") for slot in slots]

    def _files(self, respondent: str) -> dict[str, str]:
        files: dict[str, str] = {}
        for number, question in enumerate(self.plan.questions(respondent)):
            marks = self._marks(respondent, number)
            for mark, option in zip(marks, (SOURCE, *question.options), strict=True):
                files[mark] = self.design.pictures[f"{question.face}/{option}"]
        return files


def _number(form: Mapping[str, object], name: str, highest: int, lowest: int = 0) -> int:
    text = str(form.get(name, ""))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST))):
        raise InputError(f"{name} is not a number")
    if not lowest <= int(text) <= highest:
        raise InputError(f"{name} {int(text)} is not from {lowest} to {highest}")
    return int(text)
