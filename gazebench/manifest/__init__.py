"""A dataset on disk: portraits with their eye boxes, split and domain.

``dataset.json`` says the build was finished, ``manifest.csv`` has one line per portrait and is
written by machines only, ``labels.csv`` has people's decisions and is never touched by a build.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from gazebench.errors import InputError
from gazebench.geometry import Box, Point
from gazebench.store import asking

FORMAT = 1  # of dataset.json and manifest.csv
LABELS = ("X", "Y", "unsure", "reject")  # of labels.csv


class Domain(StrEnum):
    """Where a portrait looks, in the letters of Zhang et al. (2020), section 3."""

    CAMERA = "X"
    AWAY = "Y"


class Split(StrEnum):
    """The halves of a dataset; with an identity split no person is in both."""

    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One aligned, square face crop."""

    id: str  # stable key, derived from the source name, safe as a file name
    source_name: str  # of the source face, as its dataset writes it
    identity: str | None  # person; identity splits never share one
    split: Split | None
    domain: Domain | None = None  # None until somebody labelled it
    left_eye: Box  # "left" = nearer the image's left edge
    right_eye: Box
    left_center: Point  # mean of the eye's six landmarks, portrait pixels
    right_center: Point
    transform: tuple[float, float, float, float, float, float]  # source pixel → portrait pixel
    score: float  # confidence of the face detector
    faces: int  # found in the source picture
    source_sha256: str  # of the source file
    sha256: str  # of the portrait's image file: an edited image is another portrait

    @property
    def image(self) -> str:
        """Path of the image file below the dataset's folder."""
        return f"images/{self.id}.png"

    @property
    def eyes(self) -> tuple[Box, Box]:
        """Left and right eye box."""
        return self.left_eye, self.right_eye


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The portraits of one dataset folder, in the order of their ids."""

    root: Path
    name: str
    source: str  # kind of source: "folder", "celeba", "celeba_hq"
    resolution: int  # side of a portrait
    window: tuple[int, int]  # height and width of an eye box
    tree_hash: str  # of everything the build made
    portraits: tuple[Portrait, ...]

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
        return self.root / portrait.image

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
        raise InputError(f"{path}: not a dataset of this version (format {FORMAT})")
    return info


_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BOX = ("left", "top", "right", "bottom")
COLUMNS = (
    "id",
    "source_name",
    "identity",
    "split",
    *(f"left_eye_{side}" for side in _BOX),
    *(f"right_eye_{side}" for side in _BOX),
    "left_center_x",
    "left_center_y",
    "right_center_x",
    "right_center_y",
    *(f"transform_{letter}" for letter in "abcdef"),
    "score",
    "faces",
    "source_sha256",
    "sha256",
)


def manifest_csv(portraits: Iterable[Portrait]) -> str:
    """Text of ``manifest.csv``, byte for byte the same for the same portraits."""
    return csv_text(COLUMNS, ([_cell(v) for v in _row(p)] for p in portraits))


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    r"""CSV text with a header line and ``\n`` line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        cells = list(row)
        # a bare carriage return ends a line for csv's reader, and its writer does not quote it
        (quoting if any("\r" in str(cell) for cell in cells) else writer).writerow(cells)
    return text.getvalue()


def read_manifest(path: Path) -> list[Portrait]:
    """Portraits of a ``manifest.csv``.

    Raises:
        InputError: missing or damaged, with the line.
    """
    portraits: dict[str, Portrait] = {}
    for line, row in read_csv(path, COLUMNS):
        try:
            portrait = _portrait(row)
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}, line {line}: {error}; build the dataset again") from None
        if portraits.setdefault(portrait.id.lower(), portrait) is not portrait:
            raise InputError(f"{path}, line {line}: a second {portrait.id!r}")
    return list(portraits.values())


def read_labels(path: Path) -> dict[str, str]:
    """Labels of a ``labels.csv`` by portrait id; empty when there is no such file.

    Raises:
        InputError: damaged, or it says two things of one portrait.
    """
    if not path.exists():
        return {}
    labels: dict[str, str] = {}
    for line, row in read_csv(path, ("id", "label")):
        if labels.setdefault(row["id"], row["label"]) != row["label"]:
            raise InputError(f"{path}, line {line}: {row['id']!r} has another label further up")
    return labels


def read_csv(path: Path, columns: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file that must have ``columns``; a BOM and CRLF are fine.

    Raises:
        InputError: missing, unreadable, or without one of the columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [c for c in columns if c not in (reader.fieldnames or ())]
            rows = [] if missing else [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is missing")
    return rows


def _row(p: Portrait) -> list[Any]:
    boxes = [getattr(box, side) for box in p.eyes for side in _BOX]
    return [
        *(p.id, p.source_name, p.identity, p.split.value if p.split else None),
        *boxes,
        *p.left_center,
        *p.right_center,
        *p.transform,
        *(p.score, p.faces, p.source_sha256, p.sha256),
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _portrait(row: Mapping[str, str]) -> Portrait:
    if not _ID.fullmatch(row["id"]):  # images, predictions and features are named by it
        raise ValueError(f"id {row['id']!r} is not safe as a file name")
    a, b, c, d, e, f = (float(row[f"transform_{letter}"]) for letter in "abcdef")
    return Portrait(
        id=row["id"],
        source_name=row["source_name"],
        identity=row["identity"] or None,
        split=Split(row["split"]) if row["split"] else None,
        left_eye=Box(*(int(row[f"left_eye_{side}"]) for side in _BOX)),
        right_eye=Box(*(int(row[f"right_eye_{side}"]) for side in _BOX)),
        left_center=Point(float(row["left_center_x"]), float(row["left_center_y"])),
        right_center=Point(float(row["right_center_x"]), float(row["right_center_y"])),
        transform=(a, b, c, d, e, f),
        score=float(row["score"]),
        faces=int(row["faces"]),
        source_sha256=row["source_sha256"],
        sha256=row["sha256"],
    )
