"""Running the commands that make and check a dataset."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from click.testing import CliRunner, Result

from gazebench.cli import main

FLAGS = ("--res", "256", "--align", "none", "--quiet")


def gazebench(*words: object) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


def build(faces: Path, out: Path, *flags: object) -> Result:
    """``build-dataset`` at 256, without alignment."""
    return gazebench("build-dataset", faces, out, *FLAGS, *flags)


def tree_hash(out: Path) -> str:
    """Digest of what a finished build made, after ``verify`` found it sound."""
    checked = gazebench("verify", out, "--quiet")
    assert checked.exit_code == 0, checked.output
    return json.loads((out / "dataset.json").read_text())["tree_hash"]


def many(paths: Iterable[Path], folder: Path, times: int) -> Path:
    """Each picture several times, so that a build takes a while."""
    folder.mkdir()
    for path in paths:
        for copy in range(times):
            shutil.copy(path, folder / f"{path.stem}_{copy}.jpg")
    return folder


def shuffled(faces: Path) -> Path:
    """The same pictures, written in another order."""
    folder = faces.with_name("shuffled")
    folder.mkdir()
    paths = sorted(faces.iterdir())
    random.Random(3).shuffle(paths)
    for path in paths:
        shutil.copy(path, folder)
    return folder


def interrupted(
    faces: Path, out: Path, images: int, signum: int, *flags: str
) -> subprocess.CompletedProcess:
    """A build in a process group of its own that gets a signal when so many images are there.

    With 0 it gets it as soon as it has begun.
    """
    command = [sys.executable, "-m", "gazebench", "build-dataset", faces, out, *FLAGS, *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    watched = out / "images" if images else out
    while process.poll() is None and not _has(watched, images):
        time.sleep(0.002)
    (os.kill if signum == signal.SIGKILL else os.killpg)(process.pid, signum)
    output, errors = process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while _living(process.pid):
        assert time.monotonic() < deadline, "a worker outlives its parent"
        time.sleep(0.05)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _has(folder: Path, files: int) -> bool:
    return folder.is_dir() and len(list(folder.iterdir())) >= max(files, 1)


def _living(group: int) -> list[str]:
    """Processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
            found += [path.parent.name] if int(pgrp) == group and state != "Z" else []
    return found


def quick_source(portraits: Path, root: Path, pictures: int) -> Path:
    """A folder of portraits, with ``eyes.csv`` and ``labels.csv`` beside it."""
    (root / "faces").mkdir()
    names = [path.name for path in sorted(portraits.glob("*.jpg"))[:pictures]]
    for name in names:
        shutil.copy(portraits / name, root / "faces")
    rows = "".join(f"{name},195,240,320,240\n" for name in names)
    (root / "eyes.csv").write_text(f"name,left_x,left_y,right_x,right_y\n{rows}")
    labels = "".join(f"{name},{'XY'[i % 2]}\n" for i, name in enumerate(names))
    (root / "labels.csv").write_text(f"id,label\n{labels}")
    return root / "faces"


def quick_build(source: Path, out: Path, *flags: object, code: int = 0) -> str:
    """What ``build-dataset`` says at 64, of a quick source: no face need be searched."""
    result = gazebench(
        *("build-dataset", source, out, "--eyes", source.with_name("eyes.csv"), "--landmarks"),
        *("listed", "--res", 64, "--window", "8x12", "--align", "none", "--quiet"),
        *("--workers", 1, *flags),
    )
    assert result.exit_code == code, result.output
    return result.output
