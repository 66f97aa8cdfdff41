"""A training from its first step to its last: set-up, resume, steps, log, pictures, checkpoints.

``step`` is one update of a method. A training that was stopped resumes, on a CPU
bit-identically: a GPU adds in an order of its own.
``accelerate launch -m gazebench train`` runs several processes; the main one alone writes.
"""

import contextlib
import gc
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gazebench import config, progress, store
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels, seed_of
from gazebench.errors import InputError, RefusedError, StoppedError
from gazebench.plugins import Collection
from gazebench.signals import Stop, listening
from gazebench.training import checkpoint, monitor
from gazebench.training.batches import Loader
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.engine import Engine, accelerator_for
from gazebench.training.job import Budget, Job, Pace
from gazebench.training.monitor import TensorBoard, aloud
from gazebench.training.run import Log, Recipe, TrainingSettings, is_main

_WARM_UP = 2  # steps that choose kernels and fill caches
_SHARE, _LONGEST = 0.05, 20.0  # of a budget's time goes into its measurement; seconds at most


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a call of ``train`` did."""

    run: Path
    method: str
    step: int  # steps done in all
    trained: int  # of them by this call; 0 when the run was finished already
    images: int  # portraits seen by all calls together, one that came twice counted twice
    seconds: float  # of all calls together


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What one step gave, the same in every process."""

    losses: dict[str, float]  # means over the processes
    gradients: dict[str, float]  # by optimiser: norm at its last update
    stop: bool  # whether any process was asked to stop


def train(
    manifest: Manifest,
    run: Path,
    collection: Collection,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    parts: Mapping[str, Path] | None = None,
    budget: Budget | None = None,
    overwrite: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = aloud,
    **training: Any,
) -> TrainingResult:
    """Train the method ``name`` on a dataset's training half into the folder ``run``.

    The same call again resumes where an earlier one stopped, and does nothing when it was finished.
    ``settings`` is the method's table, ``training`` the fields of ``TrainingSettings``, whose
    ``steps`` win. ``parts``: method → run, for networks that another method's training has to give;
    by default a run beside this one is taken. ``budget`` gives the number of steps in place of the
    settings. The number of steps of a run may change as long as no step already done would have had
    another learning rate.

    Raises:
        InputError: no such method, bad settings, a domain without training portraits, or a loss
            or gradient that is not finite (the state is kept in ``run/nan``).
        MissingPartError: no run gives a part, or weights that a loss needs, a compiler or
            TensorBoard cannot be had.
        RefusedError: the folder holds a run with other settings, and not ``overwrite``.
        BusyError: another process trains in the folder.
        DiskError: no space or not writable.
        StoppedError: a signal asked for it; all is saved.
    """
    options = config.build(TrainingSettings, training, "training")
    job = Job.of(
        manifest, run, collection, name, settings or {}, parts or {}, options, budget or Budget()
    )
    return train_job(job, overwrite=overwrite, progress=progress, say=say)


def train_job(
    job: Job,
    *,
    overwrite: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = aloud,
) -> TrainingResult:
    """Train as ``job`` says.

    Raises:
        GazebenchError: as ``train`` does, once its arguments are understood.
    """
    if job.budget:
        job = job.with_steps(_affordable_steps(job, say, overwrite=overwrite))
    accelerator = accelerator_for(job.options)
    main = accelerator.is_main_process
    speak = say if main else _silent
    with store.locked(job.run) if main else contextlib.nullcontext(), listening() as stop:
        if not overwrite:
            _refuse_other(job, job.recipe(accelerator.num_processes))
        job.warn_of_few(accelerator.num_processes, speak)
        engine = Engine(job, accelerator)
        start = resume(engine, overwrite=overwrite, say=speak)
        board = None
        if job.options.tensorboard and main:
            board = TensorBoard(job.folder.tensorboard, start)
        return Loop(engine, start, stop, progress=progress, board=board).run()


def step(engine: Engine, number: int, loader: Loader, stop: Stop) -> StepOutcome:
    """One update of the method, with the learning rates and random numbers of step ``number``."""
    method, recipe = engine.method, engine.recipe
    # a method that draws from the global generator resumes bit-identically too
    torch.manual_seed(seed_of(recipe.seed, number, engine.accelerator.process_index))
    engine.scale_rates(method.learning_rate_scale(number, recipe.steps))
    norms = engine.gradients.norms
    norms.clear()
    losses = method.training_step(loader.draw(number))
    if engine.average:
        engine.average.update(number)
    numbers = iter(engine.means((*losses.values(), *norms.values(), float(bool(stop)))))
    return StepOutcome(
        {name: next(numbers) for name in losses},
        {name: next(numbers) for name in norms},
        next(numbers) > 0,
    )


