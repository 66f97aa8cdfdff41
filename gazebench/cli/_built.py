"""What the commands that make a dataset print at the end."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.errors import counted

if TYPE_CHECKING:
    from gazebench.curation import BuildReport


def summarise(report: "BuildReport", out: Path) -> None:
    """Print how many faces were built, and how many were quarantined and why."""
    counts = report.counts
    if report.built_now == 0:
        click.echo(f"{out} is complete already; nothing to do")
    lost = counts.found - counts.portraits
    click.echo(
        f"{counts.found:,} found = {counted(counts.portraits, 'portrait')} "
        f"({counts.portraits - counts.test:,} train, {counts.test:,} test) + {lost:,} quarantined"
    )
    for reason, number in counts.quarantined.items():
        click.echo(f"  {reason:<20} {number:,}")
    if shared := [f"{number} {what}" for what, number in counts.leaks.items() if number]:
        click.echo(f"note: train and test share {', '.join(shared)}; see `gazebench inspect {out}`")
    if report.built_now:
        rate = report.built_now / max(report.seconds, 1e-9)
        click.echo(f"{report.seconds:.1f} s, {rate:.1f} faces/s; tree hash {counts.tree_hash[:16]}")
