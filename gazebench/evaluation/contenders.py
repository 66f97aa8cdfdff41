"""Who takes part in an evaluation: the controls, and every trained run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gazebench import methods, plugins, training
from gazebench.cards import MethodCard
from gazebench.dataset import Domain, Manifest, Split
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError, RefusedError
from gazebench.methods import Method, Task
from gazebench.plugins import Collection
from gazebench.results import RunResult
from gazebench.weights import trained as package

BATCH = 8  # portraits that a method is given at once
_RECIPE = "config.toml"  # of a training
_CHANGED = "the method's file has changed since the training"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run to be evaluated: a control, or a folder that holds a trained method."""

    run: str  # name of the folder below RUNS
    name: str  # of the method
    folder: Path
    trained: bool
    shipped: bool = False  # its weights are those that come with the package


@dataclass(kw_only=True)
class Contender:
    """A method that can correct, and what a result says of it."""

    entry: Entry
    card: MethodCard
    method: Method
    checkpoint: str = ""  # sha256 of its weights, "" for a method without
    file_sha256: str | None = None  # of the method's file, if it is from elsewhere
    # inference, training, training with frozen networks that losses look through
    parameters: tuple[int, int, int] = (0, 0, 0)
    facts: Mapping[str, Any] = field(default_factory=dict)  # steps, seed, settings, seconds
    notes: tuple[str, ...] = ()  # sentences that stand with its scores
    prepared: bool = False  # whether it has looked at the training portraits

    def prepare(self, pixels: Pixels, device: torch.device) -> None:
        """Give a method that looks things up the training portraits of domain X, once."""
        hook = getattr(self.method, "prepare", None)
        if hook and not self.prepared:
            bank = pixels.manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
            hook(batch.to(device) for batch in pixels.batches(bank, BATCH))
        self.prepared = True


def find(
    collection: Collection,
    runs: Path,
    names: Sequence[str],
    *,
    shipped: bool = False,
    elsewhere: Sequence[str] = (),
) -> tuple[list[Entry], list[str]]:
    """Entries for the methods ``names`` ("all" for every one), and sentences on what is missing.

    A control needs no training. A trainable method takes part once per run folder trained with it;
    with ``shipped``, one without such a folder has the weights that come with the package.
    ``elsewhere``: methods that are evaluated, but not here.

    Raises:
        InputError: a name that no method has, or of one that corrects nothing itself.
    """
    trained = _trained_runs(runs)
    wanted = _wanted(collection, names, trained)
    entries: list[Entry] = []
    unknown = _unknown(collection, trained) if "all" in names else {}
    missing = [sentence for name, sentence in unknown.items() if name not in elsewhere]
    for name in wanted:
        if not methods.is_trainable(methods.load(collection, name)):
            entries.append(Entry(run=name, name=name, folder=runs / name, trained=False))
            continue
        found = [folder for folder, method in trained.items() if method == name]
        entries += [Entry(run=f.name, name=name, folder=f, trained=True) for f in found]
        if not found and shipped and name in package.names():
            there = Entry(run=name, name=name, folder=runs / name, trained=True, shipped=True)
            entries.append(there)
        elif not found:
            or_else = ", or give --shipped for the weights that come with the package"
            missing.append(
                f"{name} is not trained: `gazebench train --method "
                f"{plugins.typed(collection, name)} DATASET {runs / name}`"
                f"{or_else if name in package.names() else ''}"
            )
    return entries, missing


def find_parts(collection: Collection, runs: Path) -> list[Entry]:
    """The trained runs of methods that correct nothing themselves, such as PAM."""
    known = plugins.names(collection)
    return [
        Entry(run=folder.name, name=name, folder=folder, trained=True)
        for folder, name in _trained_runs(runs).items()
        if name in known and not methods.corrects(methods.load(collection, name))
    ]


def _wanted(collection: Collection, names: Sequence[str], trained: Mapping[Path, str]) -> list[str]:
    every = plugins.names(collection)
    if "all" in names:
        return [name for name in every if methods.corrects(methods.load(collection, name))]
    for name in names:
        if name not in every and name in trained.values():
            raise InputError(_unknown(collection, trained)[name])
        if not methods.corrects(methods.load(collection, name)):
            raise InputError(f"{name} corrects no portraits; it is a part of other methods")
    return list(dict.fromkeys(names))


