"""Votes: one person's decisions, kept as events in SQLite that are never changed.

An event is on the disk before it is acknowledged (WAL, ``synchronous=FULL``). Its id is made by
whoever asks for the vote, so that sending it twice counts once. Undoing is an event too. What
somebody holds of a portrait now is the last event, and nothing where that is ``undo``.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from gazebench import ledger
from gazebench.errors import InputError
from gazebench.ledger import now as now  # read and written with the events

FILE = "votes.sqlite"
VOTES = ("X", "Y", "unsure", "reject")
UNDO = "undo"
_MAX_TEXT = 200


class RefusedVoteError(InputError):
    """An event that can never be stored; any other error may pass, so that it is sent again."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,    -- in the order of the commits
    event TEXT NOT NULL UNIQUE,    -- made by the client
    annotator TEXT NOT NULL,
    portrait TEXT NOT NULL,
    vote TEXT NOT NULL CHECK (vote IN ('X', 'Y', 'unsure', 'reject', 'undo')),
    milliseconds INTEGER,          -- from the face on the screen to the key; NULL: unknown
    time TEXT NOT NULL,            -- UTC, when it was decided
    round TEXT NOT NULL CHECK (round IN ('label', 'repeat', 'training', 'adjudicate')),
    client TEXT NOT NULL           -- app, pack, import
);
CREATE INDEX IF NOT EXISTS latest ON events (round, annotator, portrait, number);
"""
_REPAIR = (
    f"move it away, with {FILE}-wal and {FILE}-shm where they are; then put back a copy, or run "
    "`gazebench label import` with the files that `gazebench label export` or labelling pages wrote"
)
_FIELDS = "event, annotator, portrait, vote, milliseconds, time, round, client"
_CURRENT = f"""
SELECT {_FIELDS} FROM events
JOIN (SELECT max(number) AS last FROM events WHERE round = ? GROUP BY annotator, portrait)
ON number = last WHERE vote <> 'undo' ORDER BY number
"""
_LAST = f"""
SELECT {_FIELDS} FROM events
JOIN (SELECT max(number) AS last FROM events WHERE annotator = ? GROUP BY portrait, round)
ON number = last WHERE vote <> 'undo' ORDER BY number DESC LIMIT 1
"""


class Round(StrEnum):
    """What a vote was asked for."""

    LABEL = "label"  # the ordinary one
    REPEAT = "repeat"  # the same face again, to see whether the same is said
    TRAINING = "training"  # a worked example, which counts for nothing
    ADJUDICATE = "adjudicate"  # the decision on a disputed face


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One vote, or one vote taken back."""

    event: str  # unique; the same id is the same event
    annotator: str
    portrait: str
    vote: str  # one of VOTES, or UNDO
    milliseconds: int | None  # from the face on the screen to the key
    time: str  # UTC, ISO 8601
    round: str = Round.LABEL
    client: str = "app"

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            RefusedVoteError: not a vote, not a round, an empty or overlong name, or no time.
        """
        _check(self.vote in (*VOTES, UNDO), "vote", self.vote)
        _check(self.round in list(Round), "round", self.round)
        for name in ("event", "annotator", "portrait", "client"):
            text = getattr(self, name)
            whole = isinstance(text, str) and text.strip() == text and text.isprintable()
            _check(whole and 0 < len(text) <= _MAX_TEXT, name, text)
        duration = self.milliseconds
        known = isinstance(duration, int) and not isinstance(duration, bool)
        _check(duration is None or (known and 0 <= duration < 2**53), "milliseconds", duration)
        _check(_is_time(self.time), "time", self.time)


def _check(good: bool, name: str, value: object) -> None:
    if not good:
        raise RefusedVoteError(f"an event with {name} {value!r} cannot be used")


def _is_time(text: object) -> bool:
    try:
        return datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False


class Votes:
    """The events of one dataset. Threads may share it, and processes may open it at once."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    @contextlib.contextmanager
    def open(cls, dataset: Path) -> Iterator[Self]:
        """The votes of the dataset at ``dataset``; the file is made where there is none.

        Raises:
            InputError: damaged.
            DiskError: no space or not writable.
        """
        path = dataset / FILE
        with ledger.opened(path, _SCHEMA + ledger.NEVER_CHANGED, repair=_REPAIR) as connection:
            yield cls(connection, path)

    def add(self, events: Sequence[Event]) -> list[Event]:
        """Store events in their order, all or none; those that are new come back.

        They are on the disk when this returns. An event that is stored already is left out.

        Raises:
            RefusedVoteError: an id that is stored with another content.
            InputError: damaged.
            DiskError: no space or not writable; nothing was stored.
        """
        with self._lock, ledger.sentences(self._path, repair=_REPAIR), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            return [event for event in events if self._insert(event)]

    def events(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """All events with a number above ``after``, with their numbers, in order."""
        query = f"SELECT number, {_FIELDS} FROM events WHERE number > ? ORDER BY number"
        for number, *values in self._rows(query, (after,)):
            yield number, _event(values)

    def current(self, round_: Round = Round.LABEL) -> Iterator[Event]:
        """What each annotator holds of each portrait now, in the order of the commits."""
        yield from map(_event, self._rows(_CURRENT, (round_.value,)))

    def last(self, annotator: str) -> Event | None:
        """The newest vote of ``annotator`` that was not taken back."""
        return next(map(_event, self._rows(_LAST, (annotator,))), None)

    def __len__(self) -> int:
        """How many events there are."""
        return next(self._rows("SELECT count(*) FROM events"))[0]

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> Iterator[tuple]:
        with ledger.sentences(self._path, repair=_REPAIR):
            with self._lock:
                rows = self._db.execute(query, values).fetchall()
            yield from rows

    def _insert(self, event: Event) -> bool:
        marks = ", ".join("?" * len(fields(Event)))
        query = f"INSERT OR IGNORE INTO events ({_FIELDS}) VALUES ({marks})"
        if self._db.execute(query, astuple(event)).rowcount:
            return True
        query = f"SELECT {_FIELDS} FROM events WHERE event = ?"
        stored = _event(self._db.execute(query, (event.event,)).fetchone())
        if said(stored) != said(event):
            raise RefusedVoteError(
                f"{self._path}: event {event.event} is stored as {said(stored)} and now comes "
                f"as {said(event)}; an event never changes"
            )
        return False


def said(event: Event) -> tuple[str, str, str, str]:
    """Who says what of which face, and why asked: what is the same in events of one id."""
    return event.annotator, event.portrait, event.vote, event.round


def _event(values: Iterable) -> Event:
    names = (field.name for field in fields(Event))
    return Event(**dict(zip(names, values, strict=True)))
