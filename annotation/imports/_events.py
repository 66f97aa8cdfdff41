"""Our own events: what a labelling page hands back, and ``label export --to jsonl``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gazebench.annotation.imports._lines import Said
from gazebench.annotation.votes import UNDO, VOTES
from gazebench.errors import InputError
from gazebench.reading import json_value

FORMAT = "gazebench-votes-1"
_TEXTS = ("event", "annotator", "portrait", "vote", "time", "round", "client")


def read(path: Path, text: str) -> list[Said]:
    """The events of a file, in their order.

    Raises:
        InputError: damaged, without events, or an event with another vote or without an annotator.
    """
    found = [_said(path, where, event) for where, event in _events(path, text)]
    if not found:
        raise InputError(f"{path}: has no votes in it")
    return found


def _events(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Where each event is, and what is there."""
    for line, words in enumerate(text.splitlines(), 1):
        if not words.strip():
            continue
        where = f"line {line}"
        content = json_value(words, f"{path}, {where}")
        if isinstance(content, dict) and content.get("format") == FORMAT:
            events = content.get("events")
            if not isinstance(events, list):
                raise InputError(f"{path}, {where}: events is not a list")
            yield from ((f"event {number}", event) for number, event in enumerate(events, 1))
        else:
            yield where, content


def _said(path: Path, where: str, event: Any) -> Said:
    if not isinstance(event, dict) or not all(isinstance(event.get(k), str) for k in _TEXTS):
        raise InputError(f"{path}, {where}: no event; it needs {', '.join(_TEXTS)} as text")
    if event["vote"] not in (*VOTES, UNDO):
        choices = f"{', '.join(VOTES)} or {UNDO}"
        raise InputError(f"{path}, {where}: vote {event['vote']!r}; it must be {choices}")
    if not event["annotator"].strip():
        raise InputError(f"{path}, {where}: nobody said this; an event names its annotator")
    return Said(
        name=event["portrait"],
        vote=event["vote"],
        where=where,
        annotator=event["annotator"],
        milliseconds=event.get("milliseconds"),
        time=event["time"],
        event=event["event"],
        round=event["round"],
        client=event["client"],
        is_exported=True,
    )
