"""``gazebench label ...``."""

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Bring people's labels (X at the camera, Y elsewhere) to a dataset."""


@command.command("import")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("csv", type=click.Path(path_type=Path))
@click.option(
    "--replace", is_flag=True, help="Where labels.csv says otherwise, take the new label."
)
def import_(dataset: Path, csv: Path, replace: bool) -> None:
    """Merge the labels of a CSV file into DATASET/labels.csv.

    The file needs a column `id` (portrait id or source name) and a column `label` with X, Y,
    unsure or reject. An unknown name or a contradiction is an error that names it, and nothing
    is written.
    """
    from gazebench.annotation.labels import import_csv, shortage
    from gazebench.dataset import LABELS

    report = import_csv(dataset, csv, replace=replace)
    click.echo(
        f"{report.read:,} labels read, {report.new:,} new, {report.changed:,} changed; "
        f"{report.quarantined:,} for quarantined faces left out"
    )
    click.echo(f"{'':8}{'train':>8}{'test':>8}")
    for label in LABELS:
        train, test = (report.counts[label, split] for split in ("train", "test"))
        click.echo(f"{label:8}{train:8,}{test:8,}")
    if missing := shortage(report):
        click.secho(f"note: {missing}", err=True)
    else:
        click.echo(f"next: gazebench train --method prgan {dataset} runs/prgan")
