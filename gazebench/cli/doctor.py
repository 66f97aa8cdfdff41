"""``gazebench doctor``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.errors import MissingPartError

if TYPE_CHECKING:
    from gazebench.doctor import Finding

_SIGNS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}


@click.command()
def command() -> None:
    """Check this machine: Python, torch, what else is written in C, weights, disk, extras, OpenCV.

    Prints the command that fixes each problem. Exit code 8 if there is one. A package that is
    installed and cannot be imported is a problem; an optional part that is missing is only a note.
    """
    from gazebench.doctor import examine

    findings = list(examine(Path.cwd()))
    for line in lines(findings):
        click.echo(line)
    if bad := sum(finding.state == "bad" for finding in findings):
        raise MissingPartError(f"{bad} of these will fail; the commands after → fix them")
    click.echo("everything that is needed is installed")


def lines(findings: "Sequence[Finding]") -> Iterator[str]:
    """Findings as columns, each with its mend below it."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        sign, color = _SIGNS[finding.state]
        yield f"{click.style(sign, fg=color)}  {finding.name:<{width}}  {finding.text}"
        if finding.fix:
            yield f"      {'':<{width}}  → {finding.fix}"
