"""Label Studio's exports of a "choices" task: JSON, and JSON_MIN."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gazebench.annotation.imports._lines import Said, label_of
from gazebench.errors import InputError

_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an upload
_NAMES = ("id", "source_name", "name", "image", "img", "url")


def read(path: Path, content: object, words: Mapping[str, str]) -> list[Said]:
    """One line for each choice; who annotated is Label Studio's number or address of the person."""
    if not isinstance(content, list):
        raise InputError(f"{path}: no export of Label Studio, which is a list of tasks")
    found = [said for n, task in enumerate(content, 1) for said in _task(path, n, task, words)]
    if not found:
        raise InputError(f"{path}: no choice in its {len(content)} tasks")
    return found


def _task(path: Path, number: int, task: Any, words: Mapping[str, str]) -> Iterator[Said]:
    where = f"task {number}"
    if not isinstance(task, dict):
        raise InputError(f"{path}, {where}: no export of Label Studio")
    data = task.get("data", task)
    name = next((data[k] for k in _NAMES[1:] if isinstance(data.get(k), str)), None)
    if name is None:
        raise InputError(f"{path}, {where}: names no picture; it needs one of {_NAMES[1:]}")
    if "annotations" not in task:  # JSON_MIN: one line for each annotation
        choice = next((task[k] for k in ("choice", "choices", "label", "gaze") if k in task), None)
        yield _said(path, where, name, choice, task.get("annotator"), task, words)
        return
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            continue
        for result in annotation.get("result", ()):
            if result.get("type") == "choices":
                choices, who = result["value"].get("choices"), annotation.get("completed_by")
                yield _said(path, where, name, choices, who, annotation, words)


def _said(
    path: Path,
    where: str,
    name: str,
    choice: Any,
    who: Any,
    facts: Mapping[str, Any],
    words: Mapping[str, str],
) -> Said:
    if isinstance(choice, dict):
        choice = choice.get("choices")
    if isinstance(choice, list):
        if len(choice) != 1:
            raise InputError(f"{path}, {where}: {len(choice)} choices at once; there must be one")
        choice = choice[0]
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    seconds = facts.get("lead_time")
    return Said(
        name=_base_name(name),
        vote=label_of(choice, words, path, where),
        where=where,
        annotator="" if who is None else str(who),
        milliseconds=round(1000 * seconds) if isinstance(seconds, int | float) else None,
        time=_time(facts.get("created_at")),
    )


def _time(text: Any) -> str:
    return text.replace("Z", "+00:00") if isinstance(text, str) else ""


def _base_name(address: str) -> str:
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")  # /data/local-files/?d=folder/name.jpg
    name = unquote(local[0] if local else parts.path).replace("\\", "/").rpartition("/")[2]
    return _PREFIX.sub("", name, count=1)
