"""A drawn dataset on the disk, and what a training left there."""

import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import toy_methods
from PIL import Image
from toy_methods import small

from benchmarks.made_datasets import write_lists
from gazebench import contract, store, training
from gazebench.dataset import ImageFormat, Manifest, csv_text
from gazebench.training.run import read_log


def make_dataset(root: Path, resolution: int = 64) -> Manifest:
    """Eight drawn portraits of the training half, four of them X, as a dataset folder."""
    pixels = contract.drawn_dataset(resolution)
    portraits = []
    for portrait in pixels.manifest.portraits:
        buffer = io.BytesIO()
        Image.fromarray(pixels.array[pixels.rows[portrait.id]]).save(buffer, "PNG")
        data = buffer.getvalue()
        store.write(root / ImageFormat.PNG.file(portrait.id), data)
        portraits.append(replace(portrait, sha256=hashlib.sha256(data).hexdigest()))
    labels = csv_text(("id", "label"), [(p.id, p.domain or "") for p in portraits])
    info = {
        "format": 2,
        "name": "drawn",
        "source": "folder",
        "resolution": resolution,
        "window": list(pixels.manifest.window),
    }
    store.write(root / "labels.csv", labels)
    write_lists(root, info, portraits)
    return Manifest.load(root)


def weights(run: Path, step: int) -> tuple[bytes, bytes]:
    """Bytes of a checkpoint's two tensor files."""
    folder = run / "checkpoints" / f"step-{step:06d}"
    return tuple((folder / f"{n}.safetensors").read_bytes() for n in ("weights", "state"))  # type: ignore[return-value]


def losses(run: Path) -> list[tuple[int, dict[str, Any]]]:
    """Step and losses of every line of a run's log."""
    return [(row["step"], row["losses"]) for row in read_log(run / "log.jsonl")]


def two_files(folder: Path) -> list[str]:
    """Words of a command line for two methods, ``one`` and ``two``: files with the toy method."""
    for name in ("one", "two"):
        shutil.copy(small.__file__, folder / f"{name}.py")
    return ["--method", f"{folder / 'one.py'}", "--method", f"{folder / 'two.py'}"]


STEPS = 12  # of the toy method


def train(dataset: Manifest, run: Path, **options: Any) -> training.TrainingResult:
    """Train the toy on the CPU with a checkpoint every 5 steps."""
    known = {"device": "cpu", "progress": False, "checkpoint_every": 5, "sample_every": 100}
    return training.train(dataset, run, toy_methods, "small", **(known | options))


def assert_same(run: Path, other: Path, steps: int = STEPS) -> None:
    assert weights(run, steps) == weights(other, steps)
    assert losses(run) == losses(other)
    assert [step for step, _ in losses(run)] == list(range(1, steps + 1))
