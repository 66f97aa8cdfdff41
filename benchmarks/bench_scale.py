"""What a build costs per face, step by step, and what that makes at any number of faces.

    python benchmarks/bench_scale.py [--faces 100e6] [--shards 100] [--price 0] [--update]

Portraits are made of real pictures in CelebA's layouts; bookkeeping is measured on names and
portraits that are made up. Seconds are of one core (CPU time), so that other load on the machine
counts little; memory is the growth of a step's peak. ``--update`` writes the output into
docs/scale.md.
"""

import argparse
import hashlib
import os
import platform
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import bookkeeping
from bookkeeping import IMAGE_BYTES, LISTED, ROUND, SHARDS, WRITTEN, Cost, alone
from layouts import LAYOUTS, REPOSITORY, portraits

from gazebench import curation, sources
from gazebench.curation import duplicates
from gazebench.curation.portraitist import Portraitist
from gazebench.curation.settings import DatasetSettings
from gazebench.curation.verify import faults

GUIDE = REPOSITORY / "docs" / "scale.md"
RESOLUTIONS = (256, 512)
KINDS = {
    "CelebA, listed eyes": "178x218, eyes of a list",
    "CelebA": "178x218, dlib",
    "CelebA-HQ": "1024x1024, dlib",
    "CelebA in the wild": "512 px, boxes, dlib",
}
_KEEPINGS = 3  # times that images are kept; the clock of the fastest counts
_HASHES, _SHELVES = 40_000, 10  # that are compared to see how fast that goes: one band, ten values
_BAND = 16  # bits of a hash that two look-alikes must share, see gazebench/curation/duplicates.py


class Making(NamedTuple):
    """What a portrait costs: seconds of one core, and bytes."""

    kind: str
    side: int
    portraying: float
    verifying: float
    source_bytes: float
    image_bytes: float


