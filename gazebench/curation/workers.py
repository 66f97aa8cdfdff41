"""Worker processes: a picture that crashes or hangs its decoder costs only itself.

Each worker has a pipe of its own. One that dies, wherever it dies, holds no lock that others wait
for, and the face it was at is known. Workers are forked from a server process that has loaded the
landmark model once.
"""

import contextlib
import itertools
import multiprocessing
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from multiprocessing import connection, forkserver, resource_tracker
from pathlib import Path

from gazebench.curation.portraitist import BuildOutcome, quarantined
from gazebench.errors import GazebenchError
from gazebench.signals import Stop
from gazebench.sources import SourceFace

SECONDS_PER_FACE = 20.0
CRASHES = {
    "timeout": "not done in time",
    "worker_crash": "the worker process died over this picture",
}
_SECONDS_TO_START = 120.0
_AHEAD = 2  # faces given to a worker at a time: it need not wait while the parent writes
_FEW = 10  # crashes that stop nothing; beyond, more than 1 % of the faces do
_TICK = 0.2  # seconds in which a stop is noticed
MEMORY_BYTES = 4 << 30  # address space of a worker: dlib's model and a 50 Mpx picture fit

Portraying = Callable[[SourceFace], BuildOutcome]


def outcomes(
    portraying: Portraying,
    faces: Iterable[SourceFace],
    number: int,
    workers: int,
    *,
    preload: Sequence[str] = (),
    seconds: float = SECONDS_PER_FACE,
    memory_bytes: int | None = MEMORY_BYTES,
    stopped: Stop | None = None,
) -> Generator[BuildOutcome]:
    """Outcomes of ``faces``, of which there are ``number``, as ``workers`` processes get them done.

    ``faces`` are asked for as workers get free, none is held that is done. A face whose worker
    dies, or takes more than ``seconds``, is tried once more. ``preload``: modules that every
    worker needs. ``memory_bytes``: address space of a worker, None for any.
    Ends early once ``stopped`` is true.

    Raises:
        GazebenchError: workers cannot start, too many crash, or ``portraying`` raised one.
    """
    if number <= 0:
        return
    _start_server(preload)
    crashed = 0
    with contextlib.closing(_Crew(portraying, faces, seconds, memory_bytes)) as crew:
        crew.hire(min(workers, number))
        while crew.has_work() and not stopped:
            for outcome in crew.answers(stopped):
                crashed += outcome.reason in CRASHES
                check_crashes(crashed, number, outcome)
                yield outcome


