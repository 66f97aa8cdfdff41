"""An evaluation in a process of its own, for methods that may take it down with them.

A method's file from elsewhere may end its process (``os._exit``, a crash in C code, no memory
left). Then only this process dies, and the evaluation of the other methods goes on. What was
scored is read from the disk; a pipe tells which runs those are. Another pipe is held open by the
parent for as long as it lives: the process ends when it is closed, however the parent ended.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gazebench
from gazebench import plugins
from gazebench.dataset import Manifest
from gazebench.errors import DiskError, GazebenchError, InputError, StoppedError
from gazebench.evaluation import EvalReport
from gazebench.evaluation.describing import note_failure
from gazebench.results import RunResult


def evaluate_alone(word: str, runs: Path, request: Mapping[str, Any]) -> EvalReport:
    """``gazebench.evaluate`` of the method ``word`` in a new process; its death is a failure.

    ``request``: further arguments of that function, as JSON can hold them.

    Raises:
        DiskError: no space or not writable.
        StoppedError: the process was asked to stop.
    """
    text, began = json.dumps({**request, "runs": str(runs), "methods": [word]}), time.time_ns()
    said, code = _answer(text)
    answer: dict[str, Any] = {"error": _death(code)} if said is None else said
    if answer.get("code") == DiskError.exit_code:
        raise DiskError(answer["error"])
    if answer.get("code", 0) > 128:
        raise StoppedError(answer["code"] - 128, answer["error"])
    if "error" in answer:
        _note(word, runs, Path(request["dataset"]), answer["error"], since=began)
        return EvalReport(results=(), failures=(f"{word}: {answer['error']}",))
    try:
        results = [RunResult.load(runs / run / "scores.json") for run in answer["runs"]]
    except InputError as error:
        return EvalReport(results=(), failures=(f"{word}: {error}",))
    return EvalReport(results=tuple(results), failures=tuple(answer["failures"]))


def _note(word: str, runs: Path, dataset: Path, reason: str, *, since: int) -> None:
    """Note the failure beside earlier scores of the method, but of runs written ``since`` then."""
    name = Path(word).stem if plugins.is_path(word) else word
    for path in sorted(runs.glob("*/scores.json")):
        with contextlib.suppress(InputError):
            if path.stat().st_mtime_ns < since and RunResult.load(path).name == name:
                note_failure(path.parent, Manifest.load(dataset), reason)


def _answer(request: str) -> tuple[dict[str, Any] | None, int]:
    """What the process said at its end, None for nothing, and its exit code."""
    ours, theirs = os.pipe()
    watched, held = os.pipe()
    command = [sys.executable, "-m", "gazebench.evaluation.isolated", str(theirs), str(watched)]
    with (
        os.fdopen(ours, "rb") as said,
        os.fdopen(held, "wb"),
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=2,  # what a method prints does not belong to the results
            env={**os.environ, "PYTHONPATH": _path()},
            pass_fds=[theirs, watched],
        ) as process,
    ):
        os.close(theirs)
        os.close(watched)
        try:
            assert process.stdin
            with contextlib.suppress(BrokenPipeError):  # it died before it had listened
                process.stdin.write(request.encode())
                process.stdin.close()
            text = said.read()
        except BaseException:
            process.terminate()
            raise
    try:
        answer = json.loads(text)
    except ValueError:  # it died before it had spoken
        answer = None
    return answer if isinstance(answer, dict) else None, process.returncode


def _path() -> str:
    """Where Python finds modules, first of all this gazebench."""
    here = str(Path(gazebench.__file__).parents[1])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _death(code: int) -> str:
    if code >= 0:
        return f"it ended its process with exit code {code}, without a word"
    name = signal.Signals(-code).name
    why = "; perhaps the memory was not enough" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{why}"


def main() -> None:
    """What the process does: read a request, evaluate, answer."""
    pipe, parents = map(int, sys.argv[1:])
    for end in (pipe, parents):
        os.set_inheritable(end, False)
    threading.Thread(target=_end_with, args=[parents], daemon=True).start()
    request = json.load(sys.stdin)
    try:
        report = gazebench.evaluate(**request, isolate=False)
        answer: dict[str, Any] = {
            "runs": [result.run for result in report.results],
            "failures": list(report.failures),
        }
    except GazebenchError as error:
        answer = {"error": str(error), "code": error.exit_code}
    with os.fdopen(pipe, "wb") as said:
        said.write(json.dumps(answer).encode())


def _end_with(parents: int) -> None:
    """Wait for the end of the parent, then end: nothing would hear the answer."""
    os.read(parents, 1)  # nothing is ever written
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
