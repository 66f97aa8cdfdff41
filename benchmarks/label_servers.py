"""Starting `gazebench label serve` and talking to it as a browser would."""

import contextlib
import http.client
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazebench.annotation.votes import now

ROOT = Path(__file__).parents[1]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    program = [sys.executable, "-m", "gazebench", *map(str, words)]
    return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)


def free_ports(number: int) -> int:
    """The first of so many ports in a row that nobody listens at."""
    for start in range(21000 + os.getpid() % 500 * 20, 60000, 20):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(start, start + number):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return start
    raise AssertionError("no ports")


@dataclass
class Served:
    """A running `label serve`."""

    process: "subprocess.Popen[str]"
    links: dict[str, str]
    dataset: Path

    def children(self, words: str) -> list[int]:
        """Child processes whose command line, or annotator, has these words."""
        return [pid for pid in children(self.process.pid) if words in command_of(pid)]


def children(pid: int) -> list[int]:
    """Child processes of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def command_of(pid: int) -> str:
    """Command line and our settings of a process."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        settings = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        name = re.search(r'"annotator": "(\w+)"', settings)
        return f"{words} {name[1] if name else ''}"
    return ""


@contextlib.contextmanager
def serving(
    dataset: Path, *words: str, number: int = 1, command: str = "serve"
) -> Iterator[Served]:
    """`label serve` of a prepared dataset; it is told to stop when the block ends."""
    program = [sys.executable, "-m", "gazebench", "label", command, str(dataset), *words]
    process = subprocess.Popen(
        [*program, "--port", str(free_ports(number))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        links: dict[str, str] = {}
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.match(r"\s+(\S+)\s+(http://\S+key=\w+)", line):
                links[found[1]] = found[2]
            if "stop with Ctrl-C" in line:
                break
        assert links, "".join(said)
        yield Served(process=process, links=links, dataset=dataset)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Client:
    """A volunteer's browser, without the screen."""

    def __init__(self, link: str) -> None:
        self.base = link.split("/label?")[0]
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)
        self.get(link.removeprefix(self.base))

    def get(self, path: str, **headers: str) -> bytes:
        """Content of an address."""
        return self._open(urllib.request.Request(self.base + path, headers=headers))

    def ask(self, operator: str, **params: Any) -> Any:
        """What an operator answers."""
        return self.post(operator, params)["result"]

    def post(self, operator: str, params: Any, **headers: str) -> Any:
        """All that comes back from an operator."""
        body = {"operator_uri": f"@gazebench/label/{operator}", "params": params}
        request = urllib.request.Request(
            f"{self.base}/operators/execute",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json", **headers},
        )
        return json.loads(self._open(request))

    def _open(self, request: urllib.request.Request) -> bytes:
        try:
            with self._opener.open(request, timeout=20) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            error.close()
            raise RefusedError(error.code) from None


def status_of(link: str, path: str, **headers: str) -> int:
    """What an address answers to somebody without a link."""
    request = urllib.request.Request(link.split("/label?")[0] + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def status_or_none(link: str) -> int | None:
    """What the server answers at its health address; None where it does not."""
    try:
        return status_of(link, "/gazebench/health")
    except (OSError, http.client.HTTPException):
        return None


def press(annotator: str, face: dict[str, Any], vote: str = "X") -> dict[str, Any]:
    """An event of the screen."""
    return {
        "event": str(uuid.uuid4()),
        "annotator": annotator,
        "portrait": face["id"],
        "vote": vote,
        "milliseconds": 500,
        "time": now(),
        "round": face["round"],
    }


def until_saved(client: Client, events: list[dict[str, Any]], seconds: float = 120) -> list[str]:
    """Send events as the screen does: again and again until they are acknowledged."""
    end = time.monotonic() + seconds
    while True:
        try:
            return client.ask("vote", events=events)["saved"]
        except (OSError, http.client.HTTPException, RefusedError, KeyError, ValueError):
            assert time.monotonic() < end, "not saved"
            time.sleep(0.2)
