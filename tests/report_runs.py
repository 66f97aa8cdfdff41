"""A small folder of runs, drawn and invented, for the tests of reports."""

import io
import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.made_datasets import write_lists
from gazebench import store
from gazebench.cards import MethodCard, MetricCard
from gazebench.dataset import (
    FORMAT,
    ImageFormat,
    Manifest,
    Portrait,
    Split,
    csv_text,
    sha256_of,
)
from gazebench.dataset.boxes import Box, Point, eye_window
from gazebench.dataset.measures import Measures
from gazebench.reports.measured import Measured
from gazebench.results import BENCHMARK, DatasetFacts, RunResult, Score
from gazebench.training.run import Recipe

SIDE = 64
PORTRAITS = 12
REGION = "portrait without eye boxes"

METRICS = {
    "ms_ssim_outside": MetricCard(
        group="preservation",
        order=10,
        title="MS-SSIM outside",
        higher_is_better=True,
        digits=4,
        help="How much of the face outside the eyes stays as it was.",
        region=REGION,
        bounds=(0.0, 1.0),
    ),
    "lpips_outside": MetricCard(
        group="preservation",
        order=20,
        title="LPIPS outside",
        higher_is_better=False,
        digits=4,
        help="Perceived change outside the eyes.",
        region=REGION,
        weights=("lpips_alex",),
        bounds=(0.0, None),
    ),
    "fid_eyes": MetricCard(
        group="quality",
        order=10,
        title="FID eyes",
        higher_is_better=False,
        digits=2,
        help="How far corrected eyes are, as a crowd, from real eyes that look at the camera.",
        region="eye patches",
        weights=("inception_fid",),
        bounds=(0.0, None),
    ),
    "kid_eyes": MetricCard(
        group="quality",
        order=20,
        title="KID eyes",
        higher_is_better=False,
        digits=4,
        help="The same question without the bias of small samples.",
        region="eye patches",
        weights=("inception_fid",),
    ),
    "parameters_inference": MetricCard(
        group="cost",
        order=10,
        title="Parameters, inference",
        higher_is_better=False,
        digits=2,
        unit="M",
        help="Networks that a correction needs.",
    ),
    "parameters_training": MetricCard(
        group="cost",
        order=20,
        title="Parameters, training",
        higher_is_better=False,
        digits=2,
        unit="M",
        help="With discriminators.",
    ),
    "parameters_training_vgg": MetricCard(
        group="cost",
        order=30,
        title="Parameters, with VGG",
        higher_is_better=False,
        digits=2,
        unit="M",
        help="With discriminators and the frozen VGG-16, the paper's rule.",
    ),
    "fps": MetricCard(
        group="cost",
        order=40,
        title="FPS",
        higher_is_better=True,
        digits=1,
        unit="1/s",
        help="Portraits per second, one at a time.",
    ),
    "seam": MetricCard(
        title="Seam",
        higher_is_better=False,
        digits=2,
        help="Jump at the border of the eye boxes.",
        region="ring around the eye boxes",
    ),
}


def make_dataset(root: Path, *, name: str = "drawn faces", portraits: int = PORTRAITS) -> Manifest:
    """A finished dataset of drawn faces that look aside."""
    window = eye_window(SIDE)
    rows: list[Portrait] = []
    for number in range(portraits):
        pixels = draw_face(number, gaze=3)
        row = _portrait(number, window, name)
        store.make_folder(root / "images")
        path = root / ImageFormat.PNG.file(row.id)
        pixels.save(path)
        rows.append(replace(row, sha256=sha256_of(path)))
    info = {
        "format": FORMAT,
        "name": name,
        "source": "folder",
        "resolution": SIDE,
        "window": window,
    }
    store.write(root / "labels.csv", csv_text(("id", "label"), ((p.id, "Y") for p in rows)))
    write_lists(root, info, rows)
    return Manifest.load(root)


def draw_face(number: int, *, gaze: int) -> Image.Image:
    """A face whose pupils stand ``gaze`` pixels beside the middle of the eyes."""
    rng = np.random.default_rng(number)
    skin = tuple(int(v) for v in rng.integers((150, 100, 80), (240, 190, 160)))
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in rng.integers(30, 120, 3)))
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 4, 56, 62), fill=skin)
    for x in (20, 44):
        draw.ellipse((x - 6, 25, x + 6, 31), fill="white")
        draw.ellipse((x + gaze - 3, 25, x + gaze + 3, 31), fill=(60, 40, 20))
    return image


