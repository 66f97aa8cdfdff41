"""``gazebench synthesize``."""

from pathlib import Path

import click

from gazebench import machine
from gazebench.cli._words import say_next
from gazebench.errors import counted


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--count",
    type=click.IntRange(1, 99_999),
    default=200,
    show_default=True,
    help="Number of portraits.",
)
@click.option(
    "--size",
    type=click.IntRange(64, 2048),
    default=512,
    show_default=True,
    help="Side of a portrait in pixels; even.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=machine.cores,
    help="Processes. [default: the cores of this machine]",
)
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace synthetic portraits that OUT holds, and no other file.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    out: Path, count: int, size: int, seed: int, workers: int, overwrite: bool, quiet: bool
) -> None:
    """Write synthetic portraits with known landmarks and gaze to the folder OUT.

    No photograph is used. OUT gets images/, truth.csv (true eye centres, 68 landmarks, angles of
    head and gaze) and labels.csv. Half of the portraits look at the camera (X, within 2 degrees),
    the others at least 8 degrees away (Y); every four show one person. The same seed gives the
    same bytes. If interrupted, run the same command again to resume.

    \b
    gazebench synthesize synthetic --count 400
    gazebench build-dataset synthetic data/synthetic --res 256
    gazebench label import data/synthetic synthetic/labels.csv
    """
    from gazebench.synthetic.writing import Series, synthesize_folder

    series = Series(count=count, size=size, seed=seed)
    report = synthesize_folder(out, series, workers=workers, overwrite=overwrite, quiet=quiet)
    kept = f", {report.kept:,} were there already" if report.kept else ""
    click.echo(
        f"{out}: {counted(report.drawn, 'portrait')} made{kept}; "
        f"{report.at_camera:,} look at the camera (X), {count - report.at_camera:,} away (Y)"
    )
    say_next("build-dataset", out, "data/synthetic")
