"""``gazebench verify``."""

from pathlib import Path

import click


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(dataset: Path, quiet: bool) -> None:
    """Check that DATASET is still what its build made.

    Reads and hashes every image, checks every eye box, manifest, quarantine and labels. Exit
    code 3 and a list of what differs, if anything does.
    """
    from gazebench.curation.verify import check

    found = check(dataset, quiet=quiet)
    click.echo(
        f"{dataset}: sound. {found.portraits:,} portraits, tree hash "
        f"{found.tree_hash[:16]}, fingerprint {found.fingerprint}"
    )
