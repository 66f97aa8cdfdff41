"""A method's own section: its card, how open it is, timings, settings, best and worst faces."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.errors import InputError
from gazebench.reports.grid import Column, Grid, Row, number
from gazebench.reports.measured import Run
from gazebench.reports.page.choice import preferred
from gazebench.reports.page.figures import Shown
from gazebench.reports.page.offline import within
from gazebench.reports.portraits import find_dataset, portraits_to_show, predictions_of
from gazebench.results import RunResult

BUDGET = 350_000  # bytes of all best and worst faces of a page
PICTURES = 96  # of them on a page, at most
METRICS = 6  # to choose from, at most
STRIP = (240, 120)  # pixels: both eyes of one portrait, width and height
GAP = 4  # between source and corrected
_ENDS = 2  # best and worst faces by a metric, where there is room for as many
# provenance keys with a place of their own, in order
_KNOWN = {
    "date": "Date",
    "command": "Command",
    "gazebench": "gazebench",
    "device": "Device",
    "python": "Python",
    "torch": "PyTorch",
    "steps": "Steps",
    "images": "Portraits seen in training",
    "budget": "Training budget",
    "seed": "Seed",
    "training_seconds": "Training, seconds",
    "checkpoint_sha256": "Checkpoint, sha256",
}
_ELSEWHERE = ("settings", "timings")
_PHASES = {
    "correct": "Correction",
    "correct_x": "Correction of X",
    "animate": "Animation",
    "score": "Scoring",
}


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One of the six things that make a method open."""

    name: str
    value: str  # an address, a licence, a sentence; "" where it is not known to exist


