"""``export.json``: what was exported, from which source faces, and how to make it again.

With a copy of the source, the portraits can be made again from this file alone: each has the name
and sha256 of its source file, the map from it, its eye boxes, and the sha256 that its image file
must have. ``portraits`` and ``quarantine`` hold every column of ``manifest.csv`` and
``quarantine.csv``, so the tree hash comes out the same, and with ``label`` the fingerprint. Where
the pixels stay behind, ``identity`` does too: the source's own lists say it.
`gazebench build-dataset --from-export` makes them again, see ``curation.recreate``.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat, JsonValue, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from gazebench import __version__
from gazebench.dataset import Domain, Manifest, Portrait, Split, read_csv, read_labels
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.measures import Measures
from gazebench.errors import InputError, first_fault
from gazebench.reading import MissingFileError, read_bytes

FORMAT = 1
NAME = "export.json"
_MAX_BYTES = 1024**3
_QUARANTINE = ("id", "source_name", "reason", "sentence")
_STRICT = ConfigDict(extra="forbid", strict=True)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=200)]
Count = Annotated[int, Field(ge=0)]
Pair = tuple[FiniteFloat, FiniteFloat]
Corners = tuple[int, int, int, int]  # left, top, right, bottom; half-open
Affine = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Origin:
    """The dataset that was exported."""

    name: str
    source: str  # layout of the source, as `gazebench sources` names it
    source_title: str
    license: str
    resolution: Annotated[int, Field(ge=1)]
    window: tuple[int, int]  # height and width of an eye box
    settings: dict[str, JsonValue]  # of the build
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    tree_hash: Sha256
    gazebench: str  # version that built it
    recipe: int
    libraries: dict[str, str] = field(default_factory=dict)  # their versions, when it was built


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ExportCounts:
    """Conservation: found = portraits + quarantined, portraits = train + test."""

    found: Count
    portraits: Count
    train: Count
    test: Count
    x: Count  # in domain X
    y: Count
    quarantined: dict[str, Count]  # by reason


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Exported:
    """One portrait: where it comes from and what it must be; fields as in ``manifest.csv``."""

    id: Id
    source_name: str
    source_sha256: Sha256
    sha256: Sha256  # of the dataset's image file
    identity: str | None
    split: Literal["train", "test"]
    label: Literal["X", "Y", "unsure", "reject", "ambiguous"] | None
    left_eye: Corners
    right_eye: Corners
    left_center: Pair
    right_center: Pair
    transform: Affine  # source pixel → portrait pixel
    measures: dict[str, FiniteFloat | None]
    score: FiniteFloat
    faces: Count
    phash: str
    near_duplicate: str
    note: str = ""  # of the source file; left out of the export where there is none

    @property
    def portrait(self) -> Portrait:
        """The same without its label, as a manifest has it."""
        return Portrait(
            id=self.id,
            source_name=self.source_name,
            identity=self.identity,
            split=Split(self.split),
            left_eye=Box(*self.left_eye),
            right_eye=Box(*self.right_eye),
            left_center=Point(*self.left_center),
            right_center=Point(*self.right_center),
            transform=self.transform,
            measures=Measures(**self.measures),
            score=self.score,
            faces=self.faces,
            source_sha256=self.source_sha256,
            sha256=self.sha256,
            phash=self.phash,
            near_duplicate=self.near_duplicate,
            note=self.note,
        )


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Quarantined:
    """A source face without a portrait; fields as in ``quarantine.csv``."""

    id: Id
    source_name: str
    reason: str
    sentence: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Description:
    """All of ``export.json``."""

    format: Literal[1]
    layout: str  # name of the export: "celebgaze", "hf-folder" ...
    with_pixels: bool
    notice: str  # what may be done with it
    gazebench: str  # version that exported
    dataset: Origin
    counts: ExportCounts
    quarantine: tuple[Quarantined, ...]
    portraits: tuple[Exported, ...]


_ADAPTER = TypeAdapter(Description)
_MEASURES = {field.name for field in fields(Measures)}


def describe(
    manifest: Manifest,
    info: Mapping[str, Any],
    *,
    layout: str,
    with_pixels: bool,
    with_identity: bool,
    notice: str,
) -> Description:
    """The description of an export; ``info`` is ``dataset.json``.

    Raises:
        InputError: the dataset's files do not hold together.
    """
    labels = read_labels(manifest.root / "labels.csv")
    rows = read_csv(manifest.root / "quarantine.csv", _QUARANTINE)
    try:
        quarantine = [Quarantined(**{name: row[name] for name in _QUARANTINE}) for _, row in rows]
        return Description(
            format=FORMAT,
            layout=layout,
            with_pixels=with_pixels,
            notice=notice,
            gazebench=__version__,
            dataset=_origin(manifest, info),
            counts=_counts(manifest, quarantine),
            quarantine=tuple(quarantine),
            portraits=tuple(
                _exported(p, labels.get(p.id), with_identity) for p in manifest.portraits
            ),
        )
    except (ValidationError, KeyError, TypeError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else repr(error)
        raise InputError(
            f"{manifest.root}: damaged ({fault}); run `gazebench verify {manifest.root}`"
        ) from None


def _origin(manifest: Manifest, info: Mapping[str, Any]) -> Origin:
    return Origin(
        name=manifest.name,
        source=manifest.source,
        source_title=info["source_title"],
        license=info["license"],
        resolution=manifest.resolution,
        window=manifest.window,
        settings=info["settings"],
        fingerprint=manifest.fingerprint,
        tree_hash=manifest.tree_hash,
        gazebench=info["gazebench"],
        recipe=info["recipe"],
        libraries=info.get("libraries", {}),
    )


def _counts(manifest: Manifest, quarantine: list[Quarantined]) -> ExportCounts:
    return ExportCounts(
        found=len(manifest.portraits) + len(quarantine),
        portraits=len(manifest.portraits),
        train=len(manifest.portraits) - len(manifest.select(split=Split.TEST)),
        test=len(manifest.select(split=Split.TEST)),
        x=len(manifest.select(domain=Domain.CAMERA)),
        y=len(manifest.select(domain=Domain.AWAY)),
        quarantined=dict(sorted(Counter(row.reason for row in quarantine).items())),
    )


def _exported(portrait: Portrait, label: Any, with_identity: bool) -> Exported:
    left, right = ((b.left, b.top, b.right, b.bottom) for b in portrait.eyes)
    return Exported(
        id=portrait.id,
        source_name=portrait.source_name,
        source_sha256=portrait.source_sha256,
        sha256=portrait.sha256,
        identity=portrait.identity if with_identity else None,
        split="test" if portrait.split == Split.TEST else "train",
        label=label,
        left_eye=left,
        right_eye=right,
        left_center=(portrait.left_center.x, portrait.left_center.y),
        right_center=(portrait.right_center.x, portrait.right_center.y),
        transform=portrait.transform,
        measures=asdict(portrait.measures),
        score=portrait.score,
        faces=portrait.faces,
        phash=portrait.phash,
        near_duplicate=portrait.near_duplicate,
        note=portrait.note,
    )


def text_of(description: Description) -> str:
    """The file's text, a line per portrait and per quarantined face."""
    values = _ADAPTER.dump_python(description, mode="json")
    lists = {name: values.pop(name) for name in ("quarantine", "portraits")}
    for row in lists["portraits"]:
        if not row["note"]:  # as exports were before there were notes
            del row["note"]
    head = json.dumps(values, indent=1, ensure_ascii=False).removesuffix("\n}")
    tail = [f' "{name}": {_lines(rows)}' for name, rows in lists.items()]
    return ",\n".join([head, *tail]) + "\n}\n"


