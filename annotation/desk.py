"""What a volunteer's screen asks for and sends back, apart from the server that carries it."""

import hashlib
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gazebench.annotation import examples, proposals
from gazebench.annotation.faces import Faces
from gazebench.annotation.queue import Queue, Task
from gazebench.annotation.session import Session, secret
from gazebench.annotation.summary import Decision, most_disputed, summarise
from gazebench.annotation.votes import UNDO, Event, RefusedVoteError, Round, Votes, now

FIRST = 24  # faces that a screen starts with
AHEAD = 40  # faces that a screen may ask for at once
BATCH = 500  # events in one message


class Desk:
    """One annotator's desk: the next faces, votes, undo, progress. Threads may share it."""

    round = Round.LABEL

    def __init__(self, dataset: Path, annotator: str, faces: Faces, votes: Votes) -> None:
        self.annotator = annotator
        self.faces = faces
        self.dataset = dataset
        self._votes = votes
        self._lock = threading.Lock()
        self._seen = 0  # number of the newest event that is taken note of
        self._trained: set[str] = set()

    @classmethod
    @contextmanager
    def open(cls, dataset: Path, annotator: str) -> Iterator[Self]:
        """The desk of ``annotator`` at ``dataset``.

        Raises:
            InputError: not prepared, or somebody who takes no part.
        """
        session = Session.load(dataset)
        with Votes.open(dataset) as votes:
            desk = cls(dataset, annotator, Faces.read(dataset), votes)
            desk.prepare(session)
            desk.catch_up()
            yield desk

    def prepare(self, session: Session) -> None:
        """Get the faces in order.

        Raises:
            InputError: somebody who takes no part, or proposals that are lost.
        """
        session.check(self.annotator)
        weights = proposals.weights(self.dataset, session, self.faces)
        self._queue = Queue(self.annotator, session, self.faces, weights)

    def catch_up(self) -> None:
        """Take note of the votes that came in since, anybody's."""
        for number, event in self._votes.events(self._seen):
            self._seen = number
            if event.round == Round.TRAINING and event.annotator == self.annotator:
                self._trained.add(event.portrait)
            self.note(event)

    def note(self, event: Event) -> None:
        """Take note of one vote."""
        self._queue.apply(event)

    def start(self) -> dict[str, Any]:
        """What the screen starts with: whose it is, examples, practice left, the first faces.

        ``place`` names this person and session; a browser keeps what is not sent yet under it.
        """
        first = self.next([], FIRST)
        own = secret(self.dataset, self.annotator)
        return {
            "place": hashlib.sha256(own.encode()).hexdigest()[:12],
            "annotator": self.annotator,
            "round": self.round.value,
            "examples": examples.worked(),
            "training": [x for x in examples.training() if x["id"] not in self._trained],
            "first": first,
        }

    def next(self, held: Sequence[str], count: int) -> dict[str, Any]:
        """The next faces that the screen does not hold yet, and how far it is."""
        with self._lock:
            self.catch_up()
            tasks = self.tasks(set(held), max(0, min(int(count), AHEAD)))
            return {"faces": [self.face(task) for task in tasks], **self.progress()}

    def tasks(self, held: set[str], count: int) -> list[Task]:
        """The next faces."""
        return self._queue.next(count, held)

    def face(self, task: Task) -> dict[str, Any]:
        """One face as the screen shows it."""
        boxes = self.faces.boxes(task.portrait)
        return {"id": task.portrait, "round": task.round.value, "eyes": boxes}

    def progress(self) -> dict[str, int]:
        """Faces done and in all."""
        found = self._queue.progress
        return {"done": found.done, "total": found.total}

    def vote(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Store events of the screen; their ids come back once they are on the disk.

        Raises:
            RefusedVoteError: an event that cannot be used, or is another annotator's; nothing is
                stored.
            DiskError: no space or not writable; nothing is stored.
        """
        if len(events) > BATCH:
            raise RefusedVoteError(f"{len(events)} events at once; at most {BATCH}")
        made = [self._event(event) for event in events]
        with self._lock:
            self._votes.add(made)
        return [event.event for event in made]

    def undo(self) -> dict[str, Any] | None:
        """Take back the newest vote that stands; the face it was on, or None."""
        with self._lock:
            last = self._votes.last(self.annotator)
            if (
                last is None
                or last.round == Round.TRAINING
                or last.portrait not in self.faces.index
            ):
                return None
            self._votes.add([_undone(last)])
            self.catch_up()
        return self.face(Task(last.portrait, Round(last.round)))

    def _event(self, event: Mapping[str, Any]) -> Event:
        who, portrait = event.get("annotator"), event.get("portrait")
        if who != self.annotator:
            raise RefusedVoteError(f"this is the screen of {self.annotator}, not of {who!r}")
        round_ = event.get("round", "")
        known = self.faces.index if round_ != Round.TRAINING else examples.ids()
        if portrait not in known:
            raise RefusedVoteError(f"no face is called {portrait!r} here")
        if (round_ == Round.ADJUDICATE) != (self.round == Round.ADJUDICATE):
            raise RefusedVoteError(f"the round {round_!r} is not for this screen")
        names = ("event", "annotator", "portrait", "vote", "milliseconds", "time", "round")
        return Event(**{name: event.get(name) for name in names}, client="app")  # type: ignore[arg-type]


class Adjudication(Desk):
    """The organiser's desk: disputed faces with the votes on them, those most in doubt first."""

    round = Round.ADJUDICATE

    def prepare(self, session: Session) -> None:
        """Find the disputed faces."""
        events = [event for _, event in self._votes.events()]
        summary = summarise(events, portraits=self.faces.ids, min_votes=2, gold=session.plan.gold)
        disputed = most_disputed(summary.decisions, len(summary.decisions))
        self._disputed: dict[str, Decision] = {d.portrait: d for d in disputed}
        self._decided: set[str] = set()

    def note(self, event: Event) -> None:
        """Take note of a decision; votes that come in meanwhile wait for the next time."""
        if event.round == Round.ADJUDICATE and event.portrait in self._disputed:
            (self._decided.discard if event.vote == UNDO else self._decided.add)(event.portrait)

    def start(self) -> dict[str, Any]:
        """As of a volunteer, without training."""
        return {**super().start(), "training": []}

    def tasks(self, held: set[str], count: int) -> list[Task]:
        """Disputed faces that nobody decided on yet."""
        left = [id_ for id_ in self._disputed if id_ not in self._decided and id_ not in held]
        return [Task(id_, Round.ADJUDICATE) for id_ in left[:count]]

    def face(self, task: Task) -> dict[str, Any]:
        """One face with the votes on it."""
        decision = self._disputed.get(task.portrait)
        return {**super().face(task), "votes": dict(decision.votes) if decision else {}}

    def progress(self) -> dict[str, int]:
        """Faces decided on and in all."""
        return {"done": len(self._decided), "total": len(self._disputed)}


def _undone(event: Event) -> Event:
    return Event(
        event=str(uuid.uuid4()),
        annotator=event.annotator,
        portrait=event.portrait,
        vote=UNDO,
        milliseconds=None,
        time=now(),
        round=event.round,
        client="app",
    )
