"""Every error a user can cause; the command line prints it as a sentence, never a traceback.

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
