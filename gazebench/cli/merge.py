"""``gazebench merge``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.cli._words import say_next
from gazebench.errors import counted

if TYPE_CHECKING:
    from gazebench.annotation.merging import Brought


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("shards", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--overwrite", is_flag=True, help="Replace another build; labels.csv, votes and session stay."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(out: Path, shards: tuple[Path, ...], overwrite: bool, quiet: bool) -> None:
    """Merge all SHARDS that `build-dataset --shard` built into one dataset OUT.

    OUT is what a build without shards makes, byte for byte; images are hard links to those of
    the shards where the disk allows it. If interrupted, run the same command again to resume.

    What people did on the shards comes along: labels.csv, every vote, and the labelling session
    (by one plan, with all volunteers; a name is one person in all shards; links are new). What was
    done in OUT already stays. End `label serve` of the shards first; votes that come later come
    with the same command again. Afterwards the shards may be deleted, unless the command ends with
    what they have and OUT has not.

    \b
    gazebench build-dataset ~/CelebA data/celeba-1of2 --shard 1/2    (on one machine)
    gazebench build-dataset ~/CelebA data/celeba-2of2 --shard 2/2    (on another)
    gazebench merge data/celeba data/celeba-1of2 data/celeba-2of2
    """
    from gazebench.annotation.merging import bring, gather
    from gazebench.cli._built import summarise
    from gazebench.curation.merge import merge

    work = gather(out, shards)
    for sentence in (*work.notes, *work.differ):
        click.secho(f"note: {sentence}", err=True)
    report = merge(out, shards, overwrite=overwrite, quiet=quiet)
    brought = bring(out, work)
    summarise(report, out)
    _show(brought, out)


def _show(brought: "Brought", out: Path) -> None:
    """Print what the dataset got of the work on its shards, and what stayed there."""
    if brought.labels:
        click.echo(
            f"{counted(brought.labels, 'label')} of the shards written to {out / 'labels.csv'}"
        )
    if brought.events:
        click.echo(f"{counted(brought.events, 'vote')} of the shards, {brought.new:,} of them new")
    if brought.older:
        click.echo(
            f"{counted(brought.older, 'vote')} of the shards left out: the same person said "
            f"something later of these faces in {out}"
        )
    if brought.session:
        people = ", ".join(brought.session.annotators)
        click.echo(f"labelling session of {people}; `gazebench label serve {out}` gives new links")
    for sentence in brought.left:
        click.secho(f"note: {sentence}", err=True)
    if brought.left:
        click.secho("note: keep the shards until that is done", err=True)
    if brought.new:
        say_next("label", "finalize", out)