def _portrait(number: int, window: tuple[int, int], dataset: str) -> Portrait:
    left, right = Point(20, 28), Point(44, 28)
    return Portrait(
        id=f"face-{number:03d}",
        source_name=f"{dataset}/{number}.jpg",
        identity=None,
        split=Split.TEST,
        left_eye=Box.around(left, *window),
        right_eye=Box.around(right, *window),
        left_center=left,
        right_center=right,
        measures=Measures(yaw_deg=6.0 * number - 33.0, pitch_deg=float(number)),
        transform=(1, 0, 0, 0, 1, 0),
        score=1.0,
        faces=1,
        source_sha256="0" * 64,
        sha256="0" * 64,
    )


def facts(manifest: Manifest) -> DatasetFacts:
    """What a result says of its dataset."""
    return DatasetFacts(
        name=manifest.name,
        fingerprint=manifest.fingerprint,
        resolution=manifest.resolution,
        window=manifest.window,
        n_test=len(manifest.portraits),
        n_reference=2000,
    )


def some_facts(**changes: Any) -> DatasetFacts:
    """Facts of a dataset that is not on disk."""
    whole = DatasetFacts(
        name="CelebGaze",
        fingerprint="0123456789abcdef",
        resolution=256,
        window=(30, 50),
        n_test=PORTRAITS,
        n_reference=2000,
    )
    return replace(whole, **changes)


def per_portrait(mean: float, *, spread: float = 0.01, seed: int = 1) -> Score:
    """A per-portrait score around ``mean``; one seed gives one pattern over portraits."""
    pattern = [math.sin(seed * (i + 1)) for i in range(PORTRAITS)]
    middle = sum(pattern) / PORTRAITS
    values = {
        f"face-{i:03d}": round(mean + spread * (p - middle), 5) for i, p in enumerate(pattern)
    }
    return Score(
        value=mean,
        n=PORTRAITS,
        interval=(round(mean - spread / 3, 5), round(mean + spread / 2, 5)),
        stderr=round(spread / 5, 5),
        per_portrait=values,
    )


def fid(value: float, n: int = 2 * PORTRAITS) -> Score:
    """A set score with an interval that is not symmetric."""
    return Score(value=value, n=n, interval=(round(value - 2, 3), round(value + 5, 3)))


def make_result(name: str = "prgan", **changes: Any) -> RunResult:
    """A complete result with every column of Table I."""
    result = RunResult(
        run=name,
        name=name,
        method=MethodCard(title=name.upper(), paper="Somebody 2020", year=2020, license="MIT"),
        dataset=some_facts(),
        scores={
            "ms_ssim_outside": per_portrait(0.97, seed=1),
            "lpips_outside": per_portrait(0.05, seed=2),
            "fid_eyes": fid(80.0),
            "kid_eyes": Score(value=0.05, n=2 * PORTRAITS, stderr=0.002),
            "parameters_inference": Score(value=8.42, n=1),
            "parameters_training": Score(value=19.57, n=1),
            "parameters_training_vgg": Score(value=34.29, n=1),
            "fps": Score(value=31.5, n=50),
            "seam": per_portrait(2.0, spread=0.5, seed=3),
        },
        metrics=METRICS,
        n_predicted=PORTRAITS,
        provenance={
            "gazebench": "0.1.0",
            "date": "2025-05-04T10:00:00+00:00",
            "command": "gazebench eval dataset runs --method all",
            "device": "cpu",
            "settings": {"batch": 8, "betas": [0.5, 0.999]},
            "weights": {"inception_fid": "a" * 64},
        },
        pictures="predictions",
        dataset_folder="../../dataset",
    )
    return replace(result, **changes)


