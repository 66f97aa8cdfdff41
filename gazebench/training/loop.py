"""The loop over the steps, and what is written on the way: log, pictures, checkpoints."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gazebench import store
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import InputError, StoppedError
from gazebench.training import checkpoint, sampling, state
from gazebench.training.board import Board
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.drawing import Loader, training_portraits
from gazebench.training.folder import RunFolder
from gazebench.training.log import Log
from gazebench.training.session import Outcome, Session
from gazebench.training.signals import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a call of ``train`` did."""

    run: Path
    method: str
    step: int  # steps done in all
    trained: int  # of them by this call; 0 when the run was finished already
    images: int  # portraits seen by all calls together, one that came twice counted twice
    seconds: float  # of all calls together


class Loop:
    """Steps, and what is written on the way."""

    def __init__(
        self,
        folder: RunFolder,
        session: Session,
        manifest: Manifest,
        start: Checkpoint | None,
        stop: Stop,
        *,
        progress: bool,
        board: Board | None = None,
    ) -> None:
        self.folder, self.session, self.stop = folder, session, stop
        self.begun = self.done = start.step if start else 0
        self.seconds: float = start.facts["seconds"] if start else 0.0
        self.images: int = start.facts.get("images", 0) if start else 0
        self.main = session.accelerator.is_main_process
        self.progress = progress and self.main
        self.log = Log(folder.log)
        self.board = board
        self._open(manifest)

    def run(self, sample_every: int, checkpoint_every: int) -> TrainingResult:
        """Go on to the last step.

        Raises:
            InputError: a loss or a weight is not finite.
            StoppedError: a process was asked to stop; all is saved.
        """
        steps = self.session.recipe.steps
        with self._bar() as bar, self._open_things():
            while self.done < steps:
                stopping = self.advance(bar)
                last = self.done == steps
                if last or self.done % sample_every == 0:
                    self._sample()
                if last or stopping or self.done % checkpoint_every == 0:
                    self._save()
                if stopping and not last:
                    raise self._stopped()
        self.session.accelerator.wait_for_everyone()
        return TrainingResult(
            run=self.folder.root,
            method=self.session.recipe.method,
            step=self.done,
            trained=self.done - self.begun,
            images=self.images,
            seconds=self.seconds,
        )

    @contextlib.contextmanager
    def _open_things(self) -> Iterator[None]:
        with contextlib.closing(self.loader), contextlib.ExitStack() as stack:
            if self.board:
                stack.enter_context(contextlib.closing(self.board))
            yield

    def _bar(self) -> tqdm:
        recipe = self.session.recipe
        return tqdm(
            total=recipe.steps,
            initial=self.done,
            desc=recipe.method,
            unit="step",
            disable=not self.progress,
        )

    def _stopped(self) -> StoppedError:
        return StoppedError(
            self.stop.signal or signal.SIGTERM,  # 0 where only another process was asked
            f"stopped at step {self.done} of {self.session.recipe.steps}; all is saved in "
            f"{self.folder.root}, the same command goes on",
        )

    def _open(self, manifest: Manifest) -> None:
        session, accelerator = self.session, self.session.accelerator
        with accelerator.main_process_first():  # which makes the cache
            pixels = Pixels.open(manifest)
        self.samples: Batch = pixels.batch(sampling.fixed_portraits(manifest))
        portraits = training_portraits(manifest)
        self.loader = Loader.of(pixels, *portraits, session.recipe, accelerator)

    def advance(self, bar: tqdm) -> bool:
        """One step and its line in the log; whether to stop."""
        began = time.perf_counter()
        outcome = self.session.step(self.done, self.loader, self.stop)
        self.done += 1
        self._check(outcome)
        seconds = time.perf_counter() - began
        self.seconds += seconds
        self.images += self.loader.images
        speed = self.loader.images / seconds
        if self.main:
            self._note(outcome, speed)
        shown = {name: f"{value:.3g}" for name, value in outcome.losses.items()}
        bar.set_postfix({**shown, "images/s": f"{speed:.0f}"}, refresh=False)
        bar.update()
        return outcome.stop

    def _note(self, outcome: Outcome, speed: float) -> None:
        row = {
            "step": self.done,
            "losses": outcome.losses,
            "grad": outcome.gradients,
            "lr": self.session.learning_rates(),
            "images_per_s": round(speed, 1),
            "seconds": round(self.seconds, 3),
            "memory_mb": round(self.session.memory_mb(), 1),
        }
        self.log.add(row)
        if self.board:
            self.board.add(row)

    def _check(self, outcome: Outcome) -> None:
        gradients = {f"gradient of {name}": v for name, v in outcome.gradients.items()}
        for name, value in {**outcome.losses, **gradients}.items():
            if not math.isfinite(value):
                what = name if name in gradients else f"loss {name}"
                self._give_up(f"{what} is {value}", outcome.losses)

    def _give_up(self, what: str, losses: Mapping[str, float]) -> None:
        self._flush()
        if self.main:
            facts = {
                "step": self.done,
                "what": what,
                "losses": {k: str(v) for k, v in losses.items()},
            }
            checkpoint.write(self.folder.nan, *self.session.tensors(), self._facts() | facts)
        raise InputError(
            f"step {self.done}: {what}; the state is in {self.folder.nan} for study, the last "
            "good one in checkpoints. Lower the learning rate, or take --precision no, and train "
            "anew with --overwrite"
        )

    def _save(self) -> None:
        if not self.main:
            return
        weights, others = self.session.tensors()
        bad = state.not_finite(weights | others)
        if bad:
            self._give_up(f"{bad} has values that are not finite", {})
        self._flush()
        path = checkpoint.folder(self.folder.checkpoints, self.done)
        checkpoint.write(path, weights, others, self._facts())
        checkpoint.prune(self.folder.checkpoints)

    def _flush(self) -> None:
        self.log.flush()
        if self.board:
            self.board.flush()

    def _facts(self) -> dict[str, Any]:
        return {
            "step": self.done,
            "images": self.images,
            "seconds": round(self.seconds, 3),
            **self.session.facts(),
        }

    def _sample(self) -> None:
        if self.main:
            picture = sampling.grid(self.samples, *self.session.sample(self.samples))
            store.write(self.folder.samples / f"step-{self.done:06d}.png", picture)
            if self.board:
                self.board.picture(picture, self.done)