def main() -> None:
    """Measure, print, and put it into the guide."""
    words, lines = _arguments(), list[str]()
    for line in _report(words):
        print(line, flush=True)
        lines.append(line)
    if words.update:
        text = "\n".join(["<!-- measured -->", "```", *lines, "```", "<!-- /measured -->"])
        pattern = re.compile("<!-- measured -->.*<!-- /measured -->", re.DOTALL)
        GUIDE.write_text(pattern.sub(lambda _: text, GUIDE.read_text()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--faces", type=float, default=100e6)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--price", type=float, default=0, help="of a core-hour")
    parser.add_argument("--items", type=int, default=20_000, help="made-up portraits")
    parser.add_argument("--pictures", type=int, default=60, help="real ones of each kind")
    parser.add_argument("--update", action="store_true", help="write docs/scale.md")
    return parser.parse_args()


def _report(words: argparse.Namespace) -> Iterator[str]:
    yield f"{os.cpu_count()} cores, {platform.machine()}; {words.items:,} made-up portraits"
    makings: list[Making] = []
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as name:
        yield from _makings(makings, Path(name), words.pictures)
        yield from _bookkeeping(costs, Path(name), words.items)
    yield f"\n{words.faces:,.0f} faces in {words.shards} shards"
    yield from _whole(words.faces, makings, costs["keep"], words.price)
    yield from _walls(words.faces, words.shards, costs, LISTED * words.items)
    yield from _pairs(band_share(20 * words.pictures), [1e6, 1e7, words.faces])


def _makings(makings: list[Making], folder: Path, pictures: int) -> Iterator[str]:
    yield f"\n{pictures} pictures to portraits      px  faces/s/core  verified/s/core  kB of PNG"
    for name, kind in KINDS.items():
        for side in RESOLUTIONS:
            m = making(kind, name, folder, pictures, side)
            makings.append(m)
            yield (
                f"  {kind:26}{side:5}{1 / m.portraying:14.1f}{1 / m.verifying:17.0f}"
                f"{m.image_bytes / 1e3:11.0f}"
            )


def making(kind: str, name: str, folder: Path, pictures: int, resolution: int) -> Making:
    """Make portraits of one kind of source, and check them."""
    layout, out = LAYOUTS[name], folder / f"{name} at {resolution}"
    tree = layout.make(layout.of(pictures), folder / f"{name} for {resolution}")
    settings = DatasetSettings(resolution=resolution, **layout.settings)
    plan = curation.plan(sources, tree.root, settings, source=None, limit=None)
    portraitist = Portraitist(plan.settings)
    portraitist(plan.faces[0])  # loads its model
    began = time.process_time()
    for face in plan.faces:
        portraitist(face)
    portraying = time.process_time() - began
    curation.build(plan, out, workers=1, overwrite=False, quiet=True)
    began = time.process_time()
    faults(out, quiet=True)
    verifying = time.process_time() - began
    images = [path.stat().st_size for path in (out / "images").iterdir()]
    return Making(
        kind=kind,
        side=resolution,
        portraying=portraying / len(plan.faces),
        verifying=verifying / len(images),
        source_bytes=sum(face.path.stat().st_size for face in plan.faces) / len(plan.faces),
        image_bytes=sum(images) / len(images),
    )


def _bookkeeping(costs: dict[str, Cost], folder: Path, items: int) -> Iterator[str]:
    """Seconds and bytes per item of each step; they build on each other's files."""
    bookkeeping.prepare(folder, items)
    steps = {
        "plan": ("plan: all names, which are done", bookkeeping.found, LISTED * items),
        "keep": (f"keep images of {IMAGE_BYTES // 1000} kB", bookkeeping.written, WRITTEN),
        "count": ("count the quarantined, once", bookkeeping.counted, items),
        "groups": ("near-duplicates, unlike hashes", bookkeeping.grouped, items),
        "finish": ("finish a build", bookkeeping.finished, items),
        "load": ("load the manifest", bookkeeping.loaded, items),
        "merge": (f"merge {SHARDS} shards", bookkeeping.merged, items),
    }
    yield "\nbookkeeping, per million          core seconds  seconds      GB"
    for key, (title, step, count) in steps.items():
        rounds = (alone(step, folder) for _ in range(_KEEPINGS if key == "keep" else 1))
        best = min(rounds, key=lambda cost: cost.wall)
        cost = costs[key] = Cost(*(value / count for value in best))
        memory = f"{cost.memory / 1e3:8.2f}" if count == items else ""
        yield f"  {title:32}{cost.cpu * 1e6:12.1f}{cost.wall * 1e6:9.1f}{memory}"
    for name in ("build.sqlite", "manifest.csv"):
        yield f"  {name:32}{(folder / 'whole' / name).stat().st_size / items:12.0f} bytes per face"


def _whole(faces: float, makings: Sequence[Making], keep: Cost, price: float) -> Iterator[str]:
    yield "                              px  core-hours     verify   TB read  TB of PNG"
    for m in makings:
        hours, checks = (faces * s / 3600 for s in (m.portraying + keep.cpu, m.verifying))
        money = f"   costs {price * hours:,.0f} + {price * checks:,.0f}" if price else ""
        yield (
            f"  {m.kind:26}{m.side:5}{hours:12,.0f}{checks:11,.0f}"
            f"{m.source_bytes * faces / 1e12:10.1f}{m.image_bytes * faces / 1e12:11.1f}{money}"
        )


def _walls(faces: float, shards: int, costs: dict[str, Cost], listed: int) -> Iterator[str]:
    part, listing = faces / shards, costs["plan"]
    hours = listing.cpu * faces / 3600
    counting = costs["count"].cpu * part * part / 2 / ROUND / 3600
    finish, merge, load = costs["finish"], costs["merge"], costs["load"]
    memory = f"{listing.memory * listed / 1e9:.2f} GB, as for {listed:,}"
    yield f"  names in each of {shards} jobs: {hours:.1f} h; {memory}"
    yield f"  one parent keeps {1 / costs['keep'].wall:,.0f} images/s on this disk"
    yield f"  counting the quarantined every {ROUND} faces: {counting:,.1f} h in a shard"
    minutes = finish.cpu * part / 60
    yield f"  finishing a shard: {finish.memory * part / 1e9:,.1f} GB, {minutes:.0f} min"
    yield f"  merging them: {merge.memory * faces / 1e9:,.0f} GB, {merge.cpu * faces / 3600:.1f} h"
    yield f"  loading the merged manifest: {load.memory * faces / 1e9:,.0f} GB"


def _pairs(share: float, numbers: Sequence[float]) -> Iterator[str]:
    speed = pairs_per_second()
    yield f"\nnear-duplicates: {share:.3%} of all pairs, {speed / 1e6:.1f} million pairs a second"
    for number in numbers:
        yield f"  {number:,.0f} portraits: {share * number * number / 2 / speed / 3600:,.2f} h"


def band_share(pictures: int) -> float:
    """Share of all pairs of portraits that the search for near-duplicates compares, bit by bit.

    Those are the pairs that share a band of their hashes; chance alone would be 16 in 65,536.
    """
    hashes = [int(duplicates.perceptual_hash(face.at(256)), 16) for face in portraits(pictures)]
    shelves = Counter(
        (band, bits >> (_BAND * band) & 0xFFFF) for bits in hashes for band in range(_BAND)
    )
    together = sum(n * (n - 1) for n in shelves.values())
    return together / (len(hashes) * (len(hashes) - 1))


def pairs_per_second() -> float:
    """Pairs of hashes compared in a second, when many share one band."""
    digests = (hashlib.sha256(b"%d" % number).hexdigest() for number in range(_HASHES))
    texts = (f"{digest[:-4]}{n % _SHELVES:04}" for n, digest in enumerate(digests))
    hashes, each = duplicates.from_hex(texts), _HASHES // _SHELVES
    began = time.process_time()
    duplicates.groups(hashes)
    return _SHELVES * each * (each - 1) / 2 / (time.process_time() - began)


if __name__ == "__main__":
    main()
