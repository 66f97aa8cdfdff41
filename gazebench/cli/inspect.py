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

    It shows counts and labels per half, what train and test share, a sample with its eye boxes, a
    histogram of every measure with the portraits at both ends, the quarantine by reason, and
    near-duplicates.
    """
    from gazebench import store
    from gazebench.reports.inspection import render

    page = out or dataset / "inspect.html"
    text = render(dataset, source=source)
    store.write(page, text)
    click.echo(f"{page}: {len(text) / 1e6:.1f} MB, opens in any browser")
