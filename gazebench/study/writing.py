"""One thread that writes: answers that come in together share one commit.

A commit waits for the disk. With one commit for each answer, fifty people would wait for each
other; so they wait for the commit that is under way, and then for one more.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Self

from gazebench.errors import GazebenchError
from gazebench.study.answers import Answer, Answers

_TOGETHER = 1000
_Waiting = tuple[Answer, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Writer:
    """Takes events from an event loop and acknowledges each after its commit."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()

    @classmethod
    @contextlib.contextmanager
    def running(cls, answers: Answers) -> Iterator[Self]:
        """A writer whose thread ends, with all that was asked for, when the block does."""
        writer = cls(answers)
        thread = threading.Thread(target=writer._run, name="writer", daemon=True)
        thread.start()
        try:
            yield writer
        finally:
            writer._queue.put(None)
            thread.join()

    async def add(self, event: Answer) -> None:
        """Store an event; it is on the disk when this returns.

        Raises:
            DiskError: no space or not writable; it is not stored.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._queue.put((event, loop, future))
        await future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting = [first]
            with contextlib.suppress(queue.Empty):
                while len(waiting) < _TOGETHER and (more := self._queue.get_nowait()):
                    waiting.append(more)
            error: GazebenchError | None = None
            try:
                self._answers.add([event for event, _, _ in waiting])
            except GazebenchError as failed:
                error = failed
            for _, loop, future in waiting:
                with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                    loop.call_soon_threadsafe(_settle, future, error)


def _settle(future: "asyncio.Future[None]", error: GazebenchError | None) -> None:
    if future.done():  # who asked has gone
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
