"""How long to train when methods are compared: so many portraits seen, or so much time.

A step of one method is not a step of another: PRGAN and StarGAN draw five times in it. So steps
are made from a measurement of the first few, which is thrown away. They are made once: the run's
recipe keeps them, so that a resume has the learning rates of an uninterrupted training.
"""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gazebench import config
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError
from gazebench.plugins import Content
from gazebench.training.drawing import Loader, training_portraits
from gazebench.training.engine import accelerator_of, trainable
from gazebench.training.folder import Recipe, RunFolder
from gazebench.training.parts import find_parts
from gazebench.training.session import Session
from gazebench.training.signals import Stop

_WARM_UP = 2  # steps that choose kernels and fill caches
_SHARE, _LONGEST = 0.05, 20.0  # of the budget goes into the measurement; seconds at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What one step takes."""

    images: int  # portraits, over all processes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One of two limits, or none."""

    images: int | None = None  # portraits seen, one that comes twice counted twice
    minutes: float | None = None  # of training steps, without pictures and checkpoints

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return self.images is not None or self.minutes is not None

    def __str__(self) -> str:
        """In words: "100000 images", "30 minutes", "" for none."""
        if self.images is not None:
            return f"{self.images} images"
        return f"{self.minutes:g} minutes" if self.minutes is not None else ""

    def steps(self, pace: Pace) -> int:
        """Steps that fit, one at least."""
        if self.images is not None:
            return max(1, self.images // pace.images)
        return max(1, int(60 * (self.minutes or 0) / pace.seconds))

    def seconds_to_measure(self) -> float:
        """For how long to measure; 0 where portraits are counted, which one step tells."""
        return min(_LONGEST, _SHARE * 60 * (self.minutes or 0))


def kept_steps(run: Path, budget: Budget, settings: config.Settings) -> int | None:
    """Steps that an earlier call with this budget and these settings chose for ``run``."""
    try:
        old = Recipe.load(RunFolder(run).config)
    except InputError:
        return None
    same = _without_steps(old.settings) == _without_steps(settings.model_dump(mode="json"))
    return old.steps if same and old.budget == str(budget) else None


def measure(
    budget: Budget,
    manifest: Manifest,
    run: Path,
    package: Content,
    name: str,
    *,
    settings: Mapping[str, Any],
    parts: Mapping[str, Path],
    seed: int = 0,
    device: str | None = None,
    precision: str = "no",
    compile: bool = False,
    ema: float = 0.0,
) -> Pace:
    """What a step of a training with these options takes on this machine; nothing is written.

    Raises:
        GazebenchError: as ``train`` does before its first step.
    """
    kind = trainable(package, name)
    chosen = config.build(kind.Config, settings, f"methods.{name}")
    x, y = training_portraits(manifest)
    found = find_parts(kind, chosen, manifest, run, parts)
    accelerator = accelerator_of(device, precision)
    recipe = Recipe.of(
        manifest,
        name,
        chosen,
        seed=seed,
        precision=precision,
        processes=accelerator.num_processes,
        ema=ema,
        parts={letter: part.sha256 for letter, part in found.items()},
    )
    with accelerator.main_process_first():
        pixels = Pixels.open(manifest)
    session = Session(kind, chosen, recipe, accelerator, found, compiled=compile)
    loader = Loader.of(pixels, x, y, recipe, accelerator)
    try:
        return _pace(session, loader, budget.seconds_to_measure())
    finally:
        loader.close()
        del session  # its memory is the training's to have
        gc.collect()
        if accelerator.device.type == "cuda":
            torch.cuda.empty_cache()


def _pace(session: Session, loader: Loader, wanted: float) -> Pace:
    stop, done = Stop(), 0
    for _ in range(_WARM_UP if wanted else 1):
        session.step(done, loader, stop)
        done += 1
    began, first, seconds = time.perf_counter(), done, 0.0
    while seconds < wanted:
        session.step(done, loader, stop)
        done += 1
        # the same in every process, or they would stop at different steps
        seconds = _mean(session, time.perf_counter() - began)
    return Pace(images=loader.images, seconds=seconds / max(done - first, 1))


def _mean(session: Session, value: float) -> float:
    accelerator = session.accelerator
    if accelerator.num_processes == 1:
        return value
    mean = accelerator.reduce(torch.tensor([value], device=accelerator.device), "mean")
    assert isinstance(mean, torch.Tensor)
    return mean.item()


def _without_steps(settings: Mapping[str, Any]) -> dict[str, Any]:
    # as they are read from TOML: it has no null, and tuples are lists there
    kept = {k: v for k, v in settings.items() if k != "steps" and v is not None}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}
