"""Exports that are killed, and the same command afterwards."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_build_kills import KILLED_AT
from test_exports import contents, export


def killed_at(place: int, dataset: Path, out: Path) -> subprocess.CompletedProcess:
    words = ["export", dataset, out, "--to", "hf-folder", "--quiet"]
    command = [sys.executable, "-c", KILLED_AT, str(place), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_an_export_that_is_killed_at_its_first_write_goes_on(
    small_dataset: Path, tmp_path: Path
) -> None:
    export(small_dataset, tmp_path / "whole", "hf-folder")
    for place in range(1, 20):  # until it had begun to write
        killed = killed_at(place, small_dataset, tmp_path / "out")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        if any(name.startswith(".partial-") for name in contents(tmp_path / "out")):
            break
    assert {name[:9] for name in contents(tmp_path / "out")} == {".lock", ".partial-"}
    export(small_dataset, tmp_path / "out", "hf-folder")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_a_kill_before_any_step_of_an_export_loses_nothing(
    small_dataset: Path, tmp_path: Path
) -> None:
    whole = killed_at(0, small_dataset, tmp_path / "whole")
    steps = int(whole.stdout.rpartition("steps ")[2])
    assert steps > 10
    for place in range(1, steps + 1):
        out = tmp_path / f"out{place}"
        assert killed_at(place, small_dataset, out).returncode == -signal.SIGKILL
        export(small_dataset, out, "hf-folder")
        assert contents(out) == contents(tmp_path / "whole"), place
