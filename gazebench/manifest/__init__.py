"""A dataset on disk: portraits with their eye boxes, split and domain.

``dataset.json`` says the build was finished, ``manifest.csv`` has one line per portrait and is
written by machines only, ``labels.csv`` has people's decisions and is never touched by a build.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from gazebench.errors import InputError
from gazebench.manifest.files import (
    COLUMNS,
    csv_text,
    manifest_csv,
    read_csv,
    read_labels,
    read_manifest,
)
from gazebench.manifest.types import Domain, ImageFormat, Portrait, Split
from gazebench.store import asking

__all__ = [
    "COLUMNS",
    "Domain",
    "ImageFormat",
    "Manifest",
    "Portrait",
    "Split",
    "csv_text",
    "has_masks",
    "image_format",
    "load_info",
    "manifest_csv",
    "read_csv",
    "read_labels",
    "read_manifest",
]

FORMAT = 2  # of dataset.json and manifest.csv
LABELS = ("X", "Y", "unsure", "reject")  # of labels.csv


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The portraits of one dataset folder, in the order of their ids."""

    root: Path
    name: str
    source: str  # kind of source, a name of `gazebench sources`
    resolution: int  # side of a portrait
    window: tuple[int, int]  # height and width of an eye box
    tree_hash: str  # of everything the build made
    portraits: tuple[Portrait, ...]
    image_format: ImageFormat = ImageFormat.PNG
    has_masks: bool = False  # masks/ID.png stand beside the portraits

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read a dataset folder, with the labels that are there.

        Raises:
            InputError: the folder is no finished dataset, or its files do not hold together.
        """
        info = load_info(root)
        portraits = read_manifest(root / "manifest.csv")
        try:
            manifest = cls(
                root=root,
                name=info["name"],
                source=info["source"],
                resolution=info["resolution"],
                window=(info["window"][0], info["window"][1]),
                tree_hash=info["tree_hash"],
                portraits=tuple(portraits),
                image_format=image_format(info),
                has_masks=has_masks(info),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(
                f"{root / 'dataset.json'}: damaged ({error}); run `gazebench build-dataset` again"
            ) from None
        return manifest.with_labels(read_labels(root / "labels.csv"))

    def with_labels(self, labels: Mapping[str, str]) -> Self:
        """The same portraits with the domains that ``labels`` (id → X, Y, unsure, reject) give."""
        domains = {id_: Domain(label) for id_, label in labels.items() if label in set(Domain)}
        portraits = tuple(replace(p, domain=domains.get(p.id)) for p in self.portraits)
        return replace(self, portraits=portraits)

    def select(
        self, *, split: Split | None = None, domain: Domain | None = None
    ) -> tuple[Portrait, ...]:
        """Portraits of a split, a domain, or both."""
        return tuple(
            p
            for p in self.portraits
            if (split is None or p.split == split) and (domain is None or p.domain == domain)
        )

    def path(self, portrait: Portrait) -> Path:
        """Where the portrait's image file stands."""
        return self.root / self.image_format.file(portrait.id)

    @cached_property
    def by_id(self) -> dict[str, Portrait]:
        """Portraits by id."""
        return {p.id: p for p in self.portraits}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when anything a score depends on changes.

        Pixels, boxes and splits (by the tree hash) and labels; not the folder's place or name.
        """
        labels = sorted((p.id, p.domain.value) for p in self.portraits if p.domain)
        text = json.dumps([self.tree_hash, self.resolution, self.window, labels])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_info(root: Path) -> dict[str, Any]:
    """What ``dataset.json`` says.

    Raises:
        InputError: there is none, so the folder is no finished dataset.
    """
    path = root / "dataset.json"
    with asking(root):
        if not root.is_dir():
            raise InputError(
                f"{root}: no such dataset; run `gazebench build-dataset SOURCE {root}`"
            )
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{root}: has no dataset.json, so it is no finished dataset; "
            f"run `gazebench build-dataset SOURCE {root}`"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: damaged ({error}); run `gazebench build-dataset` again"
        ) from None
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise InputError(
            f"{path}: not of this version (format {FORMAT}); run the same `gazebench "
            "build-dataset` again, which makes the lists anew"
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


def has_masks(info: Mapping[str, Any]) -> bool:
    """Whether the dataset whose ``dataset.json`` is ``info`` was built with masks."""
    return bool(_settings(info).get("write_masks", False))


def _settings(info: Mapping[str, Any]) -> Mapping[str, Any]:
    found = info.get("settings")
    return found if isinstance(found, Mapping) else {}
