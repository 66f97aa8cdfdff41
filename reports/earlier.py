"""Figures of an earlier report that this one cannot draw: the pictures they show are gone.

``OUT/figures/drawn.json`` says which runs each figure shows, the hash of what each of them had
predicted, and the hashes of the figure's own files. A figure stays in the report as long as all of
these runs do, with the same predictions.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gazebench.dataset.pictures import PictureError, decode
from gazebench.errors import InputError, first_fault
from gazebench.reading import MissingFileError, read_bytes, read_json
from gazebench.reports.illustrations import (
    SUFFIXES,
    Illustration,
    Illustrations,
    called,
    file_names,
    name_of,
    natural,
)
from gazebench.reports.measured import Measured, Run
from gazebench.reports.sanitising import published

FILE = "drawn.json"
_REMEDY = "delete it to go on without the figures of earlier reports"
_MOST = 50_000_000  # bytes of one file of a figure
_PNG = b"\x89PNG\r\n\x1a\n"
_SIDES = (16, 20_000)  # pixels, of a figure


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """An ``Illustration`` with hashes in place of its files."""

    module: str
    name: str
    number: str
    title: str
    caption: str
    alt: str
    key: tuple[str, str]
    shows: Mapping[str, str]
    faces: bool
    hashes: Mapping[str, str]
    of: str = ""


def noted(made: Iterable[Illustration]) -> str:
    """The text of ``drawn.json``."""
    facts = []
    for one in made:
        own = {name: getattr(one, name) for name in _Drawn.__dataclass_fields__ if name != "hashes"}
        hashes = {suffix: _hash(data) for suffix, data in one.files.items()}
        facts.append(asdict(_Drawn(**own, hashes=hashes)))
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def with_earlier(
    drawn: Illustrations, folder: Path, measured: Measured, *, pictures: bool
) -> Illustrations:
    """``drawn``, with what an earlier report left in ``folder`` and still holds for the runs.

    An earlier figure goes before one that shows only some of its runs. Without ``pictures`` none
    that shows portraits stays.

    Raises:
        InputError: the earlier report's list, or a figure in it, is there and cannot be read.
    """
    now = {_place(one): one for one in drawn.made}
    several = len({_key(run) for run in measured.runs}) > 1
    found: dict[tuple[str, tuple[str, str], str], Illustration] = {}
    for one in _read(folder / FILE):
        current = now.get(_place(one))
        lesser = current is None or set(current.shows) < set(one.shows)
        wanted = lesser and (pictures or not one.faces) and _holds(one, measured)
        if wanted and (files := _files(folder, one)):
            found[_place(one)] = _illustration(one, files, several=several)
    if not found:
        return drawn
    made = [*(one for place, one in now.items() if place not in found), *found.values()]
    there = tuple(f"{called(one.module)} " for one in found.values())
    return replace(
        drawn,
        made=tuple(sorted(made, key=lambda one: natural(one.name))),
        unfilled=tuple(s for s in drawn.unfilled if not s.startswith(there)),
        earlier=tuple(one.name for one in found.values()),
    )


def _key(run: Run) -> tuple[str, str]:
    return run.result.dataset.fingerprint, run.result.benchmark


def _place(one: Illustration | _Drawn) -> tuple[str, tuple[str, str], str]:
    return one.module, one.key, one.of


def _read(path: Path) -> Iterator[_Drawn]:
    try:
        facts = published(read_json(path, _REMEDY))
        yield from TypeAdapter(list[_Drawn]).validate_python(facts)
    except MissingFileError:
        return
    except ValidationError as error:
        raise InputError(f"{path}: damaged ({first_fault(error)}); {_REMEDY}") from None


def _holds(one: _Drawn, measured: Measured) -> bool:
    """Whether all runs that it shows have scores of the same predictions.

    While a result is damaged, a run that is missing may be that one: its figures stay.
    """
    here = {
        run.result.run: run.result.provenance.get("predictions_sha256")
        for run in measured.runs
        if _key(run) == one.key
    }
    return bool(one.shows) and all(
        digest and here.get(run, digest if measured.damaged else None) == digest
        for run, digest in one.shows.items()
    )


def _files(folder: Path, one: _Drawn) -> dict[str, bytes | str]:
    """By suffix; nothing without a PNG, or where a file is not as it was written."""
    found: dict[str, bytes | str] = {}
    for suffix, digest in one.hashes.items():
        file = f"{one.name}.{suffix}"
        path = folder / file
        if suffix not in SUFFIXES or not file_names().fullmatch(file) or path.is_symlink():
            return {}
        try:
            data = read_bytes(path, _MOST)
        except MissingFileError:
            continue
        if _hash(data) != digest:
            return {}
        found[suffix] = data
    return found if _is_picture(found.get("png")) else {}


def _is_picture(data: bytes | str | None) -> bool:
    if not isinstance(data, bytes) or not data.startswith(_PNG):
        return False
    try:
        size = decode(data, "figure").size
    except PictureError:
        return False
    return all(_SIDES[0] <= side <= _SIDES[1] for side in size)


def _illustration(one: _Drawn, files: dict[str, bytes | str], *, several: bool) -> Illustration:
    facts = {name: value for name, value in vars(one).items() if name != "hashes"}
    facts["name"] = name_of(one.module, one.key, one.of, several=several)
    return Illustration(**facts, files=files, panels=())


def _hash(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
