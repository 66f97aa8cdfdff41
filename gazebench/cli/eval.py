"""``gazebench eval``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.cli._words import say_next, typed
from gazebench.errors import IncompleteError

if TYPE_CHECKING:
    from gazebench.evaluation import EvalReport


metric_option = click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=("all",),
    show_default=True,
    metavar="NAME",
    help='Which metric, see `gazebench metrics`; may be repeated. "all" leaves out those on '
    "request. Scores that are there are kept.",
)


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("runs", type=click.Path(path_type=Path))
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("all",),
    show_default=True,
    metavar="NAME",
    help="Which method, see `gazebench methods`, or the path of a method's file; may be repeated.",
)
@metric_option
@click.option(
    "--shipped",
    is_flag=True,
    help="A method that no run here has takes the weights that come with the package, see "
    "`gazebench weights list`.",
)
@click.option("--device", help="cpu, cuda, cuda:1 ... [default: cuda where there is one]")
@click.option("--overwrite", is_flag=True, help="Make predictions and scores again.")
@click.option(
    "--isolate/--no-isolate",
    default=None,
    help="Each method in a process of its own, so that one that crashes stops no other. [default: "
    "for files only]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    default=1,
    show_default=True,
    help="Runs evaluated at once, each in a process of its own (up to 2 GB) with its share of the "
    "cores. Less time on two cores or more; FPS is then that of a share, or of a shared GPU.",
)
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    dataset: Path,
    runs: Path,
    methods: tuple[str, ...],
    metrics: tuple[str, ...],
    shipped: bool,
    device: str | None,
    overwrite: bool,
    isolate: bool | None,
    workers: int,
    quiet: bool,
) -> None:
    """Correct the test portraits of DATASET with every method, and score them.

    RUNS is the folder with the trained runs; controls need no training. Each run gets
    predictions/ID.png, scores.json and features.npz. What is complete is kept. A method that
    fails is named at the end (exit code 4) and does not stop the others; scores that it had stay,
    with a note on why it failed. Runs that made the same pictures, or the source's, have a note
    too. Notes are printed here and stand under the table.

    \b
    gazebench eval data/hq runs --method all --workers 2
    gazebench eval data/hq runs --method identity --method prgan --device cuda
    gazebench eval data/hq runs --method all --method my/own.py
    gazebench eval data/portraits runs --method all --shipped
    gazebench eval data/hq runs --metric all --metric gaze_error_xgaze
    """
    import gazebench

    report = gazebench.evaluate(
        dataset,
        runs,
        methods=methods,
        metrics=metrics,
        shipped=shipped,
        device=device,
        overwrite=overwrite,
        quiet=quiet,
        isolate=isolate,
        workers=workers,
        command=typed(),
    )
    show(report)
    say_next("report", runs, "board")
    raise_if_incomplete(list(report.failures))


def show(report: "EvalReport") -> None:
    """Print a line per run with its scores."""
    for result in report.results:
        names = sorted(result.scores, key=lambda name: (result.metrics[name].group == "cost", name))
        cells = [
            f"{result.metrics[n].title} {result.scores[n].value:.{result.metrics[n].digits}f}"
            for n in names
        ]
        click.echo(f"{result.run}: {', '.join(cells) or 'no scores'}")
        for note in result.notes:
            click.echo(f"  note: {note}")


def raise_if_incomplete(failures: list[str]) -> None:
    """End with exit code 4 and the list of what is missing, if anything is.

    Raises:
        IncompleteError: something is.
    """
    if failures:
        raise IncompleteError("finished, but:\n  " + "\n  ".join(failures))
