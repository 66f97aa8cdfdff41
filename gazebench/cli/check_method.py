"""``gazebench check-method``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.cli._verdicts import imported, printed, raise_if_broken
from gazebench.errors import IncompleteError

if TYPE_CHECKING:
    from gazebench.contract import Verdict


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.py")
@click.option(
    "--res",
    "resolutions",
    type=click.IntRange(32),
    multiple=True,
    default=(256,),
    show_default=True,
    metavar="PIXELS",
    help="Side of the synthetic portraits to check with; may be repeated.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show the traceback of what was raised.")
def command(file: Path, resolutions: tuple[int, ...], verbose: bool) -> None:
    """Check that the method in FILE.py keeps what every method promises.

    The file defines one method and may lie anywhere. One line per promise: ok, or what is broken.
    Networks are built with the method's small_settings. No data is needed.

    Exit code 0 if all is kept; 3 if something is broken, or the file cannot be imported; 4 if the
    method declines portraits of every size asked for, so that nothing could be checked.

    \b
    gazebench check-method mymethod.py
    gazebench check-method mymethod.py --res 256 --res 512
    """
    from gazebench.contract import examine

    kind = imported(file, verbose=verbose)
    verdicts: list[Verdict] = []
    for resolution in resolutions:
        click.echo(f"{file} at {resolution}x{resolution}")
        verdicts += printed(examine(kind, resolution), verbose=verbose)
    raise_if_broken(file, verdicts)
    if len([v for v in verdicts if v.outcome == "declines"]) == len(resolutions):
        raise IncompleteError(f"{file} was not checked; give a size that it takes: --res PIXELS")
