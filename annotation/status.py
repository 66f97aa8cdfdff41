"""How far a labelling session is: each volunteer's progress, speed and agreement."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazebench.annotation import finalize
from gazebench.annotation.faces import Faces
from gazebench.annotation.queue import Progress, Queue
from gazebench.annotation.session import Session
from gazebench.annotation.summary import Person, Summary, summarise
from gazebench.annotation.votes import Votes

_HOUR_MS = 3_600_000
_MIN_VOTES = 2  # that a portrait needs to be decided


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
    """Looks at the votes of a dataset again and again; only what is new is read."""

    def __init__(self, dataset: Path, votes: Votes) -> None:
        """``votes``: those of ``dataset``.

        Raises:
            InputError: not prepared, or a damaged manifest.
        """
        self._votes = votes
        self._session = Session.load(dataset)
        self._faces = Faces.read(dataset)
        names = self._session.annotators
        self._queues = {name: Queue(name, self._session, self._faces) for name in names}
        self._events = []
        self._seen = 0
        self._newest: Status | None = None

    def look(self) -> Status:
        """The session as it is now; the same object as before where no votes came."""
        seen = self._seen
        for number, event in self._votes.events(self._seen):
            self._seen = number
            self._events.append(event)
            for queue in self._queues.values():
                queue.apply(event)
        if self._newest is None or self._seen > seen:
            self._newest = self._count()
        return self._newest

    def _count(self) -> Status:
        gold = self._session.plan.gold
        summary = summarise(
            self._events, portraits=self._faces.ids, min_votes=_MIN_VOTES, gold=gold
        )
        progress = {name: queue.progress for name, queue in self._queues.items()}
        return Status(summary=summary, progress=progress)


def faces_per_hour(person: Person) -> float | None:
    """By the median time of a vote; None where it is not known."""
    return _HOUR_MS / person.median_ms if person.median_ms else None
