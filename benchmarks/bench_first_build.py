"""A newcomer's first 100 pictures, start-up included: `gazebench build-dataset` and a plain script.

    python benchmarks/bench_first_build.py [--pictures 100] [--rounds 3]

Both are commands of their own, run by turns, each with everything it needs to start: Python,
imports, the models of dlib, for ours also a server, workers, checks, the journal and the dataset's
card. The rival is the script that anybody would write, in one process (see `bench_build.py`, which
races the work on each face alone). Told are seconds on the clock, and seconds of all cores
together, which other programs on the machine change less.
"""

import argparse
import ctypes
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from gazebench import weights

REPOSITORY = Path(__file__).parents[1]
PHOTOGRAPHS = REPOSITORY.parent / "shared" / "data" / "portraits_cc"
DEMO = REPOSITORY / "gazebench" / "demo" / "portraits"
SCRIPT = """
import sys
from pathlib import Path
import dlib
import numpy as np
from PIL import Image
pictures, out, model = sys.argv[1:]
detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(model)
for path in sorted(Path(pictures).iterdir()):
    picture = Image.open(path).convert("RGB")
    pixels = np.asarray(picture)
    boxes = detector(pixels, 0)
    if boxes:
        box = max(boxes, key=lambda b: b.area())
        predictor(pixels, box)
        half, x, y = box.width(), box.center().x, box.center().y
        square = picture.crop((x - half, y - half, x + half, y + half))
        square.resize((512, 512), Image.Resampling.LANCZOS).save(Path(out, f"{path.stem}.png"))
"""
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): the server of workers outlives its parent


class Spent(NamedTuple):
    """Of a command and of all that it started."""

    clock: float  # seconds
    cores: float  # seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        number = _copied(here / "pictures", words.pictures)
        commands = _commands(here)
        rounds = [
            {name: _spent(command) for name, command in commands.items()}
            for _ in range(words.rounds)
        ]
    print(f"{number} pictures, start-up included, medians of {words.rounds} rounds")
    for name in commands:
        _row(name, [r[name] for r in rounds], [r["plain script"] for r in rounds])


def _copied(folder: Path, number: int) -> int:
    """Copy that many photographs of 1024 pixels, or the portraits of the demo."""
    found = sorted(PHOTOGRAPHS.glob("london_*/*.jpg")) or sorted(DEMO.glob("*.jpg"))
    folder.mkdir()
    for path in found[:number]:
        shutil.copy(path, folder / f"{path.parent.name}-{path.name}")
    return len(found[:number])


def _commands(here: Path) -> dict[str, list[str]]:
    (here / "plain").mkdir()
    model = str(weights.path("dlib_landmarks_68"))
    pictures = str(here / "pictures")
    ours = [sys.executable, "-m", "gazebench", "build-dataset", pictures, str(here / "ours")]
    return {
        "plain script": [sys.executable, "-c", SCRIPT, pictures, str(here / "plain"), model],
        **{
            f"build-dataset, {crew} worker{'s'[: crew - 1]}": [
                *(*ours, "--overwrite", "--quiet", "--workers", str(crew))
            ]
            for crew in (1, 2)
        },
    }


def _spent(command: list[str]) -> Spent:
    before, began = _cores(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    clock = time.perf_counter() - began
    while True:  # the processes that it left
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return Spent(clock, _cores() - before)


def _cores() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(name: str, ours: list[Spent], theirs: list[Spent]) -> None:
    medians = Spent(*(statistics.median(values) for values in zip(*ours, strict=True)))
    pairs = [(b.clock / a.clock, b.cores / a.cores) for a, b in zip(ours, theirs, strict=True)]
    clock, cores = (statistics.median(values) for values in zip(*pairs, strict=True))
    print(
        f"  {name:26} {medians.clock:6.1f} s of the clock {clock:5.2f} x   "
        f"{medians.cores:6.1f} s of cores {cores:5.2f} x"
    )


if __name__ == "__main__":
    main()
