"""``gazebench check-method``."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.errors import IncompleteError, InputError, MethodError

if TYPE_CHECKING:
    from gazebench.contract import Verdict
    from gazebench.methods import Method

_SLOW = 1.0  # seconds from which a check's time is told


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
    help="Side of the drawn portraits to check with; may be repeated.",
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
    kind = _imported(file, verbose)
    verdicts = [v for resolution in resolutions for v in _checked(file, kind, resolution, verbose)]
    broken = len([v for v in verdicts if v.outcome == "broken"])
    declined = len([v for v in verdicts if v.outcome == "declines"])
    if broken:
        raise MethodError(f"{file} breaks {broken} of {len(verdicts) - declined} promises")
    if declined == len(resolutions):
        raise IncompleteError(f"{file} was not checked; give a size that it takes: --res PIXELS")


def _imported(file: Path, verbose: bool) -> "type[Method]":
    from gazebench import plugins

    try:
        return plugins.load_file(plugins.read_file(file), marker="card")
    except InputError as error:
        if verbose and error.__cause__:
            _show(error.__cause__)
        raise


def _checked(file: Path, kind: "type[Method]", resolution: int, verbose: bool) -> "list[Verdict]":
    from gazebench.contract import examine

    click.echo(f"{file} at {resolution}x{resolution}")
    verdicts: list[Verdict] = []
    for verdict in examine(kind, resolution):
        verdicts.append(verdict)
        time = f" ({verdict.seconds:.1f} s)" if verdict.seconds >= _SLOW else ""
        sentence = f": {verdict.sentence}" if verdict.sentence else ""
        click.echo(f"  {verdict.outcome:<9} {verdict.check}{sentence}{time}")
        if verbose and verdict.error and not isinstance(verdict.error, MethodError):
            _show(verdict.error)
    return verdicts


def _show(error: BaseException) -> None:
    click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
