"""From pictures to a labelled dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazebench import machine
from gazebench.pipeline._places import Place

if TYPE_CHECKING:
    from gazebench.annotation.labels import ImportReport
    from gazebench.curation import BuildPlan, BuildReport
    from gazebench.curation.recreate import RecreationResult


@dataclass(frozen=True, kw_only=True)
class SourceLabels:
    """Labels that came with the source, or with the export that a dataset is recreated from."""

    origin: str  # "source" or "export"
    written: int | None  # lines of labels.csv; None where another labels.csv was there and stays


@dataclass(frozen=True, kw_only=True)
class BuiltDataset:
    """A finished dataset, and what building it did."""

    root: Path
    report: "BuildReport"  # counts of portraits and of quarantined faces, seconds
    labels: SourceLabels | None = None  # where the source has some
    recreated: "RecreationResult | None" = None  # of an export: what came out otherwise


def build_dataset(
    source: Place,
    out: Place,
    *,
    source_type: str | None = None,
    eyes: Place | None = None,
    labels: Place | None = None,
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    from_export: Place | None = None,
    cluster: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> BuiltDataset:
    """Build a dataset of aligned portraits with eye boxes from a folder of pictures.

    ``source`` is a folder of pictures, CelebA, CelebA-HQ or CelebGaze as they are distributed, or
    synthetic portraits; its layout is detected (``source_type`` names it instead). ``settings``
    are those of the table ``[dataset]`` of a settings file, such as ``resolution=256``,
    ``align="ffhq"``, ``test_fraction=0.2``, ``split="partition"``. A face that cannot be used is
    listed in ``quarantine.csv`` with the reason. The bytes do not depend on ``workers``.

    Args:
        source: the pictures.
        out: folder of the dataset; new, empty, or begun by an earlier call.
        source_type: name of the layout, see ``gazebench sources``.
        eyes: CSV file of eye centres in place of a landmark finder.
        labels: CSV file of labels in place of the source's own; ``split="paper"`` needs some.
        limit: only the first pictures.
        shard: number (from 1) and count, to build one part of the source.
        from_export: an export whose portraits are made again from ``source``.
        cluster: address of a Dask scheduler, or ``local:N``.
        workers: processes; by default the cores of this machine.
        overwrite: replace another build in ``out``; ``labels.csv`` stays.
        quiet: no progress bar.
        **settings: fields of ``gazebench.curation.DatasetSettings``.

    Raises:
        InputError: no usable picture, or settings that do not fit the source.
        RefusedError: ``out`` was begun with other settings or another source.
    """
    from gazebench import config
    from gazebench.curation import DatasetSettings

    plan = plan_dataset(
        Path(source),
        config.build(DatasetSettings, settings, "dataset"),
        source_type=source_type,
        eyes=Path(eyes) if eyes else None,
        labels=Path(labels) if labels else None,
        limit=limit,
        shard=shard,
        from_export=Path(from_export) if from_export else None,
    )
    return build_planned(
        plan, Path(out), workers=workers, overwrite=overwrite, quiet=quiet, cluster=cluster
    )


def label_import(dataset: Place, csv: Place, *, replace: bool = False) -> "ImportReport":
    """Merge the labels of a CSV file into ``labels.csv`` of a dataset.

    The file has a column ``id`` (portrait id or source name) and a column ``label``: ``X`` looks at
    the camera, ``Y`` looks elsewhere, ``unsure`` and ``reject`` leave a portrait out. Nothing is
    written unless every line is good.

    Args:
        dataset: folder of the dataset.
        csv: the labels.
        replace: where ``labels.csv`` has another label, take the new one.

    Raises:
        InputError: an unknown portrait or label, or a contradiction; the line is named.
    """
    from gazebench.annotation.labels import import_csv

    return import_csv(Path(dataset), Path(csv), replace=replace)


def plan_dataset(
    source: Path,
    settings: Any,
    *,
    source_type: str | None = None,
    eyes: Path | None = None,
    labels: Path | None = None,
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    from_export: Path | None = None,
) -> "BuildPlan":
    """What ``build_dataset`` would do; ``settings`` are ``DatasetSettings``.

    Raises:
        InputError: see ``build_dataset``; or ``limit``, ``shard``, ``labels`` with ``from_export``.
    """
    from gazebench import curation, sources
    from gazebench.errors import InputError

    place = {"source": source_type, "eyes": eyes}
    chosen = {"limit": limit, "shard": shard, "labels": labels}
    if from_export is None:
        return curation.plan(sources, source, settings, **place, **chosen)
    if any(value is not None for value in chosen.values()):
        raise InputError(f"{', '.join(chosen)} cannot be used with from_export")
    return curation.recreate.plan(sources, source, from_export, settings, **place)


def build_planned(
    plan: "BuildPlan",
    out: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    cluster: str | None = None,
) -> BuiltDataset:
    """Carry out a plan: the dataset, and the labels that its source has.

    Raises:
        GazebenchError: see ``build_dataset``.
    """
    from gazebench import curation

    earlier = curation.recreate.earlier(out) if plan.recreation else None
    made = curation.build(
        plan,
        out,
        workers=workers or machine.cores(),
        overwrite=overwrite,
        quiet=quiet,
        cluster=cluster,
    )
    return BuiltDataset(
        root=out,
        report=made,
        labels=_source_labels(plan, out, earlier),
        recreated=curation.recreate.result(plan.recreation, out) if plan.recreation else None,
    )


def _source_labels(
    plan: "BuildPlan", out: Path, earlier: frozenset[str] | None
) -> SourceLabels | None:
    origin, labels = "source", {face.id: face.label for face in plan.chosen if face.label}
    if plan.recreation:
        origin, labels = "export", plan.recreation.labels
    if not labels:
        return None
    from gazebench.annotation.labels import write_source_labels

    written = write_source_labels(out, labels, earlier=earlier)
    return SourceLabels(origin=origin, written=written)
