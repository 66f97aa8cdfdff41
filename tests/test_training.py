"""The training engine: what it writes, and that a stop at any place changes nothing."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import toy_methods
from PIL import Image
from toy_methods.small import CrashError
from training_folders import losses, make_dataset, weights

from gazebench import baselines, store, training
from gazebench.data import Draw, Pixels
from gazebench.errors import BusyError, DiskError, InputError, RefusedError, StoppedError
from gazebench.manifest import Domain, Manifest
from gazebench.training import log
from gazebench.training.drawing import Loader

STEPS = 12


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


def train(dataset: Manifest, run: Path, **options: Any) -> training.TrainingResult:
    """Train the toy on the CPU with a checkpoint every 5 steps."""
    known = {"device": "cpu", "progress": False, "checkpoint_every": 5, "sample_every": 100}
    return training.train(dataset, run, toy_methods, "small", **(known | options))


@pytest.fixture(scope="module")
def whole(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole")
    train(dataset, run)
    return run


def assert_same(run: Path, other: Path, steps: int = STEPS) -> None:
    assert weights(run, steps) == weights(other, steps)
    assert losses(run) == losses(other)
    assert [step for step, _ in losses(run)] == list(range(1, steps + 1))


def test_a_run_leaves_config_log_picture_and_two_checkpoints(whole: Path) -> None:
    found = {str(p.relative_to(whole)) for p in whole.rglob("*") if p.is_file()}
    files = ("state.json", "state.safetensors", "weights.safetensors")
    checkpoints = {f"checkpoints/step-{s:06d}/{f}" for s in (10, 12) for f in files}
    assert found - {".lock"} == checkpoints | {
        "config.toml",
        "log.jsonl",
        "samples/step-000012.png",
    }


def test_a_line_of_the_log_has_losses_rates_speed_and_memory(whole: Path) -> None:
    row = log.read(whole / "log.jsonl")[0]
    assert row["losses"].keys() == {"adv", "rec"}
    assert row["lr"] == {"G": 1e-2, "D": 1e-2}
    assert row["images_per_s"] > 0
    assert row["memory_mb"] > 0


def test_the_picture_shows_source_and_corrected_of_up_to_six_portraits(whole: Path) -> None:
    with Image.open(whole / "samples" / "step-000012.png") as picture:
        assert picture.size == (4 * 64, 2 * 64 + 2 * round(8 * 64 / 24))


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
from gazebench.manifest import Manifest
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


def test_a_finished_run_is_left_alone(dataset: Manifest, whole: Path) -> None:
    before = weights(whole, STEPS)
    assert train(dataset, whole).trained == 0
    assert weights(whole, STEPS) == before


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
    assert "unfinished checkpoint, no state.json" in heard[0]
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


def test_another_seed_or_setting_is_refused_by_name(dataset: Manifest, whole: Path) -> None:
    with pytest.raises(RefusedError, match="seed: 0 → 1") as caught:
        train(dataset, whole, seed=1, settings={"lr": 0.5})
    assert "methods.small.lr: 0.01 → 0.5" in str(caught.value)
    assert caught.value.exit_code == 7


def test_another_label_is_refused(dataset: Manifest, whole: Path) -> None:
    relabelled = dataset.with_labels({p.id: "X" for p in dataset.portraits[:7]} | {"drawn-7": "Y"})
    with pytest.raises(RefusedError, match="dataset_fingerprint: "):
        train(relabelled, whole)


def test_overwrite_starts_anew_and_keeps_predictions(dataset: Manifest, tmp_path: Path) -> None:
    train(dataset, tmp_path, steps=2)
    store.write(tmp_path / "predictions" / "a.png", b"")
    assert train(dataset, tmp_path, steps=3, seed=1, overwrite=True).trained == 3
    assert [step for step, _ in losses(tmp_path)] == [1, 2, 3]
    assert (tmp_path / "predictions" / "a.png").exists()


def test_more_steps_go_on_where_the_learning_rate_allows(
    dataset: Manifest, whole: Path, tmp_path: Path
) -> None:
    train(dataset, tmp_path, steps=4)
    assert train(dataset, tmp_path, steps=STEPS).trained == 8
    assert_same(tmp_path, whole)


def test_other_steps_are_refused_where_done_ones_would_differ(
    dataset: Manifest, tmp_path: Path
) -> None:
    train(dataset, tmp_path, steps=4, settings={"decays": True})
    with pytest.raises(RefusedError, match="steps: 4 → 8 would have given"):
        train(dataset, tmp_path, steps=8, settings={"decays": True})


def test_fewer_steps_than_done_are_refused(dataset: Manifest, whole: Path) -> None:
    with pytest.raises(RefusedError, match="steps: 12 → 3, but 12 are done"):
        train(dataset, whole, steps=3)


def test_a_loss_that_is_not_finite_stops_at_once(dataset: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="step 7: loss adv is nan"):
        train(dataset, tmp_path, settings={"nan_at": 6})
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-000005"]
    state = json.loads((tmp_path / "nan" / "state.json").read_text())
    assert (state["step"], state["losses"]["adv"]) == (7, "nan")
    assert losses(tmp_path)[-1][0] == 6


def test_weights_that_are_not_finite_are_never_a_checkpoint(
    dataset: Manifest, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="not finite"):
        train(dataset, tmp_path, settings={"breaks_at": 9})
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-000005"]


def test_a_second_training_in_the_folder_is_refused(dataset: Manifest, tmp_path: Path) -> None:
    with store.locked(tmp_path), pytest.raises(BusyError, match="is writing here"):
        train(dataset, tmp_path)


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


def test_a_domain_without_portraits_names_the_command(dataset: Manifest, tmp_path: Path) -> None:
    labels = {p.id: "X" for p in dataset.portraits}
    with pytest.raises(InputError, match=r"8 labelled X and 0 labelled Y.*label import"):
        train(dataset.with_labels(labels), tmp_path)
    assert not (tmp_path / "config.toml").exists()


def test_a_method_without_networks_is_not_trained(dataset: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="still needs no training"):
        training.train(dataset, tmp_path, toy_methods, "still")


def test_half_precision_on_the_cpu_is_a_sentence(dataset: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--precision fp16: needs a GPU"):
        train(dataset, tmp_path, precision="fp16")


def test_bfloat16_trains_and_resumes(dataset: Manifest, tmp_path: Path, accident: Any) -> None:
    half, whole = tmp_path / "half", tmp_path / "whole"
    accident("crash", 7)
    with pytest.raises(CrashError):
        train(dataset, half, precision="bf16")
    accident("", 0)
    train(dataset, half, precision="bf16")
    train(dataset, whole, precision="bf16")
    assert_same(half, whole)


def test_pictures_on_the_way_change_nothing(dataset: Manifest, whole: Path, tmp_path: Path) -> None:
    train(dataset, tmp_path, sample_every=2)
    assert len(list((tmp_path / "samples").iterdir())) == 6
    assert_same(tmp_path, whole)


def test_a_log_with_a_torn_line_is_mended(dataset: Manifest, whole: Path, tmp_path: Path) -> None:
    train(dataset, tmp_path, steps=4)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "los')
    train(dataset, tmp_path, steps=STEPS)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("calls", [[2, 2, 2], [1, 3, 0, 2]])
def test_reading_ahead_changes_no_draw(dataset: Manifest, calls: list[int]) -> None:
    pixels = Pixels.open(dataset)
    x, y = (dataset.select(domain=d) for d in Domain)
    given = {"batch": 2, "seed": 3, "device": torch.device("cpu")}
    loader = Loader(pixels, x, y, **given, ahead=True)
    for step, count in enumerate(calls):
        ahead, plain = loader.draw(step), Draw(pixels, x, y, **given, step=step)
        for _ in range(count):
            assert [b.ids for b in ahead()] == [b.ids for b in plain()]
        assert loader.images == count * 4
    loader.close()


@pytest.mark.slow
def test_two_processes_train_one_run(dataset: Manifest, tmp_path: Path) -> None:
    script, run = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SCRIPT)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    words = [sys.executable, *launcher, str(script), "prgan", str(dataset.root), str(run)]
    subprocess.run(words, env=os.environ | PLACE, check=True)
    assert [step for step, _ in losses(run)] == list(range(1, STEPS + 1))
    assert "processes = 2" in (run / "config.toml").read_text()


def test_a_trained_method_comes_back_ready_to_correct(dataset: Manifest, whole: Path) -> None:
    trained = training.load_trained(toy_methods, whole, dataset, device="cpu")
    again = training.load_trained(toy_methods, whole, dataset, device="cpu")
    batch = Pixels.open(dataset).batch(dataset.portraits[:2])
    assert torch.equal(trained.method.correct(batch), again.method.correct(batch))
    assert not trained.method.networks["G"].training
    assert (trained.name, trained.facts["step"], trained.facts["seed"]) == ("small", STEPS, 0)
    assert trained.facts["trained_on"] == dataset.fingerprint


def test_a_trained_method_refuses_another_geometry(dataset: Manifest, whole: Path) -> None:
    other = replace(dataset, resolution=512, window=(46, 80))
    with pytest.raises(RefusedError, match="resolution 64 → 512 and window 8x12 → 46x80") as caught:
        training.load_trained(toy_methods, whole, other)
    assert "gazebench train --method small" in str(caught.value)


def test_a_folder_without_checkpoint_names_train(
    dataset: Manifest, whole: Path, tmp_path: Path
) -> None:
    store.write(tmp_path / "config.toml", (whole / "config.toml").read_bytes())
    with pytest.raises(InputError, match="no usable checkpoint; run `gazebench train"):
        training.load_trained(toy_methods, tmp_path, dataset)


def test_the_name_of_a_runs_method_is_told(whole: Path, tmp_path: Path) -> None:
    assert training.run_method_name(whole) == "small"
    assert training.run_method_name(tmp_path) is None


def test_the_name_is_told_without_torch() -> None:
    code = "import sys, gazebench.training; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
