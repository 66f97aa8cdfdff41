"""Which portraits the names of a file mean."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gazebench.annotation.imports import Said
from gazebench.dataset import Manifest, names, read_csv
from gazebench.errors import InputError

_SHOWN = 5


class Resolved(NamedTuple):
    """The lines of a file, and what they are about."""

    found: list[tuple[str, Said]]  # with the portrait's id
    quarantined: int = 0  # lines about faces in quarantine, left out
    gone: int = 0  # of ``found``, events on faces that are in quarantine or gone
    unlabelled: int = 0  # lines that say nothing
    renamed: Sequence[tuple[str, str]] = ()  # names that the dataset writes otherwise, with the ids


def resolve(
    manifest: Manifest, path: Path, lines: Sequence[Said], *, keep_events: bool = False
) -> Resolved:
    """What the lines of a file are about.

    A name may have folders and an ending that the dataset's has not, and lack zeros in front, as
    spreadsheets take them away, where that can mean one portrait only; see ``names.chosen``. An
    event that gazebench wrote is on the portrait of just its name: where that is gone, a portrait
    of a similar name is another.
    ``keep_events``: an event on a face that is in quarantine or gone is found by its own name.

    Raises:
        InputError: a name that no portrait has, or that may mean two, or names in one line that
            mean two; an export whose names lost their zeros; nothing is left but quarantined
            faces; no name is one of this dataset.
    """
    known = _Known(_names(manifest))
    found: list[tuple[str, Said]] = []
    unknown: list[tuple[str, bool]] = []  # names for a message, and whether they are kept
    quarantined = gone = 0
    for said in (said for said in lines if said.vote):
        meant = _meant(known, said, path)
        is_kept = keep_events and bool(said.event)
        if not meant.keys:
            unknown.append((f"{said.where}: {meant.quoted}", is_kept))
        if (id_ := next(iter(meant.keys), None)) is not None:
            found.append((id_, replace(said, name=meant.name)))
        elif is_kept:
            found.append((said.name, said))
            gone += 1
        elif meant.keys:
            quarantined += 1
    _check_zeros(known, path, lines)
    refused = [name for name, is_kept in unknown if not is_kept]
    if unknown and (refused or len(unknown) == len(lines)):
        refused = refused or [name for name, _ in unknown]
        raise InputError(_unknown_sentence(path, refused, len(lines), manifest))
    if not found:
        raise InputError(f"{path}: no label of a portrait of {manifest.root}")
    plain = {(p.id, p.source_name) for p in manifest.portraits}
    renamed = [(s.name, id_) for id_, s in found if s.name != id_ and (id_, s.name) not in plain]
    unlabelled = sum(not said.vote for said in lines)
    return Resolved(found, quarantined, gone, unlabelled, renamed)


class _Known(names.Names[str | None]):
    """Portraits by their names, a quarantined face being None."""

    def exported(self, name: str) -> set[str | None]:
        """The portrait with this id, else those with this source name."""
        found = self.exact(name)
        return {name} if name in found else found


def _meant(known: _Known, said: Said, path: Path) -> names.Meant[str | None]:
    where = f"{path}, {said.where}"
    if said.is_exported:
        return names.chosen(known.exported, (("", said.name),), where, _shown)
    return names.chosen(known.find, said.names or (("", said.name),), where, _shown)


def _check_zeros(known: _Known, path: Path, lines: Sequence[Said]) -> None:
    """Refuse an export in which numbers lost their zeros: their faces would seem to be gone."""
    exported = [said for said in lines if said.is_exported and said.names]  # of a table
    if any(re.match(r"0[0-9]", said.name) for said in exported):
        return
    for said in exported:
        alike = known.find(said.name)
        ids = sorted(id_ for id_ in alike if id_)
        if ids and isinstance(alike, names.Counted) and not known.exact(said.name):
            raise InputError(
                f"{path}, {said.where}: no portrait is called {said.name!r} and one is {ids[0]!r}: "
                "a spreadsheet took the zeros away; give the file as `gazebench label export` "
                "wrote it, or export with --to jsonl"
            )


def _names(manifest: Manifest) -> Iterator[tuple[str, str | None]]:
    """What an id or a source name may mean: portraits' ids, None for a quarantined face."""
    for portrait in manifest.portraits:
        yield portrait.id, portrait.id
        yield portrait.source_name, portrait.id
    for _, row in read_csv(manifest.root / "quarantine.csv", ("id", "source_name")):
        yield row["id"], None
        yield row["source_name"], None


def _shown(id_: str | None) -> str:
    return id_ or "a quarantined face"


def _unknown_sentence(path: Path, unknown: list[str], lines: int, manifest: Manifest) -> str:
    one = manifest.portraits[0]
    sentence = f"{path}: names that no portrait of {manifest.root} has: {first_few(unknown, ', ')}"
    if len(unknown) == lines:
        sentence += "; these are labels for another dataset"
    return f"{sentence} (its portraits are called such as {one.id} or {one.source_name})"


def first_few(sentences: Iterable[str], between: str = "; ") -> str:
    """The first of them, and how many there are more."""
    every = list(sentences)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return between.join(every[:_SHOWN]) + more