class Loop:
    """Steps, and what is written on the way."""

    def __init__(
        self,
        engine: Engine,
        start: Checkpoint | None,
        stop: Stop,
        *,
        progress: bool,
        board: TensorBoard | None = None,
    ) -> None:
        self.engine, self.job, self.stop = engine, engine.job, stop
        self.folder = self.job.folder
        self.begun = self.done = start.step if start else 0
        self.seconds: float = start.facts["seconds"] if start else 0.0
        self.images: int = start.facts.get("images", 0) if start else 0
        self.saved = time.monotonic()
        self.main = engine.accelerator.is_main_process
        self.progress = progress and self.main
        self.log = Log(self.folder.log)
        self.board = board
        pixels = _pixels(engine)
        self.samples = pixels.batch(monitor.fixed_portraits(self.job.manifest))
        self.loader = _loader(engine, pixels)

    def run(self) -> TrainingResult:
        """Go to the last step.

        Raises:
            InputError: a loss or a weight is not finite.
            StoppedError: a process was asked to stop; all is saved.
        """
        steps, options = self.engine.recipe.steps, self.job.options
        with self._bar() as bar, self._open_things():
            while self.done < steps:
                stopping = self.advance(bar)
                last = self.done == steps
                if last or self.done % options.sample_every == 0:
                    self._sample()
                due = self.done % options.checkpoint_every == 0 or self._overdue()
                if last or stopping or due:
                    self._save()
                if stopping and not last:
                    raise self._stopped()
        self.engine.accelerator.wait_for_everyone()
        return TrainingResult(
            run=self.folder.root,
            method=self.engine.recipe.method,
            step=self.done,
            trained=self.done - self.begun,
            images=self.images,
            seconds=self.seconds,
        )

    def advance(self, bar: tqdm) -> bool:
        """One step and its line in the log; whether to stop."""
        began = time.perf_counter()
        outcome = step(self.engine, self.done, self.loader, self.stop)
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

    @contextlib.contextmanager
    def _open_things(self) -> Iterator[None]:
        with contextlib.closing(self.loader), contextlib.ExitStack() as stack:
            if self.board:
                stack.enter_context(contextlib.closing(self.board))
            yield

    def _bar(self) -> tqdm:
        recipe = self.engine.recipe
        return progress.bar(
            total=recipe.steps,
            initial=self.done,
            desc=recipe.method,
            unit="step",
            quiet=not self.progress,
        )

    def _stopped(self) -> StoppedError:
        return StoppedError(
            self.stop.signal or signal.SIGTERM,  # 0 where only another process was asked
            f"stopped at step {self.done} of {self.engine.recipe.steps}; all is saved in "
            f"{self.folder.root}; run the same command again to resume",
        )

    def _note(self, outcome: StepOutcome, speed: float) -> None:
        row = {
            "step": self.done,
            "losses": outcome.losses,
            "grad": outcome.gradients,
            "lr": self.engine.learning_rates(),
            "images_per_s": round(speed, 1),
            "seconds": round(self.seconds, 3),
            "memory_mb": round(self.engine.memory_mb(), 1),
        }
        self.log.add(row)
        if self.board:
            self.board.add(row)

    def _check(self, outcome: StepOutcome) -> None:
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
            checkpoint.write(self.folder.nan, *self.engine.tensors(), self._facts() | facts)
        raise InputError(
            f"step {self.done}: {what}; the state is in {self.folder.nan} for study, the last "
            "good one in checkpoints. Lower the learning rate, or take --precision no, and train "
            "again with --overwrite"
        )

    def _save(self) -> None:
        if not self.main:
            return
        weights, others = self.engine.tensors()
        bad = checkpoint.not_finite(weights | others)
        if bad:
            self._give_up(f"{bad} has values that are not finite", {})
        self._flush()
        path = checkpoint.folder(self.folder.checkpoints, self.done)
        checkpoint.write(path, weights, others, self._facts())
        checkpoint.prune(self.folder.checkpoints)
        self.saved = time.monotonic()

    def _overdue(self) -> bool:
        """Whether a crash would now cost more minutes than the options allow."""
        return time.monotonic() - self.saved > 60 * self.job.options.checkpoint_minutes

    def _flush(self) -> None:
        self.log.flush()
        if self.board:
            self.board.flush()

    def _facts(self) -> dict[str, Any]:
        return {
            "step": self.done,
            "images": self.images,
            "seconds": round(self.seconds, 3),
            **self.engine.facts(),
        }

    def _sample(self) -> None:
        if self.main:
            picture = monitor.grid(self.samples, *self.engine.sample(self.samples))
            store.write(self.folder.samples / f"step-{self.done:06d}.png", picture)
            if self.board:
                self.board.picture(picture, self.done)


