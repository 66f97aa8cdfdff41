"""The build's journal: one durable row per source face."""

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

from gazebench import ledger
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.settings import BEFORE
from gazebench.dataset import Portrait, Split
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.measures import Measures
from gazebench.errors import InputError, RefusedError
from gazebench.sources import SourceFace

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    source_sha256 TEXT NOT NULL,
    reason TEXT NOT NULL,      -- '' for a portrait
    sentence TEXT NOT NULL,
    portrait TEXT              -- JSON; NULL when quarantined
);
-- the progress bar asks for their number after every round
CREATE INDEX IF NOT EXISTS refused ON faces (id) WHERE portrait IS NULL;
"""
_REPAIR = "build again with --overwrite"
_PORTRAITS = "SELECT portrait FROM faces WHERE portrait IS NOT NULL ORDER BY id"
_ROWS_OF = "SELECT id FROM faces WHERE id IN"
_LOOKED_UP = 500  # ids at a time; older SQLite takes 999


class JournalRow(NamedTuple):
    """What is kept of a face."""

    id: str
    name: str
    source_sha256: str
    reason: str
    sentence: str
    portrait: str | None


class Journal:
    """Faces that are done, in SQLite with WAL and full sync."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db, self._path = connection, path

    @classmethod
    @contextmanager
    def open(cls, path: Path, fingerprint: Mapping[str, Any]) -> Iterator[Self]:
        """The journal at ``path``, begun now or earlier with the same fingerprint.

        Raises:
            RefusedError: it was begun with another fingerprint; each difference is named.
            InputError: damaged.
            DiskError: no space or not writable.
        """
        with (
            ledger.sentences(path, repair=_REPAIR),
            ledger.opened(path, _SCHEMA, repair=_REPAIR) as connection,
        ):
            journal = cls(connection, path)
            journal._claim(path.parent, fingerprint)
            yield journal

    @classmethod
    @contextmanager
    def read(cls, path: Path) -> Iterator[Self]:
        """The journal of a finished build, to be read only; its folder need not be writable.

        Raises:
            InputError: missing or damaged.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the folder as the build left it")
        is_at_rest = not path.with_name(f"{path.name}-wal").exists()
        address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_at_rest else ''}"
        with (
            ledger.sentences(path, repair=_REPAIR),
            contextlib.closing(sqlite3.connect(address, uri=True)) as connection,
        ):
            yield cls(connection, path)

    def fingerprint(self) -> dict[str, Any]:
        """What the journal was begun with."""
        rows = self._db.execute("SELECT key, value FROM meta")
        return {**BEFORE, **{key: json.loads(value) for key, value in rows}}

    def missing(self, other: "Journal", rows: int) -> Iterator[list[JournalRow]]:
        """Rows of another journal that this one has not, by id, at most so many at a time."""
        theirs = map(JournalRow._make, other._db.execute("SELECT * FROM faces ORDER BY id"))
        while some := list(itertools.islice(theirs, rows)):
            done = self._among([row.id for row in some])
            if left := [row for row in some if row.id not in done]:
                yield left

    def absorb(self, rows: Iterable[JournalRow]) -> None:
        """Add rows of another journal in one durable transaction."""
        with ledger.sentences(self._path, repair=_REPAIR), self._db:
            self._insert(rows)

    def made(self) -> set[str]:
        """Ids of the faces that have a portrait."""
        query = "SELECT id FROM faces WHERE portrait IS NOT NULL"
        return {row[0] for row in self._db.execute(query)}

    def pending(self, faces: Iterable[SourceFace]) -> Iterator[SourceFace]:
        """Those of ``faces`` that have no row yet, looked up as they are asked for.

        Rows may be added in between; of a face that is handed out nobody asks again.
        """
        coming = iter(faces)
        while some := list(itertools.islice(coming, _LOOKED_UP)):
            done = self._among([face.id for face in some])
            yield from (face for face in some if face.id not in done)

    def done(self) -> int:
        """How many faces have a row."""
        return self._db.execute("SELECT count(*) FROM faces").fetchone()[0]

    def record(self, outcomes: Sequence[BuildOutcome]) -> None:
        """Add rows in one durable transaction."""
        rows = [
            JournalRow(o.id, o.name, o.source_sha256, o.reason, o.sentence, _to_json(o.portrait))
            for o in outcomes
        ]
        with ledger.sentences(self._path, repair=_REPAIR), self._db:
            self._insert(rows)

    def portraits(self) -> Iterator[Portrait]:
        """Portraits in the order of their ids."""
        for (text,) in self._db.execute(_PORTRAITS):
            yield _from_json(text)

    def quarantine(self) -> Iterator[tuple[str, str, str, str]]:
        """Id, source name, reason and sentence of faces that cannot be used, by id."""
        yield from self._db.execute(
            "SELECT id, name, reason, sentence FROM faces WHERE portrait IS NULL ORDER BY id"
        )

    def has_notes(self) -> bool:
        """Whether any portrait has a note."""
        query = "SELECT 1 FROM faces WHERE json_extract(portrait, '$.note') <> '' LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def hashes(self) -> Iterator[str]:
        """Perceptual hashes of the portraits, in the order of their ids."""
        for (text,) in self._db.execute(_PORTRAITS):
            yield json.loads(text)["phash"]

    def reasons(self) -> dict[str, int]:
        """How many faces cannot be used, by reason, in the order of the reasons."""
        query = "SELECT reason, count(*) FROM faces WHERE portrait IS NULL GROUP BY reason"
        return dict(sorted(self._db.execute(query)))

    def quarantined(self) -> int:
        """How many faces cannot be used."""
        query = "SELECT count(*) FROM faces WHERE portrait IS NULL"
        return self._db.execute(query).fetchone()[0]

    def _among(self, ids: Sequence[str]) -> set[str]:
        marks = ", ".join("?" * len(ids))
        return {row[0] for row in self._db.execute(f"{_ROWS_OF} ({marks})", ids)}

    def _insert(self, rows: Iterable[JournalRow]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _claim(self, folder: Path, fingerprint: Mapping[str, Any]) -> None:
        wanted = {key: json.dumps(value) for key, value in fingerprint.items()}
        there = dict(self._db.execute("SELECT key, value FROM meta"))
        if not there:
            with self._db:
                self._db.executemany("INSERT INTO meta VALUES (?, ?)", wanted.items())
            return
        there = {**{key: json.dumps(value) for key, value in BEFORE.items()}, **there}
        differences = [
            f"{key}: {there.get(key, 'none')} → {wanted.get(key, 'none')}"
            for key in sorted(there.keys() | wanted.keys())
            if there.get(key) != wanted.get(key)
        ]
        if differences:
            raise RefusedError(
                f"{folder}: was begun with other settings ({'; '.join(differences)}); "
                "use another folder, or --overwrite to replace it (labels.csv stays)"
            )


def _to_json(portrait: Portrait | None) -> str | None:
    return None if portrait is None else json.dumps(asdict(portrait))


def _from_json(text: str) -> Portrait:
    row = json.loads(text)
    return Portrait(
        **{
            **row,
            "split": Split(row["split"]),
            "left_eye": Box(**row["left_eye"]),
            "right_eye": Box(**row["right_eye"]),
            "left_center": Point(*row["left_center"]),
            "right_center": Point(*row["right_center"]),
            "transform": tuple(row["transform"]),
            "measures": Measures(**row["measures"]),
        }
    )
