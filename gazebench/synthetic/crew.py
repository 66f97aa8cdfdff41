"""Worker processes that draw; each has its share of the numbers and a pipe of its own."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing import connection

from gazebench.errors import GazebenchError
from gazebench.signals import Stop

_TICK = 0.2  # seconds in which a stop is noticed
Drawing = Callable[[int], bytes]


def finished(
    drawing: Drawing, numbers: Sequence[int], workers: int, stopped: Stop | None = None
) -> Generator[tuple[int, bytes]]:
    """Each of ``numbers`` with what ``drawing`` makes of it, in any order.

    Ends early once ``stopped`` is true. With one worker all is done in this process.

    Raises:
        GazebenchError: a worker process died.
    """
    workers = min(workers, len(numbers))
    if workers > 1:
        yield from _by_workers(drawing, numbers, workers, stopped)
        return
    for number in numbers:
        if stopped:
            return
        yield number, drawing(number)


def _by_workers(
    drawing: Drawing, numbers: Sequence[int], workers: int, stopped: Stop | None
) -> Iterator[tuple[int, bytes]]:
    context = multiprocessing.get_context("spawn")
    pipes: list[connection.Connection] = []
    with contextlib.ExitStack() as stack:
        for share in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            stack.callback(ours.close)
            arguments = (theirs, drawing, numbers[share::workers])
            process = context.Process(target=_serve, args=arguments, daemon=True)
            with theirs, _ctrl_c_blocked():
                process.start()
            stack.callback(process.join)
            stack.callback(process.kill)  # before it is joined
            pipes.append(ours)
        while pipes and not stopped:
            ready = connection.wait(pipes, _TICK)
            for pipe in [pipe for pipe in pipes if pipe in ready]:
                if answer := _hear(pipe, stopped):
                    yield answer
                else:
                    pipes.remove(pipe)


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Around the start of processes: Ctrl-C is the parent's to handle, and they inherit this."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear(pipe: connection.Connection, stopped: Stop | None) -> tuple[int, bytes] | None:
    """A number with its drawing; None when the worker has done its share."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        if stopped:  # the same signal ended the worker
            return None
        raise GazebenchError(
            "a worker process died over a portrait; is there enough memory? "
            "run the same command with fewer --workers"
        ) from None


def _serve(pipe: connection.Connection, drawing: Drawing, numbers: Sequence[int]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        for number in numbers:
            pipe.send((number, drawing(number)))
        pipe.send(None)
