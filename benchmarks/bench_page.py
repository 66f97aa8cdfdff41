"""How large the leaderboard page is: 8 methods on 300 portraits, with every table it can have.

    python benchmarks/bench_page.py [--methods 8] [--portraits 300]

The runs are made up; the pictures are the portraits that ship with gazebench, so that they weigh
what portraits weigh. The rival is the promise of at most 3,000,000 bytes. It ends with 1 above it.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.made_datasets import write_lists
from gazebench import demo, metrics, plugins, store
from gazebench.cards import MethodCard, MetricCard
from gazebench.dataset import FORMAT, Manifest, Portrait, Split, csv_text, sha256_of
from gazebench.dataset.boxes import Box, Point, eye_window
from gazebench.evaluation import cost
from gazebench.evaluation.figures import ALPHAS, POINTS, SHOWN
from gazebench.reports.report import LIMIT, write_report
from gazebench.results import DatasetFacts, RunResult, Score

SIDE = 256
_EYES = Point(96, 122), Point(160, 122)


def main() -> None:
    """Make the runs, write their report, print its size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", type=int, default=8)
    parser.add_argument("--portraits", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        runs = make_runs(root, asked.methods, asked.portraits)
        began = time.monotonic()
        page = write_report(runs, root / "board", slices=("yaw",)).page
        size, took = page.stat().st_size, time.monotonic() - began
    print(f"{asked.methods} methods on {asked.portraits} portraits: {size:,} bytes, {took:.0f} s")
    print(f"of {LIMIT:,} bytes: {size / LIMIT:.2f}")
    raise SystemExit(size > LIMIT)


def make_runs(root: Path, methods: int, portraits: int) -> Path:
    """``root/dataset`` and ``root/runs``; returns the folder of runs."""
    manifest = _dataset(root / "dataset", portraits)
    for place in range(methods):
        run = root / "runs" / f"method_{place}"
        (run / "predictions").mkdir(parents=True)
        ids = [p.id for p in manifest.portraits]
        for number, portrait in enumerate(manifest.portraits):
            other = manifest.portraits[(number + 7 * place + 1) % portraits]
            os.link(manifest.path(other), run / "predictions" / f"{portrait.id}.png")
        _result(run, place, manifest, ids).save(run / "scores.json")
        _figures(run, place, manifest, ids)
    return root / "runs"


def _dataset(root: Path, portraits: int) -> Manifest:
    (root / "images").mkdir(parents=True)
    window = eye_window(SIDE)
    boxes = [Box.around(eye, *window) for eye in _EYES]
    rows: list[Portrait] = []
    for number, image in zip(range(portraits), _pictures(), strict=False):
        path = root / "images" / f"face-{number:03d}.png"
        image.save(path, compress_level=1)
        digest = sha256_of(path)
        rows.append(
            Portrait(
                id=path.stem,
                source_name=path.name,
                identity=None,
                split=Split.TEST,
                left_eye=boxes[0],
                right_eye=boxes[1],
                left_center=_EYES[0],
                right_center=_EYES[1],
                transform=(1, 0, 0, 0, 1, 0),
                score=1.0,
                faces=1,
                source_sha256=digest,
                sha256=digest,
            )
        )
    store.write(root / "labels.csv", csv_text(("id", "label"), ((p.id, "Y") for p in rows)))
    info = {"format": FORMAT, "name": "made", "source": "folder"}
    write_lists(root, {**info, "resolution": SIDE, "window": window}, rows)
    return Manifest.load(root)


def _pictures() -> Iterator[Image.Image]:
    """The shipped portraits, then mirrored ones, then ones cut closer, and so on."""
    paths = sorted(demo.PORTRAITS.glob("*.jpg"))
    for number in range(10_000):
        image = Image.open(paths[number % len(paths)]).convert("RGB")
        if (number // len(paths)) % 2:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        margin = 8 * (number // (2 * len(paths)))
        size = image.width - margin
        yield image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, (margin, margin, size, size))


def _result(run: Path, place: int, manifest: Manifest, ids: list[str]) -> RunResult:
    names = plugins.names(metrics)
    cards: dict[str, MetricCard] = {name: metrics.load(metrics, name).card for name in names}
    rng = np.random.default_rng(place)
    scores: dict[str, Score] = {}
    for name, card in cards.items():
        if name.startswith(("fid", "kid", "animation", "gaze_bias")):
            value = float(rng.uniform(20, 90))
            scores[name] = Score(value=value, n=2 * len(ids), interval=(value - 3, value + 3))
        else:
            values = rng.uniform(0, 1, len(ids)).round(6)
            found = dict(zip(ids, map(float, values), strict=True))
            scores[name] = Score.of(found, bounds=card.bounds, note=f"{card.title}: a floor.")
    scores |= {name: Score(value=float(place + 1), n=1) for name in cost.CARDS}
    name = "gazegan_v2" if place == 0 else run.name
    return RunResult(
        run=run.name,
        name=name,
        method=MethodCard(title=f"Method {place}", paper="Somebody, A paper of gaze, 2022"),
        dataset=DatasetFacts(
            name=manifest.name,
            fingerprint=manifest.fingerprint,
            resolution=SIDE,
            window=manifest.window,
            n_test=len(ids),
            n_reference=2000,
        ),
        scores=scores,
        metrics={**cards, **cost.CARDS},
        n_predicted=len(ids),
        provenance={
            "settings": {f"setting_{n}": n for n in range(25)},
            "training_seconds": 3600.0,
            "step": 200_000,
            "timings": {"correct": 12.0, "correct_x": 11.0, "animate": 50.0, "score": 240.0},
            "weights": {f"weights_{n}": 64 * "a" for n in range(8)},
        },
        pictures="predictions",
        dataset_folder="../../dataset",
        traits={"yaw_deg": {id_: float(rng.uniform(0, 30)) for id_ in ids}},
    )


def _figures(run: Path, place: int, manifest: Manifest, ids: list[str]) -> None:
    """Strips of animations, codes and a log, as an evaluation and a training leave them."""
    for id_ in ids[:SHOWN]:
        face = np.asarray(Image.open(manifest.path(manifest.by_id[id_])))
        strip = Image.fromarray(np.concatenate([face] * len(ALPHAS), 1))
        store.make_folder(run / "figures" / "animation")
        strip.save(run / "figures" / "animation" / f"{id_}.png", compress_level=1)
    rng = np.random.default_rng(place)
    few, buffer = ids[:50], io.BytesIO()
    codes = {"c": rng.normal(size=(len(ids), 8)), "c_made": rng.normal(size=(len(ids), 8))}
    codes |= {"r": rng.normal(size=(len(few), len(POINTS), 8)), "r_ids": np.array(few)}
    np.savez(buffer, allow_pickle=False, **codes, ids=np.array(ids))
    store.write(run / "figures" / "codes.npz", buffer.getvalue())
    facts = {
        "format": 1,
        "method": "gazegan_v2" if place == 0 else run.name,
        "dataset": manifest.fingerprint,
        "ids": ids[:SHOWN],
        "alphas": ALPHAS,
        "points": POINTS,
        "codes": sorted([*codes, "ids"]),
    }
    store.write(run / "figures.json", json.dumps(facts))
    losses = ("G/adv", "D/adv", "G/rec", "G/cyc", "G/per", "G/fp")
    lines = [
        json.dumps({"step": step, "losses": {n: float(rng.uniform()) for n in losses}})
        for step in range(0, 200_000, 2_000)
    ]
    store.write(run / "log.jsonl", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
