"""``gazebench build-dataset``."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.cli._built import summarise
from gazebench.cli._recreated import check_options, conclude

if TYPE_CHECKING:
    from gazebench.curation import BuildPlan
    from gazebench.pipeline import BuiltDataset, SourceLabels


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--res", type=click.IntRange(64, 2048), help="Side of a portrait, pixels. [default: 512]"
)
@click.option("--window", metavar="HxW", help="Eye box; by default 30x50 at 256, 46x80 at 512.")
@click.option(
    "--source-type", help="Layout of SOURCE; by default found out. See `gazebench sources`."
)
@click.option(
    "--align",
    type=click.Choice(["none", "eyes", "ffhq"]),
    help="none: centred square, as CelebA and CelebA-HQ come (their default). eyes: both eyes "
    "where CelebGaze has them. ffhq: oriented square from eyes and mouth (default for a folder).",
)
@click.option(
    "--landmarks",
    help="Landmark finder: dlib, face_alignment (an extra; wants a GPU), or listed (the source's "
    "own list, or --eyes). [default: dlib; "
    "listed for CelebGaze]",
)
@click.option(
    "--eyes",
    type=click.Path(path_type=Path),
    help="CSV of eye centres, in pixels of the pictures: name,left_x,left_y,right_x,right_y"
    "[,mouth_x,mouth_y].",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV of labels that exist already: id (source name or id),label (X, Y, unsure, reject).",
)
@click.option(
    "--split",
    type=click.Choice(["identity", "partition", "paper"]),
    help="By a hash of the person (default), the source's own, or the paper's: 300 Y and 100 X by "
    "lot for the test (dataset.test_y, test_x, split_seed; needs a source with labels, or "
    "--labels).",
)
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1),
    help="Share of people in the test half. [default: 0.1]",
)
@click.option(
    "--image-format",
    type=click.Choice(["png", "webp", "jpeg"]),
    help="Of the portraits: webp is lossless too, two thirds of the bytes; jpeg has quality 95, "
    "4:4:4, and loses a little. [default: png]",
)
@click.option(
    "--write-masks",
    is_flag=True,
    default=None,
    help="Also write masks/ID.png for other programs: 255 inside the eye boxes, else 0.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=_cores,
    help="Processes. [default: the cores of this machine]",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N pictures.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Build only part I of N (from 1 on) into a folder of its own; `gazebench merge` makes one "
    "dataset of all N.",
)
@click.option(
    "--from-export",
    type=click.Path(path_type=Path),
    metavar="EXPORT",
    help="Make the portraits of an export again: only those, with its settings, each checked by "
    "sha256. EXPORT is the folder, or its export.json.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Work on Dask instead: local:N, or tcp://HOST:PORT of a scheduler whose workers have "
    "gazebench and reach SOURCE under the same path.",
)
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with a [dataset] table.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="dataset.KEY=VALUE",
    help="One setting; wins over the file.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be built, and stop.")
@click.option("--overwrite", is_flag=True, help="Build anew over another build; labels.csv stays.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    source: Path,
    out: Path,
    res: int | None,
    window: str | None,
    source_type: str | None,
    workers: int,
    limit: int | None,
    eyes: Path | None,
    labels: Path | None,
    shard: str | None,
    from_export: Path | None,
    cluster: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    overwrite: bool,
    quiet: bool,
    **flags: object,
) -> None:
    """Build the dataset OUT from the pictures in SOURCE.

    SOURCE is a folder of pictures, CelebA (img_align_celeba, or its ZIP archive, and its lists),
    CelebA-HQ (CelebA-HQ-img and its mapping) or CelebGaze as released (0, 1, 0.txt, 1.txt, whose
    labels become labels.csv); which one is found out. Every picture becomes one aligned
    portrait with two eye boxes, or a line of quarantine.csv that says why not. Stopped or
    killed, the same command goes on; run again, it does nothing.

    With --from-export, OUT becomes the dataset that was exported, labels included, made of your
    own SOURCE. A picture that is missing or another, and a portrait that comes out otherwise, is
    named and stands in quarantine.csv; then the exit code is 4.

    \b
    gazebench build-dataset ~/CelebAMask-HQ data/hq --res 512
    gazebench build-dataset ~/CelebA data/celeba --res 256 --align eyes
    gazebench build-dataset ~/CelebAMask-HQ data/hq --from-export hq-labels
    """
    from gazebench import config as settings_files
    from gazebench import pipeline
    from gazebench.curation import DatasetSettings

    given = {"resolution": res, **_window(window), **flags}
    table = settings_files.table(settings_files.read(config, overrides), "dataset")
    table = {**table, **{key: value for key, value in given.items() if value is not None}}
    if from_export:
        check_options(limit=limit, shard=shard, labels=labels)
    plan = pipeline.plan_dataset(
        source,
        settings_files.build(DatasetSettings, table, "dataset"),
        source_type=source_type,
        eyes=eyes,
        labels=labels,
        limit=limit,
        shard=_shard(shard),
        from_export=from_export,
    )
    _announce(plan, source, out)
    if dry_run:
        click.echo(settings_files.dump({"dataset": plan.settings.model_dump()}), nl=False)
        return
    how = {"workers": workers, "overwrite": overwrite, "quiet": quiet, "cluster": cluster}
    _conclude(plan, pipeline.build_planned(plan, out, **how))


def _conclude(plan: "BuildPlan", built: "BuiltDataset") -> None:
    summarise(built.report, built.root)
    if built.labels:
        _tell_labels(built.labels, built.root / "labels.csv")
    if plan.recreation and built.recreated:
        conclude(plan.recreation, built.recreated, built.root)
    elif plan.shard:
        shards = plan.shard[1]
        click.echo(f"next, when all {shards} shards are built: gazebench merge DATASET SHARD...")
    elif not built.labels:
        click.echo(f"next: gazebench label import {built.root} LABELS.csv")


def _tell_labels(labels: "SourceLabels", path: Path) -> None:
    if labels.written is None:
        click.echo(
            f"{path} is there already and stays as it is; where there is none, this command writes "
            f"the labels of the {labels.origin}"
        )
    else:
        click.echo(f"{path}: {labels.written:,} labels of the {labels.origin} written")


def _window(text: str | None) -> dict[str, int]:
    if text is None:
        return {}
    height, x, width = text.lower().partition("x")
    if not (x and height.isascii() and height.isdigit() and width.isascii() and width.isdigit()):
        raise click.BadParameter(f"{text!r}: expected HxW, such as 46x80", param_hint="--window")
    return {"window_height": int(height), "window_width": int(width)}


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, shards = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= shards:
        raise click.BadParameter(f"{text!r}: expected I/N, such as 3/8", param_hint="--shard")
    return number, shards


def _announce(plan: "BuildPlan", source: Path, out: Path) -> None:
    height, width = plan.settings.window
    click.echo(
        f"{source}: {plan.title}, {len(plan.faces):,} pictures → {out}, "
        f"{plan.settings.resolution} px, eye boxes {height}x{width}, align {plan.settings.align}"
    )
    if plan.shard:
        number, shards = plan.shard
        click.echo(f"shard {number} of {shards}: {len(plan.chosen):,} of them")
    for remark in plan.remarks:
        click.echo(f"  note: {remark}")
