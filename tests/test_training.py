"""The training engine: what it writes, what it refuses, and how a method comes back."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_methods
from PIL import Image
from training_folders import STEPS, assert_same, losses, make_dataset, train, weights

from gazebench import store, training
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Draw, Pixels
from gazebench.errors import BusyError, InputError, RefusedError
from gazebench.training.batches import Loader
from gazebench.training.run import read_log


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def whole(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole")
    train(dataset, run)
    return run


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
    row = read_log(whole / "log.jsonl")[0]
    assert row["losses"].keys() == {"adv", "rec"}
    assert row["lr"] == {"G": 1e-2, "D": 1e-2}
    assert row["images_per_s"] > 0
    assert row["memory_mb"] > 0


def test_the_picture_shows_source_and_corrected_of_up_to_six_portraits(whole: Path) -> None:
    with Image.open(whole / "samples" / "step-000012.png") as picture:
        assert picture.size == (4 * 64, 2 * 64 + 2 * round(8 * 64 / 24))


def test_a_finished_run_is_left_alone(dataset: Manifest, whole: Path) -> None:
    before = weights(whole, STEPS)
    assert train(dataset, whole).trained == 0
    assert weights(whole, STEPS) == before


def test_another_seed_or_setting_is_refused_by_name(dataset: Manifest, whole: Path) -> None:
    with pytest.raises(RefusedError, match="seed: 0 → 1") as caught:
        train(dataset, whole, seed=1, settings={"lr": 0.5})
    assert "methods.small.lr: 0.01 → 0.5" in str(caught.value)
    assert caught.value.exit_code == 7


def test_another_label_is_refused(dataset: Manifest, whole: Path) -> None:
    relabelled = dataset.with_labels({p.id: "X" for p in dataset.portraits[:7]} | {"drawn-7": "Y"})
    with pytest.raises(RefusedError, match="dataset_fingerprint: "):
        train(relabelled, whole)


def test_another_resolution_is_refused(whole: Path, tmp_path: Path) -> None:
    larger = make_dataset(tmp_path, 128)
    with pytest.raises(RefusedError, match=r"resolution: 64 → 128; window: \(8, 12\) → \("):
        train(larger, whole)


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
    kept = json.loads((tmp_path / "nan" / "state.json").read_text())
    assert (kept["step"], kept["losses"]["adv"]) == (7, "nan")
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


def test_a_domain_without_portraits_names_the_command(dataset: Manifest, tmp_path: Path) -> None:
    labels = {p.id: "X" for p in dataset.portraits}
    with pytest.raises(InputError, match=r"8 labelled X and 0 labelled Y.*label import"):
        train(dataset.with_labels(labels), tmp_path)
    assert not (tmp_path / "config.toml").exists()


def test_a_method_without_networks_is_not_trained(dataset: Manifest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="still needs no training"):
        training.train(dataset, tmp_path, toy_methods, "still")


def test_pictures_on_the_way_change_nothing(dataset: Manifest, whole: Path, tmp_path: Path) -> None:
    train(dataset, tmp_path, sample_every=2)
    assert len(list((tmp_path / "samples").iterdir())) == 6
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


@pytest.mark.parametrize("damage", ["cut off", "changed", "no array", "of unknown origin"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: str) -> None:
    manifest = make_dataset(tmp_path / "dataset")
    whole = np.array(Pixels.open(manifest).array)
    (cache,) = (manifest.root / "cache").glob("pixels-*.npy")
    data = bytearray(cache.read_bytes())
    data[-100] ^= 255
    changes = {"cut off": data[:100], "changed": data, "no array": b"no array"}
    if damage in changes:
        cache.write_bytes(changes[damage])
    else:
        cache.with_suffix(".json").unlink()
    assert np.array_equal(Pixels.open(manifest).array, whole)


def test_a_cache_that_was_only_touched_is_kept(tmp_path: Path) -> None:
    manifest = make_dataset(tmp_path / "dataset")
    Pixels.open(manifest)
    (cache,) = (manifest.root / "cache").glob("pixels-*.npy")
    before = cache.stat().st_ino
    os.utime(cache)
    Pixels.open(manifest)
    assert cache.stat().st_ino == before
