"""``gazebench report``."""

from pathlib import Path

import click

from gazebench.errors import IncompleteError, counted


@click.command("report")
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--dataset", type=click.Path(path_type=Path), help="Where the dataset is now.")
@click.option("--pictures/--no-pictures", default=True, help="Show portraits on the page.")
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="NAME",
    help="Table I again for each slice of the test portraits: yaw, openness, size (of the face in "
    "its source picture) or glasses; may be repeated.",
)
def command(
    runs: Path, out: Path, dataset: Path | None, pictures: bool, slices: tuple[str, ...]
) -> None:
    """Make tables, figures and the leaderboard page of all runs.

    Reads every scores.json below RUNS and writes OUT/index.html, one file that opens by double
    click, OUT/tables/ with its tables as Markdown, LaTeX, CSV and JSON, and OUT/figures/ with
    figures 6 to 16 of Zhang et al. (2022) and training curves as PNG and SVG. A figure that the
    runs cannot fill is named with the commands that fill it; one that was drawn into OUT before
    its pictures were deleted stays there as long as the scores of its runs do. The page and the
    figures hold some portraits: leave them out with --no-pictures where the dataset may not be
    redistributed.

    \b
    gazebench report runs board
    gazebench report runs board --slice yaw --slice glasses
    """
    import gazebench

    report = gazebench.report(runs, out, dataset=dataset, pictures=pictures, slices=slices)
    for note in report.notes:
        click.echo(f"no pictures: {note}", err=True)
    for name in report.earlier:
        click.echo(f"kept: {name}, drawn by an earlier report", err=True)
    for sentence in report.unfilled:
        click.echo(f"not made: {sentence}", err=True)
    click.echo(
        f"{report.page}: {counted(report.runs, 'run')} in {counted(report.tables, 'table')} and "
        f"{counted(report.figures, 'figure')}; files in {report.page.parent / 'tables'} and "
        f"{report.page.parent / 'figures'}"
    )
    if report.damaged:
        raise IncompleteError("left out: " + "; ".join(report.damaged))
