"""The processes of ``gazebench train --jobs``."""

from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench import machine

if TYPE_CHECKING:
    from gazebench.training.queue import QueueEntry, QueueReport


def train_side_by_side(
    entries: Sequence["QueueEntry"],
    jobs: int,
    methods: tuple[str, ...],
    dataset: Path,
    **trainer: Any,
) -> "QueueReport":
    """Train the entries, ``jobs`` at a time; ``trainer`` are fields of ``queue.Trainer``."""
    from gazebench.training.monitor import aloud
    from gazebench.training.side_by_side import SideBySide

    context = get_context("spawn")  # a fork may not use the GPU
    threads = max(1, machine.cores() // jobs)

    def start(entry: "QueueEntry") -> tuple[BaseProcess, Connection]:
        ours, theirs = context.Pipe(duplex=False)
        arguments = (theirs, methods, dataset, entry, threads, trainer)
        process = context.Process(target=_train, args=arguments, name=entry.run.name)
        process.start()
        theirs.close()  # so that its death is an end of file here
        return process, ours

    return SideBySide(start, jobs, aloud).run(entries)


def _train(
    report: Connection,
    methods: tuple[str, ...],
    dataset: Path,
    entry: "QueueEntry",
    threads: int,
    trainer: dict[str, Any],
) -> None:
    import torch

    from gazebench import baselines, plugins
    from gazebench.dataset import Manifest
    from gazebench.errors import GazebenchError
    from gazebench.training.queue import Trainer

    torch.set_num_threads(threads)
    collection, _ = plugins.extend(baselines, methods)
    say: Callable[[str], None] = partial(_say, entry.run.name)
    work = Trainer(
        manifest=Manifest.load(dataset), collection=collection, progress=False, say=say, **trainer
    )
    try:
        report.send(work.run([entry]))
    except GazebenchError as error:  # stopped, or the disk is full: the others go on
        say(str(error))
        raise SystemExit(error.exit_code) from None


def _say(name: str, sentence: str) -> None:
    if not sentence.startswith("1 of 1: "):
        click.echo(f"{name}: {sentence}", err=True)
