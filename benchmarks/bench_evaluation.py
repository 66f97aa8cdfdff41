"""What `gazebench eval --workers 2` saves, against the same runs one after the other.

    python benchmarks/bench_evaluation.py [--workers 2] [--turns 2]

Each evaluation starts with an empty cache, as the first one of a dataset does, and is a command of
its own; the runs are the methods that need no training or ship trained, on the demo's portraits.
They take turns, so that other load on the machine meets both.
"""

import argparse
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gazebench
from gazebench import demo
from gazebench.results import RunResult


def main() -> None:
    """Time, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    asked = parser.parse_args()
    if asked.workers < 2:
        parser.error("--workers: 2 or more")
    methods = [name for name in demo.compared() if name != demo.TRAINED]
    with tempfile.TemporaryDirectory() as name:
        dataset = Path(name, "dataset")
        gazebench.build_dataset(demo.PORTRAITS, dataset, resolution=256, align="none", quiet=True)
        gazebench.label_import(dataset, demo.PORTRAITS / "labels.csv")
        seconds: dict[int, list[float]] = {1: [], asked.workers: []}
        for turn, workers in itertools.product(range(asked.turns), seconds):
            runs = Path(name, f"{workers}-{turn}")
            seconds[workers].append(evaluated(dataset, runs, methods, workers))
        same_scores(Path(name, "1-0"), Path(name, f"{asked.workers}-0"), methods)
    alone, together = (statistics.median(some) for some in seconds.values())
    print(
        f"{len(methods)} runs: {asked.workers} at once {together:.0f} s, one after the other "
        f"{alone:.0f} s: {together / alone:.2f}"
    )


def evaluated(dataset: Path, runs: Path, methods: list[str], workers: int) -> float:
    """Seconds of one command, its start included."""
    shutil.rmtree(dataset / "cache", ignore_errors=True)
    command = [sys.executable, "-m", "gazebench", "eval", str(dataset), str(runs), "--shipped"]
    command += ["--quiet", "--device", "cpu", "--workers", str(workers)]
    command += [word for method in methods for word in ("--method", method)]
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def same_scores(one: Path, other: Path, methods: list[str]) -> None:
    """Say how far the scores are from each other; FPS is another thing on a share of the cores."""
    furthest = 0.0
    for method in methods:
        a, b = (RunResult.load(runs / method / "scores.json").scores for runs in (one, other))
        gaps = [abs(a[k].value - b[k].value) for k in a.keys() - {"fps"}]
        furthest = max([furthest, *gaps])
    print(f"the scores differ by at most {furthest:.2g}")


if __name__ == "__main__":
    main()