def read_description(path: Path) -> Description:
    """What an ``export.json`` says; ``path`` is the file or the folder of the export.

    Raises:
        InputError: missing, unreadable, of another format, or it does not hold together.
    """
    path = path / NAME if path.is_dir() else path
    try:
        description = _ADAPTER.validate_json(read_bytes(path, _MAX_BYTES))
    except MissingFileError:
        raise InputError(f"{path}: no such file; give a folder of `gazebench export`") from None
    except ValidationError as error:
        raise InputError(f"{path}: {_fault_of_format(error)}") from None
    fault = next(_faults(description), None)
    if fault:
        raise InputError(f"{path}: {fault}; get an undamaged copy of the export")
    return description


def _fault_of_format(error: ValidationError) -> str:
    """The first fault; of a file of another format its number, for all else follows from it."""
    for fault in error.errors():
        if fault["loc"] == ("format",) and isinstance(fault["input"], int):
            return (
                f"has format {fault['input']}, and this gazebench reads format {FORMAT}; use the "
                "gazebench that wrote it, or a newer one"
            )
    return f"no {NAME} of format {FORMAT}: {first_fault(error)}"


def _lines(rows: Sequence[object]) -> str:
    lines = ",".join(f"\n  {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f"[{lines}\n ]" if lines else "[]"


def _faults(description: Description) -> Iterator[str]:
    """What does not hold together, one sentence each."""
    counts, portraits = description.counts, description.portraits
    ids = [row.id.lower() for row in (*portraits, *description.quarantine)]
    if len(set(ids)) != len(ids):
        yield "an id is listed twice"
    counted = (counts.portraits, sum(counts.quarantined.values()), counts.found)
    if counted != (len(portraits), len(description.quarantine), len(ids)):
        yield f"{len(portraits)} portraits, which are not those it counts"
    if any(row.measures.keys() != _MEASURES for row in portraits):
        yield f"the measures are not {', '.join(sorted(_MEASURES))}"
        return
    for row in portraits:
        yield from _portrait_faults(row, description.dataset)


def _portrait_faults(row: Exported, dataset: Origin) -> Iterator[str]:
    side = dataset.resolution
    left, right = row.portrait.eyes
    for box in (left, right):
        if (box.height, box.width) != dataset.window or not box.inside(side, side):
            yield f"{row.id}: {box} is not an eye box of this dataset"
    if left.overlaps(right):
        yield f"{row.id}: the eye boxes overlap"
    a, b, _, d, e, _ = row.transform
    if a * e == b * d:
        yield f"{row.id}: its transform cannot be inverted"
