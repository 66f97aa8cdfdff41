"""How far a study is."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gazebench.study.answers import Answers
from gazebench.study.counting import REASONS, counted, respondents
from gazebench.study.design import Design
from gazebench.study.respondents import Keyring


@dataclass(frozen=True, kw_only=True)
class Status:
    """Numbers of a study under way."""

    planned: int
    started: int
    counted: int  # finished, and not excluded
    excluded: dict[str, int]  # reason, in words → people
    answers: int
    codes: tuple[str, ...]  # completion codes of all who finished, sorted


def status(study: Path) -> Status:
    """How far the study at ``study`` is.

    Raises:
        InputError: no study, or damaged.
    """
    design, keys = Design.load(study), Keyring.of(study)
    with Answers.open(study) as answers:
        people = respondents(answers.events(), design)
    excluded = Counter(person.excluded for person in people if person.excluded)
    finished = [p for p in people if p.excluded not in ("withdrawn", "unfinished")]
    return Status(
        planned=design.respondents,
        started=len(people),
        counted=len(counted(people)),
        excluded={REASONS[reason]: excluded[reason] for reason in REASONS if reason in excluded},
        answers=sum(len(person.answers) for person in people),
        codes=tuple(sorted(keys.completion(person.name) for person in finished)),
    )
