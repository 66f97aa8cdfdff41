"""Stopped, killed or damaged at any place, a training ends as if nothing had happened."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from toy_methods.small import CrashError
from training_folders import STEPS, assert_same, losses, make_dataset, train, weights

from gazebench import baselines, store, training
from gazebench.dataset import Manifest
from gazebench.errors import DiskError, StoppedError
from gazebench.training import checkpoint


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def accident(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Arrange for something to happen inside a step of the toy method."""

    def arrange(kind: str, step: int) -> None:
        monkeypatch.setenv("ACCIDENT", kind)
        monkeypatch.setenv("ACCIDENT_STEP", str(step))

    yield arrange
    monkeypatch.delenv("ACCIDENT", raising=False)


@pytest.fixture(scope="module")
def whole(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole")
    train(dataset, run)
    return run


@pytest.mark.parametrize("step", [0, 3, 5, 9, 11])
def test_a_crash_at_any_step_changes_nothing(
    dataset: Manifest, whole: Path, tmp_path: Path, accident: Any, step: int
) -> None:
    accident("crash", step)
    with pytest.raises(CrashError):
        train(dataset, tmp_path)
    accident("", step)
    assert train(dataset, tmp_path).trained == STEPS - step // 5 * 5
    assert_same(tmp_path, whole)


def test_where_steps_are_slow_a_crash_costs_minutes_not_a_thousand_steps(
    dataset: Manifest, whole: Path, tmp_path: Path, accident: Any
) -> None:
    slow = {"checkpoint_every": 1000, "checkpoint_minutes": 1e-9}  # every step takes longer
    accident("crash", 9)
    with pytest.raises(CrashError):
        train(dataset, tmp_path, **slow)
    accident("", 9)
    assert train(dataset, tmp_path, **slow).trained == STEPS - 9
    assert_same(tmp_path, whole)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_saves_at_the_next_step(
    dataset: Manifest, whole: Path, tmp_path: Path, accident: Any, name: str, code: int
) -> None:
    accident(name, 6)
    with pytest.raises(StoppedError, match=r"step 7 of 12; .*same command") as caught:
        train(dataset, tmp_path)
    assert caught.value.exit_code == code
    accident("", 0)
    assert train(dataset, tmp_path).trained == 5
    assert_same(tmp_path, whole)


def test_signal_handlers_are_put_back(dataset: Manifest, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    train(dataset, tmp_path, steps=1)
    assert signal.getsignal(signal.SIGTERM) is before


SCRIPT = """
import sys, toy_methods
from pathlib import Path
from gazebench import baselines, training
from gazebench.dataset import Manifest
package, name, settings, every = {
    "small": (toy_methods, "small", {}, 5),
    "prgan": (baselines, "prgan", {"width": 4, "residual_blocks": 1, "critic_steps": 1,
              "patch": 32, "discriminator_layers": 3, "batch": 1, "steps": 12}, 3),
}[sys.argv[1]]
for run in sys.argv[3:]:
    training.train(Manifest.load(Path(sys.argv[2])), Path(run), package, name,
                   settings=settings, device="cpu", checkpoint_every=every, progress=False)
"""
PLACE = {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}


def launch(name: str, dataset: Manifest, *runs: Path, **accident: str) -> subprocess.Popen[bytes]:
    """Train in another process, into each of the folders."""
    words = [sys.executable, "-c", SCRIPT, name, str(dataset.root), *map(str, runs)]
    return subprocess.Popen(words, env=os.environ | PLACE | accident)


@pytest.mark.long
def test_a_kill_changes_nothing(dataset: Manifest, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = launch("small", dataset, killed, ACCIDENT="SIGKILL", ACCIDENT_STEP="8")
    assert process.wait() == -signal.SIGKILL
    assert launch("small", dataset, killed, whole).wait() == 0
    assert_same(killed, whole)


@pytest.mark.slow
def test_twenty_kills_at_random_steps_change_nothing(dataset: Manifest, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    times = random.Random(0)
    for _ in range(20):
        step = str(times.randrange(STEPS))
        launch("small", dataset, killed, ACCIDENT="SIGKILL", ACCIDENT_STEP=step).wait()
    assert launch("small", dataset, killed, whole).wait() == 0
    assert_same(killed, whole)


@pytest.mark.slow
def test_kills_at_random_times_change_nothing(dataset: Manifest, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    times = random.Random(0)
    for _ in range(10):
        process = launch("prgan", dataset, killed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=times.uniform(3, 9))
        process.kill()
        process.wait()
    assert launch("prgan", dataset, killed, whole).wait() == 0
    assert_same(killed, whole)


def test_a_truncated_checkpoint_gives_way_to_the_one_before(
    dataset: Manifest, whole: Path, tmp_path: Path, accident: Any, heard: list[str]
) -> None:
    accident("crash", 11)
    with pytest.raises(CrashError):
        train(dataset, tmp_path)
    accident("", 0)
    os.truncate(tmp_path / "checkpoints" / "step-000010" / "weights.safetensors", 100)
    assert train(dataset, tmp_path, say=heard.append).trained == 7
    assert "step-000010/weights.safetensors: damaged" in heard[0]
    assert_same(tmp_path, whole)


def test_an_unfinished_checkpoint_gives_way_to_the_one_before(
    dataset: Manifest, whole: Path, tmp_path: Path, heard: list[str]
) -> None:
    train(dataset, tmp_path)
    (tmp_path / "checkpoints" / "step-000012" / "state.json").unlink()
    assert train(dataset, tmp_path, say=heard.append).trained == 2
    assert "unfinished checkpoint" in heard[0]
    assert "state.json: no such file" in heard[0]
    assert_same(tmp_path, whole)


def test_without_any_usable_checkpoint_it_starts_anew_and_says_so(
    dataset: Manifest, whole: Path, tmp_path: Path, heard: list[str]
) -> None:
    train(dataset, tmp_path)
    for path in tmp_path.glob("checkpoints/*/state.json"):
        path.write_text("{")
    assert train(dataset, tmp_path, say=heard.append).trained == STEPS
    assert "starting at step 0" in heard[-1]
    assert_same(tmp_path, whole)


def test_a_full_disk_is_a_sentence_and_resumable(
    dataset: Manifest, whole: Path, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(DiskError, match="no space left"):
            train(dataset, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    train(dataset, tmp_path)
    assert_same(tmp_path, whole)


def test_bfloat16_trains_and_resumes(dataset: Manifest, tmp_path: Path, accident: Any) -> None:
    half, whole = tmp_path / "half", tmp_path / "whole"
    accident("crash", 7)
    with pytest.raises(CrashError):
        train(dataset, half, precision="bf16")
    accident("", 0)
    train(dataset, half, precision="bf16")
    train(dataset, whole, precision="bf16")
    assert_same(half, whole)


def test_a_log_with_a_torn_line_is_mended(dataset: Manifest, whole: Path, tmp_path: Path) -> None:
    train(dataset, tmp_path, steps=4)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "los')
    train(dataset, tmp_path, steps=STEPS)
    assert_same(tmp_path, whole)


def test_an_optimisers_state_comes_back_in_its_networks_memory_layout() -> None:
    networks = [torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last) for _ in range(2)]
    first, second = ({"G": torch.optim.Adam(n.parameters(), fused=True)} for n in networks)
    for _ in range(2):
        networks[0](torch.ones(1, 3, 5, 5)).square().sum().backward()
        first["G"].step()
    facts, tensors = checkpoint.optimiser_facts(first), checkpoint.optimiser_tensors(first)
    checkpoint.load_optimisers(second, json.loads(json.dumps(facts)), tensors)
    for mine, theirs in zip(*(o["G"].state.values() for o in (first, second)), strict=True):
        assert torch.equal(mine["exp_avg"], theirs["exp_avg"])
        assert mine["exp_avg"].stride() == theirs["exp_avg"].stride()


@pytest.mark.slow
def test_two_processes_train_one_run(dataset: Manifest, tmp_path: Path) -> None:
    script, run = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SCRIPT)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    words = [sys.executable, *launcher, str(script), "prgan", str(dataset.root), str(run)]
    subprocess.run(words, env=os.environ | PLACE, check=True)
    assert [step for step, _ in losses(run)] == list(range(1, STEPS + 1))
    assert "processes = 2" in (run / "config.toml").read_text()


def test_prgan_resumes_bit_by_bit(dataset: Manifest, tmp_path: Path) -> None:
    settings = {"width": 4, "residual_blocks": 1, "patch": 32, "discriminator_layers": 3}
    options: dict[str, Any] = {"settings": settings | {"batch": 1, "steps": 6}, "device": "cpu"}
    options |= {"checkpoint_every": 2, "progress": False}
    part, whole = tmp_path / "part", tmp_path / "whole"
    for run in (part, whole):
        training.train(dataset, run, baselines, "prgan", **options)
    store.remove(part / "checkpoints" / "step-000006")
    assert training.train(dataset, part, baselines, "prgan", **options).trained == 2
    assert weights(part, 6) == weights(whole, 6)
    assert losses(part) == losses(whole)
