"""``gazebench check-metric``."""

from pathlib import Path

import click

from gazebench.cli._verdicts import imported, printed, raise_if_broken


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.py")
@click.option("--device", help="cpu, cuda ... [default: cuda where there is one]")
@click.option("--verbose", "-v", is_flag=True, help="Show the traceback of what was raised.")
def command(file: Path, device: str | None, verbose: bool) -> None:
    """Check that the metric in FILE.py keeps what every metric promises.

    The file defines one metric and may lie anywhere. One line per promise: ok, or what is broken.
    Which promises a metric makes follows from its card. No data is needed: the portraits are
    synthetic. Networks that the metric shares with others are fetched as for `gazebench eval`.

    Exit code 0 if all is kept; 3 if something is broken, or the file cannot be imported; 8 if
    weights that it needs cannot be had.

    \b
    gazebench check-metric mymetric.py
    """
    from gazebench.contract import examine_metric
    from gazebench.methods import pick_device

    kind = imported(file, verbose=verbose)
    click.echo(str(file))
    raise_if_broken(file, printed(examine_metric(kind, pick_device(device)), verbose=verbose))
