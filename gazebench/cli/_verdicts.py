"""What ``check-method`` and ``check-metric`` share: a file's class, and a line for each promise."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench.errors import InputError, MethodError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gazebench.contract import Verdict

_SLOW = 1.0  # seconds from which a check's time is shown


def imported(file: Path, *, verbose: bool) -> type[Any]:
    """The one class with a card in ``file``.

    Raises:
        InputError: the file cannot be imported, or defines none or several.
    """
    from gazebench import plugins

    try:
        return plugins.load_file(plugins.read_file(file), marker="card")
    except InputError as error:
        if verbose and error.__cause__:
            _show(error.__cause__)
        raise


def printed(verdicts: "Iterator[Verdict]", *, verbose: bool) -> "list[Verdict]":
    """The verdicts, each printed as it is reached."""
    found: list[Verdict] = []
    for verdict in verdicts:
        found.append(verdict)
        time = f" ({verdict.seconds:.1f} s)" if verdict.seconds >= _SLOW else ""
        sentence = f": {verdict.sentence}" if verdict.sentence else ""
        click.echo(f"  {verdict.outcome:<9} {verdict.check}{sentence}{time}")
        if verbose and verdict.error and not isinstance(verdict.error, MethodError):
            _show(verdict.error)
    return found


def raise_if_broken(file: Path, verdicts: "list[Verdict]") -> None:
    """End with exit code 3 if a promise is broken.

    Raises:
        MethodError: one is.
    """
    broken = len([v for v in verdicts if v.outcome == "broken"])
    checked = len([v for v in verdicts if v.outcome != "declines"])
    if broken:
        raise MethodError(f"{file} breaks {broken} of {checked} promises")


def _show(error: BaseException) -> None:
    click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
