"""Several trainings at once, each in a process of its own, on one device.

A step of a small network leaves most of a GPU idle, and most of a many-core CPU. Trainings that
give a part to others begin first; those that need it wait for it. One that fails stops no other.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from gazebench.errors import InputError, StoppedError
from gazebench.signals import Stop, listening
from gazebench.training.loop import TrainingResult
from gazebench.training.queue import QueueEntry, QueueReport
from gazebench.training.run import Recipe, RunFolder, read_last

_EVERY = 15.0  # seconds between two lines on how far the trainings are

Start = Callable[[QueueEntry], tuple[BaseProcess, Connection]]


@dataclass
class SideBySide:
    """At most ``jobs`` trainings at a time.

    ``start`` begins the training of an entry: a process, and the end of a pipe through which its
    ``QueueReport`` comes. ``say`` is called with a line for each beginning and end, and now and
    then with how far all are.
    """

    start: Start
    jobs: int
    say: Callable[[str], None]
    _running: dict[Connection, tuple[QueueEntry, BaseProcess]] = field(default_factory=dict)
    _results: list[TrainingResult] = field(default_factory=list)
    _failures: dict[Any, str] = field(default_factory=dict)  # run → sentence

    def run(self, entries: Sequence[QueueEntry]) -> QueueReport:
        """Train every entry; where one fails, the reason is kept.

        The same call again resumes where an earlier one stopped and skips what is trained.

        Raises:
            StoppedError: a signal asked for it; every training has saved.
        """
        waiting, told = list(entries), time.monotonic()
        with listening() as stop:
            while (waiting and not stop) or self._running:
                if stop:
                    self._stop_all()
                else:
                    self._begin(waiting)
                for connection in wait(list(self._running), timeout=1.0):
                    assert isinstance(connection, Connection)
                    self._end(connection, stop)
                if time.monotonic() - told > _EVERY and self._running:
                    told = time.monotonic()
                    self.say("; ".join(_progress(entry) for entry, _ in self._running.values()))
        if stop:
            raise StoppedError(stop.signal, "stopped; all is saved, the same command resumes")
        return QueueReport(results=tuple(self._results), failures=tuple(self._failures.values()))

    def _begin(self, waiting: list[QueueEntry]) -> None:
        """Start what can be; fail what needs a training that failed."""
        for entry in list(waiting):
            ahead = {e.run for e in waiting} | {e.run for e, _ in self._running.values()}
            needed = set(entry.parts.values())
            lost = [run for run in needed if run in self._failures]
            if lost:
                self._failures[entry.run] = f"{entry.run.name}: {lost[0].name} is not trained"
                waiting.remove(entry)
            elif not needed & ahead and len(self._running) < self.jobs:
                process, connection = self.start(entry)
                self._running[connection] = entry, process
                waiting.remove(entry)
                self.say(f"{entry.run.name}: begins")

    def _end(self, connection: Connection, stop: Stop) -> None:
        """Take the report of a process that has sent one, or has died."""
        entry, process = self._running.pop(connection)
        try:
            report: QueueReport = connection.recv()
        except EOFError:
            process.join()
            if not stop:
                why = f"{entry.run.name}: its process ended with code {process.exitcode}"
                self._failures[entry.run] = why
                self.say(why)
            return
        process.join()
        self._results += report.results
        for sentence in report.failures:
            self._failures[entry.run] = sentence
        self.say(report.failures[0] if report.failures else f"{entry.run.name}: trained")

    def _stop_all(self) -> None:
        for _, process in self._running.values():
            if process.is_alive():
                process.terminate()  # SIGTERM: it saves and ends


def _progress(entry: QueueEntry) -> str:
    """How far a training is, such as "prgan 120/900"."""
    folder = RunFolder(entry.run)
    try:
        steps: int | str = Recipe.load(folder.config).steps
    except InputError:
        steps = "?"
    row = read_last(folder.log)
    return f"{entry.run.name} {row['step'] if row else 0}/{steps}"
