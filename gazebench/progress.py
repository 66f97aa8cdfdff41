"""How far long work is: a bar in a terminal, a plain line every half a minute elsewhere.

A bar redraws itself with carriage returns, which fill the log of a job that runs for days.
"""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

EVERY = 30.0  # seconds between two lines; work that is done sooner says nothing


class _Lines:
    """A text stream on which what a bar draws becomes lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._done = ""

    def write(self, text: str) -> None:
        """Write a line, if ``text`` says of more work than the last one: a bar redraws its end."""
        line = text.strip()
        done = line.partition(" [")[0]  # before the seconds
        if line and done != self._done:
            self._stream.write(f"{line}\n")
            self._done = done

    def flush(self) -> None:
        """Pass on what was written."""
        self._stream.flush()


def bar(iterable: Iterable[Any] | None = None, *, quiet: bool = False, **options: Any) -> "tqdm":
    """A ``tqdm`` of ``iterable`` or of ``total``, with its further ``options``, on stderr."""
    if quiet or sys.stderr.isatty():
        return tqdm(iterable, disable=quiet, dynamic_ncols=True, **options)
    lines = {"mininterval": EVERY, "maxinterval": EVERY, "delay": EVERY, "ncols": 0}
    return tqdm(iterable, file=_Lines(sys.stderr), **{**options, **lines})
