"""A dataset on one page: counts, split and leaks, measures, what was quarantined and why."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any

from markupsafe import Markup
from PIL import Image, ImageDraw

import gazebench
from gazebench.dataset import LABELS, Manifest, Portrait, load_info, read_csv, read_labels
from gazebench.dataset.measures import Measures
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.errors import InputError
from gazebench.reports.faults import faults
from gazebench.reports.page.offline import data_uri, environment, joined, policy

THUMB = 112  # side of a small picture
SAMPLE = 24  # portraits shown, chosen at random
EXTREMES = 6  # portraits on either end of a measure
SHOWN = 12  # quarantined faces per reason, groups of near-duplicates
BARS = 24
UNLABELLED = "unlabelled"
_BOX_COLOR = (64, 224, 160)
_WORDS = {
    "sharpness": ("Sharpness", "variance of the Laplacian, grey 0-255"),
    "brightness": ("Brightness", "mean grey, 0-255"),
    "eye_distance": ("Inter-ocular distance", "portrait pixels"),
    "yaw_deg": ("Head yaw", "degrees, positive to the image's right"),
    "pitch_deg": ("Head pitch", "degrees, positive upwards"),
    "roll_deg": ("Head roll in the source", "degrees, positive clockwise"),
    "openness": ("Eye openness", "height over width of the narrower eye"),
    "outside": ("Outside the picture", "share of the square, filled by mirroring"),
}


@dataclass(frozen=True, kw_only=True)
class Thumb:
    """A small picture with what stands under it."""

    uri: str  # "" where the picture cannot be shown
    title: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How a measure is spread, with the portraits at both ends."""

    title: str
    unit: str
    low: float
    median: float
    high: float
    bars: tuple[float, ...]  # heights, the highest is 1
    known: int
    lowest: tuple[Thumb, ...]
    highest: tuple[Thumb, ...]


def render(root: Path, *, source: Path | None = None) -> str:
    """The page of the dataset at ``root``; ``source`` lets quarantined pictures be shown.

    A pure function of the dataset: the same bytes every time.

    Raises:
        InputError: no finished dataset.
    """
    manifest, info = Manifest.load(root), load_info(root)
    templates = environment()
    templates.filters["short"] = short
    style = joined(templates, ("page.css", "inspect.css"))
    return templates.get_template("inspect.html.j2").render(
        style=Markup(style),
        policy=policy(style),
        version=gazebench.__version__,
        name=manifest.name,
        manifest=manifest,
        info=info,
        counts=info["counts"],
        halves=halves(manifest),
        faults=list(_faults(manifest, info)),
        sample=_sample(manifest),
        histograms=list(_histograms(manifest)),
        quarantine=list(_quarantine(root, source)),
        groups=list(_groups(manifest)),
    )


def halves(manifest: Manifest) -> list[dict[str, Any]]:
    """Portraits, known people and labels of each half of the split.

    ``labels`` has a count for every one of ``LABELS``, then for ``UNLABELLED``.
    """
    labels = read_labels(manifest.root / "labels.csv")
    rows: list[dict[str, Any]] = []
    for split in ("train", "test"):
        portraits = [p for p in manifest.portraits if p.split == split]
        said = Counter(labels.get(p.id, UNLABELLED) for p in portraits)
        people = {p.identity for p in portraits if p.identity}
        rows.append(
            {
                "split": split,
                "portraits": len(portraits),
                "people": len(people),
                "labels": {label: said[label] for label in (*LABELS, UNLABELLED)},
            }
        )
    return rows


def _faults(manifest: Manifest, info: Mapping[str, Any]) -> Iterator[tuple[str, list[Thumb]]]:
    for fault in faults(manifest, info):
        shown = fault.shown[: 2 * SHOWN]
        yield fault.sentence, [_thumb(manifest, portrait, text) for portrait, text in shown]


