"""``gazebench verify``."""

from pathlib import Path

import click

from gazebench.errors import counted


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(dataset: Path, quiet: bool) -> None:
    """Check that DATASET was not changed or damaged since it was built.

    Reads and hashes every image, and checks every eye box, the manifest, quarantine and labels.
    If anything differs, prints what and ends with exit code 3.
    """
    from gazebench.curation.verify import check

    found = check(dataset, quiet=quiet)
    click.echo(
        f"{dataset}: sound. {counted(found.portraits, 'portrait')}, tree hash "
        f"{found.tree_hash[:16]}, fingerprint {found.fingerprint}"
    )
