"""``gazebench demo``."""

from pathlib import Path

import click

from gazebench.cli._words import typed
from gazebench.cli.eval import raise_if_incomplete


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=Path("demo-run"))
@click.option("--steps", type=click.IntRange(1), help="Training steps. [default: track demo's]")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(out: Path, steps: int | None, quiet: bool) -> None:
    """Run the whole pipeline on 128 shipped portraits and print the path of the leaderboard page.

    Builds a dataset at 256 px, imports its labels, trains one method (PRGAN) for half a minute,
    evaluates it beside the methods that need no training or ship trained, and writes the page, all
    into OUT (default: demo-run). If interrupted, run the same command again to resume. The people
    do not exist.
    """
    from gazebench import demo

    report = demo.run(out, command=typed(), steps=steps, quiet=quiet, say=click.echo)
    click.echo(f"\nthe leaderboard, after {report.seconds:.0f} s:\n{report.page.resolve()}")
    raise_if_incomplete(list(report.failures))
