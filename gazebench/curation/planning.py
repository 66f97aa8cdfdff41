"""What a build will do: the source's faces, the settings that fit them, and their fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazebench import sources, store
from gazebench.curation import align, paper_split, plausible, twins
from gazebench.curation.checks import check_settings, remarks
from gazebench.curation.settings import DatasetSettings, fingerprint
from gazebench.curation.shards import Shard, part
from gazebench.dataset.picture_types import KNOWN
from gazebench.errors import InputError
from gazebench.plugins import Collection
from gazebench.sources import Source, SourceFace, SpooledFaces, with_eye_points, with_labels

if TYPE_CHECKING:
    from gazebench.curation.expected import Recreation


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """What a build would do."""

    root: Path  # folder of the source
    source: str  # name of the source's layout
    title: str
    faces: Sequence[SourceFace]
    remarks: tuple[str, ...]
    settings: DatasetSettings
    license: str
    notes: tuple[str, ...] = ()  # of the remarks those about the source itself, for dataset.json
    shard: Shard | None = None  # this build makes only a part of ``faces``
    recreation: "Recreation | None" = None  # what must come out, see ``curation.recreate``

    @cached_property
    def chosen(self) -> Sequence[SourceFace]:
        """The faces that this build makes portraits of."""
        return part(self.faces, self.shard)

    @property
    def found(self) -> int:
        """How many faces the journal has in the end."""
        return self.recreation.found if self.recreation else len(self.chosen)

    def description(self) -> dict[str, object]:
        """What ``dataset.json`` says of the source, the settings and the shard."""
        about = {
            "source": self.source,
            "source_title": self.title,
            "license": self.license,
            "resolution": self.settings.resolution,
            "window": list(self.settings.window),
            "padding": align.PADDING,
            "settings": self.settings.model_dump(),
        }
        if self.notes:
            about["notes"] = list(self.notes)
        if self.recreation:
            about["recreates"] = self.recreation.claim
        return about if self.shard is None else {**about, "shard": list(self.shard)}

    def fingerprint(self) -> dict[str, Any]:
        """Everything the dataset depends on; a shard's names the whole source, and itself."""
        whole = fingerprint(self)
        if self.recreation:
            return self.recreation.fingerprint(whole)
        return whole if self.shard is None else {**whole, "shard": list(self.shard)}


def plan(
    collection: Collection,
    root: Path,
    settings: DatasetSettings,
    *,
    source: str | None,
    limit: int | None,
    eyes: Path | None = None,
    labels: Path | None = None,
    shard: Shard | None = None,
) -> BuildPlan:
    """Recognise the source at ``root``, read its lists and settle the settings.

    ``eyes``: a CSV file of eye points in place of the source's, see ``sources.with_eye_points``.
    ``labels``: likewise, a CSV file of labels.
    ``shard``: number, from 1 on, and how many; ``build`` makes only this part of the faces.

    Raises:
        InputError: no such folder, no pictures, a damaged list, or settings that do not fit.
    """
    with store.asking(root):
        name, place, notes = sources.locate(collection, root, source)
        layout = sources.load(collection, name)
        reader: Source = layout(place)
        faces = SpooledFaces(reader.faces())
    if eyes:
        faces = with_eye_points(faces, eyes)
    if labels:
        faces = with_labels(faces, labels)
    if limit is not None:
        faces = faces[:limit]
    if not faces:
        raise InputError(f"{root}: no pictures found ({KNOWN}, at any depth)")
    settings = _settled(settings, reader, eyes)
    check_settings(settings, faces)
    pairs = reader.twins()
    if settings.split == "paper":
        faces = paper_split.parted(faces, settings, apart=twins.paired(pairs))
    faces = twins.together(faces, pairs)
    told = reader.remarks()
    return BuildPlan(
        root=root,
        source=name,
        title=layout.title,
        faces=faces,
        remarks=(
            *notes,
            *told,
            *remarks(faces, eyes),
            *plausible.remarks(faces, settings),
        ),
        settings=settings,
        license=layout.license,
        notes=tuple(told),
        shard=shard,
    )


def _settled(settings: DatasetSettings, reader: Source, eyes: Path | None) -> DatasetSettings:
    finder = "listed" if eyes else reader.landmarks
    if "landmarks" not in settings.model_fields_set:
        settings = settings.model_copy(update={"landmarks": finder})
    if eyes and settings.landmarks != "listed":
        raise InputError(
            f"--eyes {eyes}: can only be used with --landmarks listed, not {settings.landmarks}"
        )
    return settings.resolved(reader.alignment)
