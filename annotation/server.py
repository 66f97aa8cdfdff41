"""The labelling server: a mongod and one FiftyOne server for each volunteer, on this machine only.

One FiftyOne server is one shared screen, so that everybody needs an own one. All of them listen on
127.0.0.1; who sits elsewhere comes through an SSH tunnel or a proxy that asks for a password.
"""

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

from gazebench import store
from gazebench.annotation import app_dataset, mongod
from gazebench.annotation.app_server import SETTINGS
from gazebench.annotation.faces import Faces
from gazebench.annotation.processes import Child, environment, wait
from gazebench.annotation.session import ADJUDICATOR, FOLDER, Session, secret
from gazebench.dataset import read_heading
from gazebench.errors import InputError, MissingPartError, StoppedError

LOOPBACK = ("127.0.0.1", "localhost")
_READY_WITHIN = 300.0
_LOOK_EVERY = 2.0
_FILLED = "filled"  # below the session's folder
_PORT = "port"  # likewise
DEFAULT_PORT = 5151


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """Who may come, and by which link."""

    annotator: str
    link: str


def check_address(address: str) -> None:
    """Check that servers may listen at ``address``.

    Raises:
        InputError: an address that others can reach.
    """
    if address not in LOOPBACK:
        raise InputError(
            f"--address {address}: refused. FiftyOne has no login and hands out any file of this "
            "machine, so it listens on 127.0.0.1 only. From another machine: "
            "ssh -N -L PORT:127.0.0.1:PORT YOU@THIS-MACHINE with the port of the link, then open "
            "the link there"
        )


def check_ports(ports: Sequence[int]) -> None:
    """Check that nobody listens there.

    Raises:
        InputError: somebody does.
    """
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise InputError(
                    f"port {port} is in use; choose other ones: --port {ports[-1] + 10}"
                ) from None


@contextmanager
def database(dataset: Path) -> Iterator[tuple[str, Child]]:
    """A running mongod for ``dataset``: its address and its process; ended when the block ends.

    Raises:
        MissingPartError: there is none, or it does not start.
        BusyError: another process serves or prepares this dataset.
    """
    folder = dataset / FOLDER
    log = folder / "logs" / "mongod.log"
    with store.locked(folder):
        port = mongod.free_port()
        child = mongod.child(folder / "mongo", port, log)
        child.start()
        try:
            assert child.process is not None
            mongod.wait_until_ready(port, child.process, log)
            yield mongod.address(port), child
        finally:
            child.end()


def fill_database(dataset: Path, faces: Faces) -> int:
    """Bring the pictures of ``dataset`` into FiftyOne's database; how many were new.

    Raises:
        MissingPartError: FiftyOne or mongod is missing.
        BusyError: another process serves or prepares this dataset.
    """
    app_dataset.check_installed()
    with database(dataset) as (address, _):
        new = app_dataset.fill(app_dataset.fiftyone(address), faces)
        store.write(dataset / FOLDER / _FILLED, _state(dataset))
    return new


def _state(dataset: Path) -> str:
    """What FiftyOne's database was filled from: pictures, and where they are."""
    return f"{read_heading(dataset).tree_hash} {dataset.absolute()}\n"


def _is_filled(dataset: Path) -> bool:
    path = dataset / FOLDER / _FILLED
    try:
        return path.is_file() and path.read_text(encoding="utf-8") == _state(dataset)
    except InputError:  # no whole dataset: it is being built again
        return True


