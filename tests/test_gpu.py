"""On a GPU: every method learns and corrects as on the CPU, and a resumed training is the same."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from gaze_batches import away
from training_folders import make_dataset, weights

from gazebench import baselines, contract, plugins, training
from gazebench.config import build
from gazebench.dataset import Domain
from gazebench.dataset.batches import Draw, Pixels
from gazebench.methods import Task, corrects, is_trainable, load

pytestmark = pytest.mark.gpu
DEVICE = "cuda"
KINDS: dict[str, Any] = {name: load(baselines, name) for name in plugins.names(baselines)}
TRAINED = [name for name, kind in KINDS.items() if is_trainable(kind)]


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(256)


@pytest.fixture(autouse=True)
def exact() -> None:
    """Convolutions in float32 whose algorithm does not depend on timing."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def make(name: str, device: str) -> Any:
    kind = KINDS[name]
    torch.manual_seed(0)
    settings = build(kind.Config, {**kind.small_settings, "batch": 2}, name)
    method = kind(settings, Task(256, (30, 50)))
    for network in method.networks.values():
        network.to(device)
    return method


def losses(name: str, device: str, pixels: Pixels, steps: int = 3) -> list[dict[str, float]]:
    x, y = (pixels.manifest.select(domain=d) for d in Domain)
    method, found = make(name, device), []
    for step in range(steps):
        draw = Draw(pixels, x, y, batch=2, seed=0, step=step, device=device)
        found.append({n: v.item() for n, v in method.training_step(draw).items()})
    return found


@pytest.mark.parametrize("name", TRAINED)
def test_two_trainings_from_one_seed_agree(name: str, pixels: Pixels) -> None:
    first, second = (losses(name, DEVICE, pixels) for _ in range(2))
    for ours, theirs in zip(first, second, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", [n for n in TRAINED if corrects(KINDS[n])])
@torch.no_grad()
def test_a_correction_is_that_of_the_cpu(name: str, pixels: Pixels) -> None:
    batch, found = away(pixels), []
    for device in ("cpu", DEVICE):
        method = make(name, device)
        for network in method.networks.values():
            network.eval()
        found.append(method.correct(batch.to(device)).cpu())
    assert (found[0] - found[1]).abs().max() < 2e-3


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("name", [n for n in TRAINED if n in ("prgan", "pam")])
def test_a_training_that_was_stopped_ends_with_the_same_weights(
    name: str, precision: str, tmp_path: Path
) -> None:
    dataset, run, ends = make_dataset(tmp_path / "dataset", 256), tmp_path / "run", []
    settings = {**KINDS[name].small_settings, "batch": 2}
    options = {"device": DEVICE, "precision": precision, "progress": False, "settings": settings}
    for _ in range(2):
        training.train(dataset, run, baselines, name, steps=4, checkpoint_every=2, **options)
        ends.append(weights(run, 4)[0])
        shutil.rmtree(run / "checkpoints" / "step-000004")  # the next call goes on from step 2
    assert ends[0] == ends[1]
