"""Answers as events in SQLite, acknowledged after the commit; each counts once.

An event's id says what it is: ``RESPONDENT/consent``, ``RESPONDENT/7``, ``RESPONDENT/withdraw``. A
double click, a replay or the back button make the same id, and the first one stands.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Self

from gazebench import ledger
from gazebench.errors import RefusedError

FILE = "answers.sqlite"
CONSENT, WITHDRAW = "consent", "withdraw"
SIMULATED = "simulated"  # the client of invented answers
_REPAIR = (
    f"move it away, with {FILE}-wal and {FILE}-shm where they are; then put back a copy of it, or "
    "run `gazebench study import` with the files of offline pages again"
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,    -- in the order of the commits
    event TEXT NOT NULL UNIQUE,    -- RESPONDENT/consent, RESPONDENT/QUESTION, RESPONDENT/withdraw
    respondent TEXT NOT NULL,
    question INTEGER,              -- from 0; NULL: no answer
    trial TEXT NOT NULL,           -- main, catch, repeat; else ''
    face TEXT NOT NULL,
    shown TEXT NOT NULL,           -- what could be chosen, from left to right, joined by tabs;
                                   -- of a consent: the design's id
    choice TEXT NOT NULL,          -- one of them, or other; of a consent: the text's version
    milliseconds INTEGER,          -- from the pictures on the screen to the choice; NULL: unknown
    time TEXT NOT NULL,            -- UTC, of the server
    client TEXT NOT NULL           -- page, pack, simulated
);
CREATE INDEX IF NOT EXISTS of_one ON events (respondent, question);
"""
_SCHEMA += ledger.NEVER_CHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One event: an answer, a consent or a withdrawal."""

    event: str
    respondent: str
    question: int | None = None
    trial: str = ""
    face: str = ""
    shown: str = ""
    choice: str = ""
    milliseconds: int | None = None
    time: str
    client: str = "page"

    @property
    def options(self) -> tuple[str, ...]:
        """What could be chosen, in the order shown."""
        return tuple(self.shown.split("\t"))

    @property
    def place(self) -> int:
        """Where the chosen picture stood, from 1; 0 for "Other"."""
        return self.options.index(self.choice) + 1 if self.choice in self.options else 0


_FIELDS = ", ".join(field.name for field in fields(Answer))
_INSERT = (
    f"INSERT OR IGNORE INTO events ({_FIELDS}) VALUES ({', '.join('?' * len(fields(Answer)))})"
)


class Answers:
    """The events of one study. Threads may share it, and processes may open it at once."""

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection, path: Path) -> None:
        self._writer, self._reader, self._path = writer, reader, path
        self._writing, self._reading = threading.Lock(), threading.Lock()

    @classmethod
    @contextlib.contextmanager
    def open(cls, study: Path) -> Iterator[Self]:
        """The answers of the study at ``study``; the file is made where there is none.

        Raises:
            InputError: damaged.
            DiskError: no space or not writable.
        """
        path = study / FILE
        with (
            ledger.opened(path, _SCHEMA, repair=_REPAIR) as writer,
            ledger.opened(path, "", repair=_REPAIR) as reader,
        ):
            yield cls(writer, reader, path)

    def add(self, events: Sequence[Answer]) -> int:
        """Store events in one transaction; how many were new. On the disk when this returns.

        Raises:
            DiskError: no space or not writable; nothing was stored.
        """
        with self._writing, ledger.sentences(self._path, repair=_REPAIR), self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            return sum(self._writer.execute(_INSERT, astuple(e)).rowcount for e in events)

    def of(self, respondent: str) -> "Standing":
        """How far somebody is."""
        query = "SELECT question, event FROM events WHERE respondent = ?"
        rows = self._rows(query, (respondent,))
        names = {event.rpartition("/")[2] for _, event in rows}
        return Standing(
            consented=CONSENT in names,
            withdrawn=WITHDRAW in names,
            answered=frozenset(number for number, _ in rows if number is not None),
        )

    def events(self) -> Iterator[Answer]:
        """All events, in the order of the commits."""
        for row in self._rows(f"SELECT {_FIELDS} FROM events ORDER BY number"):
            yield Answer(**dict(zip((f.name for f in fields(Answer)), row, strict=True)))

    def started(self) -> int:
        """How many have consented."""
        query = "SELECT count(*) FROM events WHERE event LIKE '%/consent'"
        return self._rows(query)[0][0]

    def refuse_invented(self) -> None:
        """Make sure that no answer is invented, before real ones are asked for or added.

        Raises:
            RefusedError: some are.
        """
        if SIMULATED in self.clients():
            study = self._path.parent
            raise RefusedError(f"{study}: holds simulated answers; create another study for people")

    def clients(self) -> set[str]:
        """Where answers came from."""
        return {row[0] for row in self._rows("SELECT DISTINCT client FROM events")}

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple]:
        with self._reading, ledger.sentences(self._path, repair=_REPAIR):
            return self._reader.execute(query, values).fetchall()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a respondent is."""

    consented: bool
    withdrawn: bool
    answered: frozenset[int]

    def next(self, questions: int) -> int | None:
        """The first question without an answer; None when all have one."""
        return next((n for n in range(questions) if n not in self.answered), None)