def check_crashes(crashed: int, faces: int, last: BuildOutcome) -> None:
    """That not too many faces killed or hung their worker.

    Raises:
        GazebenchError: they did; something else is wrong than the pictures.
    """
    if crashed > max(_FEW, faces // 100):
        raise GazebenchError(
            f"{crashed} pictures killed or hung their worker process, the last was {last.name} "
            f"({last.sentence}); is there enough memory? The rest is kept; "
            "run the same command again to resume"
        )


class _Worker:
    """A process, its pipe, and the faces it was given and has not answered yet."""

    def __init__(self, portraying: Portraying, memory_bytes: int | None) -> None:
        context = multiprocessing.get_context("forkserver")
        self.pipe, theirs = context.Pipe()
        words = (theirs, portraying, Path.cwd(), memory_bytes)
        self.process = context.Process(target=_serve, args=words, daemon=True)
        with theirs:
            self.process.start()
        self.faces: deque[SourceFace] = deque()  # the first is the one it is at
        self.is_ready = False
        self.since = time.monotonic()  # it began the first of its faces, or was started

    def give(self, face: SourceFace) -> None:
        if not self.faces:
            self.since = time.monotonic()
        self.faces.append(face)
        with contextlib.suppress(OSError):  # a death is seen when its answer is read
            self.pipe.send(face)

    def hear(self) -> BuildOutcome | GazebenchError | None:
        answer = self.pipe.recv()
        self.since = time.monotonic()
        if self.is_ready:
            self.faces.popleft()
        self.is_ready = True
        return answer

    def is_late(self, seconds: float) -> bool:
        limit = seconds if self.is_ready else _SECONDS_TO_START
        is_busy = bool(self.faces) or not self.is_ready
        return is_busy and time.monotonic() - self.since > limit

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


class _Crew:
    """The workers, and the faces that wait."""

    def __init__(
        self,
        portraying: Portraying,
        faces: Iterable[SourceFace],
        seconds: float,
        memory_bytes: int | None,
    ) -> None:
        self._portraying, self._seconds, self._memory = portraying, seconds, memory_bytes
        self._coming = iter(faces)
        self._waiting: deque[SourceFace] = deque()  # to be tried again, else the next one to come
        self._tried: set[str] = set()  # ids of faces that a worker died over
        self._workers: list[_Worker] = []

    def hire(self, number: int) -> None:
        try:
            for _ in range(number):
                self._workers.append(_Worker(self._portraying, self._memory))
        except (OSError, EOFError) as error:
            raise GazebenchError(f"worker processes cannot be started: {error!r}") from error

    def has_work(self) -> bool:
        return self._has_waiting() or any(worker.faces for worker in self._workers)

    def answers(self, stopped: Stop | None) -> Iterator[BuildOutcome]:
        self._hand_out()
        speaking = connection.wait([worker.pipe for worker in self._workers], _TICK)
        for worker in list(self._workers):
            if stopped:  # perhaps by a signal that ended the workers, too
                return
            outcome = None
            if worker.pipe in speaking:
                outcome = self._hear(worker)
            elif worker.is_late(self._seconds):
                outcome = self._replace(worker, "timeout")
            if outcome is not None:
                yield outcome

    def close(self) -> None:
        for worker in self._workers:
            worker.end()

    def _hand_out(self) -> None:
        for share in range(1, _AHEAD + 1):
            for worker in self._workers:
                if len(worker.faces) < share and self._has_waiting():
                    worker.give(self._waiting.popleft())

    def _has_waiting(self) -> bool:
        if not self._waiting:
            self._waiting.extend(itertools.islice(self._coming, 1))
        return bool(self._waiting)

    def _hear(self, worker: _Worker) -> BuildOutcome | None:
        try:
            answer = worker.hear()
        except (EOFError, OSError):
            return self._replace(worker, "worker_crash")
        if isinstance(answer, GazebenchError):
            raise answer
        return answer

    def _replace(self, worker: _Worker, reason: str) -> BuildOutcome | None:
        worker.end()
        self._workers.remove(worker)
        if not worker.is_ready:
            raise GazebenchError(
                "a worker process ended before it began: too little memory, or a script that "
                'builds without `if __name__ == "__main__":`'
            )
        self.hire(1)
        if not worker.faces:
            return None
        face, *rest = worker.faces
        again = [] if face.id in self._tried else [face]
        self._tried.add(face.id)
        self._waiting.extendleft(reversed([*again, *rest]))
        return None if again else quarantined(face, reason, CRASHES[reason])


def _start_server(preload: Sequence[str]) -> None:
    forkserver.set_forkserver_preload(["__main__", __name__, *preload])
    resource_tracker.ensure_running()
    # Ctrl-C is the parent's to handle: the server and all its children inherit this
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threads = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # else it reserves address space for every core
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.environ.pop("OPENBLAS_NUM_THREADS")
        if threads is not None:
            os.environ["OPENBLAS_NUM_THREADS"] = threads


def _serve(
    pipe: connection.Connection, portraying: Portraying, folder: Path, memory_bytes: int | None
) -> None:
    os.chdir(folder)  # multiprocessing would take the folder that the program began in
    if memory_bytes:
        _limit_memory(memory_bytes)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        pipe.send(None)
        while True:
            pipe.send(attempt(portraying, pipe.recv()))


def attempt(portraying: Portraying, face: SourceFace) -> BuildOutcome | GazebenchError:
    """In a worker: the outcome of a face, whatever goes wrong, or an error that ends the run."""
    try:
        return portraying(face)
    except GazebenchError as error:
        return error
    except Exception as error:
        return quarantined(face, "worker_crash", f"{type(error).__name__}: {error}")


def _limit_memory(limit: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    with contextlib.suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
