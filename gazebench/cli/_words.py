"""What commands record of themselves, and the command that they name at their end."""

import shlex
import sys
from pathlib import Path

import click


def typed() -> str:
    """The command line as typed, with absolute paths cut to their last part."""
    words = ["gazebench", *sys.argv[1:]]
    return " ".join(Path(word).name if Path(word).is_absolute() else word for word in words)


def say_next(*words: str | Path) -> None:
    """Print the command that comes next, quoted as a shell needs it."""
    click.echo(f"next: {shlex.join(['gazebench', *map(str, words)])}")
