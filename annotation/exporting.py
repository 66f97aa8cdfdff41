"""The votes of a dataset as one file: every event, so that an import elsewhere gives the same."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path

from gazebench import store
from gazebench.annotation.votes import FILE, Event, Votes
from gazebench.dataset import csv_lines, read_heading
from gazebench.errors import InputError


def export(dataset: Path, out: Path, form: str) -> int:
    """Write all events of ``dataset`` to the file ``out``; how many there are.

    ``form``: "csv" or "jsonl".

    Raises:
        InputError: no finished dataset, or no votes.
        DiskError: no space or not writable.
    """
    read_heading(dataset)
    events = _stored(dataset) if (dataset / FILE).exists() else []
    if not events:
        raise InputError(
            f"{dataset}: has no votes; `gazebench label serve {dataset}` collects them, "
            "`gazebench label import` reads them from a file"
        )
    lines = _csv(events) if form == "csv" else _jsonl(event for _, event in events)
    with store.new_file(out) as file:
        for line in lines:
            file.write(line.encode())
    return len(events)


def _stored(dataset: Path) -> list[tuple[int, Event]]:
    with Votes.open(dataset) as votes:
        return list(votes.events())


def _csv(events: list[tuple[int, Event]]) -> Iterator[str]:
    # "id" for the portrait, as in every other table; "number", as a spreadsheet may sort the lines
    columns = ["id" if f.name == "portrait" else f.name for f in fields(Event)]
    rows = ([*(_cell(getattr(e, f.name)) for f in fields(Event)), str(n)] for n, e in events)
    return csv_lines([*columns, "number"], rows)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _jsonl(events: Iterable[Event]) -> Iterator[str]:
    for event in events:
        yield json.dumps(asdict(event), ensure_ascii=False) + "\n"
