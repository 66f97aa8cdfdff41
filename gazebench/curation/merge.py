"""Make one dataset of the shards that the jobs of a job array built.

The result is that of a build without shards, byte for byte. Images become hard links where the
disk has them. A merge that was stopped resumes where it was; shards are only read, row by row.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazebench import progress, store
from gazebench.curation import BuildReport
from gazebench.curation.destination import check_folder, clear
from gazebench.curation.encoding import mask_file
from gazebench.curation.journal import Journal
from gazebench.curation.publish import description_of, publish, published_counts
from gazebench.curation.settings import RECIPE
from gazebench.dataset import has_masks, image_format, load_info
from gazebench.dataset.attributes import FILE, read_attributes
from gazebench.errors import InputError, RefusedError

_ROUND = 256  # faces whose links and rows share one round of fsync


@dataclass(frozen=True, kw_only=True)
class ShardFolder:
    """A finished shard."""

    root: Path
    number: int  # from 1 on
    shards: int
    found: int
    description: dict[str, Any]  # as the whole dataset's, without the shard
    fingerprint: dict[str, Any]  # the same


def merge(out: Path, roots: Sequence[Path], *, overwrite: bool, quiet: bool) -> BuildReport:
    """Make, or finish making, the dataset at ``out`` of all shards of a source.

    What people did on the shards is not looked at: see ``annotation.merging``.

    Raises:
        RefusedError: shards that do not belong together, one missing or given twice, or ``out``
            begun with others; the difference is named.
        InputError: a folder is not a finished dataset, or its files are lost.
        BusyError: another process writes to ``out``.
        DiskError: no space or not writable; the same command resumes later.
    """
    began = time.monotonic()
    shards = _checked([_read(root) for root in roots])
    for shard in shards:
        check_folder(out, shard.root)
    with store.locked(out):
        if overwrite:
            clear(out)
        with Journal.open(out / "build.sqlite", shards[0].fingerprint) as journal:
            found = sum(shard.found for shard in shards)
            before = journal.done()
            if before == found and (counts := published_counts(out)):
                return BuildReport(counts=counts, seconds=time.monotonic() - began, built_now=0)
            store.remove(out / "dataset.json")  # no finished dataset while it is being changed
            for shard in progress.bar(shards, desc="shards", unit="shard", quiet=quiet):
                _absorb(shard, journal, out)
            known = {
                k: v for shard in shards for k, v in read_attributes(shard.root / FILE).items()
            }
            counts = publish(shards[0].description, found, journal, out, known)
    return BuildReport(counts=counts, seconds=time.monotonic() - began, built_now=found - before)


def _read(root: Path) -> ShardFolder:
    info = load_info(root)
    if "shard" not in info:
        raise RefusedError(f"{root}: is not a shard; merge takes what --shard built")
    description = description_of(info)
    number, shards = description.pop("shard")
    with Journal.read(root / "build.sqlite") as journal:
        fingerprint = journal.fingerprint()
        found = journal.done()
    if fingerprint.pop("shard", None) != [number, shards] or found != info["counts"]["found"]:
        raise InputError(f"{root}: build.sqlite and dataset.json differ; build the shard again")
    return ShardFolder(
        root=root,
        number=number,
        shards=shards,
        found=found,
        description=description,
        fingerprint=fingerprint,
    )


def _checked(shards: Sequence[ShardFolder]) -> list[ShardFolder]:
    """The shards by number, if they are all of one source and built with the same settings."""
    first = shards[0]
    there: dict[int, ShardFolder] = {}
    for shard in shards:
        _check_alike(first, shard)
        if (other := there.setdefault(shard.number, shard)) is not shard:
            raise RefusedError(
                f"{shard.root}: is shard {shard.number} of {shard.shards}, as is {other.root}"
            )
    missing = [str(n) for n in range(1, first.shards + 1) if n not in there]
    if missing:
        raise RefusedError(f"of {first.shards} shards these are missing: {', '.join(missing)}")
    if first.fingerprint["recipe"] != RECIPE:
        raise RefusedError(
            f"{first.root}: made with recipe {first.fingerprint['recipe']}, this gazebench has "
            f"{RECIPE}; merge with the one that built the shards"
        )
    pictures, found = first.fingerprint["pictures"], sum(shard.found for shard in shards)
    if found != pictures:
        raise RefusedError(f"the shards have {found} pictures and their source has {pictures}")
    return [there[number] for number in sorted(there)]


def _check_alike(first: ShardFolder, shard: ShardFolder) -> None:
    one = {"shards": first.shards, **first.description, **first.fingerprint}
    other = {"shards": shard.shards, **shard.description, **shard.fingerprint}
    found = _differences(one, other)
    if found:
        raise RefusedError(f"{shard.root}: differs from {first.root} ({'; '.join(found)})")


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}: {one.get(key, 'none')} → {other.get(key, 'none')}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key) and key != "settings"  # named one by one
    ]


def _absorb(shard: ShardFolder, journal: Journal, out: Path) -> None:
    """Add what is not there yet, some faces at a time: their files, then their rows."""
    with Journal.read(shard.root / "build.sqlite") as part:
        for rows in journal.missing(part, _ROUND):
            names = list(_files(shard.description, [row.id for row in rows if row.portrait]))
            for name in names:
                if not (shard.root / name).is_file():
                    raise InputError(f"{shard.root / name}: is lost; build the shard again")
            store.link_or_copy((shard.root / name, out / name) for name in names)
            journal.absorb(rows)


def _files(description: Mapping[str, Any], ids: Sequence[str]) -> Iterator[str]:
    images = image_format(description)
    yield from map(images.file, ids)
    if has_masks(description):
        yield from map(mask_file, ids)
