"""A study without a server: one offline page for each respondent; answers come back as a file."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from gazebench import progress, store
from gazebench.errors import InputError
from gazebench.pages import policy
from gazebench.reading import read_object
from gazebench.study.answers import Answer, Answers
from gazebench.study.design import QUESTION, Design
from gazebench.study.desk import Desk
from gazebench.study.pages import environment, script, style
from gazebench.study.pictures import unpadded
from gazebench.study.respondents import Keyring, grouped

FORMAT = "gazebench study answers 1"
_CLIENT = "pack"


def write_packs(study: Path, out: Path, count: int, *, quiet: bool = False) -> list[Path]:
    """Write ``count`` pages into the folder ``out``, one for each new respondent.

    Raises:
        InputError: no study, or damaged.
        RefusedError: it holds invented answers.
        DiskError: no space or not writable.
    """
    design, keys = Design.load(study), Keyring.of(study)
    pages = []
    with Answers.open(study) as answers:
        answers.refuse_invented()
        desk = Desk(study, design, keys, answers)
        desk.check_pictures()
        for _ in progress.bar(range(count), desc="pages", unit="page", quiet=quiet):
            token = keys.new_token()
            path = out / f"study-{keys.respondent(token)}.html"
            store.write(path, _render(desk, token))
            pages.append(path)
    return pages


def import_answers(study: Path, files: Iterable[Path]) -> tuple[int, list[str]]:
    """Add the answers in files that respondents sent back; a file twice changes nothing.

    Gives how many answers were new, and a sentence for each file that cannot be used.

    Raises:
        InputError: no study, or damaged.
        RefusedError: it holds invented answers.
        DiskError: no space or not writable.
    """
    design, keys = Design.load(study), Keyring.of(study)
    new, problems = 0, []
    with Answers.open(study) as answers:
        answers.refuse_invented()
        desk = Desk(study, design, keys, answers)
        for path in files:
            try:
                events = list(_events(desk, path, read_object(path)))
            except InputError as error:
                problems.append(str(error))
                continue
            new += answers.add(events)
    return new, problems


def _events(desk: Desk, path: Path, content: Mapping[str, Any]) -> Iterator[Answer]:
    """The events of one file.

    Raises:
        InputError: of another study, not sealed by it, or an answer that cannot be used.
    """
    if content.get("format") != FORMAT:
        raise InputError(f"{path}: is not a file of answers")
    if content.get("study") != desk.design.id:
        raise InputError(f"{path}: is of another study ({content.get('study')!r})")
    respondent = desk.keys.respondent(str(content.get("code")))
    if respondent is None:
        raise InputError(f"{path}: its personal code was not given by this study")
    rows = content.get("answers")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path}: its answers are damaged")
    try:
        yield from _told(desk, respondent, content, rows)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _told(
    desk: Desk, respondent: str, content: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> Iterator[Answer]:
    """The consent and the answers, in the order of their times."""
    yield replace(desk.consent(respondent, _CLIENT), time=_time(content.get("consented")))
    for row in sorted(rows, key=lambda row: str(row.get("time"))):
        yield desk.answer(respondent, row, time=_time(row.get("time")), client=_CLIENT)


def _time(text: object) -> str:
    """A time as the page wrote it, in the form of the ledger.

    Raises:
        InputError: none, or one without its distance from UTC.
    """
    try:
        time = datetime.fromisoformat(str(text))
        if time.tzinfo is None:
            raise ValueError
    except ValueError:
        raise InputError(f"{text!r} is not a time") from None
    return time.isoformat(timespec="milliseconds")


def _render(desk: Desk, token: str) -> str:
    respondent = desk.keys.respondent(token) or ""
    numbers = range(len(desk.plan.questions(respondent)))
    shown = [desk.shown(respondent, number) for number in numbers]
    texts = style(), script("pack.js")
    facts = {
        "format": FORMAT,
        "study": desk.design.id,
        "code": grouped(token),
        "pictures": _pictures(desk, respondent, shown),
    }
    return (
        environment()
        .get_template("pack.html.j2")
        .render(
            design=desk.design,
            ask=QUESTION[desk.design.kind],
            questions=shown,
            facts=facts,
            code=grouped(token),
            policy=policy(*texts),
            style=Markup(texts[0]),
            script=Markup(texts[1]),
        )
    )


def _pictures(desk: Desk, respondent: str, shown: Sequence[Any]) -> dict[str, Any]:
    """Mark → number of a picture, and each picture once, as base64."""
    data: dict[bytes, int] = {}
    marks: dict[str, int] = {}
    for question in shown:
        for mark in (question.source, *question.pictures):
            if mark:
                picture = unpadded(desk.picture(respondent, mark) or b"")
                marks[mark] = data.setdefault(picture, len(data))
    return {"marks": marks, "data": [base64.b64encode(picture).decode() for picture in data]}
