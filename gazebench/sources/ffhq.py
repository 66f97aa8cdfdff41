"""FFHQ as released: ``images1024x1024``, ``thumbnails128x128`` or ``in-the-wild-images``.

Karras et al., A Style-Based Generator Architecture for Generative Adversarial Networks, CVPR 2019;
github.com/NVlabs/ffhq-dataset, whose README gives the layout and the split: the first 60,000 for
training, the last 10,000 for validation. ``ffhq-dataset-v2.json`` (255 MB) is read entry by entry.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gazebench.dataset.boxes import Point, mean_point
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _lists, safe_ids, text_name

_LIST = "ffhq-dataset-v2.json"
_WILD = "in-the-wild-images"
_FOLDERS = ("images1024x1024", _WILD, "thumbnails128x128")
_SHELF = re.compile(r"[0-9]{5}")  # folders 00000, 01000, ... of a thousand pictures each
_TRAINED = 60_000
_GAP = re.compile(r"[\s,:]*")
_PIECE = 1 << 20  # characters read at once
_LONGEST = 1 << 22  # characters of an entry
_LICENSE = "each photograph's own (CC BY, CC BY-NC, public domain); the set CC BY-NC-SA 4.0"


class FFHQ(Source):
    """The pictures of FFHQ, by their numbers; in the wild with the face that is meant.

    ``--split partition`` takes the validation pictures as the test half.
    """

    title = "FFHQ"
    layout = (
        "`images1024x1024/00000/00000.png` ..., `thumbnails128x128/`, or `in-the-wild-images/` "
        "with `ffhq-dataset-v2.json`; `--split partition` tests on its validation pictures"
    )
    license = _LICENSE
    alignment = "none"
    order = 30

    def __init__(self, root: Path) -> None:
        self._images = _images(root)
        near = [root, root.parent, self._images, self._images.parent]
        self._list = _lists.find_exactly(_LIST, *near)
        self._is_wild = self._images.name == _WILD
        if self._is_wild:
            self.alignment = "ffhq"
        self._entries = dict(_entries(self._list)) if self._list and self._is_wild else {}

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder with one of the released folders, or with ``00000/00000.png``."""
        return _shelves_of(root) is not None

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture."""
        pictures = {
            text_name(path.relative_to(self._images)): path
            for shelf in _shelves(self._images)
            for path in sorted(shelf.glob("[0-9]*.png"))
        }
        ids = safe_ids({Path(name).name: name for name in pictures})
        for name, path in sorted(pictures.items(), key=lambda item: item[1].name):
            number = int(path.stem) if _SHELF.fullmatch(path.stem) else None
            yield SourceFace(
                id=ids[Path(name).name],
                name=name,
                path=path,
                partition=None if number is None else _half(number),
                **self._entries.get(path.name, {}),
            )

    def remarks(self) -> list[str]:
        """That nobody knows the people, and what the list would say."""
        remarks = ["identities are unknown: the split treats each picture as a different person"]
        if self._is_wild and not self._list:
            remarks.append(
                f"{_LIST} not found: which of several faces is meant is unknown, and pictures of "
                "several people are quarantined; it comes with the download, put it beside the "
                f"folder {_WILD}"
            )
        elif self._is_wild:
            remarks.append("a photograph may be there several times, once for each of its faces")
        return remarks


def _half(number: int) -> str:
    return "train" if number < _TRAINED else "test"


def _images(root: Path) -> Path:
    found = _shelves_of(root)
    if found is None:
        raise InputError(f"{root}: holds no 00000/00000.png, as FFHQ has")
    return found


def _shelves_of(root: Path) -> Path | None:
    places = [*(root / name for name in _FOLDERS), root]
    return next((place for place in places if _shelves(place)), None)


def _shelves(folder: Path) -> list[Path]:
    """The folders 00000, 01000, ... that hold pictures of their numbers."""
    if not folder.is_dir():
        return []
    shelves = sorted(path for path in folder.iterdir() if _SHELF.fullmatch(path.name))
    return [shelf for shelf in shelves if next(shelf.glob(f"{shelf.name[:2]}*.png"), None)]


def _entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """File name and what is known of its face in the wild, for each entry of the list.

    Raises:
        InputError: it is damaged; the number of the entry is named.
    """
    for count, (key, entry) in enumerate(_pairs(path), 1):
        try:
            wild = entry["in_the_wild"]
            points = [Point(float(x), float(y)) for x, y in wild["face_landmarks"]]
            left, top, right, bottom = (float(v) for v in wild["face_rect"])
            if len(points) != 68 or not (left < right and top < bottom):
                raise ValueError("its landmarks are not 68, or its rectangle is empty")
            name = Path(wild["file_path"]).name
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, entry {count} ({key!r}): {error!s}") from None
        yield (
            name,
            {
                "eyes": (mean_point(points[36:42]), mean_point(points[42:48])),
                "mouth": mean_point([points[48], points[54]]),
                "box": (left, top, right - left, bottom - top),
            },
        )


def _pairs(path: Path) -> Iterator[tuple[str, Any]]:
    """The members of the object in a JSON file, one at a time."""
    decoder, text, at = json.JSONDecoder(), "", 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            if file.read(1) != "{":
                raise InputError(f"{path}: is no JSON object; download it again")
            while piece := file.read(_PIECE):
                text, at = text[at:] + piece, 0
                while found := _member(decoder, text, at):
                    key, value, at = found
                    yield key, value
                if len(text) - at > _LONGEST:
                    raise InputError(f"{path}: an entry over {_LONGEST:,} characters")
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not text[at:].lstrip(" \r\n\t,").startswith("}"):
        raise InputError(f"{path}: damaged or cut off; download it again")


def _member(decoder: json.JSONDecoder, text: str, at: int) -> tuple[str, Any, int] | None:
    """The member that begins at ``at``, and where it ends; None while it is not whole."""
    try:
        key, at = decoder.raw_decode(text, _after_gap(text, at))
        value, at = decoder.raw_decode(text, _after_gap(text, at))
    except json.JSONDecodeError:
        return None
    return str(key), value, at


def _after_gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at
