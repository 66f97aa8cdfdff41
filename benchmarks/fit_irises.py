"""Fit what `iris_warp` and `undo` ship with, again: the mean head and where irises belong.

    python benchmarks/fit_irises.py DATASET FOLDER

On the training portraits of domain X of DATASET whose irises are not in doubt: FOLDER gets
`head.npz` (of `gazebench/irises`) and `iris_target.json` (of `baselines`), and the distance from
the files that ship is printed. The target that ships is of `generated-256` (`benchmarks/gpu.md` has
its build), the head of the same portraits at 512 px.
"""

import argparse
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from gazebench import store
from gazebench.baselines._iris_target import Target, usable
from gazebench.dataset import Domain, Manifest, Split
from gazebench.dataset.batches import read_portrait
from gazebench.dataset.boxes import Point
from gazebench.irises import EyePair, find_eyes, mean_head
from gazebench.irises._head import _aligned, mean_of


def main() -> None:
    """Write both files and say how far they are from the shipped ones."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="as many portraits at most, for a quick look")
    arguments = parser.parse_args()
    pairs = usable(_pairs(Manifest.load(arguments.dataset), arguments.limit))
    # a mean of heads is turned as the first of them was; angles count from the shipped one
    head = _aligned(mean_of([pair.mesh for pair in pairs]), mean_head())
    target = Target.fit(pairs)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, points=head.astype(np.float32))
    store.write(arguments.folder / "head.npz", buffer.getvalue())
    text = json.dumps(target.as_json())
    store.write(arguments.folder / "iris_target.json", f"{text}\n")
    print(f"{len(pairs):,} portraits → {arguments.folder}")
    print(f"head: at most {np.abs(head - mean_head()).max():.4f} of its size from the shipped one")
    apart = [_apart(target, Target.shipped(), pair) for pair in pairs]
    print(
        f"irises: median {np.median(apart):.4f} iris radii from where the shipped target has them"
    )


def _pairs(manifest: Manifest, limit: int | None) -> Iterator[EyePair]:
    portraits = manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)[:limit]
    for portrait in tqdm(portraits, unit="portrait"):
        left, right = (
            Point((box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2)
            for box in portrait.eyes
        )
        yield find_eyes(read_portrait(manifest, portrait), (left, right))


def _apart(one: Target, other: Target, pair: EyePair) -> float:
    """Distance between two targets' irises, in iris radii."""
    off = one.goal(pair).irises - other.goal(pair).irises
    return float(np.hypot(*off.T).mean() / pair.left.radius)


if __name__ == "__main__":
    main()