def serve(
    dataset: Path,
    annotators: Sequence[str],
    *,
    port: int | None,
    hosts: Sequence[str],
    invite: Callable[[list[Invitation]], None],
    say: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Serve until a signal comes, or until ``stop`` is set.

    ``port`` is that of the session's first annotator, and the others' follow, whoever of them is
    served: a link stays what it was. None: as last time. ``hosts``: names by which a proxy calls.
    ``invite`` gets the links once all servers answer, ``say`` what happens later. A dataset that is
    built again meanwhile is served with its new portraits.

    Raises:
        MissingPartError: FiftyOne or mongod is missing, or a server does not start.
        InputError: not prepared, somebody who takes no part, or a port that is in use.
        BusyError: another process serves this dataset.
    """
    app_dataset.check_installed()
    served = places(dataset, annotators, port, say)
    check_ports([at for _, at in served])
    stop = stop or _until_signal()
    invitations = [_invitation(dataset, name, at) for name, at in served]
    while True:
        if not _is_filled(dataset):  # prepared without the App, built again, or moved
            _fill_apart(dataset)
        with database(dataset) as (address, mongo):
            children = [_child(dataset, name, at, address, hosts) for name, at in served]
            with _running(children):
                if invitations:
                    invite(invitations)
                    invitations = []
                _watch([mongo, *children], stop, say, lambda: _is_filled(dataset))
        if stop.is_set():
            return
        say("the dataset was built again; the servers start again with its portraits")


def _fill_apart(dataset: Path) -> None:
    """Fill the database in a process of its own: FiftyOne is bound to one database for ever."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        apart.submit(fill_database, dataset, Faces.read(dataset)).result()


def places(
    dataset: Path, annotators: Sequence[str], asked: int | None, say: Callable[[str], None]
) -> list[tuple[str, int]]:
    """Who is served at which port: in the order of the session, from the first one's on.

    Raises:
        InputError: not prepared, or somebody who takes no part.
    """
    if tuple(annotators) == (ADJUDICATOR,):
        return [(ADJUDICATOR, asked or DEFAULT_PORT)]
    session = Session.load(dataset)
    for name in annotators:
        session.check(name)
    first = _first_port(dataset, asked, say)
    return [(name, first + session.annotators.index(name)) for name in annotators]


def _first_port(dataset: Path, asked: int | None, say: Callable[[str], None]) -> int:
    """The port asked for, or that of last time, which is kept for the next time.

    A browser keeps what it could not send under the address that it came from.
    """
    path = dataset / FOLDER / _PORT
    last = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    before = int(last) if last.isdecimal() else None
    port = asked or before or DEFAULT_PORT
    if before and port != before:
        say(
            f"note: the links change (last time --port {before}). Votes that a browser could not "
            f"send yet wait there at the old link, and come in when it is served again"
        )
    if port != before:
        store.write(path, f"{port}\n")
    return port


@contextmanager
def _running(children: Sequence[Child]) -> Iterator[None]:
    """Servers that answer; ended when the block ends."""
    try:
        for child in children:
            child.start()
        _wait_for(children)
        yield
    finally:
        for child in children:
            if child.process is not None and child.is_running():
                child.process.send_signal(signal.SIGTERM)  # all at once, then wait for each
        for child in children:
            child.end()


def _child(dataset: Path, name: str, port: int, address: str, hosts: Sequence[str]) -> Child:
    settings = {
        "dataset": str(dataset.absolute()),
        "annotator": name,
        "port": port,
        "secret": secret(dataset, name),
        "hosts": list(hosts),
    }
    fiftyone = app_dataset.environment(address)
    return Child(
        name=f"the server of {name}",
        words=[sys.executable, "-m", "gazebench.annotation.app_server"],
        environment=environment(**fiftyone, **{SETTINGS: json.dumps(settings)}),
        log=dataset / FOLDER / "logs" / f"{name}.log",
        port=port,
    )


def _invitation(dataset: Path, name: str, port: int) -> Invitation:
    key = secret(dataset, name)
    return Invitation(annotator=name, link=f"http://127.0.0.1:{port}/label?key={key}")


def _wait_for(children: Sequence[Child]) -> None:
    for child in children:
        ended = [False]

        def settled(child: Child = child, ended: list[bool] = ended) -> bool:
            ended[0] = not child.is_running()
            return ended[0] or child.is_ready()

        if not wait(settled, _READY_WITHIN) or ended[0]:
            said = child.log.read_text(errors="replace").splitlines()[-1:] or ["it says nothing"]
            raise MissingPartError(f"{child.name} does not start: {said[0]} (log: {child.log})")
        child.was_ready = True


def _watch(
    children: Sequence[Child],
    stop: threading.Event,
    say: Callable[[str], None],
    is_filled: Callable[[], bool],
) -> None:
    """Keep ``children`` running until ``stop``, or until the database lacks portraits."""
    while not stop.wait(_LOOK_EVERY):
        if not is_filled():
            return
        for child in children:
            if said := child.look():
                say(said)


def _until_signal() -> threading.Event:
    """Set when SIGTERM comes; Ctrl-C raises here as it does everywhere."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        raise StoppedError(number, "the labelling server was told to stop; all votes are kept")

    signal.signal(signal.SIGTERM, end)
    return stop