def _sample(manifest: Manifest) -> list[Thumb]:
    portraits = list(manifest.portraits)
    chosen = Random(0).sample(portraits, min(SAMPLE, len(portraits)))
    return [_thumb(manifest, p) for p in sorted(chosen, key=lambda p: p.id)]


def _histograms(manifest: Manifest) -> Iterator[Histogram]:
    for field in fields(Measures):
        known = [
            (value, p)
            for p in manifest.portraits
            if (value := getattr(p.measures, field.name)) is not None
        ]
        if not known:
            continue
        known.sort(key=lambda pair: (pair[0], pair[1].id))
        title, unit = _WORDS[field.name]
        values = [value for value, _ in known]
        yield Histogram(
            title=title,
            unit=unit,
            low=values[0],
            median=statistics.median(values),
            high=values[-1],
            bars=_bars(values),
            known=len(values),
            lowest=_ends(manifest, known[:EXTREMES]),
            highest=_ends(manifest, known[EXTREMES:][-EXTREMES:]),
        )


def short(value: float) -> str:
    """A number in three or so digits: "0.137", "12.5", "1,490"."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ends(manifest: Manifest, pairs: Sequence[tuple[float, Portrait]]) -> tuple[Thumb, ...]:
    return tuple(_thumb(manifest, portrait, short(value)) for value, portrait in pairs)


def _bars(values: Sequence[float]) -> tuple[float, ...]:
    low, high = values[0], values[-1]
    width = (high - low) / BARS or 1.0
    counts = Counter(min(int((value - low) / width), BARS - 1) for value in values)
    most = max(counts.values())
    return tuple(counts[index] / most for index in range(BARS))


def _groups(manifest: Manifest) -> Iterator[list[Thumb]]:
    members: dict[str, list[Portrait]] = defaultdict(list)
    for portrait in manifest.portraits:
        if portrait.near_duplicate:
            members[portrait.near_duplicate].append(portrait)
    for key in sorted(members, key=lambda k: (-len({p.split for p in members[k]}), k))[:SHOWN]:
        yield [_thumb(manifest, p, str(p.split or "")) for p in members[key][:EXTREMES]]


def _quarantine(root: Path, source: Path | None) -> Iterator[tuple[str, int, list[Thumb]]]:
    by_reason: dict[str, list[dict[str, str]]] = defaultdict(list)
    for _, row in read_csv(root / "quarantine.csv", ("source_name", "reason", "sentence")):
        by_reason[row["reason"]].append(row)
    for reason, rows in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = [
            Thumb(
                uri=_source_picture(source, row["source_name"]),
                title=row["source_name"],
                text=row["sentence"],
            )
            for row in rows[:SHOWN]
        ]
        yield reason, len(rows), shown


def _source_picture(source: Path | None, name: str) -> str:
    place = _inside(source, name) if source else None
    return _shown(lambda: read_picture(place)) if place else ""


def _inside(source: Path, name: str) -> Path | None:
    """The file of that name below the source; names are text of strangers."""
    place = (source / name).resolve()
    return place if place.is_relative_to(source.resolve()) and place.is_file() else None


def _thumb(manifest: Manifest, portrait: Portrait, text: str = "") -> Thumb:
    def read() -> Image.Image:
        image = read_picture(manifest.path(portrait))
        draw = ImageDraw.Draw(image)
        for box in portrait.eyes:
            edges = (box.left, box.top, box.right - 1, box.bottom - 1)
            draw.rectangle(edges, outline=_BOX_COLOR, width=max(1, manifest.resolution // 128))
        return image

    return Thumb(uri=_shown(read), title=portrait.id, text=text)


def _shown(read: Callable[[], Image.Image]) -> str:
    try:
        image = read()
    except (PictureError, InputError, OSError):
        return ""
    image.thumbnail((THUMB * 2, THUMB * 2), Image.Resampling.LANCZOS)
    return data_uri(image, 70)
