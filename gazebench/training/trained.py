"""A trained method read from its run's folder, or from the package, ready to correct."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from gazebench import plugins
from gazebench.dataset import Manifest
from gazebench.errors import InputError, RefusedError
from gazebench.methods import Task, TrainableMethod, fits_any, pick_device, settings_of
from gazebench.plugins import Collection
from gazebench.reading import check_tensors
from gazebench.training import checkpoint
from gazebench.training.job import trainable
from gazebench.training.monitor import aloud
from gazebench.training.run import Recipe, RunFolder
from gazebench.weights import trained as shipped


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A method with the weights of its newest checkpoint."""

    name: str
    method: TrainableMethod  # in evaluation mode, on the device
    task: Task  # the geometry it learned
    weights_sha256: str  # of the file with the networks that correct
    facts: Mapping[str, Any]  # plain values: step, steps, images, seconds, settings and so on
    source: str = ""  # layout of the pictures that its dataset was built from
    align: str = ""  # how its dataset's portraits were cut; "": not known


def load_trained(
    collection: Collection,
    run: Path,
    manifest: Manifest | None,
    *,
    device: torch.device | str | None = None,
    changes: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = aloud,
) -> Trained:
    """The method that was trained in ``run``, with the newest valid checkpoint's weights.

    Where there is no such folder, ``run`` may be the name of a method that ships with the package,
    see ``load_shipped``.

    It has the dataset's geometry, which must be the one it learned; the dataset itself may be
    another, and the fact ``trained_on`` is the fingerprint of its own. None means pictures of no
    dataset. ``changes`` are settings that differ from the training's and touch no weight.
    ``say`` is called for each damaged checkpoint, and where a method's file from elsewhere has
    changed since the training.

    Raises:
        InputError: the folder holds no run, no valid checkpoint, or one of another code; or a
            change names no setting.
        RefusedError: it learned portraits or eye boxes of another size.
    """
    if str(run) in shipped.names() and not run.exists():
        return load_shipped(collection, str(run), manifest, device=device, changes=changes)
    recipe = Recipe.load(RunFolder(run).config)
    if manifest is not None:
        _refuse_geometry(collection, recipe, manifest, run)
    found = checkpoint.newest(RunFolder(run).checkpoints, say)
    if found is None:
        dataset = manifest.root if manifest else "DATASET"
        raise InputError(
            f"{run}: has no usable checkpoint; run "
            f"`gazebench train --method {recipe.method} {dataset} {run}`"
        )
    if recipe.file_sha256 != plugins.sha256(collection, recipe.method):
        say(f"{run}: {recipe.method} is another file than the one it was trained with")
    method = _method(collection, recipe, found.weights(), f"{run}: ", device, changes)
    return Trained(
        name=recipe.method,
        method=method,
        task=Task(recipe.resolution, recipe.window),
        weights_sha256=found.weights_sha256,
        facts=_facts(recipe, found.step, found.facts),
        source=recipe.source,
        align=recipe.align,
    )


def load_shipped(
    collection: Collection,
    name: str,
    manifest: Manifest | None = None,
    *,
    device: torch.device | str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Trained:
    """The method ``name`` with the weights that ship with the package, see ``weights.trained``.

    The other arguments are those of ``load_trained``.

    Raises:
        InputError: nothing ships of it, its weights are damaged, or a change names no setting.
        RefusedError: it learned portraits or eye boxes of another size.
    """
    card = shipped.verify(name)
    recipe = Recipe.of_table(card.recipe)
    if manifest is not None:
        _refuse_geometry(collection, recipe, manifest, f"{name} as it ships")
    half = safetensors.torch.load_file(check_tensors(card.path))
    weights = {key: tensor.float() for key, tensor in half.items()}
    return Trained(
        name=recipe.method,
        method=_method(collection, recipe, weights, "", device, changes),
        task=Task(recipe.resolution, recipe.window),
        weights_sha256=card.sha256,
        facts=_facts(recipe, card.step, {"images": card.images, **card.facts}),
        source=recipe.source,
        align=recipe.align,
    )


def _method(
    collection: Collection,
    recipe: Recipe,
    weights: Mapping[str, Tensor],
    where: str,
    device: torch.device | str | None,
    changes: Mapping[str, Any] | None,
) -> TrainableMethod:
    """The recipe's method in evaluation mode, with these networks."""
    kind = trainable(collection, recipe.method)
    wanted = {**recipe.settings, **(changes or {})}
    settings = settings_of(kind, recipe.method, wanted, where)
    method = kind(settings, Task(recipe.resolution, recipe.window))
    _refuse_not_finite(weights, where or f"{recipe.method}: ")
    checkpoint.load_networks(method.networks, method.inference_networks, dict(weights))
    place = pick_device(str(device) if device else None)
    for name in method.inference_networks:
        method.networks[name].to(place).eval().requires_grad_(False)
    return method


def _refuse_not_finite(weights: Mapping[str, Tensor], where: str) -> None:
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InputError(f"{where}its weights are not finite ({name}); train it again")


def with_own_file(collection: Collection, run: Path) -> Collection:
    """The collection with the file that the method of ``run`` is defined in, if it is no part.

    That is the file it was trained with: it must be where it was, and the same, byte for byte.

    Raises:
        InputError: it is not.
    """
    config_file = RunFolder(run).config
    recipe = Recipe.load(config_file) if config_file.is_file() else None
    if recipe is None or not recipe.file_sha256 or plugins.outside(collection, recipe.method):
        return collection
    words = f"{run}: was trained with the method's file {recipe.file or recipe.method + '.py'}"
    hint = "give it with --method PATH.py"
    try:
        file = plugins.read_file(Path(recipe.file or f"{recipe.method}.py"))
    except InputError:
        raise InputError(f"{words}, which is not here; {hint}") from None
    if file.sha256 != recipe.file_sha256:
        raise InputError(f"{words}, which has changed since; {hint}")
    return plugins.with_file(collection, file)


def _facts(recipe: Recipe, step: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": step,
        "steps": recipe.steps,
        "images": facts.get("images"),
        "seconds": facts.get("seconds"),
        "budget": recipe.budget,
        "parts": facts.get("parts", {}),
        "seed": recipe.seed,
        "precision": recipe.precision,
        "settings": dict(recipe.settings),
        "trained_on": recipe.dataset_fingerprint,
        **({"trained_file_sha256": recipe.file_sha256} if recipe.file_sha256 else {}),
    }


def _refuse_geometry(
    collection: Collection, recipe: Recipe, manifest: Manifest, owner: Path | str
) -> None:
    if fits_any(trainable(collection, recipe.method)):
        return
    pairs = {
        "resolution": (recipe.resolution, manifest.resolution),
        "window": (_size(recipe.window), _size(manifest.window)),
    }
    changes = [f"{key} {was} → {now}" for key, (was, now) in pairs.items() if was != now]
    if changes:
        command = f"gazebench train --method {recipe.method} {manifest.root} NEW_RUN"
        raise RefusedError(
            f"{owner}: was trained with another {' and '.join(changes)} of {manifest.root}; "
            f"train on this dataset: `{command}`"
        )


def _size(window: tuple[int, int]) -> str:
    return f"{window[0]}x{window[1]}"
