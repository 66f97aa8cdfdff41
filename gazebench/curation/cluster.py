"""A build on a Dask cluster: the same work on each face, on this machine or on many.

Faces travel in small batches; outcomes come back to the parent, the only one that writes. A face
that kills its worker, or takes too long, is tried once more alone and costs only itself.
"""

import contextlib
import itertools
import logging
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, cast

from gazebench.curation.portraitist import BuildOutcome, quarantined
from gazebench.curation.settings import RECIPE
from gazebench.curation.workers import (
    CRASHES,
    SECONDS_PER_FACE,
    Portraying,
    attempt,
    check_crashes,
)
from gazebench.dataset.pictures import PictureError, read_bytes
from gazebench.errors import GazebenchError, InputError, MissingPartError
from gazebench.signals import Stop
from gazebench.sources import SourceFace

if TYPE_CHECKING:
    import distributed

_BATCH = 8  # faces of a task: a second of work, and a megabyte or two to send back
_AHEAD = 2  # tasks given out for every thread of a worker
_TICK = 0.2  # seconds in which a stop is noticed
_SECONDS_TO_CONNECT = 6.0
_SECONDS_WITHOUT_WORKER = 120.0
_MEMORY_BYTES = 4 << 30  # of a local worker

_Batch = tuple[SourceFace, ...]
_here: dict[str, Portraying] = {}  # in a worker: what it portrays with, its model loaded once
_one_at_a_time = threading.Lock()  # a landmark finder serves one thread


def outcomes(
    portraying: Portraying,
    faces: Iterable[SourceFace],
    number: int,
    address: str,
    *,
    seconds: float = SECONDS_PER_FACE,
    stopped: Stop | None = None,
) -> Generator[BuildOutcome]:
    """Outcomes of ``faces``, of which there are ``number``, from the cluster at ``address``.

    ``faces`` are asked for as workers get free, none is held that is done.
    ``address``: ``local:N`` for N processes here, else that of a scheduler, such as
    ``tcp://host:8786``. Ends early once ``stopped`` is true.

    Raises:
        InputError: no such cluster, none answers, or its workers cannot read the pictures.
        MissingPartError: Dask is not installed.
        GazebenchError: the cluster failed, too many crashed, or ``portraying`` raised one.
    """
    if number <= 0:
        return
    crashed = 0
    with _connected(address) as client:
        tasks = _Tasks(client, portraying, faces, seconds)
        with contextlib.closing(tasks):
            while tasks.has_work() and not stopped:
                for outcome in tasks.answers():
                    if stopped:
                        return
                    crashed += outcome.reason in CRASHES
                    check_crashes(crashed, number, outcome)
                    yield outcome


def check(address: str) -> int:
    """That ``address`` may be one, and Dask is there; the number of local workers, else 0.

    Raises:
        InputError: it is not an address.
        MissingPartError: Dask is not installed.
    """
    local = re.fullmatch(r"local:([1-9][0-9]{0,3})", address)
    if not local and not re.fullmatch(r"(tcp|tls|ucx|ws|wss)://[^/\s]+:[0-9]+", address):
        raise InputError(f"--cluster {address}: expected local:N or tcp://HOST:PORT")
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise MissingPartError(
            "--cluster needs Dask; run `pip install 'gazebench[cluster]'`"
        ) from None
    return int(local[1]) if local else 0


