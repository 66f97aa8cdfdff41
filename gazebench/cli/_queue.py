"""What a queue of trainings says at its end."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gazebench.cli._words import say_next
from gazebench.errors import IncompleteError

if TYPE_CHECKING:
    from gazebench.training import TrainingResult
    from gazebench.training.queue import QueueReport

_HEAD = ("run", "steps", "portraits", "time", "last losses")
_SHOWN = 4  # losses; log.jsonl has all


def conclude(report: "QueueReport", dataset: Path, runs: Path) -> None:
    """Print a line for each training, and what comes next.

    Raises:
        IncompleteError: some failed; each is named with the reason.
    """
    from gazebench.training.run import is_main

    if is_main():
        click.echo("\n".join(table(report.results)))
        say_next("eval", dataset, runs, "--method", "all")
    if report.failures:
        sentence = f"trained {len(report.results)}, but:\n  " + "\n  ".join(report.failures)
        raise IncompleteError(f"{sentence}\nthe same command tries these again")


def table(results: Iterable["TrainingResult"]) -> list[str]:
    """Lines of text: steps, portraits seen, time and the newest losses of each training."""
    rows = [_HEAD, *map(_row, results)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def _row(result: "TrainingResult") -> tuple[str, ...]:
    from gazebench.training.queue import last_losses

    losses = [f"{name} {value:.3g}" for name, value in last_losses(result.run).items()]
    losses[_SHOWN:] = ["..."] if len(losses) > _SHOWN else []
    numbers = f"{result.step:,}", f"{result.images:,}", _duration(result.seconds)
    return (result.run.name, *numbers, ", ".join(losses))


def _aligned(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    for place, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.rjust(width) if place in (1, 2, 3) else text.ljust(width)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s"
