"""Votes from files into ``votes.sqlite``; labels without a name go to ``labels.csv``."""

import uuid
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from gazebench.annotation import examples, imports
from gazebench.annotation.imports import Said
from gazebench.annotation.labels import ImportReport, import_csv
from gazebench.annotation.meant import Resolved, first_few, resolve
from gazebench.annotation.votes import Event, Round, Votes, now
from gazebench.dataset import Manifest, read_heading
from gazebench.errors import InputError

_IDS = uuid.UUID("5c0f3f2e-6f0f-4c8e-9a52-1e0f7b6f3b10")  # of events that a file does not name


@dataclass(frozen=True, kw_only=True)
class VotesReport:
    """What an import of votes brought."""

    read: int
    new: int
    quarantined: int  # lines about faces in quarantine, left out
    gone: int  # of those read, events on faces that are in quarantine or gone: kept
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

    ``annotator``: whose votes they are, where the file does not say. A line that is no event, as
    it has no id, says what its person holds now: it is a new vote unless that stands already.

    Raises:
        InputError: a line that cannot be used, is about no portrait, or contradicts another line.
    """
    manifest = Manifest.load(dataset)
    lines = imports.read(path, mapping)
    practice = [(said.name, said) for said in lines if _is_practice(said)]
    others = [said for said in lines if not _is_practice(said)]
    resolved = Resolved([])
    if others or not practice:
        resolved = resolve(manifest, path, others, keep_events=True)
    found = [*practice, *resolved.found]
    found.sort(key=lambda pair: not pair[1].event)  # events first: what else is said is said now
    _check(path, found, annotator)
    events = list(_events(path, found, annotator))
    with Votes.open(dataset) as votes:
        new = votes.add(_unsaid(votes, events, {said.event for _, said in found}))
    people = tuple(sorted({event.annotator for event in events}))
    return VotesReport(
        read=len(events),
        new=len(new),
        quarantined=resolved.quarantined,
        gone=resolved.gone,
        unlabelled=resolved.unlabelled,
        annotators=people,
    )


def _is_practice(said: Said) -> bool:
    return said.round == Round.TRAINING and said.name in examples.ids()


def _unsaid(votes: Votes, events: Sequence[Event], named: Set[str]) -> list[Event]:
    """The events without those that say what their person holds already, stored or in ``events``.

    Events whose ids the file ``named`` are all kept. Any other that changes what stands gets an id
    that follows from what it changes: X, then Y, then X again are three votes.
    """
    stored = [event for _, event in votes.events()]
    last = {(e.annotator, e.portrait, e.round): e for e in stored}
    known = {e.event for e in stored}
    found: list[Event] = []
    for event in events:
        before = last.get((event.annotator, event.portrait, event.round))
        if event.event not in named and before is not None:
            if before.vote == event.vote:
                continue
            again = str(uuid.uuid5(_IDS, f"{event.event}\n{before.event}"))
            event = replace(event, event=again)
        found.append(event)
        if event.event not in known:  # one that is stored stands where it was
            known.add(event.event)
            last[event.annotator, event.portrait, event.round] = event
    return found


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