def some_results(dataset: DatasetFacts | None = None) -> list[RunResult]:
    """Three methods, an incomplete one and a control."""
    full = make_result(dataset=dataset or some_facts())
    best = full.scores | {
        "ms_ssim_outside": per_portrait(1.0, spread=0.0),
        "lpips_outside": per_portrait(0.0501, seed=4),
        "fid_eyes": fid(56.37),
        "kid_eyes": Score(value=-0.001, n=2 * PORTRAITS, stderr=0.002),
    }
    few = {k: v for k, v in full.scores.items() if k not in ("lpips_outside", "seam")}
    part = {"fid_eyes": fid(20.0, n=16), "fps": Score(value=900.0, n=50)}
    control = {k: v for k, v in best.items() if not k.startswith("parameters")}
    card = MethodCard(title="No change", kind="control", keeps_outside=True)
    return [
        replace(full, run="prgan", name="prgan", method=MethodCard(title="PRGAN", year=2019)),
        replace(
            full, run="v2", name="gazegan_v2", method=MethodCard(title="GazeGANV2"), scores=best
        ),
        replace(
            full,
            run="star",
            name="stargan",
            method=MethodCard(title="StarGAN", license="MIT"),
            scores=few,
            skipped={"lpips_outside": "weights lpips_alex are missing"},
        ),
        replace(
            full,
            run="part",
            name="part",
            method=MethodCard(title="Half done"),
            scores=part,
            ranked=False,
            n_predicted=8,
            notes=("8 of 12 portraits",),
        ),
        replace(full, run="identity", name="identity", method=card, scores=control),
    ]


WHOLE = {
    "content_code": True,
    "synthesis_as_training": True,
    "weight_fp": 0.1,
    "coarse_to_fine": True,
}
ANIMATED = ("animation_fid", "reconstruction_ms_ssim", "reconstruction_lpips")


def v2(run: str, *, fid_of: float = 50.0, metric: float = 0.6, **settings: Any) -> RunResult:
    """A run of GazeGANV2 with every score of Tables II to V."""
    from gazebench import metrics

    names = (*ANIMATED, "harm_ms_ssim", "harm_lpips")
    result = make_result(run, method=MethodCard(title="GazeGANV2"))
    scores = {name: per_portrait(metric, seed=3) for name in names}
    return replace(
        result,
        name="gazegan_v2",
        scores={**result.scores, **scores, "animation_fid": fid(fid_of, n=120)},
        metrics=METRICS | {name: metrics.load(metrics, name).card for name in names},
        provenance={"step": 12, "settings": WHOLE | settings},
    )


def saved(folder: Path, *results: RunResult) -> Measured:
    for result in results:
        result.save(folder / result.run / "scores.json")
    return Measured(folder)


def make_runs(root: Path, portraits: int = PORTRAITS) -> Path:
    """``root/dataset`` and ``root/runs`` with pictures; returns the folder of runs."""
    manifest = make_dataset(root / "dataset", portraits=portraits)
    for offset, result in enumerate(some_results(facts(manifest))):
        folder = root / "runs" / result.run
        store.make_folder(folder / result.pictures)
        for number, portrait in enumerate(manifest.portraits[: result.n_predicted]):
            face = draw_face(number, gaze=offset - 2)
            face.save(folder / result.pictures / f"{portrait.id}.png")
        result.save(folder / "scores.json")
    return root / "runs"


def add_upsampling(runs: Path, run: str, dataset: DatasetFacts) -> None:
    """What ``eval-upsampling`` leaves in a run: two up-samplers, one that was not measured."""
    scores = {
        "ms_ssim_full": per_portrait(0.95, seed=1),
        "lpips_full": per_portrait(0.20, seed=2),
        "fps": Score(value=30.0, n=50),
        "parameters": Score(value=48.9, n=1),
    }
    better = scores | {"lpips_full": per_portrait(0.10, seed=2)}
    rows = {
        name: {"title": title, "scores": {key: asdict(score) for key, score in made.items()}}
        for name, title, made in (("bilinear", "Bilinear", scores), ("cfm", "CFM", better))
    }
    facts = {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "benchmark": BENCHMARK,
        "resolution": dataset.resolution,
        "split": "both halves",
        "n": PORTRAITS,
        "run": run,
        "device": "CPU, 2 threads",
    }
    columns = ["source", "half size", "Bilinear", "CFM"]
    ids = ["face-000", "face-001"]
    for number, id_ in enumerate(ids):
        faces = [draw_face(number, gaze=gaze) for gaze in range(4)]
        write_strip(runs / run / "figures" / "upsampling" / f"{id_}.png", faces)
    content = {
        "format": 1,
        "facts": facts,
        "rows": rows,
        "skipped": {"ESRGAN": "no weights"},
        "pictures": {"ids": ids, "columns": columns},
    }
    store.write(runs / run / "upsampling.json", json.dumps(content))


ALPHAS = (-0.5, 0.0, 0.5, 1.0, 1.5)
POINTS = (0.0, 0.25, 0.5, 0.75, 1.0)


