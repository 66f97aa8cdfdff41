"""The last act of a build: what the journal holds becomes manifest, quarantine and dataset.json.

The journal is read row by row and the lists are written line by line. In memory are only numbers
for each portrait, and the id of the first one of each group of near-duplicates.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gazebench import __version__, store
from gazebench.curation.duplicates import from_hex, groups
from gazebench.curation.journal import Journal
from gazebench.curation.libraries import libraries
from gazebench.curation.settings import RECIPE
from gazebench.curation.tally import Tally
from gazebench.dataset import (
    FORMAT,
    Portrait,
    csv_lines,
    image_format,
    load_info,
    manifest_lines,
)
from gazebench.dataset.attributes import FILE, attributes_csv
from gazebench.errors import GazebenchError, InputError

QUARANTINE_COLUMNS = ("id", "source_name", "reason", "sentence")


@dataclass(frozen=True, kw_only=True)
class BuildCounts:
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
) -> BuildCounts:
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
    reasons, faces = journal.reasons(), journal.done()
    refused = sum(reasons.values())
    if faces == refused and not {"shard", "recreates"} & description.keys():
        raise InputError(_no_face(out, reasons))
    if found != faces:
        made = f"{faces - refused} portraits and {refused} in quarantine"
        raise GazebenchError(f"{out}: {found} faces found, but {made}; please report")
    tally = Tally(image_format(description))
    lines = manifest_lines(tally.of(with_groups(journal)), notes=journal.has_notes())
    manifest = _written(out / "manifest.csv", lines)
    lines = csv_lines(QUARANTINE_COLUMNS, journal.quarantine())
    quarantine = _written(out / "quarantine.csv", lines)
    counts = BuildCounts(
        found=found,
        portraits=faces - refused,
        test=tally.test,
        quarantined=reasons,
        leaks=tally.leaks.counts(),
        tree_hash=tally.tree.hash(manifest, quarantine),
    )
    info = _info(description, counts, _name(out))
    if known := _known(attributes, journal):
        info["attributes"] = _written(out / FILE, [attributes_csv(known)])
    store.write(out / "dataset.json", json.dumps(info, indent=1) + "\n")
    del tally  # the card counts again
    from gazebench import dataset_card  # here, so that it is loaded while workers are at work

    dataset_card.write(out)
    return counts


def with_groups(journal: Journal) -> Iterator[Portrait]:
    """The portraits by id, each with the first id of its group of near-duplicates."""
    first = groups(from_hex(journal.hashes()))
    has_others = np.bincount(first, minlength=len(first)) > 1
    ids: dict[int, str] = {}  # of the first ones of groups
    for index, portrait in enumerate(journal.portraits()):
        leader = int(first[index])
        if not has_others[leader]:
            yield portrait
        else:
            yield replace(portrait, near_duplicate=ids.setdefault(leader, portrait.id))


def _written(path: Path, lines: Iterable[str]) -> str:
    """Write a list durably as its lines come; its sha256."""
    digest = hashlib.sha256()
    with store.new_file(path) as file:
        for line in lines:
            data = line.encode()
            digest.update(data)
            file.write(data)
    return digest.hexdigest()


def _known(attributes: Mapping[str, int], journal: Journal) -> dict[str, int]:
    """Those of portraits, by id."""
    made = journal.made() if attributes else set[str]()
    return {id_: attributes[id_] for id_ in sorted(made & attributes.keys())}


def published_counts(out: Path) -> BuildCounts | None:
    """The counts of a finished dataset; None while there is none, or one of its lists is lost."""
    if not all((out / name).is_file() for name in ("manifest.csv", "quarantine.csv")):
        return None
    try:
        info = load_info(out)
        if "attributes" in info and not (out / FILE).is_file():
            return None
        return BuildCounts(**info["counts"], tree_hash=info["tree_hash"])
    except (InputError, KeyError, TypeError):  # the journal has it all, it is published again
        return None


def description_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """The description that a ``dataset.json`` was published with."""
    ours = ("format", "name", "counts", "tree_hash", "gazebench", "recipe", "libraries")
    ours += ("attributes",)
    return {key: value for key, value in info.items() if key not in ours}


def _info(description: Mapping[str, Any], counts: BuildCounts, name: str) -> dict[str, Any]:
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
