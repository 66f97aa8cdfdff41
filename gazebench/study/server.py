"""Runs the study's server: one process, one event loop, one thread that writes."""

import contextlib
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import FrameType

from gazebench import store
from gazebench.errors import InputError, MissingPartError, StoppedError
from gazebench.study.answers import Answers
from gazebench.study.design import Design
from gazebench.study.respondents import Keyring

LOOPBACK = ("127.0.0.1", "localhost")
_BACKLOG = 2048


def check_address(address: str, *, is_open: bool) -> None:
    """Check that the server may listen at ``address``.

    Raises:
        InputError: others can reach it, and that was not asked for in words.
    """
    if address not in LOOPBACK and not is_open:
        raise InputError(
            f"--address {address}: others on the network could reach it without encryption; add "
            "--open-to-the-network if that is meant, or keep 127.0.0.1 behind a proxy with TLS"
        )


def serve(
    study: Path,
    *,
    address: str,
    port: int,
    hosts: Collection[str],
    ready: Callable[[str], None],
) -> None:
    """Serve the study until a signal comes; ``ready`` gets the link when the port is open.

    Raises:
        MissingPartError: the extra ``study`` is not installed.
        InputError: no study, damaged, or the port is in use.
        RefusedError: it holds simulated answers, which real ones must not join.
        BusyError: another process serves it.
        StoppedError: SIGTERM came.
    """
    try:
        import uvicorn

        from gazebench.study.app import application
        from gazebench.study.desk import Desk
        from gazebench.study.writing import Writer
    except ModuleNotFoundError as error:
        raise MissingPartError(
            f"the study's server needs {error.name}; run: pip install 'gazebench[study]'"
        ) from None
    design = Design.load(study)
    with store.locked(study), Answers.open(study) as answers, _listening(address, port) as bound:
        answers.refuse_invented()
        desk = Desk(study, design, Keyring.of(study), answers)
        desk.check_pictures()
        with Writer.running(answers) as writer:
            config = uvicorn.Config(
                application(desk, writer, hosts),
                log_level="warning",
                access_log=False,  # it would hold network addresses
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=5,
            )
            signal.signal(signal.SIGTERM, _stop)  # which uvicorn calls when all is answered
            ready(f"http://{address}:{port}/")
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is the ordinary end
                uvicorn.Server(config).run(sockets=[bound])


def _stop(number: int, _: FrameType | None) -> None:
    raise StoppedError(number, "the study's server was told to stop; all answers are kept")


@contextlib.contextmanager
def _listening(address: str, port: int) -> Iterator[socket.socket]:
    """A socket that people connect to.

    Raises:
        InputError: in use, or not of this machine.
    """
    bound = socket.socket()
    with contextlib.closing(bound):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((address, port))
            bound.listen(_BACKLOG)
        except OSError as error:
            raise InputError(
                f"{address}:{port} cannot be used ({error.strerror}); "
                f"choose another one: --port {port + 1}"
            ) from None
        yield bound
