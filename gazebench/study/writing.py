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
        while waiting := self._waiting():
            error: Exception | None = None
            try:
                self._answers.add([event for event, _, _ in waiting])
            except Exception as failed:  # who waits must hear of it, and the thread lives on
                error = failed
            for _, loop, future in waiting:
                with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                    loop.call_soon_threadsafe(_settle, future, error)

    def _waiting(self) -> list[_Waiting]:
        """All that wait for a commit, at least one; none at the end."""
        found: list[_Waiting] = []
        with contextlib.suppress(queue.Empty):
            while len(found) < _TOGETHER:
                one = self._queue.get(block=not found)
                if one is None:
                    if found:  # the end comes after these
                        self._queue.put(None)
                    break
                found.append(one)
        return found


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():  # who asked has gone
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
