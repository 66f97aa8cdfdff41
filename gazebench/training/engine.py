"""The training engine: any method, one CPU or many GPUs, stopped and resumed bit by bit.

Randomness and learning rates are functions of the step alone, so a checkpoint needs no sampler,
scheduler or generator state. ``accelerate launch -m gazebench train`` runs several processes; the
main one alone writes.
"""

import atexit
import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from tqdm import tqdm

from gazebench import config, plugins, store
from gazebench.dataset import Manifest
from gazebench.errors import InputError
from gazebench.methods import TrainableMethod, is_trainable, load, pick_device
from gazebench.plugins import Content
from gazebench.training.board import Board, require_tensorboard
from gazebench.training.compiling import require_compiler
from gazebench.training.drawing import training_portraits, warn_of_few
from gazebench.training.folder import Recipe, RunFolder
from gazebench.training.loop import Loop, TrainingResult
from gazebench.training.parts import FoundPart, find_parts
from gazebench.training.resume import refuse_other, start
from gazebench.training.session import Session
from gazebench.training.settings import TrainingSettings
from gazebench.training.signals import listening


def aloud(sentence: str) -> None:
    """Say something on stderr, above a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


def train(
    manifest: Manifest,
    run: Path,
    content: Content,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    parts: Mapping[str, Path] | None = None,
    budget: str = "",
    overwrite: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = aloud,
    **training: Any,
) -> TrainingResult:
    """Train the method ``name`` on a dataset's training half into the folder ``run``.

    The same call goes on where an earlier one stopped, and does nothing when it was finished.
    ``settings`` is the method's table, ``training`` the fields of ``TrainingSettings``, whose
    ``steps`` win. ``parts``: method → run, for networks that another method's training has to give;
    by default a run beside this one is taken. ``budget`` says in words what the steps were made
    from. The number of steps of a run may change as long as no step already done would have had
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
    kind, how = trainable(content, name), config.build(TrainingSettings, training, "training")
    chosen = _chosen(kind, name, settings or {}, how)
    x, y = training_portraits(manifest)
    found = find_parts(kind, chosen, manifest, run, parts or {})
    accelerator = _accelerator(how)
    recipe = _recipe(content, manifest, name, chosen, how, accelerator, found, budget)
    folder, main = RunFolder(run), accelerator.is_main_process
    speak = say if main else _silent
    with store.locked(run) if main else contextlib.nullcontext(), listening() as stop:
        if not overwrite:
            refuse_other(folder, recipe)
        warn_of_few(x, y, recipe, speak)
        session = Session(kind, chosen, recipe, accelerator, found, compiled=how.compile)
        begin = start(folder, session, overwrite=overwrite, say=speak)
        board = Board(folder.tensorboard, begin) if how.tensorboard and main else None
        loop = Loop(folder, session, manifest, begin, stop, progress=progress, board=board)
        return loop.run(how.sample_every, how.checkpoint_every)


def trainable(content: Content, name: str) -> type[TrainableMethod]:
    """The method ``name``, which must have networks.

    Raises:
        InputError: there is none, or it needs no training.
    """
    kind: Any = load(content, name)
    if not is_trainable(kind):
        words = plugins.typed(content, name)
        raise InputError(f"{name} needs no training; run `gazebench eval --method {words}`")
    return kind


def accelerator_of(device: str | None, precision: str) -> Accelerator:
    """Hugging Face accelerate for a device and ``--precision``, made anew.

    Raises:
        InputError: there is no such device, or it has no such precision.
    """
    chosen = pick_device(device)
    if chosen.type == "cpu" and precision == "fp16":  # which would quietly be fp32
        raise InputError("--precision fp16: needs a GPU; take bf16 or no")
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    AcceleratorState._reset_state(reset_partial_state=True)  # an earlier training's, if any
    atexit.register(_part)  # not sooner: processes that part cannot meet again in a queue
    try:
        return Accelerator(mixed_precision=precision, cpu=chosen.type == "cpu")
    except ValueError as error:
        raise InputError(f"--precision {precision}: not usable on {chosen} ({error})") from None


def _chosen(
    kind: type[TrainableMethod], name: str, table: Mapping[str, Any], how: TrainingSettings
) -> config.Settings:
    steps = {"steps": how.steps} if how.steps else {}
    return config.build(kind.Config, {**table, **steps}, f"methods.{name}")


def _accelerator(how: TrainingSettings) -> Accelerator:
    accelerator = accelerator_of(how.device, how.precision)
    if how.compile:
        require_compiler(accelerator.device)
    if how.tensorboard and accelerator.is_main_process:
        require_tensorboard()
    return accelerator


def _recipe(
    content: Content,
    manifest: Manifest,
    name: str,
    settings: config.Settings,
    how: TrainingSettings,
    accelerator: Accelerator,
    found: Mapping[str, FoundPart],
    budget: str,
) -> Recipe:
    return Recipe.of(
        manifest,
        name,
        settings,
        seed=how.seed,
        precision=how.precision,
        processes=accelerator.num_processes,
        budget=budget,
        ema=how.ema,
        file_sha256=plugins.sha256(content, name),
        parts={letter: part.sha256 for letter, part in found.items()},
    )


def _part() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _silent(_sentence: str) -> None:
    pass
