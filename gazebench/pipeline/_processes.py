"""Evaluations in processes of their own: for methods that may take theirs down, and side by side.

A method's file from elsewhere may end its process (``os._exit``, a crash in C code, no memory
left). Then only this process dies, and the evaluation of the other methods goes on. What was
scored is read from the disk; a pipe tells which runs those are. Another pipe brings the tasks, and
is open for as long as the parent lives: the process ends with it, however the parent ended.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import gazebench
from gazebench import machine, plugins, progress
from gazebench.dataset import Manifest
from gazebench.errors import DiskError, GazebenchError, InputError, StoppedError
from gazebench.evaluation import EvalReport
from gazebench.evaluation.describing import note_failure
from gazebench.pipeline.comparing import Opened, opened
from gazebench.results import RunResult

_THREADS = "OMP_NUM_THREADS"  # the environment's word for how many threads libraries take
_GRACE = 2.0  # seconds in which a process that is asked no more may end by itself
Request = Mapping[str, Any]  # arguments of ``comparing.opened``, as JSON can hold them


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process is asked to evaluate."""

    methods: tuple[str, ...]  # as the user named them; what the process knows
    run: str | None = None  # one of their runs; None for all, in a process that does nothing else

    @property
    def name(self) -> str:
        """What a failure is called."""
        return self.run or " ".join(self.methods)


def evaluate_apart(tasks: Sequence[Task], request: Request, workers: int) -> list[EvalReport]:
    """Evaluate each of ``tasks`` in another process, ``workers`` at once; a death is a failure.

    Several share the cores of this machine, and a bar counts what is done; one at a time shows its
    own.

    Raises:
        DiskError: no space or not writable.
        StoppedError: a process was asked to stop.
    """
    several = workers > 1
    shown = progress.bar(
        total=len(tasks), desc=f"evaluate, {workers} at once", quiet=request["quiet"] or not several
    )
    crew = _Crew({**request, "quiet": request["quiet"] or several}, workers)
    with contextlib.closing(crew), shown, ThreadPoolExecutor(workers) as pool:
        try:
            futures = [pool.submit(crew.evaluate, task) for task in tasks]
            for future in as_completed(futures):
                future.result()
                shown.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            crew.stop()
            raise
    return [future.result() for future in futures]


