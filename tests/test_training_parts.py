"""GazeGANV2 takes E_c from a run of PAM: which one, what is refused, and how it resumes."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import toy_methods
from click.testing import CliRunner
from toy_methods.mortal import Mortal
from toy_methods.small import CrashError
from training_folders import assert_same, make_dataset

from gazebench import baselines, cli, training
from gazebench.dataset import Manifest
from gazebench.errors import InputError, MissingPartError, RefusedError

PAM = {"width": 2, "code": 8, "divisor": 4, "batch": 2, "steps": 2}
OPTIONS: dict[str, Any] = {"device": "cpu", "progress": False, "checkpoint_every": 2}
STEPS = 5


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"), 128)


@pytest.fixture(scope="module")
def pam(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "pam"
    train_pam(dataset, run)
    return run


def train_pam(dataset: Manifest, run: Path, **settings: Any) -> None:
    training.train(dataset, run, baselines, "pam", settings=PAM | settings, **OPTIONS)


def train(dataset: Manifest, run: Path, pam: Path | None = None, **options: Any) -> Any:
    """Train GazeGANV2."""
    small = Mortal.small_settings | {"divisor": 4, "steps": STEPS}
    settings = small | options.pop("settings", {})
    parts = {"pam": pam} if pam else {}
    known = {"settings": settings, "parts": parts, **OPTIONS}
    return training.train(dataset, run, toy_methods, "mortal", **(known | options))


def encoder(run: Path, step: int) -> dict[str, torch.Tensor]:
    path = run / "checkpoints" / f"step-{step:06d}" / "weights.safetensors"
    held = safetensors.torch.load_file(path)
    return {k: v for k, v in held.items() if k.startswith("E_c.")}


def test_the_encoder_is_that_of_the_pam_run_beside_it_and_stays(
    dataset: Manifest, pam: Path
) -> None:
    train(dataset, pam.parent / "found", steps=1)
    theirs, ours = encoder(pam, 2), encoder(pam.parent / "found", 1)
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[key], ours[key]) for key in theirs)


def test_without_pam_the_command_that_trains_it_is_named(dataset: Manifest, tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match="E_c of pam that fits; train it:") as caught:
        train(dataset, tmp_path / "run")
    assert caught.value.exit_code == 8
    assert f"gazebench train --method pam {dataset.root} {tmp_path / 'pam'}" in str(caught.value)
    assert "--set methods.pam.code=8" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_unfinished_pam_is_refused_by_its_steps(dataset: Manifest, tmp_path: Path) -> None:
    train_pam(dataset, tmp_path / "pam")
    config = tmp_path / "pam" / "config.toml"
    config.write_text(config.read_text().replace("steps = 2", "steps = 9"))
    with pytest.raises(InputError, match="2 of 9 steps are done; finish it first"):
        train(dataset, tmp_path / "run")


def test_a_finished_pam_is_preferred_to_an_unfinished_one(
    dataset: Manifest, pam: Path, tmp_path: Path
) -> None:
    train_pam(dataset, tmp_path / "a")
    config = tmp_path / "a" / "config.toml"
    config.write_text(config.read_text().replace("steps = 2", "steps = 9"))
    (tmp_path / "b").symlink_to(pam)
    assert train(dataset, tmp_path / "run", steps=1).trained == 1


def test_a_given_pam_of_other_settings_is_refused_by_name(
    dataset: Manifest, tmp_path: Path
) -> None:
    train_pam(dataset, tmp_path / "pam", code=16, steps=1)
    with pytest.raises(InputError, match="code is 16, needed is 8") as caught:
        train(dataset, tmp_path / "run", tmp_path / "pam")
    assert caught.value.exit_code == 3
    with pytest.raises(MissingPartError):  # beside the run it is passed over
        train(dataset, tmp_path / "run")


def test_a_given_pam_of_other_labels_is_refused(
    dataset: Manifest, pam: Path, tmp_path: Path
) -> None:
    other = dataset.with_labels({p.id: "X" for p in dataset.portraits[:7]} | {"drawn-7": "Y"})
    with pytest.raises(InputError, match="dataset or labels is"):
        train(other, tmp_path / "run", pam)


def test_a_given_run_that_is_no_pam_is_refused(dataset: Manifest, tmp_path: Path) -> None:
    training.train(dataset, tmp_path / "toy", toy_methods, "small", steps=1, **OPTIONS)
    with pytest.raises(InputError, match="method is small, needed is pam"):
        train(dataset, tmp_path / "run", tmp_path / "toy")
    with pytest.raises(InputError, match=r"config\.toml: no such file"):
        train(dataset, tmp_path / "run", tmp_path / "nothing")


def test_pam_for_a_method_without_parts_ends_with_exit_code_3(
    dataset: Manifest, pam: Path, tmp_path: Path
) -> None:
    words = ["train", "--method", "prgan", str(dataset.root), str(tmp_path), "--pam", str(pam)]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 3
    assert "PRGAN takes no part of pam" in done.output


def test_another_pam_or_preset_is_refused_before_anything_is_loaded(
    dataset: Manifest, pam: Path, tmp_path: Path
) -> None:
    train(dataset, tmp_path / "run", pam, steps=1)
    train_pam(dataset, tmp_path / "pam", steps=1)
    with pytest.raises(RefusedError, match=r"parts\.E_c: \w+ → \w+"):
        train(dataset, tmp_path / "run", tmp_path / "pam", steps=1)
    with pytest.raises(RefusedError, match=r"methods\.mortal\.preset: paper → repro"):
        train(dataset, tmp_path / "run", pam, steps=1, settings={"preset": "repro"})


@pytest.fixture(scope="module")
def whole(dataset: Manifest, pam: Path) -> Path:
    """A run that nothing interrupted."""
    train(dataset, pam.parent / "whole", pam)
    return pam.parent / "whole"


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_crash_at_any_step_changes_nothing(
    dataset: Manifest,
    pam: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    monkeypatch.setenv("ACCIDENT", "crash")
    monkeypatch.setenv("ACCIDENT_STEP", str(step))
    with pytest.raises(CrashError):
        train(dataset, tmp_path / "run", pam)
    monkeypatch.delenv("ACCIDENT")
    assert train(dataset, tmp_path / "run", pam).trained == STEPS - step // 2 * 2
    assert_same(tmp_path / "run", whole, STEPS)


SCRIPT = """
import sys
from pathlib import Path
from test_training_parts import train
from gazebench.dataset import Manifest
for run in sys.argv[3:]:
    train(Manifest.load(Path(sys.argv[1])), Path(run), Path(sys.argv[2]))
"""


def launch(dataset: Manifest, pam: Path, *runs: Path, **accident: str) -> int:
    """Exit code of a training in another process, into each of the folders."""
    words = [sys.executable, "-c", SCRIPT, str(dataset.root), str(pam), *map(str, runs)]
    place = {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, env=os.environ | place | accident, check=False).returncode


@pytest.mark.slow
def test_kills_at_random_steps_change_nothing(dataset: Manifest, pam: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    times = random.Random(0)
    for _ in range(4):
        place = {"ACCIDENT": "SIGKILL", "ACCIDENT_STEP": str(times.randrange(STEPS))}
        assert launch(dataset, pam, killed, **place) in (0, -signal.SIGKILL)
    assert launch(dataset, pam, killed, whole) == 0
    assert_same(killed, whole, STEPS)
