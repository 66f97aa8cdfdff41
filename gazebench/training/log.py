"""``log.jsonl``: one JSON line per step, each step once, however often the run was stopped."""

import json
import time
from pathlib import Path
from typing import Any

from gazebench import store

_FLUSH_SECONDS = 1.0


class Log:
    """Appends lines, at most once a second; ``flush`` before what they precede is saved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._flushed = time.monotonic()

    def trim(self, step: int) -> None:
        """Drop the lines after ``step``, which will be made again, and a torn last line."""
        rows = read(self._path)
        kept = [json.dumps(row) + "\n" for row in rows if row["step"] <= step]
        if self._path.exists():
            store.write(self._path, "".join(kept))

    def add(self, row: dict[str, Any]) -> None:
        """Take one line."""
        self._lines.append(json.dumps(row))
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        if self._lines:
            store.append(self._path, "\n".join(self._lines))
        self._lines = []
        self._flushed = time.monotonic()


def read(path: Path) -> list[dict[str, Any]]:
    """Lines of a log in their order; torn or foreign ones are passed over. [] without a file."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows
