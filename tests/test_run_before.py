"""A run that an earlier version wrote is read, and resumed, as the version that wrote it did.

``run_before`` is a narrow PRGAN after 3 of 5 steps, with a moving average, and its dataset;
``after_step_5`` are the weights with which that version ended. Another processor rounds
otherwise, hence the tolerances.
"""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from training_folders import losses

from gazebench import baselines, training
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Pixels, eye_patches, to_uint8

HERE = Path(__file__).parent / "run_before"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HERE, tmp_path / "copy"))


def resumed(copy: Path) -> training.TrainingResult:
    settings = tomllib.loads((HERE / "run" / "config.toml").read_text())["methods"]["prgan"]
    options = {"device": "cpu", "progress": False, "ema": 0.5, "checkpoint_every": 3}
    manifest = Manifest.load(copy / "dataset")
    return training.train(manifest, copy / "run", baselines, "prgan", settings=settings, **options)


def test_it_resumes_and_ends_with_the_same_weights(copy: Path) -> None:
    result = resumed(copy)
    assert (result.step, result.trained, result.images) == (5, 2, 20)
    found = copy / "run" / "checkpoints" / "step-000005" / "weights.safetensors"
    expected = safetensors.torch.load_file(HERE / "after_step_5.safetensors")
    weights = safetensors.torch.load_file(found)
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, atol=2e-6, rtol=1e-4)


def test_its_log_goes_on_with_the_same_losses(copy: Path) -> None:
    resumed(copy)
    before, after = losses(HERE / "run"), losses(copy / "run")
    assert [step for step, _ in after] == [step for step, _ in before] == [1, 2, 3, 4, 5]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert new == pytest.approx(old, rel=1e-4, abs=1e-6)


def test_it_corrects_as_its_sample_shows(copy: Path) -> None:
    manifest = Manifest.load(copy / "dataset")
    trained = training.load_trained(baselines, copy / "run", manifest, device="cpu")
    assert (trained.name, trained.facts["step"], trained.facts["images"]) == ("prgan", 3, 12)
    batch = Pixels.open(manifest).batch(manifest.select(domain=Domain.AWAY))
    with torch.no_grad():
        corrected = trained.method.correct(batch)
    with Image.open(HERE / "run" / "samples" / "step-000003.png") as picture:
        rows = np.asarray(picture)[64:128].reshape(64, 4, 64, 3).swapaxes(0, 1)
    shown = torch.from_numpy(rows.copy()).movedim(3, 1).float()
    found = to_uint8(eye_patches(corrected, batch.eyes)).float()
    assert (found - eye_patches(shown, batch.eyes)).abs().max() <= 1
