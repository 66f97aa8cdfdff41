"""Pictures of the page: source and corrected faces with both eyes enlarged, as data URIs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gazebench.dataset import Domain, Manifest, Portrait, Split, intact
from gazebench.dataset.boxes import Box
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.errors import InputError
from gazebench.reports.grid import Grid, Row, number
from gazebench.reports.measured import Run
from gazebench.reports.page.choice import Choice, choose
from gazebench.reports.page.offline import data_uri

SIDE = 256  # of a portrait on the page
LARGE_SIDE = 384  # where few are shown and the dataset has more
EYE_WIDTH = 166  # of one enlarged eye
GAP = 4  # between the two
PICTURES = 110  # on the whole page, which keeps it near two megabytes
_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One face of one method, or of the source."""

    portrait: str = ""  # data URI; "" when there is none
    eyes: str = ""  # data URI: both eyes side by side
    value: str = ""  # of the metric that the face was chosen by
    missing: str = ""  # why there is no picture


@dataclass(frozen=True, kw_only=True)
class Face:
    """One line of the grid."""

    choice: Choice
    source: Picture
    corrected: tuple[Picture, ...]  # in the order of the gallery's methods


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The same faces across all methods."""

    methods: tuple[str, ...] = ()
    faces: tuple[Face, ...] = ()
    side: int = SIDE  # pixels
    eye_size: tuple[int, int] = (2 * EYE_WIDTH + GAP, 120)  # of a pair of eyes, pixels
    note: str = ""  # why there are no pictures


def gallery(grid: Grid, runs: Sequence[Run], dataset: Path | None, pictures: int) -> Gallery:
    """About ``pictures`` pictures of the table's runs, or a note that says why there are none."""
    try:
        manifest = _manifest(grid, runs, dataset)
    except InputError as error:
        return Gallery(note=str(error))
    folders = {run.result.run: folder for run in runs if (folder := _folder(run))}
    rows = [row for row in grid.all_rows if row.key in folders]
    if not rows:
        return Gallery(note="No run says where its corrected pictures are.")
    count = max(4, pictures // (len(rows) + 1))
    choices = choose(grid, _ids(manifest, folders), drawn=min(6, max(1, count - 3)), extremes=True)
    if not choices:
        return Gallery(note="The folders of corrected pictures are not here, or are empty.")
    side = LARGE_SIDE if len(choices) * (len(rows) + 1) <= PICTURES // 2 else SIDE
    side = min(side, manifest.resolution)
    faces = [_face(choice, manifest, rows, folders, side) for choice in choices]
    shown = [face for face in faces if face.source.portrait]
    return Gallery(
        methods=tuple(row.label for row in rows),
        faces=tuple(shown),
        side=side,
        eye_size=_eye_size(manifest.portraits[0].left_eye, manifest.resolution),
        note="" if shown else "The portraits of the dataset cannot be read.",
    )


def _manifest(grid: Grid, runs: Sequence[Run], dataset: Path | None) -> Manifest:
    """The dataset that was scored.

    Raises:
        InputError: it is not where it should be, or another one is; names no place.
    """
    places = [dataset] if dataset else _named_places(runs)
    other = None
    for place in places:
        try:
            manifest = Manifest.load(place)
        except InputError:
            continue
        if manifest.fingerprint == grid.fingerprint:
            _refuse_changed(manifest)
            return manifest
        other = manifest.fingerprint
    if other:
        raise InputError(
            f"The dataset found has fingerprint {other}, these scores were made on "
            f"{grid.fingerprint}: its pictures would not be the ones that were scored."
        )
    raise InputError(
        "The dataset is not where the runs say it is; "
        "run `gazebench report` again with --dataset DATASET."
    )


def _refuse_changed(manifest: Manifest) -> None:
    if changed := intact.faults(manifest):
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"The dataset was changed after it was built ({changed[0]}{more}): its pictures would "
            "not be the ones that were scored."
        )


def _named_places(runs: Sequence[Run]) -> list[Path]:
    named = [(run.folder, run.result.dataset_folder) for run in runs if run.result.dataset_folder]
    return list(dict.fromkeys(folder / place for folder, place in named))


def _folder(run: Run) -> Path | None:
    place = run.result.pictures
    return run.folder / place if place and not Path(place).is_absolute() else None


def _ids(manifest: Manifest, folders: Mapping[str, Path]) -> list[str]:
    """Portraits that the most runs have a picture of."""
    test = manifest.select(split=Split.TEST, domain=Domain.AWAY)
    safe = [p.id for p in test if _SAFE_ID.fullmatch(p.id)]
    counts = {id_: sum((f / f"{id_}.png").is_file() for f in folders.values()) for id_ in safe}
    most = max(counts.values(), default=0)
    return [id_ for id_, count in counts.items() if count == most > 0]


def _face(
    choice: Choice, manifest: Manifest, rows: Sequence[Row], folders: Mapping[str, Path], side: int
) -> Face:
    portrait = manifest.by_id[choice.id]
    paths = [folders[row.key] / f"{choice.id}.png" for row in rows]
    shown = [
        _picture(path, portrait, manifest, side, _value(row, choice))
        for path, row in zip(paths, rows, strict=True)
    ]
    source = _picture(manifest.path(portrait), portrait, manifest, side, "")
    return Face(choice=choice, source=source, corrected=tuple(shown))


def _value(row: Row, choice: Choice) -> str:
    if choice.metric is None:
        return ""
    score = row.cells[choice.metric.key].score
    value = (score.per_portrait or {}).get(choice.id) if score else None
    return "" if value is None else number(value, choice.metric.card)


def _picture(path: Path, portrait: Portrait, manifest: Manifest, side: int, value: str) -> Picture:
    try:
        image = read_picture(path)
    except PictureError as error:
        gone = error.code == "unreadable"
        return Picture(missing="no picture" if gone else f"refused: {error.code}")
    if image.size != (manifest.resolution, manifest.resolution):
        return Picture(missing=f"refused: {image.width}x{image.height} pixels")
    small = image if side == image.width else image.resize((side, side), Image.Resampling.LANCZOS)
    eyes = _eyes(image, portrait)
    return Picture(portrait=data_uri(small, 82), eyes=data_uri(eyes, 86), value=value)


def _eyes(image: Image.Image, portrait: Portrait) -> Image.Image:
    """Both eye boxes with a margin that shows their border, enlarged, side by side."""
    width, height = _eye_size(portrait.left_eye, image.width)
    pair = Image.new("RGBA", (width, height))  # what lies between the eyes is transparent
    for place, box in zip((0, width - EYE_WIDTH), portrait.eyes, strict=True):
        crop = image.crop(_around(box, image.width))
        pair.paste(crop.resize((EYE_WIDTH, height), Image.Resampling.LANCZOS), (place, 0))
    return pair


def _around(box: Box, side: int) -> tuple[int, int, int, int]:
    """The box and a fifth of its width on each side, moved into the frame."""
    margin = round(box.width / 5)
    width, height = (min(side, size + 2 * margin) for size in (box.width, box.height))
    left = min(max(0, box.left - margin), side - width)
    top = min(max(0, box.top - margin), side - height)
    return left, top, left + width, top + height


def _eye_size(box: Box, side: int) -> tuple[int, int]:
    left, top, right, bottom = _around(box, side)
    return 2 * EYE_WIDTH + GAP, round(EYE_WIDTH * (bottom - top) / (right - left))
