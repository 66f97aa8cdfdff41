"""What a training may do besides: averaged weights, gradient norms, TensorBoard, compilation."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import toy_methods
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy_methods.small import CrashError, Small
from training_folders import STEPS, assert_same, losses, make_dataset, train

from gazebench import training
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Draw, Pixels
from gazebench.errors import InputError, RefusedError
from gazebench.training.run import read_log

PLACE = {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Train until a crash at a step of the toy method."""

    def until(dataset: Manifest, run: Path, step: int, **options: Any) -> None:
        monkeypatch.setenv("ACCIDENT", "crash")
        monkeypatch.setenv("ACCIDENT_STEP", str(step))
        with pytest.raises(CrashError):
            train(dataset, run, **options)
        monkeypatch.delenv("ACCIDENT")

    return until


def tensors(run: Path, name: str, step: int = STEPS) -> dict[str, torch.Tensor]:
    path = run / "checkpoints" / f"step-{step:06d}" / f"{name}.safetensors"
    return safetensors.torch.load_file(path)


def test_averaged_weights_are_the_moving_average_of_the_raw_ones(
    dataset: Manifest, tmp_path: Path
) -> None:
    train(dataset, tmp_path, steps=2, ema=0.5, checkpoint_every=1)
    before, after = (tensors(tmp_path, "weights", step) for step in (1, 2))
    raw, key = tensors(tmp_path, "state", 2), "G.0.weight"
    decay = 2 / 11  # (1 + step) / (10 + step), less than 0.5
    expected = decay * before[key] + (1 - decay) * raw[f"raw.{key}"]
    torch.testing.assert_close(after[key], expected)


def test_averaging_changes_nothing_of_what_is_learned(dataset: Manifest, tmp_path: Path) -> None:
    train(dataset, tmp_path / "plain", sample_every=3)
    train(dataset, tmp_path / "averaged", ema=0.9, sample_every=3)
    assert losses(tmp_path / "plain") == losses(tmp_path / "averaged")
    raw = tensors(tmp_path / "averaged", "state")["raw.G.3.weight"]
    assert torch.equal(raw, tensors(tmp_path / "plain", "weights")["G.3.weight"])
    averaged = tensors(tmp_path / "averaged", "weights")["G.3.weight"]
    assert not torch.equal(raw, averaged)


@pytest.mark.parametrize("step", [3, 8])
def test_averaged_weights_resume_bit_by_bit(
    dataset: Manifest, tmp_path: Path, crash: Any, step: int
) -> None:
    crash(dataset, tmp_path / "part", step, ema=0.9)
    train(dataset, tmp_path / "part", ema=0.9)
    train(dataset, tmp_path / "whole", ema=0.9)
    assert_same(tmp_path / "part", tmp_path / "whole")


def test_a_trained_method_corrects_with_the_averaged_weights(
    dataset: Manifest, tmp_path: Path
) -> None:
    train(dataset, tmp_path, ema=0.9)
    method = training.load_trained(toy_methods, tmp_path, dataset, device="cpu").method
    held = method.networks["G"].state_dict()["0.weight"]
    assert torch.equal(held, tensors(tmp_path, "weights")["G.0.weight"])


def test_another_average_is_refused(dataset: Manifest, tmp_path: Path) -> None:
    train(dataset, tmp_path, steps=1, ema=0.9)
    with pytest.raises(RefusedError, match=r"ema: 0\.9 → 0\.0"):
        train(dataset, tmp_path, steps=1)


def test_the_log_has_the_norm_of_each_optimisers_gradient(
    dataset: Manifest, tmp_path: Path
) -> None:
    train(dataset, tmp_path, steps=1)
    (row,) = read_log(tmp_path / "log.jsonl")
    # the first moment of Adam after one step is a tenth of the gradient
    state = tensors(tmp_path, "state", 1)
    for name in ("G", "D"):
        moments = [v for k, v in state.items() if k.startswith(f"optimiser.{name}.") and "avg" in k]
        first = [m for k, m in state.items() if k.endswith("exp_avg") and f".{name}." in k]
        assert len(moments) == 2 * len(first)
        norm = math.sqrt(sum(float((10 * m).square().sum()) for m in first))
        assert row["grad"][name] == pytest.approx(norm, rel=1e-4)


def test_a_gradient_that_is_not_finite_stops_at_once(dataset: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="step 3: gradient of G is nan") as caught:
        train(dataset, tmp_path, settings={"bad_gradient_at": 2})
    assert caught.value.exit_code == 3
    assert not (tmp_path / "checkpoints").exists()
    assert (tmp_path / "nan" / "state.json").exists()