def _unknown(collection: Collection, trained: Mapping[Path, str]) -> dict[str, str]:
    """A sentence for each method of a run that is not here."""
    known = plugins.names(collection)
    return {
        name: f"{folder} was trained with a file from elsewhere; give it: --method PATH/{name}.py"
        for folder, name in trained.items()
        if name not in known
    }


def refuse_taken(entry: Entry, folder: Path, collection: Collection, *, overwrite: bool) -> None:
    """Make sure that the result of an outside program's ``folder`` may be kept as ``entry``.

    Raises:
        InputError: the run has the name of a method, or differs from another only by case.
        RefusedError: a training or an evaluation is there; or, unless ``overwrite``, the scores of
            another folder of predictions.
    """
    another = "give another --name"
    if entry.run in plugins.names(collection):
        raise InputError(f"--name {entry.run}: is the name of a method here; {another}")
    runs = entry.folder.parent
    others = [p.name for p in runs.iterdir()] if runs.is_dir() else []
    twin = next((n for n in others if n != entry.run and n.lower() == entry.run.lower()), None)
    if twin:
        raise InputError(f"--name {entry.run}: {runs} has {twin!r} already; {another}")
    ours = [name for name in (_RECIPE, "predictions.json") if (entry.folder / name).exists()]
    if ours:
        what = "a training" if ours[0] == _RECIPE else "an evaluation"
        raise RefusedError(f"{entry.folder}: holds {what} already; {another}")
    path = entry.folder / "scores.json"
    if not path.exists() or overwrite:
        return
    scored = entry.folder / RunResult.load(path).pictures
    if scored.resolve() != folder.resolve():
        raise RefusedError(
            f"{entry.folder}: has the scores of another folder; {another}, or --overwrite"
        )


def ready(
    entry: Entry, collection: Collection, manifest: Manifest, device: torch.device
) -> Contender:
    """The method of an entry, built for the dataset and, if trained, with its weights.

    Raises:
        MethodError: the method declines the dataset.
        RefusedError: it was trained at another resolution or window.
        InputError: no checkpoint that can be read.
    """
    kind = methods.load(collection, entry.name)
    file_sha256 = plugins.sha256(collection, entry.name)
    if not entry.trained:
        task = Task(resolution=manifest.resolution, window=manifest.window)
        method = kind(methods.settings_of(kind, entry.name, {}), task)
        return Contender(entry=entry, card=kind.card, method=method, file_sha256=file_sha256)
    run = _trained(entry, collection, manifest, device)
    networks = run.method.networks
    inference = [networks[name] for name in run.method.inference_networks]
    trained = methods.count_parameters(networks.values())
    return Contender(
        entry=entry,
        card=kind.card,
        method=run.method,
        checkpoint=run.weights_sha256,
        file_sha256=file_sha256,
        parameters=(
            methods.count_parameters(inference),
            trained,
            trained + run.method.frozen_parameters(),
        ),
        facts={**run.facts, "training_seconds": run.facts["seconds"]},
        notes=tuple(_notes(entry, run.facts, file_sha256, manifest)),
    )


def _notes(
    entry: Entry, facts: Mapping[str, Any], file_sha256: str | None, manifest: Manifest
) -> Iterator[str]:
    if facts.get("trained_file_sha256") != file_sha256:
        yield _CHANGED
    if entry.shipped and facts["trained_on"] != manifest.fingerprint:
        learned = package.card(entry.name).recipe["dataset"]
        yield (
            f"its weights come with the package and learned from {learned}: it has seen the "
            "portraits that are in both, if there are any"
        )


def _trained(
    entry: Entry, collection: Collection, manifest: Manifest, device: torch.device
) -> training.Trained:
    if entry.shipped:
        return training.load_shipped(collection, entry.name, manifest, device=device)
    return training.load_trained(collection, entry.folder, manifest, device=device)


def _trained_runs(runs: Path) -> dict[Path, str]:
    if not runs.exists():
        return {}
    if not runs.is_dir():
        raise InputError(f"{runs}: is a file; give the folder of the runs")
    folders = sorted(p for p in runs.iterdir() if p.is_dir())
    found = {folder: training.run_method_name(folder) for folder in folders}
    return {folder: name for folder, name in found.items() if name}