@dataclass(frozen=True, kw_only=True)
class Extreme:
    """A face that a method did best or worst by some metrics: source above, corrected below."""

    id: str
    uri: str
    said: Mapping[str, str]  # metric → "worst, 31.2°"
    ranks: Mapping[str, int]  # metric → place among the faces that are shown of it, worst first


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """The best and worst faces of one run."""

    metrics: tuple[Column, ...] = ()
    faces: tuple[Extreme, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """All that the page says of one run of a method."""

    id: str  # of the HTML element
    row: Row
    result: RunResult
    openings: tuple[Opening, ...]  # none of a control
    timings: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    curves: tuple[Shown, ...] = ()
    extremes: Extremes = field(default_factory=Extremes)

    @property
    def open(self) -> int:
        """How many of ``openings`` there are."""
        return sum(bool(one.value) for one in self.openings)


def openings(result: RunResult) -> tuple[Opening, ...]:
    """Paper, code, licence, weights, data, run; nothing of a control, which nobody published."""
    card = result.method
    if card.kind == "control":
        return ()
    again = "checkpoint_sha256" in result.provenance  # not so of pictures from outside
    return (
        Opening(name="Paper", value=card.url),
        Opening(name="Code", value=card.code),
        Opening(name="Licence", value=card.license),
        Opening(name="Weights", value=card.weights),
        Opening(name="Training data", value=card.data),
        Opening(name="This run", value="made from the method's file" if again else ""),
    )


def timings(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How long each phase took, as far as the provenance of a run says."""
    seconds = facts.get("training_seconds")
    if isinstance(seconds, int | float):
        step = facts.get("step")
        each = f", {1000 * seconds / step:,.1f} s for 1,000 steps" if step else ""
        yield "Training", f"{_duration(seconds)}{each}"
    found = facts.get("timings")
    for key, label in _PHASES.items():
        value = found.get(key) if isinstance(found, dict) else None
        if isinstance(value, int | float):
            yield label, _duration(value)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def provenance(result: RunResult) -> Iterator[tuple[str, str]]:
    """What a run's scores depend on, as label and text."""
    facts = {k: v for k, v in result.provenance.items() if k not in _ELSEWHERE}
    yield "Run", result.run
    yield "Benchmark version", result.benchmark
    yield "Dataset", f"{result.dataset.name}, fingerprint {result.dataset.fingerprint}"
    yield "Portraits", f"{result.n_predicted} of {result.dataset.n_test} corrected"
    for key, label in _KNOWN.items():
        if facts.get(key) not in (None, ""):
            yield label, str(facts[key])
    for key in sorted(facts.keys() - _KNOWN.keys()):
        yield from _flat(facts[key], key)
    for key, reason in sorted(result.skipped.items()):
        yield f"Not measured: {key}", reason


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested tables as ("settings.batch", "8")."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _flat(value[key], f"{path}.{key}" if path else str(key))
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def sections(
    board: str,
    entries: Sequence[tuple[Row, RunResult]],
    curves: Sequence[Shown],
    extremes: Mapping[str, Extremes],
) -> list[Section]:
    """A section for each row of Table I."""
    return [
        Section(
            id=f"{board}-method-{place}",
            row=row,
            result=result,
            openings=openings(result),
            timings=tuple(timings(result.provenance)),
            settings=tuple(_flat(result.provenance.get("settings") or {})),
            provenance=tuple(provenance(result)),
            curves=tuple(one for one in curves if one.of == result.run),
            extremes=extremes.get(result.run, Extremes()),
        )
        for place, (row, result) in enumerate(entries, 1)
    ]


def extremes_of(
    grid: Grid, runs: Sequence[Run], dataset: Path | None, share: float
) -> dict[str, Extremes]:
    """By run, of the methods with pictures; none where the dataset is not here.

    ``share`` of the page's pictures and bytes.
    """
    try:
        manifest = find_dataset(grid.fingerprint, runs, dataset)
    except InputError:
        return {}
    folders = {run.result.run: folder for run in runs if (folder := predictions_of(run))}
    rows = [row for row in grid.rows if row.key in folders]
    most = int(share * PICTURES) // max(1, len(rows))
    chosen = {row.key: _chosen(grid, row, folders[row.key], manifest, most) for row in rows}
    strips = {
        (run, id_): strip
        for run, said in chosen.items()
        for id_ in {id_: None for faces in said.values() for id_ in faces}
        if (strip := _pair(manifest, manifest.by_id[id_], folders[run])) is not None
    }
    uris = within(strips, share * BUDGET)
    return {row.key: _extremes(grid, row, chosen[row.key], uris) for row in rows}


def _chosen(
    grid: Grid, row: Row, folder: Path, manifest: Manifest, most: int
) -> dict[str, list[str]]:
    """By metric the ids of the worst and best faces, worst first; at most ``most`` faces in all."""
    there = [p.id for p in portraits_to_show(manifest) if (folder / f"{p.id}.png").is_file()]
    ends = _ENDS if most >= 2 * _ENDS * METRICS // 2 else 1
    chosen: dict[str, list[str]] = {}
    for column in sorted(grid.columns, key=preferred):
        values = _values(row, column)
        sign = 1 if column.card.higher_is_better else -1
        order = sorted((id_ for id_ in there if id_ in values), key=lambda i: (sign * values[i], i))
        if len(order) < 2 * ends or len({values[id_] for id_ in order}) < 2 * ends:
            continue
        found = [*order[:ends], *order[-ends:]]
        if len({id_ for ids in (*chosen.values(), found) for id_ in ids}) <= most:
            chosen[column.key] = found
        if len(chosen) == METRICS:
            break
    return chosen


def _values(row: Row, column: Column) -> Mapping[str, float]:
    score = row.cells[column.key].score
    return (score.per_portrait or {}) if score else {}


def _extremes(
    grid: Grid, row: Row, chosen: Mapping[str, list[str]], uris: Mapping[tuple[str, str], str]
) -> Extremes:
    columns = {column.key: column for column in grid.columns}
    ids = {id_: None for found in chosen.values() for id_ in found if (row.key, id_) in uris}
    faces = [
        Extreme(
            id=id_,
            uri=uris[row.key, id_],
            said={
                key: _said(columns[key], _values(row, columns[key])[id_], found, id_)
                for key, found in chosen.items()
                if id_ in found
            },
            ranks={key: found.index(id_) for key, found in chosen.items() if id_ in found},
        )
        for id_ in ids
    ]
    return Extremes(metrics=tuple(columns[key] for key in chosen), faces=tuple(faces))


def _said(column: Column, value: float, found: Sequence[str], id_: str) -> str:
    end = "worst" if found.index(id_) < len(found) / 2 else "best"
    return f"{end}, {number(value, column.card)}{column.card.unit}"


def _pair(manifest: Manifest, portrait: Portrait, folder: Path) -> Image.Image | None:
    """Both eyes of the source above those of the correction; None where one cannot be read."""
    pair = Image.new("RGB", (STRIP[0], 2 * STRIP[1] + GAP), "white")
    for place, path in enumerate((manifest.path(portrait), folder / f"{portrait.id}.png")):
        try:
            image = read_picture(path)
        except PictureError:
            return None
        if image.size != (manifest.resolution, manifest.resolution):
            return None
        crop = image.crop(_both_eyes(portrait, manifest.resolution)).resize(
            STRIP, Image.Resampling.LANCZOS
        )
        pair.paste(crop, (0, place * (STRIP[1] + GAP)))
    return pair


def _both_eyes(portrait: Portrait, side: int) -> tuple[int, int, int, int]:
    """A frame of 2:1 around both eye boxes with a quarter of their width at each side."""
    first, last = portrait.left_eye, portrait.right_eye
    width = min(side, round(1.5 * (last.right - first.left)))
    height = width // 2
    left = (first.left + last.right - width) // 2
    top = (first.top + last.bottom - height) // 2
    left, top = min(max(0, left), side - width), min(max(0, top), side - height)
    return left, top, left + width, top + height
