"""Every error a user can cause, and phrases that their sentences share.

The command line prints an error as a sentence, never a traceback.

Each class carries the exit code it ends with::

    GazebenchError               1   internal; please report
    ├── InputError               3   bad input or settings
    │   └── MethodError          3   a method that declines, or breaks the contract
    ├── IncompleteError          4   finished, but with something missing or failing (named)
    ├── DiskError                5   no space, or not writable
    ├── BusyError                6   another process holds the folder
    ├── RefusedError             7   settings or source differ from what is there
    ├── MissingPartError         8   weights, an extra or a program is missing
    └── StoppedError       130, 143   Ctrl-C or SIGTERM; resumable

0 is success, 2 is a usage error (click's own).
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class GazebenchError(Exception):
    """Base class. Its text says what is wrong, the value, and the command that fixes it."""

    exit_code: int = 1


class InputError(GazebenchError):
    """A file, folder, picture, label or setting that cannot be used."""

    exit_code = 3


class IncompleteError(GazebenchError):
    """The command ended, but something named is missing or failed."""

    exit_code = 4


class DiskError(GazebenchError):
    """No space left, or a folder that cannot be written."""

    exit_code = 5


class BusyError(GazebenchError):
    """Another process writes to the same folder."""

    exit_code = 6


class RefusedError(GazebenchError):
    """What is there was made with other settings, or from another source."""

    exit_code = 7


class MissingPartError(GazebenchError):
    """Weights, an optional dependency or a program that this command needs."""

    exit_code = 8


class MethodError(InputError):
    """A method that cannot handle this dataset, or a file that breaks the method contract."""


class StoppedError(GazebenchError):
    """A signal asked for a stop; what was done is kept, the same command resumes.

    ``exit_code`` is 128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, signum: int, sentence: str) -> None:
        super().__init__(sentence)
        self.exit_code = 128 + signum


def first_fault(error: "ValidationError") -> str:
    """The first thing that is wrong, with its place: "rules.seed: Field required"."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def counted(number: int, thing: str) -> str:
    """A number of things: "1 portrait", "2,000 portraits"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Asks for the nearest of the ``known`` names: "did you mean 'dlib'?"; "" where none is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def there_are(name: str, known: Iterable[str]) -> str:
    """What there is instead of ``name``: "did you mean 'dlib'? there are: dlib, listed"."""
    known = list(known)
    return f"{did_you_mean(name, known)} there are: {', '.join(known)}".lstrip()
