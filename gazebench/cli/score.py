"""``gazebench score``."""

from pathlib import Path

import click

from gazebench.cli._words import say_next, typed
from gazebench.cli.eval import metric_option, raise_if_incomplete, show


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    required=True,
    help="The dataset that was corrected.",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where the result is kept, as RUNS/NAME/scores.json.",
)
@click.option("--name", help="Name of the run. [default: the folder's name]")
@click.option(
    "--card",
    "card_file",
    type=click.Path(path_type=Path),
    metavar="CARD.toml",
    help="What the method is: title, paper, year, url, code, license, supervision, differs. "
    "Instead of --title, --paper and --code.",
)
@click.option("--title", help="How tables call it. [default: the name]")
@click.option("--paper", default="", help="Citation, for the leaderboard.")
@click.option("--code", default="", help="Address of the code, for the leaderboard.")
@click.option(
    "--x",
    "of_camera",
    type=click.Path(path_type=Path),
    help="Folder of what the program made of the domain-X test portraits (see --list-x), for the "
    "columns on harm. [default: a dash there]",
)
@click.option(
    "--animation",
    "of_animation",
    type=click.Path(path_type=Path),
    help="Folder of animations, 000/ID.png to 100/ID.png in hundredths of the way, for the tables "
    "on animation. [default: a dash there]",
)
@metric_option
@click.option("--allow-partial", is_flag=True, help="Score what is there; the row gets no rank.")
@click.option(
    "--overwrite", is_flag=True, help="Replace the scores of another FOLDER with this name."
)
@click.option("--device", help="cpu, cuda ... [default: cuda where there is one]")
@click.option("--list", "list_ids", is_flag=True, help="Print the ids that are wanted, and stop.")
@click.option("--list-x", is_flag=True, help="The same for the folder that --x gives.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    folder: Path,
    dataset: Path,
    runs: Path,
    name: str | None,
    card_file: Path | None,
    title: str | None,
    paper: str,
    code: str,
    of_camera: Path | None,
    of_animation: Path | None,
    metrics: tuple[str, ...],
    allow_partial: bool,
    overwrite: bool,
    device: str | None,
    list_ids: bool,
    list_x: bool,
    quiet: bool,
) -> None:
    """Score the predictions of any program: one ID.png per domain-Y test portrait in FOLDER.

    The pictures have the dataset's size. Missing, foreign or wrong-size ones are refused with a
    list. The result stands beside those of our methods in the next report.

    \b
    gazebench score out/mine --dataset data/hq --list > ids.txt   # what to correct
    gazebench score out/mine --dataset data/hq --name mine
    gazebench score out/mine/predictions --dataset data/hq --name mine --card out/mine/card.toml

    `gazebench submit check` looks at a whole submission before it is scored.
    """
    import gazebench

    if card_file and (title or paper or code):
        raise click.UsageError("--card excludes --title, --paper and --code")
    if list_ids or list_x:
        click.echo("\n".join(_wanted(dataset, list_x)))
        return
    report = gazebench.score(
        folder,
        dataset,
        runs,
        name=name,
        title=title,
        paper=paper,
        code=code,
        card=card_file,
        of_camera=of_camera,
        of_animation=of_animation,
        metrics=metrics,
        allow_partial=allow_partial,
        device=device,
        overwrite=overwrite,
        quiet=quiet,
        command=typed(),
    )
    show(report)
    say_next("report", runs, "board")
    raise_if_incomplete(list(report.failures))


def _wanted(dataset: Path, of_camera: bool) -> list[str]:
    from gazebench.dataset import Manifest
    from gazebench.evaluation import portraits_of_camera, portraits_to_correct

    wanted = portraits_of_camera if of_camera else portraits_to_correct
    return [portrait.id for portrait in wanted(Manifest.load(dataset))]
