"""What ``dataset.json`` says a dataset is."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from gazebench.dataset.portraits import Domain, ImageFormat
from gazebench.errors import InputError, first_fault
from gazebench.reading import MissingFileError, read_json
from gazebench.store import asking

FORMAT = 2  # of dataset.json and manifest.csv


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A dataset folder without its portraits."""

    root: Path
    name: str
    source: str  # kind of source, a name of `gazebench sources`
    resolution: int  # side of a portrait
    window: tuple[int, int]  # height and width of an eye box
    tree_hash: str  # of everything the build made
    image_format: ImageFormat = ImageFormat.PNG
    has_masks: bool = False  # masks/ID.png are written too


class _Facts(BaseModel):
    """What a heading needs of ``dataset.json``."""

    name: str
    source: str
    resolution: int = Field(ge=1, le=1 << 14)
    window: list[int] = Field(min_length=2, max_length=2)
    tree_hash: str


def read_heading(root: Path) -> Heading:
    """What the dataset at ``root`` is.

    Raises:
        InputError: the folder is not a finished dataset, or its ``dataset.json`` is damaged.
    """
    info = load_info(root)
    try:
        facts = _Facts.model_validate(info, strict=True)
        return Heading(
            root=root,
            **{**dict(facts), "window": tuple(facts.window)},
            image_format=image_format(info),
            has_masks=has_masks(info),
        )
    except ValidationError as error:
        raise InputError(
            f"{root / 'dataset.json'}: damaged ({first_fault(error)}); "
            "run `gazebench build-dataset` again"
        ) from None


def fingerprint_of(heading: Heading, domains: Iterable[tuple[str, Domain]]) -> str:
    """Sixteen hex digits that change when anything a score depends on changes.

    Pixels, boxes and splits (by the tree hash) and labels (``domains``: id and domain of each
    portrait that has one); not the folder's place or name.
    """
    labels = sorted((id_, domain.value) for id_, domain in domains)
    text = json.dumps([heading.tree_hash, heading.resolution, heading.window, labels])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_info(root: Path) -> dict[str, Any]:
    """What ``dataset.json`` says.

    Raises:
        InputError: there is none, so the folder is not a finished dataset.
    """
    path = root / "dataset.json"
    with asking(root):
        if not root.is_dir():
            raise InputError(
                f"{root}: no such dataset; run `gazebench build-dataset SOURCE {root}`"
            )
    try:
        info = read_json(path, "run `gazebench build-dataset` again")
    except MissingFileError:
        raise InputError(
            f"{root}: has no dataset.json, so it is not a finished dataset; "
            f"run `gazebench build-dataset SOURCE {root}`"
        ) from None
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise InputError(
            f"{path}: not of this version (format {FORMAT}); run the same `gazebench "
            "build-dataset` again, which writes the lists again"
        )
    return info


def image_format(info: Mapping[str, Any]) -> ImageFormat:
    """What the image files are of the dataset whose ``dataset.json`` is ``info``.

    PNG where the build is older than the choice.

    Raises:
        InputError: a format that this gazebench does not know.
    """
    name = _settings(info).get("image_format", ImageFormat.PNG)
    if name not in list(ImageFormat):
        raise InputError(
            f"dataset.json: portraits are {name!r}, which this gazebench does not know; "
            "build the dataset again, or use the gazebench that built it"
        )
    return ImageFormat(name)


def alignment(info: Mapping[str, Any]) -> str:
    """How the portraits were cut, of ``curation.align``; "" where ``dataset.json`` does not say."""
    return str(_settings(info).get("align") or "")


def has_masks(info: Mapping[str, Any]) -> bool:
    """Whether the dataset whose ``dataset.json`` is ``info`` was built with masks."""
    return bool(_settings(info).get("write_masks", False))


def _settings(info: Mapping[str, Any]) -> Mapping[str, Any]:
    found = info.get("settings")
    return found if isinstance(found, Mapping) else {}