def shown(run: Path) -> EventAccumulator:
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events


def test_tensorboard_has_each_step_once_after_a_crash(
    dataset: Manifest, tmp_path: Path, crash: Any
) -> None:
    crash(dataset, tmp_path, 8, tensorboard=True, sample_every=4)
    train(dataset, tmp_path, tensorboard=True, sample_every=4)
    events = shown(tmp_path)
    rows = read_log(tmp_path / "log.jsonl")
    for tag in ("losses/rec", "grad/G", "lr/D"):
        group, name = tag.split("/")
        drawn = [(e.step, e.value) for e in events.Scalars(tag)]
        assert drawn == [(r["step"], pytest.approx(r[group][name])) for r in rows]
    assert [e.step for e in events.Scalars("images_per_s")] == list(range(1, STEPS + 1))
    assert [e.step for e in events.Images("sample")] == [4, 8, 12]


def test_tensorboard_changes_nothing_and_goes_with_overwrite(
    dataset: Manifest, tmp_path: Path
) -> None:
    train(dataset, tmp_path / "plain")
    train(dataset, tmp_path / "board", tensorboard=True)
    assert_same(tmp_path / "plain", tmp_path / "board")
    train(dataset, tmp_path / "board", overwrite=True, steps=1)
    assert not (tmp_path / "board" / "tensorboard").exists()


SCRIPT = """
import sys, toy_methods
from pathlib import Path
from gazebench import training
from gazebench.errors import MissingPartError
from gazebench.dataset import Manifest
sys.modules[sys.argv[4]] = None
try:
    training.train(Manifest.load(Path(sys.argv[1])), Path(sys.argv[2]), toy_methods, "small",
                   device="cpu", progress=False, **{sys.argv[3]: True})
except MissingPartError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def train_with(option: str, dataset: Manifest, run: Path, absent: str = "", **place: str) -> Any:
    """A training with one option on, in another process, perhaps without a module."""
    words = [sys.executable, "-c", SCRIPT, str(dataset.root), str(run), option, absent]
    environment = os.environ | PLACE | place
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_without_tensorboard_the_command_that_installs_it_is_named(
    dataset: Manifest, tmp_path: Path
) -> None:
    done = train_with("tensorboard", dataset, tmp_path / "run", absent="tensorboard")
    assert done.returncode == 8
    assert "pip install 'gazebench[tensorboard]'" in done.stdout
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_without_a_compiler_compile_is_a_sentence(dataset: Manifest, tmp_path: Path) -> None:
    nowhere = {"CXX": "/nonexistent/g++", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = train_with("compile", dataset, tmp_path / "run", **nowhere)
    assert done.returncode == 8, done.stderr
    assert "training.compile: nothing can be compiled for cpu here" in done.stdout
    assert "install a C++ compiler" in done.stdout


@pytest.mark.slow
def test_compiled_networks_learn_and_their_checkpoints_fit_plain_ones(
    dataset: Manifest, tmp_path: Path
) -> None:
    assert train_with("compile", dataset, tmp_path / "compiled").returncode == 0
    train(dataset, tmp_path / "plain")
    compiled, plain = (tensors(tmp_path / name, "weights") for name in ("compiled", "plain"))
    assert compiled.keys() == plain.keys()
    (_, mine), (_, theirs) = (losses(tmp_path / name)[0] for name in ("compiled", "plain"))
    assert mine == pytest.approx(theirs, rel=0.2)  # dropout falls on other pixels
    facts = json.loads((tmp_path / "compiled/checkpoints/step-000012/state.json").read_text())
    assert facts["compiled"]
    trained = training.load_trained(toy_methods, tmp_path / "compiled", dataset, device="cpu")
    batch = Pixels.open(dataset).batch(dataset.portraits[:2])
    assert torch.isfinite(trained.method.correct(batch)).all()


@pytest.mark.parametrize(("precision", "kind"), [("bf16", torch.bfloat16), ("no", torch.float32)])
def test_what_a_loss_looks_through_has_the_precision_of_the_training(
    dataset: Manifest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    kind: torch.dtype,
) -> None:
    found: set[torch.dtype] = set()
    learn = Small.training_step

    def watched(method: Small, draw: Draw) -> dict[str, torch.Tensor]:
        with method.autocast():
            found.add((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        return learn(method, draw)

    monkeypatch.setattr(Small, "training_step", watched)
    train(dataset, tmp_path, steps=1, precision=precision)
    assert found == {kind}
