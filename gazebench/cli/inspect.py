"""``gazebench inspect``."""

from pathlib import Path

import click


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="The page. [default: DATASET/inspect.html]"
)
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Folder the dataset was built from, to show quarantined pictures.",
)
def command(dataset: Path, out: Path | None, source: Path | None) -> None:
    """Write one offline page about a dataset: split, leaks, measures and quarantine.

    It shows counts and labels per half, what train and test share, what is known or seen to be
    wrong with the source (pictures that are there twice, portraits that are not aligned as the
    others, a list that is missing), a sample with its eye boxes, a histogram of every measure with
    the portraits at both ends, the quarantine by reason, and near-duplicates. What is wrong is
    printed too.
    """
    from gazebench import store
    from gazebench.dataset import Manifest, load_info
    from gazebench.reports.faults import faults
    from gazebench.reports.inspection import render

    page = out or dataset / "inspect.html"
    text = render(dataset, source=source)
    store.write(page, text)
    for fault in faults(Manifest.load(dataset), load_info(dataset)):
        click.echo(f"note: {fault.sentence}")
    click.echo(f"{page}: {len(text) / 1e6:.1f} MB, opens in any browser")
