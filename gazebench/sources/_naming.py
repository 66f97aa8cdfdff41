"""Ids of source names, by the rule of ``sources.safe_ids``, for any number of names."""

import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator

from gazebench.sources import _temporary

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_RESERVED = re.compile("con|prn|aux|nul|(com|lpt)[0-9]", re.IGNORECASE)  # devices on Windows
_LONGEST = 100
_DIGITS, _MANY_DIGITS = 8, 32  # of a name's hash

# ids clash where case is ignored; one name that is given twice does not clash with itself
_SCHEMA = """
CREATE TABLE names (name TEXT, kept BLOB, digits INTEGER, id TEXT COLLATE NOCASE)
"""
_MARK = """
UPDATE names SET digits = ?
WHERE id IN (SELECT id FROM names GROUP BY id HAVING min(name) <> max(name))
"""
_HASH = "UPDATE names SET id = hashed(name, digits) WHERE digits = ?"
_IN_ORDER = """
SELECT id, name, kept FROM names GROUP BY id COLLATE BINARY ORDER BY id COLLATE BINARY
"""


def identified(
    names: Iterable[tuple[str, bytes | None]],
) -> Iterator[tuple[str, str, bytes | None]]:
    """Id, name and what was given with it for each name, by id; memory does not grow with them.

    Raises:
        DiskError: no space for a temporary file.
    """
    with contextlib.closing(_temporary.database()) as db, _temporary.sentences():
        db.create_function("hashed", 2, _hashed, deterministic=True)
        db.execute(_SCHEMA)
        db.executemany("INSERT INTO names VALUES (?, ?, ?, ?)", map(_row, names))
        for digits in (_DIGITS, _MANY_DIGITS):  # a name may look like another one with its hash
            db.execute(_MARK, (digits,))
            if not db.execute(_HASH, (digits,)).rowcount:
                break
        yield from db.execute(_IN_ORDER)


def _row(given: tuple[str, bytes | None]) -> tuple[str, bytes | None, int, str]:
    name, kept = given
    id_ = _plain_id(name)
    is_plain = len(id_) <= _LONGEST and _is_reversible(name, id_)
    return name, kept, 0 if is_plain else _DIGITS, id_


def _plain_id(name: str) -> str:
    plain = _UNSAFE.sub("-", _stem(name)).strip(".-") or "portrait"
    return f"_{plain}" if _RESERVED.fullmatch(plain.partition(".")[0]) else plain


def _hashed(name: str, digits: int) -> str:
    return f"{_plain_id(name)[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:digits]}"


def _is_reversible(name: str, id_: str) -> bool:
    # a name that lost characters (accents, spaces) is always distinguished from similar ones
    return _stem(name).replace("/", "-").strip(".-") == id_


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