class _Crew:
    """The processes, each with its share of the cores."""

    def __init__(self, request: Request, workers: int) -> None:
        self._request = request
        self._threads: int | None = None
        if workers > 1:
            self._request = {**request, "threads": _cores()}
            self._threads = max(1, _cores() // workers)
        self._idle: deque[_Process] = deque()
        self._all: list[_Process] = []
        self._stopped = False

    def evaluate(self, task: Task) -> EvalReport:
        """The task's report, from a process that waits for work or a new one."""
        began = time.time_ns()
        process = self._process(task)
        answer = process.ask(task.run)
        if answer is None:
            if self._stopped:
                raise StoppedError(signal.SIGTERM, "stopped")
            answer = {"error": process.death()}
        elif task.run:
            self._idle.append(process)
        else:
            process.close()
        return self._report(task, answer, began)

    def stop(self) -> None:
        """End all processes, whatever they do; who waits for an answer gets none."""
        self._stopped = True
        for process in self._all:
            process.stop()

    def close(self) -> None:
        """Let go of them, once nobody waits for an answer."""
        for process in self._all:
            process.close()

    def _process(self, task: Task) -> "_Process":
        while task.run:
            try:
                waiting = self._idle.pop()
            except IndexError:
                break
            if waiting.is_alive():
                return waiting
        process = _Process({**self._request, "methods": task.methods}, self._threads)
        self._all.append(process)
        if self._stopped:
            process.stop()
        return process

    def _report(self, task: Task, answer: Mapping[str, Any], began: int) -> EvalReport:
        runs = Path(self._request["runs"])
        if answer.get("code") == DiskError.exit_code:
            raise DiskError(answer["error"])
        if answer.get("code", 0) > 128:
            raise StoppedError(answer["code"] - 128, answer["error"])
        if "error" in answer:
            _note(task, runs, Path(self._request["dataset"]), answer["error"], since=began)
            return EvalReport(results=(), failures=(f"{task.name}: {answer['error']}",))
        try:
            results = [RunResult.load(runs / run / "scores.json") for run in answer["runs"]]
        except InputError as error:
            return EvalReport(results=(), failures=(f"{task.name}: {error}",))
        return EvalReport(results=tuple(results), failures=tuple(answer["failures"]))


def _note(task: Task, runs: Path, dataset: Path, reason: str, *, since: int) -> None:
    """Note the failure beside earlier scores of the task, but of runs written ``since`` then."""
    names = [Path(word).stem if plugins.is_path(word) else word for word in task.methods]
    for path in sorted(runs.glob(f"{task.run or '*'}/scores.json")):
        with contextlib.suppress(InputError):
            its = task.run or RunResult.load(path).name in names
            if its and path.stat().st_mtime_ns < since:
                note_failure(path.parent, Manifest.load(dataset), reason)


class _Process:
    """A process that evaluates the methods of a request when it is asked."""

    def __init__(self, request: Request, threads: int | None) -> None:
        heard, asking = os.pipe()
        listening, said = os.pipe()
        self._asking, self._said = os.fdopen(asking, "wb"), os.fdopen(listening, "rb")
        limit = {} if threads is None else {_THREADS: str(threads)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(heard), str(said)],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what a method prints does not belong to the results
            env={**os.environ, "PYTHONPATH": _path(), **limit},
            pass_fds=[heard, said],
            process_group=0,  # Ctrl-C is the parent's to handle
        )
        os.close(heard)
        os.close(said)
        self._tell(request)

    def ask(self, run: str | None) -> dict[str, Any] | None:
        """What it says of its evaluation of ``run``, or of all; None where it died."""
        self._tell(run)
        try:
            answer = json.loads(self._said.readline())
        except ValueError:  # it died before it had spoken
            return None
        return answer if isinstance(answer, dict) else None

    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def death(self) -> str:
        """How it died."""
        code = self._process.wait()
        if code >= 0:
            return f"it ended its process with exit code {code}, without a word"
        name = signal.Signals(-code).name
        why = "; perhaps the memory was not enough" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{why}"

    def stop(self) -> None:
        """End it, whatever it does: at once, or where it will not, a little later."""
        self._process.terminate()
        self._close(self._asking)

    def close(self) -> None:
        """Wait until it has ended, for which it has nothing more to do, and let go of it."""
        self._close(self._asking)
        try:
            self._process.wait(2 * _GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _tell(self, what: object) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # dead or stopped: no answer says so
            self._asking.write(json.dumps(what).encode() + b"\n")
            self._asking.flush()

    @staticmethod
    def _close(pipe: BinaryIO) -> None:
        with contextlib.suppress(BrokenPipeError):  # what it was told last it did not read
            pipe.close()


def _path() -> str:
    """Where Python finds modules, first of all this gazebench."""
    here = str(Path(gazebench.__file__).parents[1])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _cores() -> int:
    """As many as libraries may use."""
    limit = os.environ.get(_THREADS, "")
    return min(machine.cores(), int(limit)) if limit.isdigit() else machine.cores()


def main() -> None:
    """What the process does: read a request, then evaluate and answer as often as it is asked."""
    heard, said = map(int, sys.argv[1:])
    sys.argv = ["gazebench", "eval"]  # what a lock calls this process
    for end in (heard, said):
        os.set_inheritable(end, False)
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=[heard, lines], daemon=True).start()
    with os.fdopen(said, "wb") as answers:
        for answer in _answers(iter(lines.get, "")):
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()


def _listen(heard: int, lines: "SimpleQueue[str]") -> None:
    """Pass on what the parent asks; when it asks no more, end this process, even a busy one."""
    with os.fdopen(heard) as pipe:
        for line in pipe:
            lines.put(line)
    lines.put("")
    time.sleep(_GRACE)
    os._exit(128 + signal.SIGTERM)


def _answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    request = json.loads(next(lines, "{}"))
    ready: Opened | None = None
    for line in lines:
        try:
            ready = ready or opened(**request)
            yield _evaluated(ready, json.loads(line))
        except GazebenchError as error:
            yield {"error": str(error), "code": error.exit_code}


def _evaluated(ready: Opened, run: str | None) -> dict[str, Any]:
    entries = [entry for entry in ready.entries if run in (None, entry.run)]
    report = ready.evaluation.run(entries)
    missing = ready.missing if run is None else ()
    runs = [result.run for result in report.results]
    return {"runs": runs, "failures": [*report.failures, *missing]}


if __name__ == "__main__":
    main()
