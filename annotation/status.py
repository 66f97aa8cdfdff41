"""How far a labelling session is: each volunteer's progress, speed and agreement."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gazebench.annotation import finalize, proposals
from gazebench.annotation.faces import Faces
from gazebench.annotation.queue import Progress, Queue
from gazebench.annotation.session import FOLDER, Session
from gazebench.annotation.summary import Person, Summary, summarise
from gazebench.annotation.votes import Event, Votes

_HOUR_MS = 3_600_000
_MIN_VOTES = 2  # that a portrait needs to be decided
_PLAN = ("dataset.json", "manifest.csv", f"{FOLDER}/session.json")  # below the dataset
_LABELS = ("labels.csv", f"{FOLDER}/{proposals.FILE}")  # of these a page tells too
_Stamps = tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True, kw_only=True)
class Status:
    """A session as it is now."""

    summary: Summary
    progress: dict[str, Progress]  # of each annotator of the session

    @property
    def people(self) -> list[tuple[str, Progress | None, Person | None]]:
        """Everybody of the session, then those whose votes were imported."""
        persons = {person.name: person for person in self.summary.people}
        invited = [(name, p, persons.get(name)) for name, p in self.progress.items()]
        others = [(n, None, p) for n, p in persons.items() if n not in self.progress]
        return [*invited, *others]


def facts_of(dataset: Path, status: Status) -> dict[str, Any]:
    """What a page shows of a session that is not finished: as if the votes were counted now."""
    counts = finalize.would_be(dataset, status.summary)
    rows = [{"name": n, "done": p.done, "total": p.total} for n, p in status.progress.items()]
    return {**finalize.facts_of(dataset, status.summary, _MIN_VOTES, counts), "progress": rows}


class Watch:
    """Looks at the votes of a dataset again and again; only what is new is read.

    Other processes may import, count, prepare or build meanwhile: what they change is noticed.
    """

    def __init__(self, dataset: Path, votes: Votes) -> None:
        """``votes``: those of ``dataset``.

        Raises:
            InputError: not prepared, or a damaged manifest.
        """
        self._votes = votes
        self._dataset = dataset
        self._plan = self._labels = _Stamps()
        self._newest: Status | None = None
        self._begin()

    def look(self) -> Status:
        """The session as it is now; the same object as before where nothing changed.

        Where only labels changed, which are no part of it, it is equal to the one before.

        Raises:
            InputError: the session, or the manifest, was damaged meanwhile.
        """
        labels = _stamps(self._dataset, _LABELS)
        plan = _stamps(self._dataset, _PLAN)
        if plan != self._plan and None not in plan:  # else it is being built again
            self._begin()
        seen = self._seen
        for number, event in self._votes.events(self._seen):
            self._seen = number
            self._events.append(event)
            for queue in self._queues.values():
                queue.apply(event)
        if self._newest is None or self._seen > seen:
            self._newest = self._count()
        elif labels != self._labels:
            self._newest = replace(self._newest)
        self._labels = labels
        return self._newest

    def _begin(self) -> None:
        self._plan = _stamps(self._dataset, _PLAN)
        self._session = Session.load(self._dataset)
        self._faces = Faces.read(self._dataset)
        names = self._session.annotators
        self._queues = {name: Queue(name, self._session, self._faces) for name in names}
        self._events: list[Event] = []
        self._seen = 0
        self._newest = None

    def _count(self) -> Status:
        gold = self._session.plan.gold
        summary = summarise(
            self._events, portraits=self._faces.ids, min_votes=_MIN_VOTES, gold=gold
        )
        progress = {name: queue.progress for name, queue in self._queues.items()}
        return Status(summary=summary, progress=progress)


def _stamps(dataset: Path, names: Iterable[str]) -> _Stamps:
    """What changes when one of the files is written again."""
    return tuple(_stamp(dataset / name) for name in names)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def faces_per_hour(person: Person) -> float | None:
    """By the median time of a vote; None where it is not known."""
    return _HOUR_MS / person.median_ms if person.median_ms else None
