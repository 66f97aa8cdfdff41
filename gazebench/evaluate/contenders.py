"""Who takes part in an evaluation: the controls, and every trained run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from gazebench import config, methods, plugins, training
from gazebench.cards import MethodCard
from gazebench.errors import InputError
from gazebench.manifest import Manifest
from gazebench.methods import Method, Task


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run to be evaluated: a control, or a folder that holds a trained method."""

    run: str  # name of the folder below RUNS
    name: str  # of the method
    folder: Path
    trained: bool


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A method that is ready to correct, and what a result says of it."""

    entry: Entry
    card: MethodCard
    method: Method
    checkpoint: str = ""  # sha256 of its weights, "" for a method without
    parameters: tuple[int, int] = (0, 0)  # inference, training
    facts: Mapping[str, Any] = field(default_factory=dict)  # steps, seed, settings, seconds


def find(package: ModuleType, runs: Path, names: Sequence[str]) -> tuple[list[Entry], list[str]]:
    """Entries for the methods ``names`` ("all" for every one), and sentences on what is missing.

    A control needs no training. A trainable method takes part once per run folder trained with it.

    Raises:
        InputError: a name that no method has.
    """
    wanted = plugins.names(package) if "all" in names else list(dict.fromkeys(names))
    trained = _trained_runs(runs)
    entries: list[Entry] = []
    missing: list[str] = []
    for name in wanted:
        if not methods.is_trainable(methods.load(package, name)):
            entries.append(Entry(run=name, name=name, folder=runs / name, trained=False))
            continue
        found = [folder for folder, method in trained.items() if method == name]
        entries += [Entry(run=f.name, name=name, folder=f, trained=True) for f in found]
        if not found:
            missing.append(
                f"{name} is not trained: `gazebench train --method {name} DATASET {runs / name}`"
            )
    return entries, missing


def ready(entry: Entry, package: ModuleType, manifest: Manifest, device: torch.device) -> Contender:
    """The method of an entry, built for the dataset and, if trained, with its weights.

    Raises:
        MethodError: the method declines the dataset.
        RefusedError: it was trained at another resolution or window.
        InputError: no checkpoint that can be read.
    """
    kind = methods.load(package, entry.name)
    if not entry.trained:
        task = Task(resolution=manifest.resolution, window=manifest.window)
        method = kind(config.build(kind.Config, {}, f"methods.{entry.name}"), task)
        return Contender(entry=entry, card=kind.card, method=method)
    run = training.load_trained(package, entry.folder, manifest, device=device)
    networks = run.method.networks
    inference = [networks[name] for name in run.method.inference_networks]
    return Contender(
        entry=entry,
        card=kind.card,
        method=run.method,
        checkpoint=run.weights_sha256,
        parameters=(
            methods.count_parameters(inference),
            methods.count_parameters(networks.values()),
        ),
        facts={**run.facts, "training_seconds": run.facts["seconds"]},
    )


def _trained_runs(runs: Path) -> dict[Path, str]:
    if not runs.exists():
        return {}
    if not runs.is_dir():
        raise InputError(f"{runs}: is a file; give the folder of the runs")
    folders = sorted(p for p in runs.iterdir() if p.is_dir())
    found = {folder: training.run_method_name(folder) for folder in folders}
    return {folder: name for folder, name in found.items() if name}
