"""Figures of an earlier report that this one cannot draw: the pictures they show are gone.

``OUT/figures/drawn.json`` says which runs each figure shows, and the hash of what each of them had
predicted. A figure stays in the report as long as all of these runs do, with the same predictions.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gazebench.errors import InputError
from gazebench.reading import read_bytes, read_json
from gazebench.reports.illustrations import SUFFIXES, Illustration, Illustrations, natural
from gazebench.reports.measured import Run
from gazebench.reports.sanitising import published

FILE = "drawn.json"
_MOST = 50_000_000  # bytes of one file of a figure


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """An ``Illustration`` without its files."""

    name: str
    number: str
    title: str
    caption: str
    alt: str
    key: tuple[str, str]
    shows: Mapping[str, str]
    of: str = ""


def noted(made: Iterable[Illustration]) -> str:
    """The text of ``drawn.json``."""
    facts = [
        asdict(_Drawn(**{name: getattr(one, name) for name in _Drawn.__dataclass_fields__}))
        for one in made
    ]
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def with_earlier(drawn: Illustrations, folder: Path, runs: Sequence[Run]) -> Illustrations:
    """``drawn`` and what an earlier report left in ``folder`` that still holds for ``runs``."""
    names = {one.name for one in drawn.made}
    found = [
        replace(one, files=files)
        for one in _read(folder / FILE)
        if one.name not in names and _holds(one, runs) and (files := _files(folder, one.name))
    ]
    if not found:
        return drawn
    called = tuple(f"{one.name.replace('-', ' ')} " for one in found)
    return Illustrations(
        made=tuple(sorted([*drawn.made, *found], key=lambda one: natural(one.name))),
        unfilled=tuple(s for s in drawn.unfilled if not s.startswith(called)),
        failed=drawn.failed,
        earlier=tuple(one.name for one in found),
    )


def _read(path: Path) -> list[Illustration]:
    """What the file says; nothing where it is missing or damaged, for all can be drawn anew."""
    try:
        facts = TypeAdapter(list[_Drawn]).validate_python(published(read_json(path)))
    except (InputError, ValidationError):
        return []
    return [Illustration(**vars(one), files={}, panels=()) for one in facts]


def _holds(one: Illustration, runs: Sequence[Run]) -> bool:
    here = {
        run.result.run: run.result.provenance.get("predictions_sha256")
        for run in runs
        if (run.result.dataset.fingerprint, run.result.benchmark) == one.key
    }
    return bool(one.shows) and all(
        digest and here.get(run) == digest for run, digest in one.shows.items()
    )


def _files(folder: Path, name: str) -> dict[str, bytes | str]:
    """By suffix; nothing without the picture."""
    if not re.fullmatch("[A-Za-z0-9_-]+", name):
        return {}
    found: dict[str, bytes | str] = {}
    for suffix in SUFFIXES:
        try:
            found[suffix] = read_bytes(folder / f"{name}.{suffix}", _MOST)
        except InputError:
            continue
    return found if "png" in found else {}
