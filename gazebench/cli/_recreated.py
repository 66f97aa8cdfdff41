"""What ``build-dataset --from-export`` checks of its options, and prints at the end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench.errors import IncompleteError

if TYPE_CHECKING:
    from gazebench.curation.expected import Recreation
    from gazebench.curation.recreate import RecreationResult

_SHOWN = 10


def check_options(**options: Any) -> None:
    """Check that no option selects other faces than those of the export.

    Raises:
        UsageError: one was.
    """
    for name, value in options.items():
        if value is not None:
            raise click.UsageError(
                f"--{name} cannot be used with --from-export, which recreates every portrait"
            )


def conclude(recreation: "Recreation", result: "RecreationResult", out: Path) -> None:
    """Print whether the dataset at ``out`` is the one that was exported.

    Raises:
        IncompleteError: portraits are missing, named with the reason.
    """
    if result.failures:
        for name, reason, sentence in result.failures[:_SHOWN]:
            click.echo(f"  {name!r}: {reason}: {_printable(sentence)}")
        raise IncompleteError(_incomplete(recreation, result, out))
    click.echo(f"{result.portraits:,} of {result.wanted:,} portraits recreated, every sha256 equal")
    if result.is_same:
        click.echo("the tree hash is the export's: this is the same dataset")
    else:
        click.echo(f"note: the tree hash is not the export's: {_why(result)}; scores on the two")
        click.echo("cannot be compared")


def _incomplete(recreation: "Recreation", result: "RecreationResult", out: Path) -> str:
    from gazebench.curation import recreate

    more = len(result.failures) - _SHOWN
    where = f"{more:,} more and these" if more > 0 else "these"
    sentence = (
        f"{result.portraits:,} of {result.wanted:,} portraits recreated, {len(result.failures):,} "
        f"not ({where} are in {out / 'quarantine.csv'}); fix the source and run the same command "
        "again, which tries only these"
    )
    if any(reason == "portrait_differs" for _, reason, _ in result.failures):
        circumstances = recreate.circumstances(recreation.description.dataset)
        sentence += f". Other versions make other portraits: {circumstances}"
    return sentence


def _printable(text: str) -> str:
    # it may quote the export, which is untrusted
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _why(result: "RecreationResult") -> str:
    if not result.other_columns:
        return "the source has no list of persons, or a different one"
    columns = (f"{name} in {n:,} lines" for name, n in result.other_columns.items())
    return f"manifest.csv differs ({', '.join(columns)})"
