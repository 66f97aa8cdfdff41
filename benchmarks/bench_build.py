"""Faces per second of a build, against the plain script that anybody would write.

The rival, one process: open with Pillow, search the face with dlib at full size, fit 68 points, cut
a square around the face by Lanczos, save as PNG. Ours does the same job plus the strict reader, the
checks, hashes, the journal and one fsync per file.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dlib
import numpy as np
from PIL import Image

from gazebench import align, build, sources, weights
from gazebench.build.settings import DatasetSettings
from gazebench.build.shard import Portraitist
from gazebench.geometry import Point
from gazebench.landmarks import eyes_of_68
from gazebench.manifest import Manifest, Portrait

REPOSITORY = Path(__file__).parents[1]
PHOTOGRAPHS = REPOSITORY.parent / "shared" / "data" / "portraits_cc"
DEMO = REPOSITORY / "gazebench" / "demo" / "portraits"
FACES = 60
SETTINGS = DatasetSettings(resolution=512, align="ffhq")


class Eyes(NamedTuple):
    """Eye centres in source pixels."""

    left: Point
    right: Point


class Rival:
    """The plain script."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._detector: Any = dlib.get_frontal_face_detector()  # type: ignore[attr-defined]
        path = str(weights.path("dlib_landmarks_68"))
        self._predictor: Any = dlib.shape_predictor(path)  # type: ignore[attr-defined]

    def __call__(self, path: Path) -> Eyes | None:
        """Save the portrait; the eyes of its largest face."""
        picture = Image.open(path).convert("RGB")
        pixels = np.asarray(picture)
        boxes = self._detector(pixels, 0)
        if not boxes:
            return None
        box = max(boxes, key=lambda b: b.area())
        points = [Point(p.x, p.y) for p in self._predictor(pixels, box).parts()]
        half, x, y = box.width(), box.center().x, box.center().y
        square = picture.crop((x - half, y - half, x + half, y + half))
        side = SETTINGS.resolution
        portrait = square.resize((side, side), Image.Resampling.LANCZOS)
        portrait.save(self._out / f"{path.stem}.png")
        left, right, _ = eyes_of_68(points)
        return Eyes(left, right)


def main() -> None:
    """Print the table."""
    folder = PHOTOGRAPHS if PHOTOGRAPHS.is_dir() else DEMO
    plan = build.plan(sources, folder, SETTINGS, source="folder", limit=None)
    faces = plan.faces[:: max(1, len(plan.faces) // FACES)][:FACES]
    print(f"{len(faces)} pictures of {folder.name}, portraits of {SETTINGS.resolution} px")
    with tempfile.TemporaryDirectory() as name:
        rival, portraitist = Rival(Path(name)), Portraitist(SETTINGS)
        portraitist(faces[0])  # loads its model, as the rival has
        theirs, ours = _race([lambda f: rival(f.path), portraitist], faces)
        _row("rival, one process", len(faces), theirs.seconds, theirs.seconds)
        _row("Portraitist, one process", len(faces), ours.seconds, theirs.seconds)
        for workers in (1, 2):
            out = Path(name, f"out{workers}")
            chosen = build.Plan(**{**vars(plan), "faces": faces})
            report = build.build(chosen, out, workers=workers, overwrite=False, quiet=True)
            label = f"build-dataset, {workers} worker{'s'[: workers - 1]}"
            _row(label, len(faces), report.seconds, theirs.seconds)
        found = {p.source_name: p for p in Manifest.load(Path(name, "out1")).portraits}
    eyes = {face.name: eyes for face, eyes in zip(faces, theirs.results, strict=True)}
    _differences(eyes, found)


class Lap(NamedTuple):
    """What one contender did."""

    seconds: float
    results: list[Any]


def _race(contenders: Sequence[Callable[[Any], Any]], faces: Sequence[Any]) -> list[Lap]:
    """Time each contender; they take turns, so that a busy machine slows all alike."""
    seconds = [0.0] * len(contenders)
    results: list[list[Any]] = [[] for _ in contenders]
    for face in faces:
        for place, contender in enumerate(contenders):
            began = time.perf_counter()
            results[place].append(contender(face))
            seconds[place] += time.perf_counter() - began
    return [Lap(*lap) for lap in zip(seconds, results, strict=True)]


def _row(name: str, faces: int, seconds: float, rival: float) -> None:
    print(f"  {name:26} {faces / seconds:6.1f} faces/s  {rival / seconds:5.2f} x rival")


def _differences(rival: dict[str, Eyes | None], ours: dict[str, Portrait]) -> None:
    both = [(eyes, ours[name]) for name, eyes in rival.items() if eyes and name in ours]
    print(
        f"  faces found: {sum(map(bool, rival.values()))} by the rival, {len(ours)} by us, "
        f"{len(both)} by both"
    )
    apart = sorted(_apart(eyes, portrait) for eyes, portrait in both)
    print(
        "  eye centres apart, % of the inter-ocular distance: "
        f"median {statistics.median(apart):.2f}, 95 % below {apart[int(0.95 * len(apart))]:.2f}, "
        f"most {apart[-1]:.2f}"
    )


def _apart(eyes: Eyes, portrait: Portrait) -> float:
    back = align.invert(portrait.transform)
    left, right = (align.apply(back, p) for p in (portrait.left_center, portrait.right_center))
    span = np.hypot(*np.subtract(eyes.right, eyes.left))
    moved = [np.hypot(*np.subtract(a, b)) for a, b in ((left, eyes.left), (right, eyes.right))]
    return float(100 * np.mean(moved) / span)


if __name__ == "__main__":
    main()