def make_runs_with_figures(root: Path) -> Path:
    """As ``make_runs``, with a run for each figure: ablations, codes, animations, PAM, logs."""
    runs = make_runs(root)
    manifest = Manifest.load(root / "dataset")
    full = RunResult.load(runs / "v2" / "scores.json")
    for run, name, title, settings in (
        ("v1", "gazegan", "GazeGAN", {}),
        ("no_c", "gazegan_v2", "GazeGANV2", {"weight_fp": 0.0}),
        ("no_d", "gazegan_v2", "GazeGANV2", {"coarse_to_fine": False}),
    ):
        shutil.copytree(runs / "v2" / "predictions", runs / run / "predictions")
        told = {**full.provenance, "settings": settings}
        card = MethodCard(title=title)
        other = replace(full, run=run, name=name, method=card, provenance=told)
        other.save(runs / run / "scores.json")
    for number, portrait in enumerate(manifest.portraits):
        face = draw_face(number, gaze=2)
        face.save(runs / "no_d" / "predictions" / f"{portrait.id}.png")
    for seed, (run, name) in enumerate(
        [("v2", "gazegan_v2"), ("v1", "gazegan"), ("no_c", "gazegan_v2")]
    ):
        add_figures(runs / run, manifest, name, seed)
        add_log(runs / run, ("G_x/rec", "G_x/adv", "D_x/adv"))
    add_pam(runs / "pam", manifest)
    add_upsampling(runs, "v2", full.dataset)
    add_log(runs / "pam", ("rec", "rec_mirrored"))
    return runs


def add_figures(run: Path, manifest: Manifest, name: str, seed: int) -> None:
    """What an evaluation leaves for figures: animations of two portraits, codes of all."""
    ids = [p.id for p in manifest.portraits]
    for number in (0, 1):
        faces = [draw_face(number, gaze=round(3 - 3 * alpha)) for alpha in ALPHAS]
        write_strip(run / "figures" / "animation" / f"{ids[number]}.png", faces)
    rng = np.random.default_rng(seed)
    ends = rng.normal(size=(2, len(ids), 6))
    along = np.array(POINTS)[:, None]
    r = ends[0][:, None] * (1 - along) + (ends[0] + 0.05 * ends[1])[:, None] * along
    c = rng.normal(size=(len(ids), 4))
    arrays = {"ids": np.array(ids), "r_ids": np.array(ids), "r": r, "c": c, "c_made": c + 0.01}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    store.write(run / "figures" / "codes.npz", buffer.getvalue())
    facts = {"ids": ids[:2], "alphas": ALPHAS, "points": POINTS, "codes": sorted(arrays)}
    _figures_json(run, manifest, name, facts)


def add_pam(run: Path, manifest: Manifest) -> None:
    """What an evaluation leaves for figure 13."""
    ids = [p.id for p in manifest.portraits[:2]]
    for number, id_ in enumerate(ids):
        face = draw_face(number, gaze=0).crop((8, 16, 32, 40))
        write_strip(run / "figures" / "pictures" / f"{id_}.png", [face] * 8)
    _figures_json(run, manifest, "pam", {"ids": ids, "pictures": 8})


def add_log(run: Path, losses: tuple[str, ...], steps: int = 40) -> None:
    """A training of a few steps."""
    lines = (
        json.dumps(
            {"step": step, "losses": {loss: 1 / (step + n) for n, loss in enumerate(losses)}}
        )
        for step in range(1, steps + 1)
    )
    store.write(run / "log.jsonl", "\n".join(lines) + "\n")
    if not (run / "scores.json").exists():
        fingerprint = Manifest.load(run.parents[1] / "dataset").fingerprint
        recipe = Recipe(
            method=run.name,
            seed=0,
            steps=steps,
            precision="no",
            processes=1,
            dataset="dataset",
            dataset_fingerprint=fingerprint,
            tree_hash="",
            resolution=SIDE,
            window=eye_window(SIDE),
            settings={},
        )
        recipe.save(run / "config.toml")


def write_strip(path: Path, pictures: list[Image.Image]) -> None:
    """Pictures side by side as one file."""
    strip = np.concatenate([np.asarray(picture) for picture in pictures], 1)
    store.make_folder(path.parent)
    Image.fromarray(strip).save(path)


def _figures_json(run: Path, manifest: Manifest, name: str, facts: dict[str, Any]) -> None:
    whole = {"format": 1, "method": name, "dataset": manifest.fingerprint, **facts}
    store.write(run / "figures.json", json.dumps(whole))
