"""Pictures of the page: source and corrected faces with both eyes enlarged, as data URIs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.boxes import Box
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.errors import InputError
from gazebench.reports.grid import Grid, Row, number
from gazebench.reports.measured import Run
from gazebench.reports.page.choice import Choice, choose
from gazebench.reports.page.offline import within
from gazebench.reports.portraits import (
    around,
    find_dataset,
    ids_with_most_pictures,
    predictions_of,
)

SIDE = 256  # of a portrait on the page
LARGE_SIDE = 384  # where few are shown and the dataset has more
EYE_WIDTH = 166  # of one enlarged eye
GAP = 4  # between the two
PICTURES = 110  # on the whole page
BUDGET = 1_250_000  # bytes of them all


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


def gallery(grid: Grid, runs: Sequence[Run], dataset: Path | None, share: float) -> Gallery:
    """Pictures of the table's runs, or a note that says why there are none.

    ``share`` of the page's pictures and bytes.
    """
    try:
        manifest = find_dataset(grid.fingerprint, runs, dataset)
    except InputError as error:
        return Gallery(note=str(error))
    named = {run.result.run: folder for run in runs if (folder := predictions_of(run))}
    if not named:
        return Gallery(note="No run says where its corrected pictures are.")
    folders = {run: folder for run, folder in named.items() if folder.is_dir()}
    rows = [row for row in grid.all_rows if row.key in folders]
    count = max(4, int(share * PICTURES) // (len(rows) + 1))
    choices = choose(
        grid,
        ids_with_most_pictures(manifest, folders),
        drawn=min(6, max(1, count - 3)),
        extremes=True,
    )
    if not choices:
        return Gallery(note="The folders of corrected pictures are not here, or are empty.")
    side = LARGE_SIDE if len(choices) * (len(rows) + 1) <= PICTURES // 2 else SIDE
    side = min(side, manifest.resolution)
    places = [folders[row.key] for row in rows]
    found = _pictures(choices, manifest, places, side, share * BUDGET)
    faces = [_face(choice, rows, found) for choice in choices]
    shown = [face for face in faces if face.source.portrait]
    return Gallery(
        methods=tuple(row.label for row in rows),
        faces=tuple(shown),
        side=side,
        eye_size=_eye_size(manifest.portraits[0].left_eye, manifest.resolution),
        note="" if shown else "The portraits of the dataset cannot be read.",
    )


def _pictures(
    choices: Sequence[Choice],
    manifest: Manifest,
    folders: Sequence[Path],
    side: int,
    budget: float,
) -> dict[tuple[str, int], Picture]:
    """By face and place: the source (0), then what each folder has of it."""
    found = {
        (choice.id, place): _images(path, manifest.by_id[choice.id], manifest, side)
        for choice in choices
        for place, path in enumerate(_paths(choice.id, manifest, folders))
    }
    read = {key: images for key, images in found.items() if not isinstance(images, str)}
    flat = {(*key, part): image for key, images in read.items() for part, image in images.items()}
    uris = within(flat, budget)
    return {
        key: Picture(missing=images)
        if isinstance(images, str)
        else Picture(portrait=uris[*key, "portrait"], eyes=uris[*key, "eyes"])
        for key, images in found.items()
    }


def _paths(id_: str, manifest: Manifest, folders: Sequence[Path]) -> list[Path]:
    return [manifest.path(manifest.by_id[id_]), *(folder / f"{id_}.png" for folder in folders)]


def _face(choice: Choice, rows: Sequence[Row], pictures: Mapping[tuple[str, int], Picture]) -> Face:
    corrected = (
        replace(pictures[choice.id, place], value=_value(row, choice))
        for place, row in enumerate(rows, 1)
    )
    return Face(choice=choice, source=pictures[choice.id, 0], corrected=tuple(corrected))


def _value(row: Row, choice: Choice) -> str:
    if choice.metric is None:
        return ""
    score = row.cells[choice.metric.key].score
    value = (score.per_portrait or {}).get(choice.id) if score else None
    return "" if value is None else number(value, choice.metric.card)


def _images(
    path: Path, portrait: Portrait, manifest: Manifest, side: int
) -> dict[str, Image.Image] | str:
    """The portrait and both its eyes, or why there is no picture."""
    try:
        image = read_picture(path)
    except PictureError as error:
        return "no picture" if error.code == "unreadable" else f"refused: {error.code}"
    if image.size != (manifest.resolution, manifest.resolution):
        return f"refused: {image.width}x{image.height} pixels"
    small = image if side == image.width else image.resize((side, side), Image.Resampling.LANCZOS)
    return {"portrait": small, "eyes": _eyes(image, portrait)}


def _eyes(image: Image.Image, portrait: Portrait) -> Image.Image:
    """Both eye boxes with a margin that shows their border, enlarged, side by side."""
    width, height = _eye_size(portrait.left_eye, image.width)
    pair = Image.new("RGBA", (width, height))  # what lies between the eyes is transparent
    for place, box in zip((0, width - EYE_WIDTH), portrait.eyes, strict=True):
        crop = image.crop(around(box, image.width))
        pair.paste(crop.resize((EYE_WIDTH, height), Image.Resampling.LANCZOS), (place, 0))
    return pair


def _eye_size(box: Box, side: int) -> tuple[int, int]:
    left, top, right, bottom = around(box, side)
    return 2 * EYE_WIDTH + GAP, round(EYE_WIDTH * (bottom - top) / (right - left))
