"""The runs of one dataset as figures see them: titles, pictures, codes, ablations."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.dataset.random_order import in_random_order
from gazebench.reports import ablations
from gazebench.reports.measured import Run, of_each_method
from gazebench.reports.portraits import SAFE_ID, portraits_to_show, predictions_of

FULL = ablations.METHOD
FULL_SIZE = 512  # side of the portraits of CelebHQGaze; figures 7 and 10 are of these
TRAIN = "gazebench train --method {0} DATASET RUNS/{0}"
EVAL = "gazebench eval DATASET RUNS"
_MOST_ROWS = 8


class Unfilled(Exception):  # noqa: N818
    """A figure that the runs cannot fill: what it needs, and the commands that make that."""

    def __init__(self, needs: str, *commands: str) -> None:
        then = ", then ".join(f"`{command}`" for command in commands)
        super().__init__(f"needs {needs}" + (f": {then}" if then else ""))


@dataclass(frozen=True, kw_only=True)
class Shows:
    """A run's ``figures.json``, see ``gazebench.evaluation.figures``."""

    method: str
    dataset: str  # fingerprint
    title: str = ""
    alphas: Sequence[float] = ()
    points: Sequence[float] = ()
    ids: Sequence[str] = ()  # of portraits with strips
    codes: Sequence[str] = ()
    pictures: int = 0  # in a strip of a part
    why: str = ""  # why there is nothing


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A run with something to show, trained or not."""

    run: str
    folder: Path
    facts: Shows

    def strip(self, kind: str, id_: str, count: int) -> list[Image.Image]:
        """The ``count`` pictures of a portrait; [] where the file is not what it should be."""
        if not SAFE_ID.fullmatch(id_):
            return []
        return cut(self.folder / "figures" / kind / f"{id_}.png", count)


@dataclass(frozen=True, kw_only=True)
class Upsampled:
    """The pictures of a run's ``upsampling.json``."""

    run: str
    folder: Path
    ids: Sequence[str]
    columns: Sequence[str]

    def strip(self, id_: str) -> dict[str, Image.Image]:
        """A portrait by column; {} where the file is not what it should be."""
        if not SAFE_ID.fullmatch(id_):
            return {}
        found = cut(self.folder / "figures" / "upsampling" / f"{id_}.png", len(self.columns))
        return dict(zip(self.columns, found, strict=False))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs that compare, in the order of Table I."""

    fingerprint: str
    resolution: int
    runs: Sequence[Run]
    manifest: Manifest | None = None
    why_no_pictures: str = ""
    shown: Sequence[Shown] = ()
    upsampled: Sequence[Upsampled] = ()
    logs: Mapping[str, Path] = field(default_factory=dict)  # run → folder with a log.jsonl

    @cached_property
    def titles(self) -> dict[str, str]:
        """By run; where two have one title, the run stands behind it."""
        plain = {r.result.run: _title(r) for r in self.runs}
        counts = Counter(plain.values())
        return {run: t if counts[t] == 1 else f"{t} ({run})" for run, t in plain.items()}

    def dataset(self) -> Manifest:
        """The dataset.

        Raises:
            Unfilled: its portraits cannot be shown.
        """
        if self.manifest is None:
            why = self.why_no_pictures.rstrip(".")
            raise Unfilled(f"the portraits of the dataset ({why[:1].lower()}{why[1:]})")
        return self.manifest

    def compared(self) -> list[Run]:
        """At most eight complete runs with pictures, no controls or ablations, best first."""
        runs = [
            r
            for r in self.runs
            if r.result.ranked
            and r.result.method.kind != "control"
            and not ablations.without(r.result)
            and _drew(r)
        ]
        return of_each_method(runs, lambda run: run.result.name, _MOST_ROWS)

    def full(
        self, method: str = FULL, *, codes: bool = False, beside: Iterable[Run] = ()
    ) -> Run | None:
        """The first run of a method with all its parts, if possible one with pictures (codes).

        Of those that are ``ablations.like`` the runs ``beside`` it, where there are some.
        """
        found = [
            r for r in self.runs if r.result.name == method and not ablations.without(r.result)
        ]
        like = ablations.like([r.result for r in found], [run.result for run in beside])
        found = [r for r in found if r.result in like]
        coded = {shown.run for shown in self.shown if shown.facts.codes}
        fit = [r for r in found if (r.result.run in coded if codes else _drew(r))]
        return next(iter([*fit, *found]), None)

    def without(self, part: str) -> Run | None:
        """The first GazeGANV2 that lacks only ``part``, a letter of ``ablations.TAKEN_AWAY``."""
        return next((r for r in self.runs if ablations.without(r.result) == part), None)

    def leading(self) -> Run:
        """GazeGANV2, or else the first run of Table I that is not a control.

        Raises:
            Unfilled: there is none.
        """
        full = self.full()
        found = full if full and _drew(full) else next(iter(self.compared()), None)
        if found is None:
            raise self.nothing_compared(FULL)
        return found

    def nothing_compared(self, example: str) -> Unfilled:
        """Why no method can be shown; ``example`` is one that could be trained."""
        if any(r.result.ranked and r.result.method.kind != "control" for r in self.runs):
            return Unfilled("corrected portraits (only their scores are here)", EVAL)
        return Unfilled("a method that was evaluated", TRAIN.format(example), EVAL)

    def animators(self) -> list[Shown]:
        """Runs with animations, GazeGANV2 and GazeGAN before others, ablations left out.

        Raises:
            Unfilled: there are none.
        """
        left_out = {r.result.run for r in self.runs if ablations.without(r.result)}
        found = [s for s in self.shown if s.facts.alphas and s.run not in left_out]
        if not found:
            whys = [s.facts.why for s in self.shown if s.facts.why]
            failed = f" (it failed: {whys[0]})" if whys else ""
            raise Unfilled(f"a method that animates{failed}", TRAIN.format(FULL), EVAL)
        first = {FULL: 0, "gazegan": 1}
        return sorted(found, key=lambda shown: first.get(shown.facts.method, 2))

    def title_of(self, shown: Shown) -> str:
        """Of a run that need not have scores."""
        return self.titles.get(shown.run, shown.facts.title or shown.run)

    def faces(self, runs: Sequence[Run], count: int) -> list[Portrait]:
        """``count`` test portraits at random, of those that every one of ``runs`` has corrected.

        Raises:
            Unfilled: there are none, or their pictures are not here.
        """
        manifest = self.dataset()
        pool = [
            p.id
            for p in portraits_to_show(manifest)
            if all(self.has_corrected(run, [p]) for run in runs)
        ]
        if not pool:
            raise Unfilled("corrected portraits of every method in one place", EVAL)
        return [manifest.by_id[id_] for id_ in in_random_order(pool)[:count]]

    def source(self, portrait: Portrait) -> Image.Image:
        """A portrait of the dataset."""
        manifest = self.dataset()
        return self._read(manifest.path(portrait))

    def has_corrected(self, run: Run, portraits: Sequence[Portrait]) -> bool:
        """Whether a run has a picture of each of them."""
        folder = predictions_of(run)
        return folder is not None and all((folder / f"{p.id}.png").is_file() for p in portraits)

    def corrected(self, run: Run, portrait: Portrait) -> Image.Image:
        """What a run made of it."""
        folder = predictions_of(run)
        assert folder
        return self._read(folder / f"{portrait.id}.png")

    def _read(self, path: Path) -> Image.Image:
        try:
            picture = read_picture(path)
        except PictureError as error:
            raise Unfilled(f"{path.name}, which is refused ({error.code})", EVAL) from None
        if picture.size != (self.resolution, self.resolution):
            raise Unfilled(f"{path.name} of {self.resolution} pixels", EVAL)
        return picture


def cut(path: Path, count: int) -> list[Image.Image]:
    """The ``count`` pictures that lie side by side in one file; [] where it is not like that."""
    try:
        strip = read_picture(path)
    except PictureError:
        return []
    width, rest = divmod(strip.width, max(count, 1))
    if rest or not count:
        return []
    boxes = [(place * width, 0, (place + 1) * width, strip.height) for place in range(count)]
    return [strip.crop(box) for box in boxes]


def _drew(run: Run) -> bool:
    folder = predictions_of(run)
    return folder is not None and folder.is_dir()


def _title(run: Run) -> str:
    title = run.result.method.title or run.result.name
    letters = ablations.without(run.result)
    return f"{title} without {', '.join(letters)}" if letters else title