class _Tasks:
    """A batch that waits, batches that are being worked on, and faces to be tried alone."""

    def __init__(
        self,
        client: "distributed.Client",
        portraying: Portraying,
        faces: Iterable[SourceFace],
        seconds: float,
    ) -> None:
        self._client, self._portraying, self._seconds = client, portraying, seconds
        self._token = f"{client.id}-{time.time_ns()}"
        self._coming = iter(faces)
        self._next = self._batch()  # to be given out; empty when there are no more
        self._alone: deque[SourceFace] = deque()
        self._flying: dict[distributed.Future, tuple[_Batch, bool]] = {}  # is it a second try
        self._looked, self._without = time.monotonic(), 0.0  # seconds seen without a worker

    def has_work(self) -> bool:
        return bool(self._next or self._alone or self._flying)

    def answers(self) -> Iterator[BuildOutcome]:
        import distributed

        self._hand_out()
        with contextlib.suppress(TimeoutError), self._client.as_current():
            distributed.wait(list(self._flying), timeout=_TICK, return_when="FIRST_COMPLETED")
        done = [future for future in self._flying if future.done()]
        self._check_workers(is_silent=not done)
        for future in done:
            batch, is_second = self._flying.pop(future)
            yield from self._hear(future, batch, is_second)

    def close(self) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone
            self._client.cancel(list(self._flying))

    def _hand_out(self) -> None:
        ahead = _AHEAD * max(1, self._threads())
        while self._next and len(self._flying) < ahead:
            self._submit(self._next, is_second=False)
            self._next = self._batch()
        if self._alone and not self._flying:  # nothing else suffers, whatever it does
            self._submit((self._alone.popleft(),), is_second=True)

    def _batch(self) -> _Batch:
        return tuple(itertools.islice(self._coming, _BATCH))

    def _threads(self) -> int:
        try:
            return sum(cast("dict[str, int]", self._client.nthreads()).values())
        except OSError as error:
            raise GazebenchError(
                f"the cluster's scheduler no longer answers ({type(error).__name__}); what is done "
                "is kept, the same command resumes"
            ) from None

    def _submit(self, batch: _Batch, *, is_second: bool) -> None:
        # names of files mean the same in whatever folder a worker runs
        there = [replace(face, path=face.path.absolute()) for face in batch]
        words = (self._portraying, self._token, there, self._seconds, RECIPE)
        future = self._client.submit(portray_batch, *words, pure=False, retries=1)
        self._flying[future] = (batch, is_second)

    def _hear(
        self, future: "distributed.Future", batch: _Batch, is_second: bool
    ) -> Iterator[BuildOutcome]:
        found = _result(future, batch)
        if found is None:
            found = [quarantined(f, "worker_crash", CRASHES["worker_crash"]) for f in batch]
        _check_readable(found, batch)
        for outcome, face in zip(found, batch, strict=True):
            if outcome.reason in CRASHES and not is_second:
                self._alone.append(face)
            else:
                yield outcome

    def _check_workers(self, *, is_silent: bool) -> None:
        # where a busy machine lets this process look rarely, what it did not see does not count
        now, before = time.monotonic(), self._looked
        seen, self._looked = min(now - before, 5 * _TICK), now
        self._without = 0.0 if not is_silent or self._threads() else self._without + seen
        if self._without > _SECONDS_WITHOUT_WORKER:
            raise InputError(
                f"the cluster has had no worker for {_SECONDS_WITHOUT_WORKER:.0f} s; start some "
                "with `dask worker`, then run the same command again"
            )


def portray_batch(
    portraying: Portraying, token: str, faces: list[SourceFace], seconds: float, recipe: int
) -> list[BuildOutcome | GazebenchError]:
    """In a worker: the outcomes of some faces, each within so many seconds."""
    if recipe != RECIPE:
        return [GazebenchError(f"a worker has another gazebench (recipe {RECIPE}, not {recipe})")]
    with _one_at_a_time:
        if token not in _here:  # an earlier build's model goes
            _here.clear()
            _here[token] = portraying
        return [_in_time(portraying, token, face, seconds) for face in faces]


def _in_time(
    portraying: Portraying, token: str, face: SourceFace, seconds: float
) -> BuildOutcome | GazebenchError:
    answer: list[BuildOutcome | GazebenchError] = []
    here = _here.setdefault(token, portraying)
    thread = threading.Thread(target=lambda: answer.append(attempt(here, face)), daemon=True)
    thread.start()
    thread.join(seconds)
    if answer:
        return answer[0]
    del _here[token]  # the thread that hangs may hold it forever: the next face gets a fresh one
    return quarantined(face, "timeout", CRASHES["timeout"])


def _result(future: "distributed.Future", batch: _Batch) -> list[BuildOutcome] | None:
    """The outcomes of a task; None when its workers died over it."""
    from distributed import KilledWorker

    try:
        answers = future.result()
    except KilledWorker:
        return None
    except Exception as error:
        raise GazebenchError(
            f"the cluster failed at {batch[0].name}: {type(error).__name__}: {error}; is the same "
            "gazebench installed there? What is done is kept; run the same command again to resume"
        ) from None
    for answer in answers:
        if isinstance(answer, GazebenchError):
            raise answer
    return answers


def _check_readable(found: Sequence[BuildOutcome], batch: _Batch) -> None:
    if any(outcome.reason != "unreadable" for outcome in found):
        return
    with contextlib.suppress(PictureError):
        read_bytes(batch[0].path, batch[0].member)
        raise InputError(
            f"a worker of the cluster cannot read {batch[0].path.absolute()} "
            f"({found[0].sentence}); SOURCE must have the same path on every worker"
        )


@contextlib.contextmanager
def _connected(address: str) -> "Iterator[distributed.Client]":
    local = check(address)
    import distributed

    with contextlib.ExitStack() as stack:
        place = stack.enter_context(_local(local)) if local else address
        try:
            client = distributed.Client(place, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--cluster {address}: no scheduler answers there ({type(error).__name__}); start "
                "one with `dask scheduler`, or give local:N"
            ) from None
        yield stack.enter_context(client)


@contextlib.contextmanager
def _local(workers: int) -> "Iterator[distributed.LocalCluster]":
    import distributed

    resource_tracker.ensure_running()  # its start would unblock the signal again
    # Ctrl-C is the parent's to handle: the workers inherit this
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=_MEMORY_BYTES,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with cluster:
        yield cluster
