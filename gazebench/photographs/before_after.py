"""One offline HTML file that shows photographs before and after, whole and around the eyes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from gazebench import store
from gazebench.cards import MethodCard
from gazebench.dataset.pictures import MAX_PIXELS, PictureError, original, read_bytes
from gazebench.errors import RefusedError
from gazebench.photographs.choosing import Chosen
from gazebench.photographs.correct import mark_of
from gazebench.reading import opened
from gazebench.sources import text_name

FILE = "index.html"
_LONGEST = 1000  # side of a shown photograph, pixels
_EYES = 480  # width of what is shown around the eyes
_MARGIN = 0.35  # around what changed, of its width
_SEEN = 16  # levels: a change; less may be what JPEG does to every pixel
_TITLE = "<title>Gaze before and after</title>"  # tells our pages from others
_HEAD = 4096  # bytes in which it stands
_OF_A_PIXEL = 4  # bytes that a pixel takes in a PNG at the most

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    changed: bool
    whole: tuple[str, str] | None = None  # before and after, as data addresses; None: not shown
    eyes: tuple[str, str] | None = None  # None: nothing changed, or it is not shown
    why: str = ""  # nothing changed, or it is not shown


def check(folder: Path) -> None:
    """Make sure that ``folder/index.html`` is no page of somebody else.

    Raises:
        RefusedError: it is.
    """
    page = folder / FILE
    with store.asking(page):
        if not page.exists():
            return
    with opened(page) as file:
        head = file.read(_HEAD).decode("utf-8", "replace")
    if _TITLE not in head:
        raise RefusedError(
            f"{text_name(page)}: already exists, and is not a page of before and after; "
            "--overwrite replaces it"
        )


def write(
    places: Mapping[Path, Path],
    folder: Path,
    by: Chosen,
    unchanged: Sequence[str] = (),
    most: int = MAX_PIXELS,
) -> Path:
    """Write ``folder/index.html`` on the photographs (keys) that have a correction (values).

    ``unchanged`` has a sentence for each that was left as it is, which begins with its name.
    ``most``: pixels that a photograph may have. One that cannot be read any more is named with the
    reason.

    Raises:
        DiskError: no space or not writable.
    """
    there = [(photo, place) for photo, place in places.items() if place.exists()]
    rows = [_row(photo, place, unchanged, most) for photo, place in there]
    page = folder / FILE
    store.write(page, _html(rows, by.method.card, by.notes))
    return page


def _row(photo: Path, place: Path, unchanged: Sequence[str], most: int) -> _Row:
    mark = mark_of(place) or {}
    name, changed = text_name(photo.name), mark.get("gaze") == "corrected"
    try:
        before = _pixels(photo, most)
        after = _pixels(place, most, more=_OF_A_PIXEL * most)
    except PictureError as error:
        return _Row(name, changed, why=f"cannot be shown: {_without_place(error, photo, place)}")
    whole = _address(before, _LONGEST), _address(after, _LONGEST)
    if not changed:
        begin = f"{text_name(photo)}: "
        said = (s.removeprefix(begin) for s in unchanged if s.startswith(begin))
        return _Row(name, changed, whole, why=next(said, "left as it is"))
    cut = _around(before, after, mark.get("area") or (0, 0, *before.shape[1::-1]))
    eyes = _address(before[cut], _EYES), _address(after[cut], _EYES)
    return _Row(name, changed, whole, eyes)


def _without_place(error: PictureError, *paths: Path) -> str:
    """Its sentence without the path that it begins with: a page is for others too."""
    said = str(error)
    for begin in (begin for path in paths for begin in (str(path), text_name(path))):
        said = said.removeprefix(f"{begin}: ")
    return said


def _pixels(path: Path, most: int, *, more: int = 0) -> Pixels:
    """What is shown of the picture at ``path``.

    ``more``: bytes that its file may have beyond a photograph: a PNG is larger than its JPEG.
    """
    data = read_bytes(path, more=more)
    return np.asarray(original(data, text_name(path), most=most).on_black())


def _around(before: Pixels, after: Pixels, area: Sequence[int]) -> Any:
    """Rows and columns of what changed within ``area``, with a margin."""
    left, top, right, bottom = area
    inside = slice(top, bottom), slice(left, right)
    levels = np.abs(before[inside].astype(np.int16) - after[inside]).max(2)
    rows, columns = (np.flatnonzero((levels > _SEEN).any(axis)) for axis in (1, 0))
    if len(rows):
        top, bottom = top + rows[0], top + rows[-1] + 1
        left, right = left + columns[0], left + columns[-1] + 1
    margin = round(_MARGIN * (right - left))
    height, width = before.shape[:2]
    across = slice(max(0, left - margin), min(width, right + margin))
    return slice(max(0, top - margin), min(height, bottom + margin)), across


def _address(pixels: Pixels, longest: int) -> str:
    from gazebench.pages import inlined

    picture = Image.fromarray(pixels)
    if max(picture.size) < longest / 2:  # a small one is shown larger, so that one sees something
        scale = longest / max(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return inlined(picture, "JPEG", quality=90)


def _html(rows: list[_Row], card: MethodCard, notes: Sequence[str]) -> str:
    from gazebench.pages import environment, joined, policy  # few corrections make a page

    templates = environment("gazebench.photographs")
    style = joined(templates, ["before_after.css"])
    return templates.get_template("before_after.html.j2").render(
        rows=rows, card=card, notes=notes, style=Markup(style), policy=policy(style)
    )
