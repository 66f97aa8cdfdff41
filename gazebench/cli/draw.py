"""``gazebench draw``."""

import os
from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(1, 99_999), default=200, show_default=True)
@click.option(
    "--size",
    type=click.IntRange(64, 2048),
    default=512,
    show_default=True,
    help="Side of a portrait, pixels; even.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=lambda: len(os.sched_getaffinity(0)),
    help="Processes. [default: the cores of this machine]",
)
@click.option("--overwrite", is_flag=True, help="Draw anew over another drawing.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    out: Path, count: int, size: int, seed: int, workers: int, overwrite: bool, quiet: bool
) -> None:
    """Draw portraits with known landmarks and gaze into the folder OUT.

    No photograph is used. OUT gets images/, truth.csv (true eye centres, 68 landmarks, angles of
    head and gaze) and labels.csv. Half of the portraits look at the camera (X, within 2 degrees),
    the others at least 8 degrees away (Y); four are of one person. The same seed gives the same
    bytes. Stopped, the same command goes on.

    \b
    gazebench draw drawn --count 400
    gazebench build-dataset drawn data/drawn --res 256
    gazebench label import data/drawn drawn/labels.csv
    """
    from gazebench.synthetic.writing import Series, draw_folder

    series = Series(count=count, size=size, seed=seed)
    report = draw_folder(out, series, workers=workers, overwrite=overwrite, quiet=quiet)
    kept = f", {report.kept:,} were there" if report.kept else ""
    click.echo(
        f"{out}: {report.drawn:,} portraits drawn{kept}; "
        f"{report.at_camera:,} look at the camera (X), {count - report.at_camera:,} away (Y)"
    )
    click.echo(f"next: gazebench build-dataset {out} data/drawn")
