"""A study of made-up runs on a made-up dataset, for tests and benchmarks: made in a second."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gazebench.dataset import FORMAT, Manifest, Portrait, Split, csv_text, manifest_csv
from gazebench.dataset.boxes import Box, Point
from gazebench.study.creating import Wishes, create

METHODS = ("alpha", "beta", "gamma", "delta", "epsilon")


def made_dataset(root: Path, *, away: int = 60, camera: int = 6, side: int = 64) -> Path:
    """Test portraits of coloured noise: ``away`` of domain Y, ``camera`` of domain X."""
    rng = np.random.default_rng(0)
    names = [f"y{n:03}" for n in range(away)] + [f"x{n:03}" for n in range(camera)]
    (root / "images").mkdir(parents=True)
    for name in names:
        (root / "images" / f"{name}.png").write_bytes(picture(rng, side))
    portraits = [_portrait(name) for name in names]
    info = {
        "format": FORMAT,
        "name": "made",
        "source": "folder",
        "resolution": side,
        "window": [12, 20],
        "tree_hash": "0" * 64,
    }
    labels = ((name, "Y" if name[0] == "y" else "X") for name in names)
    (root / "manifest.csv").write_text(manifest_csv(portraits))
    (root / "labels.csv").write_text(csv_text(("id", "label"), labels))
    (root / "dataset.json").write_text(json.dumps(info))
    return root


def picture(rng: np.random.Generator, side: int) -> bytes:
    """A PNG of smooth coloured noise."""
    buffer = io.BytesIO()
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    small.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def made_runs(runs: Path, dataset: Path, names: Sequence[str] = METHODS) -> Path:
    """Runs whose corrections are other noise."""
    manifest = Manifest.load(dataset)
    for number, name in enumerate(names):
        rng = np.random.default_rng(100 + number)
        (runs / name / "predictions").mkdir(parents=True)
        for portrait in manifest.portraits:
            if portrait.id[0] == "y":
                path = runs / name / "predictions" / f"{portrait.id}.png"
                path.write_bytes(picture(rng, manifest.resolution))
        facts = {"method": name, "dataset": manifest.fingerprint}
        (runs / name / "predictions.json").write_text(json.dumps(facts))
    return runs


def made_study(folder: Path, *, side: int = 64, **wishes: object) -> Path:
    """A study in ``folder``, with its runs and its dataset beside it."""
    wanted = Wishes(**wishes)  # type: ignore[arg-type]
    dataset = made_dataset(folder / "dataset", away=wanted.questions + 5, side=side)
    runs = made_runs(folder / "runs", dataset)
    create(runs, dataset, folder / "study", wanted, quiet=True)
    return folder / "study"


def _portrait(name: str) -> Portrait:
    return Portrait(
        id=name,
        source_name=f"{name}.png",
        identity=None,
        split=Split.TEST,
        left_eye=Box(8, 20, 28, 32),
        right_eye=Box(36, 20, 56, 32),
        left_center=Point(18, 26),
        right_center=Point(46, 26),
        transform=(1, 0, 0, 0, 1, 0),
        score=1.0,
        faces=1,
        source_sha256=f"{name:0>64}",
        sha256=f"{name:0>64}",
    )
