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
from gazebench.dataset.pictures import read_picture
from gazebench.pages import environment, inlined, joined, policy
from gazebench.photographs.choosing import Chosen
from gazebench.sources import text_name

FILE = "index.html"
_LONGEST = 1000  # side of a shown photograph, pixels
_EYES = 480  # width of what is shown around the eyes
_MARGIN = 0.35  # around what changed, of its width

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    whole: tuple[str, str]  # before and after, as data addresses
    eyes: tuple[str, str] | None  # None: nothing changed
    why: str  # nothing changed


def write(
    places: Mapping[Path, Path], folder: Path, by: Chosen, unchanged: Sequence[str] = ()
) -> Path:
    """Write ``folder/index.html`` on the photographs (keys) that have a correction (values).

    ``unchanged`` has a sentence for each that was left as it is, which begins with its name.

    Raises:
        DiskError: no space or not writable.
    """
    rows = [_row(photo, place, unchanged) for photo, place in places.items() if place.exists()]
    page = folder / FILE
    store.write(page, _html(rows, by.method.card, by.notes))
    return page


def _row(photo: Path, place: Path, unchanged: Sequence[str]) -> _Row:
    before, after = (np.asarray(read_picture(path)) for path in (photo, place))
    changed = np.argwhere((before != after).any(2))
    name, whole = text_name(photo.name), (_address(before, _LONGEST), _address(after, _LONGEST))
    if not len(changed):
        begin = f"{text_name(photo)}: "
        said = (s.removeprefix(begin) for s in unchanged if s.startswith(begin))
        return _Row(name, whole, None, next(said, "left as it is"))
    cut = _around(changed, before.shape)
    return _Row(name, whole, (_address(before[cut], _EYES), _address(after[cut], _EYES)), "")


def _around(changed: NDArray[np.intp], shape: tuple[int, ...]) -> Any:
    (top, left), (bottom, right) = changed.min(0), changed.max(0) + 1
    margin = round(_MARGIN * (right - left))
    rows = slice(max(0, top - margin), min(shape[0], bottom + margin))
    return rows, slice(max(0, left - margin), min(shape[1], right + margin))


def _address(pixels: Pixels, longest: int) -> str:
    picture = Image.fromarray(pixels)
    if max(picture.size) < longest / 2:  # a small one is shown larger, so that one sees something
        scale = longest / max(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return inlined(picture, "JPEG", quality=90)


def _html(rows: list[_Row], card: MethodCard, notes: Sequence[str]) -> str:
    templates = environment("gazebench.photographs")
    style = joined(templates, ["before_after.css"])
    return templates.get_template("before_after.html.j2").render(
        rows=rows, card=card, notes=notes, style=Markup(style), policy=policy(style)
    )