def resume(engine: Engine, *, overwrite: bool, say: Callable[[str], None]) -> Checkpoint | None:
    """Bring folder and engine to the newest valid checkpoint and give it; None at step 0.

    Raises:
        RefusedError: the folder holds a run of another recipe, and not ``overwrite``.
        InputError: ``config.toml`` is damaged, or the checkpoint does not fit the networks.
    """
    folder, recipe = engine.job.folder, engine.recipe
    main = engine.accelerator.is_main_process
    if overwrite and main:
        folder.clear()
    engine.accelerator.wait_for_everyone()
    found = None
    old = _refuse_other(engine.job, recipe)
    if old:
        found = checkpoint.newest(folder.checkpoints, say)
        if found:
            _refuse_steps(engine, old.steps, found.step)
            engine.load(found)
        else:
            say(f"{folder.checkpoints}: no checkpoint is usable; starting at step 0")
    engine.accelerator.wait_for_everyone()
    if main:
        done = found.step if found else 0
        recipe.save(folder.config)
        checkpoint.remove_after(folder.checkpoints, done)
        Log(folder.log).trim(done)
    return found


def measure(job: Job) -> Pace:
    """What a step of the job takes on this machine; nothing is written.

    Raises:
        GazebenchError: as ``train`` does before its first step.
    """
    engine = Engine(job, accelerator_for(job.options))
    loader = _loader(engine, _pixels(engine))
    # of a budget of portraits, one step tells all; of one of time, some have to be timed
    wanted = min(_LONGEST, _SHARE * 60 * (job.budget.minutes or 0))
    try:
        return _pace(engine, loader, wanted)
    finally:
        loader.close()
        on_gpu = engine.accelerator.device.type == "cuda"
        del engine  # its memory is the training's to have
        gc.collect()
        if on_gpu:
            torch.cuda.empty_cache()


def _affordable_steps(job: Job, say: Callable[[str], None], *, overwrite: bool) -> int:
    """Steps that the budget allows, measured once: the run's recipe keeps them.

    A resume then has the learning rates of an uninterrupted training.
    """
    kept = None if overwrite else job.kept_steps()
    if kept is not None:
        return kept
    pace = measure(job)
    steps = job.budget.steps(pace)
    if is_main():
        speed = f", {pace.seconds:.3g} s each" if pace.seconds else ""
        say(f"{job.budget}: {steps} steps of {pace.images} portraits{speed}")
    return steps


def _pace(engine: Engine, loader: Loader, wanted: float) -> Pace:
    stop, done = Stop(), engine.method.typical_step()
    for _ in range(_WARM_UP if wanted else 1):
        step(engine, done, loader, stop)
        done += 1
    began, first, seconds = time.perf_counter(), done, 0.0
    while seconds < wanted:
        step(engine, done, loader, stop)
        done += 1
        # the same in every process, or they would stop at different steps
        (seconds,) = engine.means([time.perf_counter() - began])
    return Pace(images=loader.images, seconds=seconds / max(done - first, 1))


def _pixels(engine: Engine) -> Pixels:
    with engine.accelerator.main_process_first():  # which makes the cache
        return Pixels.open(engine.job.manifest)


def _loader(engine: Engine, pixels: Pixels) -> Loader:
    return Loader.of(pixels, *engine.job.portraits, engine.recipe, engine.accelerator)


def _refuse_other(job: Job, recipe: Recipe) -> Recipe | None:
    """The recipe that the folder's checkpoints are of, if any; it must make the same."""
    if not checkpoint.any_there(job.folder.checkpoints):
        return None
    old = job.earlier_recipe()
    recipe.refuse_other(old, job.run)
    return old


def _refuse_steps(engine: Engine, old: int, done: int) -> None:
    new, schedule, root = engine.recipe.steps, engine.method.schedule, engine.job.run
    if new < done:
        raise RefusedError(
            f"{root}: steps: {old} → {new}, but {done} are done; give --steps {done} or "
            "more, or --overwrite to start again"
        )
    if any(schedule(number, old) != schedule(number, new) for number in range(done)):
        raise RefusedError(
            f"{root}: steps: {old} → {new} would have given the {done} steps already done "
            "another learning rate or other losses; train in another folder, or --overwrite to "
            "start again"
        )


def _silent(_sentence: str) -> None:
    pass
