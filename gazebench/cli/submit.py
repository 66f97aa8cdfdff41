"""``gazebench submit ...``."""

from pathlib import Path

import click

from gazebench.errors import InputError


@click.group()
def command() -> None:
    """Results of any program, checked and collected in a folder that lives in git.

    A submission is a folder with card.toml (title = "..." and, where known, paper, year, url, code,
    license, supervision, differs, keeps_outside), predictions/ID.png and, if there are some,
    predictions_x/ID.png and animation/000/ID.png to animation/100/ID.png.

    \b
    gazebench submit check out/mine --dataset data/hq
    gazebench score out/mine/predictions --dataset data/hq --name mine --card out/mine/card.toml
    gazebench submit add runs/mine results
    gazebench report results site
    """


@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    required=True,
    help="The dataset that was corrected.",
)
def check(folder: Path, dataset: Path) -> None:
    """Say what is right and wrong with the submission in FOLDER; nothing is scored or written.

    A fault ends with exit code 3. A note is no fault: something that readers will miss.
    """
    from gazebench.dataset import Manifest
    from gazebench.evaluation import submission

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    faults = 0
    for finding in submission.check(folder, Manifest.load(dataset)):
        click.echo(f"{finding.kind:<5}  {finding.text}")
        faults += finding.kind == "fault"
    if faults:
        raise InputError(f"{folder}: {faults} fault{'s' if faults > 1 else ''}, see above")
    click.echo(f"next: {_next(folder, dataset)}")


@command.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace another result of the same name.")
def add(run: Path, results: Path, overwrite: bool) -> None:
    """Put the scores of RUN into the folder RESULTS, apart by dataset and benchmark version.

    They come to RESULTS/DATASET-FINGERPRINT/vVERSION/NAME/scores.json, without pictures and without
    paths of this machine, so that the folder can live in git. `gazebench report RESULTS site` makes
    static pages of it.
    """
    from gazebench.reports import results_folder

    path = results_folder.add(run, results, overwrite=overwrite)
    click.echo(f"{path}\nnext: gazebench report {results} site")


def _next(folder: Path, dataset: Path) -> str:
    words = [f"gazebench score {folder / 'predictions'} --dataset {dataset}"]
    words += [f"--name {folder.resolve().name} --card {folder / 'card.toml'}"]
    options = (("--x", "predictions_x"), ("--animation", "animation"))
    words += [f"{flag} {folder / name}" for flag, name in options if (folder / name).exists()]
    return " ".join(words)
