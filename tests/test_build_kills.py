"""Builds that are killed at every step, and disks that are full at every write."""

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from build_runs import FLAGS, build, gazebench, many, tree_hash

from gazebench.sources.celeba import LANDMARKS

pytestmark = pytest.mark.slow

KILLED_AT = """
import atexit, os, signal, sys
place, out = int(sys.argv.pop(1)), sys.argv[3]
seen = 0
def step(event, words):
    global seen
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"):
        if any(str(word).startswith(out) for word in words[:2]):
            seen += 1
            if seen == place:
                os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(step)
atexit.register(lambda: print("steps", seen))
from gazebench.cli import main
main()
"""


@pytest.fixture
def celeba(faces: Path, tmp_path: Path) -> Path:
    """Four pictures with a list of eyes, so that no face need be searched."""
    images = tmp_path / "img_align_celeba"
    images.mkdir()
    rows = []
    for number, path in enumerate(sorted(faces.iterdir())[:4]):
        shutil.copy(path, images / f"{number:06}.jpg")
        rows.append(f"{number:06}.jpg 195 240 320 240 0 0 0 0 0 0\n")
    text = f"4\n{' '.join(LANDMARKS)}\n{''.join(rows)}"
    (tmp_path / "list_landmarks_align_celeba.txt").write_text(text)
    return images


def killed_at(place: int, source: Path, out: Path, *flags: str) -> subprocess.CompletedProcess:
    words = ["build-dataset", source, out, "--landmarks", "listed", *FLAGS, *flags]
    command = [sys.executable, "-c", KILLED_AT, str(place), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def finish(source: Path, out: Path) -> str:
    done = build(source, out, "--landmarks", "listed")
    assert done.exit_code == 0, done.output
    return tree_hash(out)


def steps(done: subprocess.CompletedProcess) -> int:
    return int(done.stdout.rpartition("steps ")[2])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_kill_before_any_step_of_a_build_loses_nothing(celeba, tmp_path, workers: str) -> None:
    whole = killed_at(0, celeba, tmp_path / "whole")
    expected = finish(celeba, tmp_path / "whole")
    assert steps(whole) > 20
    for place in range(1, steps(whole) + 1):
        out = tmp_path / f"out{place}"
        assert killed_at(place, celeba, out, "--workers", workers).returncode == -signal.SIGKILL
        assert finish(celeba, out) == expected


def test_a_kill_before_any_step_of_an_overwrite_loses_nothing(celeba, tmp_path: Path) -> None:
    build(celeba, tmp_path / "old", "--landmarks", "listed", "--limit", 3)
    (tmp_path / "old" / "labels.csv").write_text("id,label\n000000,X\n")
    counted = shutil.copytree(tmp_path / "old", tmp_path / "counted")
    whole = killed_at(0, celeba, Path(counted), "--overwrite")
    expected = finish(celeba, Path(counted))
    for place in range(1, steps(whole) + 1):
        out = Path(shutil.copytree(tmp_path / "old", tmp_path / f"out{place}"))
        killed = killed_at(place, celeba, out, "--overwrite")
        assert killed.returncode == -signal.SIGKILL
        again = build(celeba, out, "--landmarks", "listed")
        if again.exit_code == 7:  # killed before the old build was touched
            again = build(celeba, out, "--landmarks", "listed", "--overwrite")
        assert again.exit_code == 0, again.output
        assert tree_hash(out) == expected
        assert (out / "labels.csv").exists()


@pytest.mark.parametrize("size", [0, 100, 4000, 9000, 20_000, 33_000, 60_000, 75_000, 90_000])
def test_a_full_disk_at_any_write_is_a_sentence(celeba: Path, tmp_path: Path, size: int) -> None:
    words = ["build-dataset", celeba, tmp_path / "out", "--landmarks", "listed", *FLAGS]
    full = subprocess.run(
        [sys.executable, "-m", "gazebench", *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert full.returncode == 5, full.stderr
    assert "Traceback" not in full.stderr
    assert gazebench("verify", tmp_path / "out").exit_code == 3
    finish(celeba, tmp_path / "out")


def test_fifty_kills_at_random_times_lose_nothing(faces: Path, tmp_path: Path) -> None:
    pictures, rng = many(faces.iterdir(), tmp_path / "many", 6), random.Random(5)
    build(pictures, tmp_path / "whole")
    expected, kills, number = tree_hash(tmp_path / "whole"), 0, 0
    while kills < 50:
        out = tmp_path / f"out{number}"
        command = [sys.executable, "-m", "gazebench", "build-dataset", pictures, out, *FLAGS]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(rng.uniform(0.2, 4.0))
            process.kill()
        if process.returncode == 0:  # this one got through: the next dataset
            assert tree_hash(out) == expected
            number += 1
        else:
            kills += 1
    build(pictures, tmp_path / f"out{number}")
    assert tree_hash(tmp_path / f"out{number}") == expected
