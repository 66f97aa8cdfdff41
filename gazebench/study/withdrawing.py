"""Takes a respondent out for good, by the personal code, where that is told to the organiser."""

from pathlib import Path

from gazebench.errors import InputError
from gazebench.study.answers import Answers
from gazebench.study.design import Design
from gazebench.study.desk import Desk
from gazebench.study.respondents import Keyring


def withdraw(study: Path, code: str) -> None:
    """Leave a respondent's answers out of every count and export, also those that come later.

    Raises:
        InputError: no study, or a code that it did not give.
        DiskError: no space or not writable.
    """
    design, keys = Design.load(study), Keyring.of(study)
    respondent = keys.respondent(code)
    if respondent is None:
        raise InputError(f"{code!r} is no personal code of {study}")
    with Answers.open(study) as answers:
        answers.add([Desk(study, design, keys, answers).withdrawal(respondent)])
