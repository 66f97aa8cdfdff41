"""Answers as tables for other programs, without those of people who withdrew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gazebench import store
from gazebench.dataset import csv_text
from gazebench.study.answers import Answers
from gazebench.study.counting import Respondent, respondents
from gazebench.study.design import Design

COLUMNS = (
    *("respondent", "counted", "question", "trial", "face", "shown", "choice", "place"),
    *("milliseconds", "time", "client"),
)


def export(study: Path, file: Path, form: str) -> int:
    """Write one line for each answer; how many there are.

    ``counted`` is "yes", or the reason why the respondent's answers are excluded; ``shown`` has
    what could be chosen from left to right, separated by "|"; ``place`` is 0 for "Other".

    Raises:
        InputError: no study, or damaged.
        DiskError: no space or not writable.
    """
    design = Design.load(study)
    with Answers.open(study) as answers:
        people = respondents(answers.events(), design)
    rows = [row for person in people for row in _rows(person)]
    store.write(file, _csv(rows) if form == "csv" else _jsonl(rows))
    return len(rows)


def _rows(person: Respondent) -> Iterator[dict[str, Any]]:
    for answer in sorted(person.answers, key=lambda a: a.question or 0):
        yield {
            "respondent": person.name,
            "counted": person.excluded or "yes",
            "question": answer.question,
            "trial": answer.trial,
            "face": answer.face,
            "shown": "|".join(answer.options),
            "choice": answer.choice,
            "place": answer.place,
            "milliseconds": answer.milliseconds,
            "time": answer.time,
            "client": answer.client,
        }


def _csv(rows: list[dict[str, Any]]) -> str:
    return csv_text(COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def _jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
