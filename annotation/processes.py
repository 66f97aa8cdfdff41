"""Processes of a labelling server: started, watched, started again when they die, ended cleanly."""

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gazebench import store

_END_WITHIN = 20.0
_PAUSE = 0.2  # seconds between two looks
_FAILURES = 3  # unanswered questions in a row, then it is taken for hung


@dataclass
class Child:
    """One process and its log."""

    name: str
    words: list[str]
    environment: dict[str, str]
    log: Path
    port: int = 0  # that answers at /gazebench/health; 0 for one that is not asked
    process: "subprocess.Popen[bytes] | None" = None
    restarts: int = 0
    failures: int = 0
    was_ready: bool = False
    started: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Start it; what it says goes to its log."""
        with store.appending(self.log) as log:
            self.process = subprocess.Popen(
                self.words,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us, and we end it in order
                preexec_fn=_die_with_parent,
            )
        self.started, self.failures, self.was_ready = time.monotonic(), 0, False

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.is_running() and (not self.port or _answers(self.port))

    def look(self) -> str:
        """Start it again where it died or hangs; a sentence on that, or ""."""
        if not self.is_running():
            return self._again("ended")
        if not self.port:
            return ""
        if _answers(self.port):
            self.failures, self.was_ready = 0, True
        elif self.was_ready:
            self.failures += 1
            if self.failures >= _FAILURES:
                self.end(now=True)
                return self._again("did not answer")
        return ""

    def _again(self, why: str) -> str:
        self.restarts += 1
        if self.restarts > 3 and time.monotonic() - self.started < 10:
            time.sleep(5)  # it dies at once; do not spin
        self.start()
        return f"{self.name} {why} and was started again (log: {self.log})"

    def end(self, *, now: bool = False) -> None:
        """End it: asked first, then made to."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL if now else signal.SIGTERM)
        try:
            self.process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/gazebench/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _die_with_parent() -> None:
    """Where the system can: no orphan holds the database when we are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def wait(ready: Callable[[], bool], seconds: float) -> bool:
    """Whether ``ready`` came true within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(_PAUSE)
    return False


def environment(**more: str) -> dict[str, str]:
    """Ours, and more."""
    return {**os.environ, **more}
