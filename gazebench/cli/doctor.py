"""``gazebench doctor``."""

from pathlib import Path

import click

from gazebench.errors import MissingPartError

_SIGNS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}


@click.command()
def command() -> None:
    """Check this machine: Python, torch, what else is written in C, weights, disk, extras, OpenCV.

    Prints the command that fixes each problem. Exit code 8 if there is one, which what is installed
    and cannot be imported is; an optional part that is missing is only a note.
    """
    from gazebench.doctor import examine

    findings = list(examine(Path.cwd()))
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        sign, color = _SIGNS[finding.state]
        click.echo(f"{click.style(sign, fg=color)}  {finding.name:<{width}}  {finding.text}")
        if finding.fix:
            click.echo(f"      {'':<{width}}  → {finding.fix}")
    if bad := sum(finding.state == "bad" for finding in findings):
        raise MissingPartError(f"{bad} of these will fail; the commands after → fix them")
    click.echo("everything that is needed is installed")
