"""Faces per second of a build, against the plain script that anybody would write.

    python benchmarks/bench_build.py [ffhq | eyes | none]

ffhq, the default, turns and mirrors, which the rival does not; none cuts upright, as it does (with
smaller eye boxes, or those of these small faces would overlap and save us the rest of the work).
The rival, one process: open with Pillow, search the face with dlib at full size, fit 68 points, cut
a square around the face by Lanczos, save as PNG. Ours does the same job plus the strict reader, the
checks, hashes, the journal and one fsync per file. Rival and ours take turns, face by face; the
builds stand between two halves of that race. What both take before their first picture, which is
mostly the loading of dlib's models, is told apart.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import dlib
import numpy as np
from build_stages import BARE, Stages, stopwatch
from PIL import Image

from gazebench import curation, sources, weights
from gazebench.curation import align, workers
from gazebench.curation.portraitist import BuildOutcome, Portraitist
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Portrait
from gazebench.dataset.boxes import Point
from gazebench.landmarks import eyes_of_68
from gazebench.sources import SourceFace

REPOSITORY = Path(__file__).parents[1]
PHOTOGRAPHS = REPOSITORY.parent / "shared" / "data" / "portraits_cc"
DEMO = REPOSITORY / "gazebench" / "demo" / "portraits"
RACED = 2  # every second face is raced; the builds have all
ALIGN = sys.argv[1] if len(sys.argv) > 1 else "ffhq"
WINDOW = {"window_height": 16, "window_width": 24} if ALIGN == "none" else {}
SETTINGS = DatasetSettings.model_validate({"resolution": 512, "align": ALIGN, **WINDOW})
CELEBA = (178, 218)  # width and height of aligned CelebA, whose eyes stand near these places
CELEBA_EYES = (Point(69.5, 111.5), Point(108.5, 111.5))
START = (
    "import dlib, numpy, sys; from PIL import Image;"
    "dlib.get_frontal_face_detector(), dlib.shape_predictor(sys.argv[1])"
)


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


class Race:
    """Rival and ours in one process, face by face in turns."""

    def __init__(self, out: Path, stages: Stages) -> None:
        self.rival, self.portraitist, self.stages = Rival(out), Portraitist(SETTINGS), stages
        self.theirs: list[float] = []  # seconds per face
        self.ours: list[float] = []
        self.found: list[tuple[Eyes | None, BuildOutcome]] = []

    def run(self, faces: Sequence[SourceFace]) -> None:
        """Race over ``faces``; the first one is not counted before the model is loaded."""
        if not self.found:
            self.portraitist(faces[0])
            self.rival(faces[0].path)
        with self.stages.timed_places():
            for face in faces:
                with stopwatch(self.theirs):
                    eyes = self.rival(face.path)
                with stopwatch(self.ours):
                    outcome = self.portraitist(face)
                self.found.append((eyes, outcome))
                self.stages.hash(face, outcome)

    def differences(self) -> str:
        """Faces found by each, and how far apart the eye centres are."""
        both = [(eyes, o.portrait) for eyes, o in self.found if eyes and o.portrait]
        apart = sorted(_apart(eyes, portrait) for eyes, portrait in both)
        return (
            f"  faces found: {sum(eyes is not None for eyes, _ in self.found)} by the rival, "
            f"{sum(o.portrait is not None for _, o in self.found)} by us, of {len(self.found)}\n"
            "  eye centres apart, % of the inter-ocular distance: "
            f"median {statistics.median(apart):.2f}, "
            f"95 % below {apart[int(0.95 * len(apart))]:.2f}, most {apart[-1]:.2f}"
        )


class Weighed:
    """Portrays, and tells the peak memory of its process."""

    def __init__(self, portraitist: Portraitist) -> None:
        self._portraitist = portraitist

    def __call__(self, face: SourceFace) -> BuildOutcome:
        """The outcome, its sentence the peak resident memory so far in kB."""
        outcome = self._portraitist(face)
        return replace(outcome, sentence=str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def main() -> None:
    """Print the tables."""
    folder = PHOTOGRAPHS if PHOTOGRAPHS.is_dir() else DEMO
    plan = curation.plan(sources, folder, SETTINGS, source="folder", limit=None)
    sides = [max(Image.open(face.path).size) for face in plan.faces]
    faces = [f for f, side in zip(plan.faces, sides, strict=True) if side == max(sides)]
    others = [f for f in plan.faces if f not in faces]
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        print(f"{len(faces)} pictures of {folder.name}, their longest side {max(sides)} px")
        first = _measure(replace(plan, faces=tuple(faces)), out / "large")
        small = _as_celeba(
            [f for f, _ in zip(faces[::RACED], first.found, strict=True)], first, out
        )
        print(f"The same, {CELEBA[0]}x{CELEBA[1]} as in CelebA")
        _measure(
            curation.plan(sources, small, SETTINGS, source="folder", limit=None), out / "small"
        )
        _without_a_face(others, out)
    _memory(faces[:24])


def _measure(plan: curation.BuildPlan, out: Path) -> Race:
    out.mkdir()
    race, raced = Race(out, Stages()), plan.faces[::RACED]
    race.run(raced[: len(raced) // 2])
    first = curation.build(
        replace(plan, faces=plan.faces[:1]), out / "first", workers=1, overwrite=False, quiet=True
    )
    print(f"  start: build-dataset {first.seconds:.1f} s with its first portrait, ", end="")
    print(f"the plain script {_start():.1f} s without one")
    seconds: dict[int, float] = {}
    for crew in (1, 2):
        there = out / f"build{crew}"
        report = curation.build(plan, there, workers=crew, overwrite=False, quiet=True)
        seconds[crew] = report.seconds / len(plan.faces)
    race.run(raced[len(raced) // 2 :])
    rival, ours = statistics.fmean(race.theirs), statistics.fmean(race.ours)
    bare = sum(race.stages.seconds[stage] for stage in BARE) / len(raced)
    _row("rival, one process", rival, rival)
    _row("bare work, one process", bare, rival)
    _row("Portraitist, one process", ours, rival)
    for crew in (1, 2):
        _row(f"build-dataset, {crew} worker{'s'[: crew - 1]}", seconds[crew], rival)
    print(f"  2 workers are {seconds[1] / seconds[2]:.2f} x one; a build with one takes ", end="")
    print(f"{100 * (seconds[1] / bare - 1):+.0f} % of the bare work ({', '.join(BARE)})")
    print(race.differences())
    race.stages.files([outcome for _, outcome in race.found], out / "files")
    print(race.stages.table(len(raced)))
    return race


def _start() -> float:
    """Seconds before the plain script has its first picture."""
    command = [sys.executable, "-c", START, str(weights.path("dlib_landmarks_68"))]
    seconds: list[float] = []
    for _ in range(3):
        with stopwatch(seconds):
            subprocess.run(command, check=True)
    return min(seconds)


def _row(name: str, seconds: float, rival: float) -> None:
    print(f"  {name:26} {1 / seconds:6.1f} faces/s  {rival / seconds:5.2f} x rival")


def _apart(eyes: Eyes, portrait: Portrait) -> float:
    left, right = _eyes(portrait)
    span = np.hypot(*np.subtract(eyes.right, eyes.left))
    moved = [np.hypot(*np.subtract(a, b)) for a, b in ((left, eyes.left), (right, eyes.right))]
    return float(100 * np.mean(moved) / span)


def _eyes(portrait: Portrait) -> Eyes:
    back = align.invert(portrait.transform)
    return Eyes(*(align.apply(back, p) for p in (portrait.left_center, portrait.right_center)))


def _as_celeba(faces: Sequence[SourceFace], race: Race, out: Path) -> Path:
    """A folder with the raced pictures, reduced and turned to CelebA's aligned layout."""
    folder = out / "celeba"
    folder.mkdir()
    width, height = CELEBA
    margin = (height - width) // 2
    for face, (_, outcome) in zip(faces, race.found, strict=True):
        if outcome.portrait is None:
            continue
        left, right = (complex(*eye) for eye in _eyes(outcome.portrait))
        pixel = (right - left) / (CELEBA_EYES[1].x - CELEBA_EYES[0].x)  # of the small picture
        center = (left + right) / 2 + pixel * 1j * (height / 2 - CELEBA_EYES[0].y)
        half = pixel * height / 2
        frame = align.Square(Point(center.real, center.imag), Point(half.real, half.imag))
        picture = align.cut(Image.open(face.path).convert("RGB"), frame, height)
        small = picture.crop((margin, 0, margin + width, height))
        small.save(folder / f"{outcome.id}.jpg", quality=95)
    return folder


def _without_a_face(faces: Sequence[SourceFace], out: Path) -> None:
    race = Race(out, Stages())
    for face in faces:
        if race.rival(face.path) is None:
            race.run([face])
    if race.found:
        rival, ours = statistics.fmean(race.theirs), statistics.fmean(race.ours)
        print(f"{len(race.found)} other pictures, in which the rival finds no face")
        print(
            f"  rival {1e3 * rival:.0f} ms, one search; ours {1e3 * ours:.0f} ms, also of an ",
            end="",
        )
        print(f"enlarged copy; {sum(o.portrait is not None for _, o in race.found)} found")


def _memory(faces: Sequence[SourceFace]) -> None:
    weighed = Weighed(Portraitist(SETTINGS.resolved(ALIGN)))
    preload = ["gazebench.curation._warm"]
    peaks = [
        int(o.sentence) for o in workers.outcomes(weighed, faces, len(faces), 2, preload=preload)
    ]
    print(f"A worker's peak memory: {max(peaks) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
