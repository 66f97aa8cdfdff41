"""The steps of a build beside the making of portraits, on names and portraits that are made up.

Each step is measured in a process of its own: seconds of its core, and the growth of its peak.
"""

import hashlib
import itertools
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from gazebench import curation, sources, store
from gazebench.curation import duplicates
from gazebench.curation.journal import Journal
from gazebench.curation.merge import merge
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.publish import publish
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Manifest, Portrait, Split
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.measures import Measures
from gazebench.sources import SourceFace

PLAIN = DatasetSettings(resolution=64, align="none", landmarks="dlib")
SHARDS = 4  # of the merge that is measured
IMAGE_BYTES, WRITTEN = 300_000, 640  # and how many of them
FEW = 40  # portraits that a step is tried on before it is measured
LISTED = 10  # names in the list that is planned, for each portrait: enough to fill its caches
ROUND = 8  # faces whose rows are written together, as in a build


class Cost(NamedTuple):
    """What a step took, for all its items together."""

    cpu: float  # seconds
    wall: float
    memory: float  # bytes


def names(root: Path, items: int) -> None:
    """A folder of empty files, a thousand in each sub-folder."""
    for number in range(items):
        path = root / f"{number // 1000:05}" / f"{number:08}.jpg"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.touch()


def synthetic_plan(items: int, shard: tuple[int, int] | None = None) -> curation.BuildPlan:
    """A plan of faces that are nowhere on the disk."""
    faces = tuple(
        SourceFace(id=f"{n // 1000:05}-{n:08}", name=f"{n // 1000:05}/{n:08}.jpg", path=Path("n"))
        for n in range(items)
    )
    return curation.BuildPlan(
        root=Path("n"),
        source="folder",
        title="folder of pictures",
        faces=faces,
        remarks=(),
        settings=PLAIN.resolved("none"),
        license="none",
        shard=shard,
    )


def outcome(face: SourceFace) -> BuildOutcome:
    """A portrait with values as long as real ones; each twentieth face is quarantined."""
    digest = hashlib.sha256(face.id.encode()).hexdigest()
    if int(digest, 16) % 20 == 0:
        return BuildOutcome(id=face.id, name=face.name, source_sha256=digest, reason="no_face")
    value = 100 * int(digest[:8], 16) / 2**32
    portrait = Portrait(
        id=face.id,
        source_name=face.name,
        identity=digest[:5],
        split=Split.TRAIN,
        left_eye=Box(25, 26, 37, 34),
        right_eye=Box(42, 26, 54, 34),
        left_center=Point(125 + value / 300, 120 + value / 300),
        right_center=Point(195 + value / 300, 120 + value / 300),
        transform=(value / 70, -value / 7e4, value, value / 7e4, value / 70, value / 3),
        measures=Measures(
            sharpness=value,
            brightness=value,
            eye_distance=value / 2,
            yaw_deg=value / 5,
            pitch_deg=value / 7,
            roll_deg=value / 9,
            openness=value / 300,
        ),
        score=value / 90,
        faces=1,
        source_sha256=digest,
        sha256=hashlib.sha256(digest.encode()).hexdigest(),
        phash=hashlib.sha256(f"p{digest}".encode()).hexdigest(),
    )
    return BuildOutcome(id=face.id, name=face.name, source_sha256=digest, portrait=portrait)


def fill(out: Path, plan: curation.BuildPlan) -> None:
    """A journal with a row for each face, written in rounds as a build does."""
    out.mkdir(parents=True, exist_ok=True)
    with Journal.open(out / "build.sqlite", plan.fingerprint()) as journal:
        done = map(outcome, plan.chosen)
        while some := list(itertools.islice(done, ROUND)):
            journal.record(some)


def found(folder: Path) -> curation.BuildPlan:
    """What each job of a job array does first: list the source, and settle what to do."""
    plan = curation.plan(sources, folder / "list", PLAIN, source="folder", limit=None)
    plan.fingerprint()
    with Journal.open(folder / "build.sqlite", {}) as journal:
        for _ in journal.pending(plan.chosen):
            pass
    return plan


def written(folder: Path) -> None:
    """What the parent does with portraits of 300 kB: durable files, then durable rows."""
    faces = synthetic_plan(WRITTEN).faces
    (folder / "written").mkdir(exist_ok=True)
    with Journal.open(folder / "written" / "build.sqlite", {}) as journal:
        done = map(outcome, faces)
        while some := list(itertools.islice(done, ROUND)):
            pairs = ((folder / "written" / "images" / o.id, os.urandom(IMAGE_BYTES)) for o in some)
            store.write_many(pairs)
            journal.record(some)


def counted(folder: Path) -> None:
    """What a build asks its journal after each round of faces."""
    with Journal.read(folder / "whole" / "build.sqlite") as journal:
        journal.quarantined()


def finished(folder: Path) -> None:
    """The last act of a build: near-duplicates, lists, dataset.json and the card."""
    out = folder / "whole"
    about = synthetic_plan(1).description()  # that of any number of faces
    with Journal.read(out / "build.sqlite") as journal:
        publish(about, journal.done(), journal, out, {})


def loaded(folder: Path) -> Manifest:
    """What training, evaluation and reports do first."""
    return Manifest.load(folder / "whole")


def grouped(folder: Path) -> object:
    """Near-duplicates among hashes that share nothing."""
    texts = (hashlib.sha256(b"%d" % n).hexdigest() for n in range(_items(folder)))
    return duplicates.groups(duplicates.from_hex(texts))


def merged(folder: Path) -> None:
    """One dataset of the shards."""
    roots = [folder / f"shard{number}" for number in range(1, SHARDS + 1)]
    merge(folder / "merged", roots, overwrite=False, quiet=True)


def prepare(folder: Path, items: int) -> None:
    """What the steps find: names, a journal of faces that are all done, and finished shards.

    ``few`` within is the same for some faces only.
    """
    if items > FEW:
        prepare(folder / "few", FEW)
    names(folder / "names", items)
    names(folder / "list", LISTED * items)
    fill(folder / "whole", synthetic_plan(items))
    for number in range(1, SHARDS + 1):
        plan, root = synthetic_plan(items, (number, SHARDS)), folder / f"shard{number}"
        fill(root, plan)
        (root / "images").mkdir()
        for done in map(outcome, plan.chosen):
            if done.portrait:
                (root / "images" / f"{done.id}.png").touch()
        curation.build(plan, root, workers=1, overwrite=False, quiet=True)


def _items(folder: Path) -> int:
    return sum(1 for _ in folder.glob("names/*/*"))


def alone(step: Callable[[Path], object], folder: Path) -> Cost:
    """The cost of a step in a fresh process that has done it for some faces before.

    What it loads for any number of faces is not in the cost.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, step, folder).result()


def _measured(step: Callable[[Path], object], folder: Path) -> Cost:
    step(folder / "few")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, wall, cpu = _memory("VmRSS"), time.perf_counter(), time.process_time()
    kept = step(folder)
    cost = Cost(time.process_time() - cpu, time.perf_counter() - wall, _memory("VmHWM") - before)
    del kept
    return cost


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
