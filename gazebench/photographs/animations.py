"""Animations with a trained run: of a dataset's portraits, or of a photograph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from gazebench import methods, photographs, plugins, training
from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError, MethodError
from gazebench.evaluation import portraits_to_correct
from gazebench.photographs.moving import Frames, animated
from gazebench.plugins import Collection
from gazebench.training import Trained

FIRST = 6  # portraits that are shown where no id is given


def of_portraits(
    trained: Trained,
    manifest: Manifest,
    ids: Sequence[str],
    alphas: Sequence[float],
    *,
    eyes_only: bool,
    device: torch.device,
) -> Frames:
    """Portraits of a dataset at every alpha, see ``moving.animated``; without ids the first ones.

    Raises:
        InputError: the dataset has no such portrait.
    """
    chosen = _chosen(manifest, ids)
    batches = (batch.to(device) for batch in Pixels.open(manifest).batches(chosen, 1))
    method: Any = trained.method
    return animated(method, batches, alphas, eyes_only=eyes_only)


def of_photograph(
    trained: Trained,
    photograph: Path,
    alphas: Sequence[float],
    *,
    eyes_only: bool,
    device: torch.device,
    **finding: Any,
) -> Frames:
    """A photograph at every alpha; ``finding``: see ``Photographer``.

    Raises:
        InputError: it cannot be read, or has no usable face.
    """
    opened = photographs.Photographer(trained.task, **finding).open(photograph)
    method: Any = trained.method
    if eyes_only:
        return animated(method, [opened.batch(device)], alphas, eyes_only=True)
    return photographs.animate(method, opened, alphas, device=device)


def require_animator(collection: Collection, run: Path) -> None:
    """Check that the method that was trained in ``run`` can animate.

    Raises:
        MethodError: it cannot; those that can are named.
    """
    name = training.run_method_name(run)
    known = plugins.names(collection)
    if name is None or name not in known:
        return  # loading says what is wrong
    if not methods.animates(methods.load(collection, name)):
        kinds = {other: methods.load(collection, other) for other in known}
        able = ", ".join(other for other, kind in kinds.items() if methods.animates(kind))
        raise MethodError(
            f"{run}: {name} corrects the gaze and does not animate it; these do: {able}"
        )


def _chosen(manifest: Manifest, ids: Sequence[str]) -> Sequence[Portrait]:
    if unknown := [id_ for id_ in ids if id_ not in manifest.by_id]:
        raise InputError(f"--id {unknown[0]}: {manifest.root} has no such portrait")
    return [manifest.by_id[id_] for id_ in ids] or portraits_to_correct(manifest)[:FIRST]
