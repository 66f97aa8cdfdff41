"""A dataset made again from an export that came without pixels.

The export says how its portraits were made, of which pictures, and what must come out; the
pictures are one's own copy of the source. What does not come out goes to quarantine as
``source_missing``, ``source_differs`` or ``portrait_differs``, and the same command tries it again.
Faces that were in quarantine when the export was made stay there unread.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gazebench import __version__, curation, sources
from gazebench import config as settings_files
from gazebench.curation.expected import Recreation
from gazebench.curation.libraries import libraries
from gazebench.curation.portraitist import assign_split
from gazebench.curation.settings import ALIKE, RECIPE, DatasetSettings
from gazebench.dataset import Portrait, load_info, manifest_csv, read_csv, read_manifest
from gazebench.errors import InputError, RefusedError
from gazebench.exports import Exported, Origin, read_description
from gazebench.plugins import Collection
from gazebench.sources import SourceFace
from gazebench.store import asking

_FLAGS = {
    "resolution": "--res",
    "window_height": "--window",
    "window_width": "--window",
    "align": "--align",
    "landmarks": "--landmarks",
    "split": "--split",
    "test_fraction": "--test-fraction",
    "image_format": "--image-format",
    "write_masks": "--write-masks",
}


@dataclass(frozen=True, kw_only=True)
class RecreationResult:
    """How far a dataset is the one that was exported."""

    portraits: int  # that are there
    wanted: int
    failures: tuple[tuple[str, str, str], ...]  # source name, reason, sentence
    is_same: bool  # its tree hash is the export's
    other_columns: dict[str, int]  # of manifest.csv: in how many lines they differ


def plan(
    collection: Collection,
    root: Path,
    export: Path,
    given: DatasetSettings,
    *,
    source: str | None,
    eyes: Path | None,
) -> curation.BuildPlan:
    """What making the portraits of ``export`` again would do.

    ``given``: settings asked for in addition; ``source``: name of its layout; both must agree.

    Raises:
        InputError: a damaged export, of a newer gazebench, or no usable pictures at ``root``.
        RefusedError: other settings, another layout or another recipe than the export's.
    """
    description = read_description(export)
    origin = description.dataset
    settings = _settings(export, origin)
    _check_given(export, given, settings)
    _check_layout(collection, root, export, origin.source, source)
    # lists that only the split needs may be absent: halves are in the export
    free = settings.model_copy(update={"split": "identity"})
    whole = curation.plan(collection, root, free, source=origin.source, limit=None, eyes=eyes)
    settings = whole.settings.model_copy(update={"split": settings.split})
    rows = description.portraits
    there = _meant(rows, whole.faces)
    recreation = Recreation(
        description=description,
        absent=frozenset(row.id for row in rows if row.id not in there),
        borrowed=frozenset(
            row.id for row in rows if row.id in there and _borrows(there[row.id], row, settings)
        ),
    )
    return replace(
        whole,
        faces=tuple(there.values()),
        settings=settings,
        remarks=tuple(_remarks(recreation)),
        recreation=recreation,
    )


def result(recreation: Recreation, out: Path) -> RecreationResult:
    """Compare the dataset that was built at ``out`` with the export.

    Raises:
        InputError: ``out`` is not a finished dataset.
    """
    rows = read_csv(out / "quarantine.csv", ("id", "source_name", "reason", "sentence"))
    failures = [
        (row["source_name"], row["reason"], row["sentence"])
        for _, row in rows
        if row["id"] in recreation.rows
    ]
    made = read_manifest(out / "manifest.csv")
    return RecreationResult(
        portraits=len(made),
        wanted=len(recreation.rows),
        failures=tuple(failures),
        is_same=load_info(out)["tree_hash"] == recreation.description.dataset.tree_hash,
        other_columns=_other_columns(recreation, made),
    )


def earlier(out: Path) -> frozenset[str]:
    """Ids of the portraits that an earlier call left at ``out``."""
    path = out / "manifest.csv"
    with asking(path):
        return frozenset(p.id for p in read_manifest(path)) if path.exists() else frozenset()


def circumstances(origin: Origin) -> str:
    """With what the exported dataset was built, and what is here."""
    theirs = _words(origin.gazebench, origin.recipe, origin.libraries)
    ours = _words(__version__, RECIPE, libraries())
    here = "the same are here" if ours == theirs else f"here are {ours}"
    return f"the export's dataset was built by {theirs}; {here}"


def _words(version: str, recipe: int, versions: dict[str, str]) -> str:
    listed = ", ".join(f"{k} {v}" for k, v in versions.items()) or "unknown libraries"
    text = f"gazebench {version}, recipe {recipe}, with {listed}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _settings(export: Path, origin: Origin) -> DatasetSettings:
    if origin.recipe not in ALIKE:  # each portrait that differs is named in any case
        raise RefusedError(
            f"{export}: {circumstances(origin)}; another recipe makes other portraits, so "
            f"install gazebench {origin.gazebench}"
        )
    try:
        settings = settings_files.build(DatasetSettings, origin.settings, "dataset.settings")
    except InputError as error:
        raise InputError(f"{export}: {error}; {circumstances(origin)}") from None
    if (settings.resolution, settings.window) != (origin.resolution, tuple(origin.window)):
        raise InputError(f"{export}: contradicts itself on resolution or window; get a good copy")
    return settings


def _check_given(export: Path, given: DatasetSettings, made: DatasetSettings) -> None:
    for key, asked, there in _conflicts(given, made):
        raise RefusedError(
            f"{_FLAGS.get(key, f'dataset.{key}')} asks for {asked} and {export} was made with "
            f"{there}; leave it out, all settings come from the export"
        )


def _conflicts(given: Any, made: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(given.model_fields_set):
        asked, there = getattr(given, key), getattr(made, key)
        if isinstance(asked, settings_files.Settings):
            yield from _conflicts(asked, there, f"{place}{key}.")
        elif asked != there:
            yield f"{place}{key}", asked, there


def _check_layout(
    collection: Collection, root: Path, export: Path, made_of: str, given: str | None
) -> None:
    if given not in (None, made_of):
        raise RefusedError(
            f"--source-type asks for {given} and {export} was made of {made_of}; leave it out"
        )
    layout = sources.load(collection, made_of)
    with asking(root):
        _, place, _ = sources.locate(collection, root, made_of)
        if not layout.recognises(place):
            raise RefusedError(
                f"{root}: is not {made_of} ({layout.title}), of which {export} was made; give "
                "your own copy of that"
            )


def _meant(rows: Sequence[Exported], faces: Iterable[SourceFace]) -> dict[str, SourceFace]:
    """The face of each row by its id, where the source has one of that name."""
    wanted = {r.source_name for r in rows}  # the source may have many more
    known = {(face.name, face.id): face for face in faces if face.name in wanted}
    by_name = {name: face for (name, _), face in known.items()}
    found = {r.id: known.get((r.source_name, r.id), by_name.get(r.source_name)) for r in rows}
    people = {r.id: r.identity for r in rows}
    return {  # an id depends on the names there are besides; an export may know more people
        id_: replace(face, id=id_, identity=face.identity or people[id_])
        for id_, face in found.items()
        if face
    }


def _borrows(face: SourceFace, row: Exported, settings: DatasetSettings) -> bool:
    known = {"identity": face.identity, "partition": face.partition}.get(settings.split)
    return known is None and assign_split(face, settings) != row.split


def _remarks(recreation: Recreation) -> Iterator[str]:
    absent, wanted = len(recreation.absent), len(recreation.rows)
    if absent:
        yield f"the source has no picture for {absent:,} of the {wanted:,} portraits"
    if recreation.borrowed:
        yield (
            "the source has no list that gives the halves of the split (a person, partition or "
            f"label is not known): those of {len(recreation.borrowed):,} portraits are the export's"
        )


def _other_columns(recreation: Recreation, made: list[Portrait]) -> dict[str, int]:
    wanted = _cells(recreation.rows[p.id].portrait for p in made)
    pairs = zip(_cells(made), wanted, strict=True)
    return Counter(
        column
        for ours, theirs in pairs
        for column, cell in theirs.items()
        if ours.get(column, "") != cell and (column != "identity" or cell)
    )


def _cells(portraits: Iterable[Portrait]) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(manifest_csv(portraits), newline=""))
