"""The method that corrects photographs, made ready: of a run, or one that needs no training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gazebench import methods, plugins, training
from gazebench.dataset import Domain, Manifest, Split
from gazebench.dataset.batches import Pixels
from gazebench.dataset.boxes import eye_window
from gazebench.errors import InputError, MethodError
from gazebench.methods import Method, Task
from gazebench.plugins import Collection
from gazebench.weights import trained as shipped

BEST = ("undo", "iris_warp")  # methods that correct as they are installed, the best first
_RESOLUTION = 256  # of a method that takes any, where nothing else decides
_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A method that is ready to correct photographs."""

    name: str
    method: Method
    task: Task | None  # the geometry it is made for; None: any, so that of the photograph
    weights_sha256: str = ""  # of its trained weights
    facts: Mapping[str, Any] = field(default_factory=dict)  # what else its corrections depend on


def best(collection: Collection, dataset: Path | None = None) -> str:
    """Name of the best method that corrects without a run; with ``dataset``, that looks it up."""
    known = set(plugins.names(collection)) - set(shipped.names() if dataset else ())
    return next(name for name in BEST if name in known)


def choose(
    collection: Collection,
    *,
    run: Path | None,
    method: str | None,
    dataset: Path | None,
    settings: Mapping[str, Any],
    device: torch.device,
) -> Chosen:
    """The method of ``run``, else ``method``, else the best one that needs no training.

    Raises:
        InputError: see ``of_run`` and ``of_name``; also ``run`` beside a method or a dataset.
    """
    if run is None:
        return of_name(collection, method or best(collection, dataset), settings, dataset, device)
    if method or dataset:
        raise InputError(f"{run}: a run says the method itself; leave out method and dataset")
    return of_run(collection, run, settings, device)


def of_run(
    collection: Collection, run: Path, settings: Mapping[str, Any], device: torch.device
) -> Chosen:
    """The method that was trained in ``run``; ``settings`` touch no weight.

    Raises:
        InputError: no run, no checkpoint that can be read, or no such setting.
    """
    trained = training.load_trained(collection, run, None, device=device, changes=settings)
    return of_trained(trained, settings)


def of_name(
    collection: Collection,
    name: str,
    settings: Mapping[str, Any],
    dataset: Path | None,
    device: torch.device,
) -> Chosen:
    """A method that needs no training, or whose trained networks ship with the package.

    It is prepared with the portraits of ``dataset`` if there is one and it looks things up.

    Raises:
        InputError: no such method or setting, or the dataset cannot be read.
        MethodError: it must be trained, needs a dataset, or corrects nothing itself.
    """
    kind = methods.load(collection, name)
    if name in shipped.names() and dataset is None:
        trained = training.load_shipped(collection, name, device=device, changes=settings)
        return of_trained(trained, settings)
    _refuse(kind, name, dataset)
    manifest = Manifest.load(dataset) if dataset else None
    built = methods.settings_of(kind, name, settings)
    free = methods.fits_any(kind)
    task = _task(manifest)
    method = kind(built, task)
    if manifest and hasattr(method, "prepare"):
        _prepare(method, manifest, device)
    facts = {**settings, **({"dataset": manifest.fingerprint} if manifest else {})}
    return Chosen(name=name, method=method, task=None if free else task, facts=facts)


def of_trained(trained: training.Trained, settings: Mapping[str, Any]) -> Chosen:
    """A loaded method, with the settings that it was given besides."""
    return Chosen(
        name=trained.name,
        method=trained.method,
        task=None if methods.fits_any(type(trained.method)) else trained.task,
        weights_sha256=trained.weights_sha256,
        facts=dict(settings),
    )


def _refuse(kind: type[Method], name: str, dataset: Path | None) -> None:
    if not methods.corrects(kind):
        raise MethodError(f"{name} corrects no portraits; it is a part of other methods")
    if methods.is_trainable(kind):
        raise MethodError(
            f"{name} must be trained: `gazebench train --method {name} DATASET RUN`, then "
            "`gazebench correct RUN PHOTO`"
        )
    if dataset is None and methods.needs_bank(kind):
        raise MethodError(
            f"{name} looks things up in a dataset: `gazebench correct --method {name} "
            "--dataset DATASET PHOTO`"
        )


def _task(manifest: Manifest | None) -> Task:
    if manifest is None:
        return Task(_RESOLUTION, eye_window(_RESOLUTION))
    return Task(manifest.resolution, manifest.window)


def _prepare(method: Any, manifest: Manifest, device: torch.device) -> None:
    portraits = manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
    if not portraits:
        raise InputError(
            f"{manifest.root}: no training portrait is labelled X; label some with "
            f"`gazebench label import {manifest.root} LABELS.csv`"
        )
    pixels = Pixels.open(manifest)
    method.prepare(batch.to(device) for batch in pixels.batches(portraits, _BATCH))
