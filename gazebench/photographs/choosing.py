"""The method that corrects photographs, made ready: of a run, or one that needs no training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gazebench import methods, plugins, training
from gazebench.dataset import Domain, Manifest, Split, alignment, load_info
from gazebench.dataset.batches import Pixels
from gazebench.dataset.boxes import eye_window
from gazebench.errors import InputError, MethodError, RefusedError
from gazebench.methods import Method, Task
from gazebench.plugins import Collection
from gazebench.weights import trained as shipped

BEST = "iris_warp"  # of the methods that correct as they are installed: looks real most often
_RESOLUTION = 256  # of a method that takes any, where nothing else decides
_BATCH = 8
_ALIGN = "ffhq"  # where nothing else decides
_FEW = 0.01  # of a method's own steps


@dataclass(frozen=True, slots=True)
class Cut:
    """How the portraits that a method knows were cut."""

    align: str = ""  # of a dataset: "none", "eyes", "ffhq"; "": not known
    source: str = ""  # layout of the pictures that the dataset was built from

    def of_photographs(self, asked: str | None, owner: str) -> str:
        """How faces of photographs are cut like them; ``owner`` is the run or dataset.

        Portraits that were left as they came ("none") are as their source cut them: CelebGaze by
        the eyes, CelebA-HQ and other aligned sets much like FFHQ.

        Raises:
            RefusedError: ``asked`` is another way.
        """
        as_they_came = "eyes" if self.source == "celebgaze" else _ALIGN
        known = as_they_came if self.align == "none" else self.align or _ALIGN
        if asked is None:
            return known
        if not self.align or asked in (known, self.align):
            return asked
        raise RefusedError(
            f"{owner}: its portraits were cut with --align {known}, not {asked}; leave --align "
            "out, or train on a dataset that is cut that way"
        )


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A method that is ready to correct photographs."""

    name: str
    method: Method
    collection: Collection  # that the method is in
    task: Task | None  # the geometry it is made for; None: any, so that of the photograph
    cut: Cut = Cut()
    weights_sha256: str = ""  # of its trained weights
    facts: Mapping[str, Any] = field(default_factory=dict)  # what else its corrections depend on
    notes: tuple[str, ...] = ()  # what a user should know of it


def careful(kind: type[Method], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for photographs: ``careful`` where a method can be, unless they say otherwise."""
    able = "careful" in kind.Config.model_fields
    return {**({"careful": True} if able else {}), **settings}


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
        return of_name(collection, BEST if method is None else method, settings, dataset, device)
    if dataset or (method and not plugins.outside(collection, method)):
        raise InputError(f"{run}: a run says the method itself; leave out method and dataset")
    return of_run(collection, run, settings, device)


def of_run(
    collection: Collection, run: Path, settings: Mapping[str, Any], device: torch.device
) -> Chosen:
    """The method that was trained in ``run``; ``settings`` touch no weight.

    Raises:
        InputError: no run, no checkpoint that can be read, or no such setting.
    """
    collection = training.with_own_file(collection, run)
    name = training.run_method_name(run)
    settings = careful(methods.load(collection, name), settings) if name else settings
    trained = training.load_trained(collection, run, None, device=device, changes=settings)
    return of_trained(trained, settings, collection, run)


def of_name(
    collection: Collection,
    name: str,
    settings: Mapping[str, Any],
    dataset: Path | None,
    device: torch.device,
    *,
    of_photographs: bool = True,
) -> Chosen:
    """A method that needs no training, or whose trained networks ship with the package.

    It is prepared with the portraits of ``dataset`` if there is one and it looks things up.
    ``of_photographs``: with careful settings, as for photographs.

    Raises:
        InputError: no such method or setting, or the dataset cannot be read.
        MethodError: it must be trained, needs a dataset, or corrects nothing itself.
    """
    kind = methods.load(collection, name)
    settings = careful(kind, settings) if of_photographs else settings
    if name in shipped.names() and dataset is None:
        trained = training.load_shipped(collection, name, device=device, changes=settings)
        return of_trained(trained, settings, collection)
    _refuse(kind, name, dataset)
    manifest = Manifest.load(dataset) if dataset else None
    built = methods.settings_of(kind, name, settings)
    free = methods.fits_any(kind)
    task = _task(manifest)
    method = kind(built, task)
    if manifest and hasattr(method, "prepare"):
        _prepare(method, manifest, device)
    facts = {**settings, **({"dataset": manifest.fingerprint} if manifest else {})}
    facts |= _own_file(collection, name)
    known = Cut(alignment(load_info(dataset)), manifest.source) if dataset and manifest else Cut()
    return Chosen(
        name=name,
        method=method,
        collection=collection,
        task=None if free else task,
        cut=known,
        facts=facts,
    )


def of_trained(
    trained: training.Trained,
    settings: Mapping[str, Any],
    collection: Collection,
    run: Path | None = None,
) -> Chosen:
    """A loaded method of a collection, with the settings that it was given besides.

    ``run``: where it was trained; None, or no folder: it ships with the package.
    """
    notes = _of_run(trained, run) if run and run.exists() else _of_shipped(trained.name)
    return Chosen(
        name=trained.name,
        method=trained.method,
        collection=collection,
        task=None if methods.fits_any(type(trained.method)) else trained.task,
        cut=Cut(trained.align, trained.source),
        weights_sha256=trained.weights_sha256,
        facts={**settings, **_own_file(collection, trained.name)},
        notes=tuple(notes),
    )


def _own_file(collection: Collection, name: str) -> dict[str, str]:
    """The sha256 of a method's file from elsewhere: an edited one makes other corrections."""
    digest = plugins.sha256(collection, name)
    return {"file_sha256": digest} if digest else {}


def _of_shipped(name: str) -> Iterator[str]:
    if note := shipped.card(name).note:
        yield f"{name}: {note}"


def _of_run(trained: training.Trained, run: Path) -> Iterator[str]:
    step = trained.facts["step"]
    steps = type(trained.method).Config.model_fields["steps"].default
    if isinstance(steps, int) and step < steps * _FEW:
        yield (
            f"{run}: has learned for {step:,} steps and {trained.name} takes {steps:,}; "
            "its corrections may be of no use"
        )


def _refuse(kind: type[Method], name: str, dataset: Path | None) -> None:
    if not methods.corrects(kind):
        raise MethodError(f"{name} corrects no portraits; it is a part of other methods")
    if methods.is_trainable(kind) and name in shipped.names():
        raise MethodError(f"{name} ships trained and takes no dataset; leave out --dataset")
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
