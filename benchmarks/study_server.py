"""A served study in a process of its own, for tests and benchmarks."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gazebench.study.answers import Answer, Answers

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def serving(study: Path, port: int, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A served study in a process of its own, ready; told to stop when the block ends."""
    process = start(study, port, *flags)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def start(study: Path, port: int, *flags: str) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    words = [sys.executable, "-m", "gazebench", "study", "serve", str(study), "--port", str(port)]
    process = subprocess.Popen([*words, *flags], cwd=ROOT, stdout=subprocess.DEVNULL)
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process
        assert process.poll() is None, "the server ended"
        time.sleep(0.05)
    raise AssertionError("the server does not start")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stored_answers(study: Path) -> dict[tuple[str, int], int]:
    """(respondent, question) → place of the first answer that is stored."""
    found: dict[tuple[str, int], int] = {}
    for event in _answers(study):
        found.setdefault((event.respondent, event.question or 0), event.place)
    return found


def doubled_answers(study: Path) -> int:
    """How many answers are stored beside an earlier one to the same question."""
    events = _answers(study)
    return len(events) - len({(event.respondent, event.question) for event in events})


def _answers(study: Path) -> list[Answer]:
    with Answers.open(study) as answers:
        return [event for event in answers.events() if event.question is not None]
