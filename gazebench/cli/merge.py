"""``gazebench merge``."""

from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("shards", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--overwrite", is_flag=True, help="Replace another build; labels.csv stays.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(out: Path, shards: tuple[Path, ...], overwrite: bool, quiet: bool) -> None:
    """Merge all SHARDS that `build-dataset --shard` built into one dataset OUT.

    OUT is what a build without shards makes, byte for byte; images are hard links to those of
    the shards where the disk allows it. Labels of the shards are merged too. If interrupted, run
    the same command again to resume; afterwards the shards may be deleted.

    \b
    gazebench build-dataset ~/CelebA data/celeba-1of2 --shard 1/2    (on one machine)
    gazebench build-dataset ~/CelebA data/celeba-2of2 --shard 2/2    (on another)
    gazebench merge data/celeba data/celeba-1of2 data/celeba-2of2
    """
    from gazebench.cli._built import summarise
    from gazebench.curation.merge import merge

    summarise(merge(out, shards, overwrite=overwrite, quiet=quiet), out)
