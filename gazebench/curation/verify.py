"""Is a dataset still what its build made?

The manifest is read twice, portrait by portrait; held are sixteen bytes of digests for each.
"""

import hashlib
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazebench import progress
from gazebench.curation.encoding import is_mask, mask_file
from gazebench.curation.tally import short_digest
from gazebench.dataset import (
    LABELS,
    Heading,
    Portrait,
    box_faults,
    has_notes,
    iter_manifest,
    load_info,
    manifest_lines,
    read_csv,
    read_heading,
    read_labels,
    read_manifest,
    sha256_of,
)
from gazebench.dataset.attributes import FILE
from gazebench.dataset.intact import Tree
from gazebench.dataset.pictures import PictureError, decode, read_bytes
from gazebench.dataset_card import Overview
from gazebench.errors import InputError


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """What a walk over the manifest tells."""

    portraits: int
    ids: NDArray[np.uint64]  # short digests, sorted
    tree: Tree
    text: str  # sha256 of the manifest as gazebench writes it
    strange: set[str]  # labelled ids that are no portraits; some may be in quarantine


def faults(root: Path, *, quiet: bool = False) -> list[str]:
    """Sentences on everything that differs from what was built; empty for a sound dataset.

    Every image is read and hashed, every box and mask checked, labels and lists compared.

    Raises:
        InputError: the folder is not a finished dataset.
    """
    dataset = read_heading(root)
    labels = read_labels(root / "labels.csv")
    listed = _walk(root / "manifest.csv", Tree(dataset.image_format), set(labels))
    found = [*_list_faults(dataset, listed), *_attribute_faults(root)]
    found += _label_faults(labels, listed.strange - _quarantined(root, listed.strange))
    portraits = iter_manifest(root / "manifest.csv")
    bar = progress.bar(
        portraits, desc="verify", total=listed.portraits, unit="portrait", quiet=quiet
    )
    for portrait in bar:
        found += _portrait_faults(dataset, portrait)
        if dataset.has_masks:
            found += _mask_faults(dataset, portrait)
    return [*found, *_strangers(dataset, listed.ids)]


def _walk(path: Path, tree: Tree, strange: set[str]) -> _Listed:
    ids, lower = array("Q"), array("Q")

    def seen() -> Iterator[Portrait]:
        for portrait in iter_manifest(path):
            tree.add(portrait)
            ids.append(short_digest(portrait.id))
            lower.append(short_digest(portrait.id.lower()))
            strange.discard(portrait.id)
            yield portrait

    text = hashlib.sha256()
    for line in manifest_lines(seen(), notes=has_notes(path)):
        text.update(line.encode())
    if len(np.unique(np.frombuffer(lower, np.uint64))) < len(lower):
        read_manifest(path)  # says in which line an id stands a second time
    return _Listed(
        portraits=len(ids),
        ids=np.sort(np.frombuffer(ids, np.uint64)),
        tree=tree,
        text=text.hexdigest(),
        strange=strange,
    )


def _strangers(dataset: Heading, ids: NDArray[np.uint64]) -> Iterator[str]:
    endings = {"images": dataset.image_format.suffix}
    if dataset.has_masks:
        endings["masks"] = ".png"
    for folder, ending in endings.items():
        for name in sorted(_unlisted(dataset.root / folder, ending, ids)):
            yield f"{folder}/{name}: not in manifest.csv"


def _unlisted(folder: Path, ending: str, ids: NDArray[np.uint64]) -> Iterator[str]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            digest = np.uint64(short_digest(entry.name.removesuffix(ending)))
            place = np.searchsorted(ids, digest)
            is_listed = place < len(ids) and ids[place] == digest
            if not (is_listed and entry.name.endswith(ending)):
                yield entry.name


def _list_faults(dataset: Heading, listed: _Listed) -> Iterator[str]:
    try:
        manifest, quarantine = (
            sha256_of(dataset.root / name) for name in ("manifest.csv", "quarantine.csv")
        )
    except InputError as error:
        yield str(error)
        return
    if listed.tree.hash(manifest, quarantine) != dataset.tree_hash:
        yield "manifest.csv or quarantine.csv was changed after the build: the tree hash differs"
    if listed.text != manifest:
        yield "manifest.csv is not as gazebench writes it"


def _attribute_faults(root: Path) -> Iterator[str]:
    pinned = load_info(root).get("attributes")
    if not pinned:
        return
    try:
        found = sha256_of(root / FILE)
    except InputError as error:
        yield str(error)
    else:
        if found != pinned:
            yield f"{FILE}: changed after the build"


def _quarantined(root: Path, ids: set[str]) -> set[str]:
    """Those of ``ids`` that are in quarantine: labels of faces that were filtered out stay."""
    if not ids:
        return set()
    try:
        return {row["id"] for _, row in read_csv(root / "quarantine.csv", ("id",))} & ids
    except InputError:  # the tree hash tells
        return set()


def _label_faults(labels: Mapping[str, str], strange: set[str]) -> Iterator[str]:
    for id_, label in labels.items():
        if id_ in strange:
            yield f"labels.csv: {id_!r} is not a portrait of this dataset"
        if label not in LABELS:
            yield f"labels.csv: {id_!r} has the label {label!r}"


def _portrait_faults(dataset: Heading, portrait: Portrait) -> list[str]:
    side, window = dataset.resolution, dataset.window
    found, name = [], dataset.image_format.file(portrait.id)
    try:
        data = read_bytes(dataset.root / name)
        if hashlib.sha256(data).hexdigest() != portrait.sha256:
            found.append(f"{name}: content changed after the build")
        if decode(data, name).size != (side, side):
            found.append(f"{name}: not {side}x{side} pixels")
    except PictureError as error:
        found.append(str(error).replace(f"{dataset.root}/", ""))
    return [*found, *box_faults(portrait, side, window)]


def _mask_faults(dataset: Heading, portrait: Portrait) -> Iterator[str]:
    name = mask_file(portrait.id)
    try:
        data = read_bytes(dataset.root / name)
        if not is_mask(data, name, portrait.eyes, dataset.resolution):
            yield f"{name}: is not the mask of the eye boxes"
    except PictureError as error:
        yield str(error).replace(f"{dataset.root}/", "")


def check(root: Path, *, quiet: bool = False) -> Overview:
    """The dataset in numbers, if nothing is wrong with it.

    Raises:
        InputError: with the first faults.
    """
    found = faults(root, quiet=quiet)
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        labels = [fault.startswith("labels.csv:") for fault in found]
        remedies = [  # --overwrite keeps the labels
            *(["correct labels.csv, or import labels with --replace"] if any(labels) else []),
            *([] if all(labels) else ["build it again with --overwrite"]),
        ]
        raise InputError(f"{root}: {'; '.join(found[:5])}{more}; {' and '.join(remedies)}")
    return Overview.read(root)
