"""The last act of a build: what the journal holds becomes manifest, quarantine and dataset.json."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gazebench import __version__, dataset_card, store
from gazebench.build.journal import Journal
from gazebench.build.libraries import libraries
from gazebench.build.settings import RECIPE
from gazebench.duplicates import groups, shared
from gazebench.errors import GazebenchError, InputError
from gazebench.manifest import (
    FORMAT,
    ImageFormat,
    Portrait,
    Split,
    csv_text,
    image_format,
    load_info,
    manifest_csv,
)
from gazebench.manifest.attributes import FILE, attributes_csv

QUARANTINE_COLUMNS = ("id", "source_name", "reason", "sentence")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Conservation: found = portraits + quarantined."""

    found: int
    portraits: int
    test: int
    quarantined: dict[str, int]  # by reason
    leaks: dict[str, int]  # what both halves of the split share
    tree_hash: str


def publish(
    description: Mapping[str, Any],
    found: int,
    journal: Journal,
    out: Path,
    attributes: Mapping[str, int],
) -> Counts:
    """Write the lists, then ``dataset.json``, then the card.

    ``description``: what ``dataset.json`` says of source, settings and shard. ``found``: how many
    faces the journal must have. ``attributes``: CelebA's by id, where the source lists them; those
    of portraits become ``attributes.csv``. A shard without a usable face is a dataset without
    portraits: it must not fail a job array, and the shards together may have some. So is an export
    of which nothing could be made again; its quarantine says why.

    Raises:
        InputError: not one usable face in a whole source.
        GazebenchError: a face was lost on the way.
    """
    portraits = with_groups(list(journal.portraits()))
    refused = list(journal.quarantine())
    reasons = dict(sorted(Counter(row[2] for row in refused).items()))
    if not portraits and not {"shard", "recreates"} & description.keys():
        raise InputError(_no_face(out, reasons))
    manifest, quarantine = manifest_csv(portraits), csv_text(QUARANTINE_COLUMNS, refused)
    counts = Counts(
        found=found,
        portraits=len(portraits),
        test=sum(p.split == "test" for p in portraits),
        quarantined=reasons,
        leaks=leaks(portraits),
        tree_hash=tree_hash(portraits, manifest, quarantine, image_format(description)),
    )
    if counts.found != counts.portraits + len(refused):
        raise GazebenchError(f"{out}: {counts.found} faces found, but {counts}; please report")
    info = _info(description, counts, _name(out))
    lists = {"manifest.csv": manifest, "quarantine.csv": quarantine}
    if known := {p.id: attributes[p.id] for p in portraits if p.id in attributes}:
        lists[FILE] = attributes_csv(known)
        info["attributes"] = hashlib.sha256(lists[FILE].encode()).hexdigest()
    store.write_many((out / name, text) for name, text in lists.items())
    store.write(out / "dataset.json", json.dumps(info, indent=1) + "\n")
    dataset_card.write(out)
    return counts


def with_groups(portraits: list[Portrait]) -> list[Portrait]:
    """The portraits, each with the first id of its group of near-duplicates."""
    group = groups({p.id: p.phash for p in portraits})
    return [replace(p, near_duplicate=group.get(p.id, "")) for p in portraits]


def leaks(portraits: Iterable[Portrait]) -> dict[str, int]:
    """How many people, source files and groups of near-duplicates stand in both halves."""
    train: list[Portrait] = []
    test: list[Portrait] = []
    for portrait in portraits:
        (test if portrait.split == Split.TEST else train).append(portrait)
    keys = {
        "identities": lambda p: p.identity or "",
        "exact duplicates": lambda p: p.source_sha256,
        "near-duplicates": lambda p: p.near_duplicate,
    }
    return {name: len(shared(map(key, train), map(key, test))) for name, key in keys.items()}


def tree_hash(
    portraits: Iterable[Portrait],
    manifest: str,
    quarantine: str,
    images: ImageFormat = ImageFormat.PNG,
) -> str:
    """One digest of everything a build made: image files, manifest and quarantine.

    Masks are not in it: they follow from the eye boxes of the manifest, so a dataset is the same
    with and without them. `gazebench verify` checks them against the boxes.
    """
    digest = hashlib.sha256()
    for portrait in portraits:
        digest.update(f"{images.file(portrait.id)} {portrait.sha256}\n".encode())
    for name, text in (("manifest.csv", manifest), ("quarantine.csv", quarantine)):
        digest.update(f"{name} {hashlib.sha256(text.encode()).hexdigest()}\n".encode())
    return digest.hexdigest()


def published_counts(out: Path) -> Counts | None:
    """The counts of a finished dataset; None while there is none, or one of its lists is lost."""
    if not all((out / name).is_file() for name in ("manifest.csv", "quarantine.csv")):
        return None
    try:
        info = load_info(out)
        if "attributes" in info and not (out / FILE).is_file():
            return None
        return Counts(**info["counts"], tree_hash=info["tree_hash"])
    except (InputError, KeyError, TypeError):  # the journal has it all, it is published again
        return None


def description_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """The description that a ``dataset.json`` was published with."""
    ours = ("format", "name", "counts", "tree_hash", "gazebench", "recipe", "libraries")
    ours += ("attributes",)
    return {key: value for key, value in info.items() if key not in ours}


def _info(description: Mapping[str, Any], counts: Counts, name: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": name,
        **description,
        "counts": {
            "found": counts.found,
            "portraits": counts.portraits,
            "test": counts.test,
            "quarantined": counts.quarantined,
            "leaks": counts.leaks,
        },
        "tree_hash": counts.tree_hash,
        "gazebench": __version__,
        "recipe": RECIPE,
        "libraries": libraries(),
    }


def _name(out: Path) -> str:
    return os.fsencode(out.resolve().name).decode("utf-8", "backslashreplace")


def _no_face(out: Path, reasons: dict[str, int]) -> str:
    why = ", ".join(f"{reason} {n}" for reason, n in reasons.items())
    return (
        f"no usable face in any of the {sum(reasons.values())} pictures ({why}); look at some of "
        f"them, then build with another --align or --landmarks and --overwrite"
    )
