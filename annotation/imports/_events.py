"""Our own events: what a labelling page hands back, and ``label export --to jsonl``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gazebench.annotation.imports._lines import Said
from gazebench.errors import InputError

FORMAT = "gazebench-votes-1"
_TEXTS = ("event", "annotator", "portrait", "vote", "time", "round", "client")


def read(path: Path, text: str) -> list[Said]:
    """The events of a file, in their order."""
    found = [_said(path, line, event) for line, event in _events(path, text)]
    if not found:
        raise InputError(f"{path}: has no votes in it")
    return found


def _events(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    for line, words in enumerate(text.splitlines(), 1):
        if not words.strip():
            continue
        content = _json(path, line, words)
        if isinstance(content, dict) and content.get("format") == FORMAT:
            yield from enumerate(content.get("events") or (), 1)
        else:
            yield line, content


def _json(path: Path, line: int, words: str) -> Any:
    try:
        return json.loads(words)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}, line {line}: damaged JSON ({error})") from None


def _said(path: Path, line: int, event: Any) -> Said:
    where = f"line {line}"
    if not isinstance(event, dict) or not all(isinstance(event.get(k), str) for k in _TEXTS):
        raise InputError(f"{path}, {where}: no event; it needs {', '.join(_TEXTS)} as text")
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
    )
