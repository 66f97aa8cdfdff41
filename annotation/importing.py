"""Votes from files into ``votes.sqlite``; labels without a name go to ``labels.csv``."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gazebench.annotation import examples, imports
from gazebench.annotation.imports import Said
from gazebench.annotation.labels import ImportReport, import_csv
from gazebench.annotation.meant import first_few, resolve
from gazebench.annotation.votes import Event, Round, Votes, now
from gazebench.dataset import Manifest, read_heading
from gazebench.errors import InputError

_IDS = uuid.UUID("5c0f3f2e-6f0f-4c8e-9a52-1e0f7b6f3b10")  # of events that a file does not name


@dataclass(frozen=True, kw_only=True)
class VotesReport:
    """What an import of votes brought."""

    read: int
    new: int
    quarantined: int
    unlabelled: int  # lines that say nothing
    annotators: tuple[str, ...]


def import_file(
    dataset: Path,
    path: Path,
    *,
    annotator: str = "",
    replace: bool = False,
    mapping: Mapping[str, str] | None = None,
) -> VotesReport | ImportReport:
    """Add the votes or the labels of a file to ``dataset``; see `import_votes`, `import_csv`.

    They are votes where the file, or ``annotator``, says whose they are.

    Raises:
        InputError: as these do.
    """
    read_heading(dataset)  # so that a missing dataset is named before its file
    if annotator or has_annotators(path, mapping):
        return import_votes(dataset, path, annotator=annotator, mapping=mapping)
    return import_csv(dataset, path, replace=replace, mapping=mapping)


def has_annotators(path: Path, mapping: Mapping[str, str] | None = None) -> bool:
    """Whether the lines of a file say who said it, so that they are votes and no labels.

    Raises:
        InputError: see ``imports.read``; some lines say who, and others do not.
    """
    lines = imports.read(path, mapping)
    nameless = [said.where for said in lines if not said.annotator]
    if nameless and len(nameless) < len(lines):
        raise InputError(f"{path}, {first_few(nameless, ', ')}: nobody said this; name annotators")
    return bool(lines) and not nameless


def import_votes(
    dataset: Path,
    path: Path,
    *,
    annotator: str = "",
    mapping: Mapping[str, str] | None = None,
) -> VotesReport:
    """Add the votes of a file to those of ``dataset``; the same file again adds nothing.

    ``annotator``: whose votes they are, where the file does not say.

    Raises:
        InputError: a line that cannot be used, is about no portrait, or contradicts another line.
    """
    manifest = Manifest.load(dataset)
    lines = imports.read(path, mapping)
    practice = [said for said in lines if _is_practice(said)]
    resolved = resolve(manifest, path, [s for s in lines if not _is_practice(s)])
    found = [*((said.name, said) for said in practice), *resolved.found]
    _check(path, found, annotator)
    events = list(_events(path, found, annotator))
    with Votes.open(dataset) as votes:
        new = votes.add(events)
    people = tuple(sorted({event.annotator for event in events}))
    return VotesReport(
        read=len(events),
        new=len(new),
        quarantined=resolved.quarantined,
        unlabelled=resolved.unlabelled,
        annotators=people,
    )


def _is_practice(said: Said) -> bool:
    return said.round == Round.TRAINING and said.name in examples.ids()


def _check(path: Path, found: Sequence[tuple[str, Said]], annotator: str) -> None:
    """Two lines of one person on one face must be events, or say the same."""
    held: dict[tuple[str, str], Said] = {}
    contradictions: list[str] = []
    for id_, said in found:
        if said.event:
            continue
        earlier = held.setdefault((said.annotator or annotator, id_), said)
        if earlier.vote != said.vote:
            contradictions.append(
                f"{said.where}: {said.annotator or annotator} says {said.vote} of {said.name!r} "
                f"here and {earlier.vote} in {earlier.where}"
            )
    if contradictions:
        raise InputError(f"{path}, {first_few(contradictions)}")


def _events(path: Path, found: Sequence[tuple[str, Said]], annotator: str) -> Iterator[Event]:
    moment = now()
    for id_, said in found:
        who = said.annotator or annotator
        key = f"{who}\n{id_}\n{said.vote}\n{said.round}"
        try:
            yield Event(
                event=said.event or str(uuid.uuid5(_IDS, key)),
                annotator=who,
                portrait=id_,
                vote=said.vote,
                milliseconds=said.milliseconds,
                time=said.time or moment,
                round=said.round,
                client=said.client,
            )
        except InputError as error:
            raise InputError(f"{path}, {said.where}: {error}") from None
