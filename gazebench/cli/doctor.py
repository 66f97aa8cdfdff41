"""``gazebench doctor``."""

from pathlib import Path

import click

from gazebench.errors import MissingPartError

_SIGNS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}


@click.command()
def command() -> None:
    """Look at this machine: Python, torch, weights, disk, extras, OpenCV.

    Each finding that needs something names the line that mends it. Exit code 8 if anything is
    bad; a part that is only optional is a note.
    """
    from gazebench.doctor import examine

    bad = 0
    for finding in examine(Path.cwd()):
        sign, color = _SIGNS[finding.state]
        bad += finding.state == "bad"
        click.echo(f"{click.style(sign, fg=color)}  {finding.name:<28} {finding.text}")
        if finding.mend:
            click.echo(f"      {'':<28} → {finding.mend}")
    if bad:
        raise MissingPartError(f"{bad} of these will fail; the lines with → mend them")
    click.echo("all that is needed is here")
