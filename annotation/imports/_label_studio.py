"""Label Studio's exports of a "choices" task: JSON, and JSON_MIN."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gazebench.annotation.imports._lines import Said, label_of
from gazebench.errors import InputError

_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an upload
_NAMES = ("source_name", "name", "image", "img", "url")


def read(path: Path, content: object, words: Mapping[str, str]) -> list[Said]:
    """One line for each choice; who annotated is Label Studio's number or address of the person.

    Raises:
        InputError: no such export; a task that is malformed or has another choice, with its number.
    """
    if not isinstance(content, list):
        raise InputError(f"{path}: no export of Label Studio, which is a list of tasks")
    found: list[Said] = []
    for number, task in enumerate(content, 1):
        where = f"task {number}"
        try:
            found += _task(path, where, task, words)
        except _MalformedError as error:
            raise InputError(f"{path}, {where}: {error}") from None
    if not found:
        raise InputError(f"{path}: no choice in its {len(content)} tasks")
    return found


class _MalformedError(Exception):
    """A value that Label Studio does not write; a sentence without its place."""


def _task(path: Path, where: str, task: Any, words: Mapping[str, str]) -> Iterator[Said]:
    if not isinstance(task, dict):
        raise _MalformedError("no export of Label Studio")
    data = _object(task.get("data", task), "data")
    name = next((data[k] for k in _NAMES if isinstance(data.get(k), str)), None)
    if name is None:
        raise _MalformedError(f"names no picture; it needs one of {', '.join(_NAMES)}")
    for choice, who, facts in _choices(task):
        yield Said(
            name=_base_name(name),
            vote=label_of(_single(choice), words, path, where),
            where=where,
            annotator=_person(who),
            milliseconds=_milliseconds(facts.get("lead_time")),
            time=_time(facts.get("created_at")),
        )


def _choices(task: dict[str, Any]) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
    """What was chosen, by whom, and the facts beside it."""
    if "annotations" not in task:  # JSON_MIN: one line for each annotation
        choice = next((task[k] for k in ("choice", "choices", "label", "gaze") if k in task), None)
        yield choice, task.get("annotator"), task
        return
    for annotation in _objects(task["annotations"], "annotations"):
        if annotation.get("was_cancelled"):
            continue
        for result in _objects(annotation.get("result", []), "result"):
            if result.get("type") == "choices":
                value = _object(result.get("value"), "value")
                yield value.get("choices"), annotation.get("completed_by"), annotation


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _MalformedError(f"{name} is not an object")
    return value


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _MalformedError(f"{name} is not a list of objects")
    return value


def _single(choice: Any) -> Any:
    if isinstance(choice, dict):
        choice = choice.get("choices")
    if isinstance(choice, list):
        if len(choice) != 1:
            raise _MalformedError(f"{len(choice)} choices at once; there must be one")
        choice = choice[0]
    return choice


def _person(who: Any) -> str:
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    if who is None:
        return ""
    if not isinstance(who, str | int) or isinstance(who, bool):
        raise _MalformedError(f"annotated by {who!r}, which is neither a number nor an address")
    return str(who)


def _milliseconds(seconds: Any) -> int | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    if not math.isfinite(1000 * seconds):
        raise _MalformedError(f"lead_time {seconds!r} is not a number of seconds")
    return round(1000 * seconds)


def _time(text: Any) -> str:
    return text.replace("Z", "+00:00") if isinstance(text, str) else ""


def _base_name(address: str) -> str:
    try:
        parts = urlsplit(address)
        local = parse_qs(parts.query).get("d")  # /data/local-files/?d=folder/name.jpg
    except ValueError as error:
        raise _MalformedError(f"address {address!r} of the picture: {error}") from None
    name = unquote(local[0] if local else parts.path).replace("\\", "/").rpartition("/")[2]
    return _PREFIX.sub("", name, count=1)
