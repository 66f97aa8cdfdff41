"""The training engine: any method, one CPU or many GPUs, stopped and resumed bit by bit.

Randomness and learning rates are functions of the step alone, so a checkpoint needs no sampler,
scheduler or generator state. ``accelerate launch -m gazebench train`` runs several processes; the
main one alone writes.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from tqdm import tqdm

from gazebench import config, store
from gazebench.errors import InputError
from gazebench.manifest import Manifest
from gazebench.methods import TrainableMethod, is_trainable, load, pick_device
from gazebench.training.drawing import training_portraits
from gazebench.training.folder import Recipe, RunFolder
from gazebench.training.loop import Loop, TrainingResult
from gazebench.training.resume import start
from gazebench.training.session import Session
from gazebench.training.signals import listening


def aloud(sentence: str) -> None:
    """Say something on stderr, above a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


def train(
    manifest: Manifest,
    run: Path,
    package: ModuleType,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str | None = None,
    precision: str = "no",
    sample_every: int = 1000,
    checkpoint_every: int = 1000,
    overwrite: bool = False,
    progress: bool = True,
    say: Callable[[str], None] = aloud,
) -> TrainingResult:
    """Train the method ``package/name.py`` on a dataset's training half into the folder ``run``.

    The same call goes on where an earlier one stopped, and does nothing when it was finished.
    ``settings`` is the method's table; ``steps`` wins over the steps in it. The number of steps
    of a run may change as long as no step already done would have had another learning rate.

    Raises:
        InputError: no such method, bad settings, a domain without training portraits, or a loss
            that is not finite (the state is kept in ``run/nan``).
        RefusedError: the folder holds a run with other settings, and not ``overwrite``.
        BusyError: another process trains in the folder.
        DiskError: no space or not writable.
        StoppedError: a signal asked for it; all is saved.
    """
    kind = trainable(package, name)
    table = {**(settings or {}), **({"steps": steps} if steps else {})}
    chosen = config.build(kind.Config, table, f"methods.{name}")
    training_portraits(manifest)
    accelerator = _accelerator(device, precision)
    recipe = Recipe.of(
        manifest,
        name,
        chosen,
        seed=seed,
        precision=precision,
        processes=accelerator.num_processes,
    )
    folder = RunFolder(run)
    main = accelerator.is_main_process
    with store.locked(run) if main else contextlib.nullcontext(), listening() as stop:
        session = Session(kind, chosen, recipe, accelerator)
        begin = start(folder, session, overwrite=overwrite, say=say if main else _silent)
        loop = Loop(folder, session, manifest, begin, stop, progress=progress)
        result = loop.run(sample_every, checkpoint_every)
    accelerator.end_training()
    return result


def trainable(package: ModuleType, name: str) -> type[TrainableMethod]:
    """The method ``package/name.py``, which must have networks.

    Raises:
        InputError: there is none, or it needs no training.
    """
    kind: Any = load(package, name)
    if not is_trainable(kind):
        raise InputError(f"{name} needs no training; run `gazebench eval --method {name}`")
    return kind


def _accelerator(device: str | None, precision: str) -> Accelerator:
    chosen = pick_device(device)
    if chosen.type == "cpu" and precision == "fp16":  # which would quietly be fp32
        raise InputError("--precision fp16: needs a GPU; take bf16 or no")
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    AcceleratorState._reset_state(reset_partial_state=True)  # an earlier training's, if any
    try:
        return Accelerator(mixed_precision=precision, cpu=chosen.type == "cpu")
    except ValueError as error:
        raise InputError(f"--precision {precision}: not usable on {chosen} ({error})") from None


def _silent(_sentence: str) -> None:
    pass
