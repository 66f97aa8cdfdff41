"""Ctrl-C and SIGTERM as a request: long work notices them, saves and ends by itself.

Other work is ended by an exception, and leaves nothing half-written.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Stop:
    """Whether and how this process was asked to stop; true once it was."""

    signal: int = 0  # number of the first one that came, 0 while none has

    def __bool__(self) -> bool:
        """Whether a signal came."""
        return self.signal != 0


@contextlib.contextmanager
def listening() -> Iterator[Stop]:
    """Note the two signals instead of ending at once; a second Ctrl-C does end at once, unsaved.

    Outside the main thread, where Python allows no handlers, nothing is changed.
    """
    stop = Stop()

    def note(number: int, _frame: object) -> None:
        if stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.signal = stop.signal or number

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Terminated(KeyboardInterrupt):
    """SIGTERM came, where it is an exception as Ctrl-C is."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises ``Terminated``, which Python itself would die of at once.

    Where somebody handles it already, and outside the main thread, nothing is changed.
    """

    def end(_number: int, _frame: object) -> None:
        raise Terminated

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
