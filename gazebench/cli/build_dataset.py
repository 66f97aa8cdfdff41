"""``gazebench build-dataset``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench import machine
from gazebench.cli._built import summarise
from gazebench.cli._groups import GroupedCommand, option
from gazebench.cli._recreated import check_options, conclude
from gazebench.cli._words import say_next
from gazebench.errors import counted

if TYPE_CHECKING:
    from gazebench.curation import BuildPlan
    from gazebench.pipeline import BuiltDataset, SourceLabels


_SOURCE, _PORTRAITS, _SPLIT = "The source", "The portraits", "Train and test"
_WORK, _SETTINGS = "The work", "Settings"


_MORE = """
    With --from-export, OUT becomes the dataset that was exported, labels included. A portrait that
    is missing or comes out differently is listed in quarantine.csv, and the exit code is 4.

    \b
    gazebench build-dataset ~/CelebAMask-HQ data/hq --from-export hq-labels
    gazebench build-dataset ~/CelebAMask-HQ data/hq-1of8 --shard 1/8
    """


@click.command(cls=GroupedCommand, epilog=_MORE)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@option(
    _SOURCE,
    "--source-type",
    metavar="NAME",
    help="Layout of SOURCE, see `gazebench sources`. [default: detected]",
)
@option(
    _SOURCE,
    "--eyes",
    rare=True,
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Eye centres in pixels of the pictures: name,left_x,left_y,right_x,right_y"
    "[,mouth_x,mouth_y].",
)
@option(
    _SOURCE,
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Labels that exist already: id (source name or id),label (X, Y, unsure, reject).",
)
@option(
    _SOURCE,
    "--limit",
    rare=True,
    type=click.IntRange(1),
    metavar="N",
    help="Only the first N pictures.",
)
@option(
    _SOURCE,
    "--from-export",
    rare=True,
    type=click.Path(path_type=Path),
    metavar="EXPORT",
    help="Recreate the portraits of an export from your own SOURCE.",
)
@option(
    _PORTRAITS,
    "--res",
    type=click.IntRange(64, 2048),
    metavar="PIXELS",
    help="Side of a portrait. [default: 512]",
)
@option(
    _PORTRAITS,
    "--window",
    rare=True,
    metavar="HxW",
    help="Size of an eye box. [default: 30x50 at 256, 46x80 at 512]",
)
@option(
    _PORTRAITS,
    "--align",
    type=click.Choice(["none", "eyes", "ffhq"]),
    help="none: centred square, as CelebA and CelebA-HQ come (their default). eyes: both eyes "
    "where CelebGaze has them. ffhq: oriented square from eyes and mouth (default for a folder).",
)
@option(
    _PORTRAITS,
    "--landmarks",
    rare=True,
    metavar="NAME",
    help="dlib, face_alignment (an extra; wants a GPU), or listed (the source's list, or --eyes). "
    "[default: dlib; listed for CelebGaze]",
)
@option(
    _PORTRAITS,
    "--image-format",
    rare=True,
    type=click.Choice(["png", "webp", "jpeg"]),
    help="webp is lossless too, at two thirds of the bytes; jpeg (quality 95, 4:4:4) loses a "
    "little. [default: png]",
)
@option(
    _PORTRAITS,
    "--write-masks",
    rare=True,
    is_flag=True,
    default=None,
    help="Also write masks/ID.png: 255 inside the eye boxes, 0 elsewhere.",
)
@option(
    _SPLIT,
    "--split",
    type=click.Choice(["identity", "partition", "paper"]),
    help="By a hash of the person (default), the source's own, or as in the paper: 300 Y and 100 X "
    "chosen at random for the test half (needs a source with labels, or --labels).",
)
@option(
    _SPLIT,
    "--test-fraction",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Share of people in the test half. [default: 0.1]",
)
@option(
    _WORK,
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    default=machine.cores,
    help="Processes. [default: the cores of this machine]",
)
@option(
    _WORK,
    "--shard",
    rare=True,
    metavar="I/N",
    help="Build only part I of N (from 1); `gazebench merge` joins all N.",
)
@option(
    _WORK,
    "--cluster",
    rare=True,
    metavar="ADDRESS",
    help="Work on Dask: local:N, or tcp://HOST:PORT of a scheduler whose workers have gazebench "
    "and reach SOURCE under the same path.",
)
@option(_WORK, "--dry-run", is_flag=True, help="Print what would be built, and stop.")
@option(_WORK, "--overwrite", is_flag=True, help="Replace another build; labels.csv stays.")
@option(_WORK, "--quiet", is_flag=True, help="No progress bar.")
@option(
    _SETTINGS,
    "--config",
    rare=True,
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Settings file with a table [dataset].",
)
@option(
    _SETTINGS,
    "--set",
    "overrides",
    multiple=True,
    metavar="dataset.KEY=VALUE",
    help="One setting; wins over the file.",
)
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

    SOURCE is a folder of pictures, CelebA (folder or ZIP archive), CelebA-HQ or CelebGaze as they
    are distributed, or synthetic portraits; its layout is detected. Every picture becomes one
    aligned portrait with two eye boxes, or a line of quarantine.csv with the reason. If
    interrupted, run the same command again to resume.

    \b
    gazebench build-dataset ~/CelebAMask-HQ data/hq --res 512
    gazebench build-dataset ~/CelebA data/celeba --res 256 --align eyes
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
        say_next("label", "import", built.root, "LABELS.csv")


def _tell_labels(labels: "SourceLabels", path: Path) -> None:
    if labels.written is None:
        click.echo(
            f"{path} is there already and stays as it is; where there is none, this command writes "
            f"the labels of the {labels.origin}"
        )
    else:
        click.echo(f"{path}: {counted(labels.written, 'label')} of the {labels.origin} written")


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
        f"{source}: {plan.title}, {counted(len(plan.faces), 'picture')} → {out}, "
        f"{plan.settings.resolution} px, eye boxes {height}x{width}, align {plan.settings.align}"
    )
    if plan.shard:
        number, shards = plan.shard
        click.echo(f"shard {number} of {shards}: {len(plan.chosen):,} of them")
    for remark in plan.remarks:
        click.echo(f"  note: {remark}")
