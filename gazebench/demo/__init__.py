"""The whole pipeline on portraits that ship with the package: dataset, labels, training, page.

It uses every room below the command line, by the function behind each command. Every step keeps
what is complete: a demo that was interrupted resumes, a finished one only writes its page again.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gazebench import baselines, config, machine, methods, pipeline, plugins
from gazebench.dataset import Manifest
from gazebench.training import TrainingSettings
from gazebench.training.job import Budget
from gazebench.training.queue import Trainer
from gazebench.training.queue import plan as plan_queue
from gazebench.weights import trained

HERE = Path(__file__).parent
PORTRAITS = HERE / "portraits"
SETTINGS = config.track("demo")
TRAINED = "prgan"  # the one method that the demo trains
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class DemoReport:
    """Where the demo ended."""

    page: Path
    failures: tuple[str, ...]  # what is missing on the page, and why
    seconds: float


def run(
    out: Path,
    *,
    command: str,
    steps: int | None = None,
    quiet: bool = False,
    say: Callable[[str], None] = print,
) -> DemoReport:
    """Run the whole pipeline into the folder ``out``; ``say`` gets a line before each step.

    Raises:
        GazebenchError: as the steps do.
    """
    began = time.monotonic()
    tables = config.read(SETTINGS)
    labels = PORTRAITS / "labels.csv"
    dataset, runs, board = out / "demo-256", out / "runs", out / "board"
    length = ("--steps", steps) if steps else ()
    announcer = _Announcer(say)
    announcer.step(
        ("build-dataset", PORTRAITS, dataset, "--source-type", "folder", *_flags(tables)),
        lambda: pipeline.build_dataset(
            PORTRAITS, dataset, source_type="folder", quiet=quiet, **tables["dataset"]
        ),
    )
    announcer.step(
        ("label", "import", dataset, labels, "--replace"),
        lambda: pipeline.label_import(dataset, labels, replace=True),
    )
    untrained = announcer.step(
        ("train", "--method", TRAINED, "--track", "demo", *length, dataset, runs / TRAINED),
        lambda: _train(dataset, runs, tables, steps, quiet),
    )
    workers = min(2, machine.cores())
    chosen = [word for name in compared() for word in ("--method", name)]
    evaluated = announcer.step(
        ("eval", dataset, runs, "--shipped", "--workers", workers, *chosen),
        lambda: pipeline.evaluate(
            dataset,
            runs,
            methods=compared(),
            shipped=True,
            quiet=quiet,
            workers=workers,
            command=command,
        ),
    )
    report = announcer.step(("report", runs, board), lambda: pipeline.report(runs, board))
    seconds = time.monotonic() - began
    return DemoReport(page=report.page, failures=(*untrained, *evaluated.failures), seconds=seconds)


def compared() -> list[str]:
    """Names of the methods on the page: all that need no training or ship trained, and PRGAN."""
    kinds = {name: methods.load(baselines, name) for name in plugins.names(baselines)}
    ready = {TRAINED, *trained.names()}
    return [
        name
        for name, kind in kinds.items()
        if methods.corrects(kind) and (name in ready or not methods.is_trainable(kind))
    ]


def _flags(tables: dict[str, Any]) -> list[str]:
    """The settings of the demo's dataset as options of ``build-dataset``."""
    settings = {"res" if k == "resolution" else k: v for k, v in tables["dataset"].items()}
    return [word for k, v in settings.items() for word in (f"--{k.replace('_', '-')}", str(v))]


class _Announcer:
    """Says each step's command, which gives the same, before it and its seconds after it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def step(self, words: Sequence[object], action: Callable[[], T]) -> T:
        self._say(f"$ {shlex.join(['gazebench', *map(str, words)])}")
        began = time.monotonic()
        result = action()
        self._say(f"  {time.monotonic() - began:.0f} s")
        return result


def _train(
    dataset: Path, runs: Path, tables: dict[str, Any], steps: int | None, quiet: bool
) -> tuple[str, ...]:
    settings = config.build(TrainingSettings, {**tables["training"], "steps": steps}, "training")
    manifest = Manifest.load(dataset)
    entries = plan_queue(manifest, baselines, [TRAINED], tables["methods"], runs, {})
    trainer = Trainer(
        manifest=manifest,
        collection=baselines,
        settings=settings,
        budget=Budget(),
        progress=not quiet,
    )
    return trainer.run(entries).failures
