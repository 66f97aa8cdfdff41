"""A method as a check needs it: built small, prepared, fed with synthetic portraits."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gazebench.contract.portraits import drawn_dataset
from gazebench.dataset import Domain
from gazebench.dataset.batches import Batch, Draw, Pixels
from gazebench.methods import Method, Task


def built(kind: type[Method], pixels: Pixels, seed: int = 0) -> Any:
    """The method with its ``small_settings``, and weights that follow the seed.

    Raises:
        MethodError: it declines such portraits.
    """
    torch.manual_seed(seed)
    manifest = pixels.manifest
    task = Task(resolution=manifest.resolution, window=manifest.window)
    return kind(kind.Config(**getattr(kind, "small_settings", {})), task)


def prepared(kind: type[Method], resolution: int, seed: int = 0) -> Any:
    """The method, ready to correct."""
    pixels = drawn_dataset(resolution)
    method = built(kind, pixels, seed)
    prepare = getattr(method, "prepare", None)
    if prepare is not None:
        prepare(pixels.batches(pixels.manifest.select(domain=Domain.CAMERA), 2))
    return evaluating(method)


def evaluating(method: Any) -> Any:
    """The method with its networks in evaluation mode."""
    for network in getattr(method, "networks", {}).values():
        network.eval()
    return method


def away(pixels: Pixels) -> Batch:
    """The four portraits that look away."""
    return pixels.batch(pixels.manifest.select(domain=Domain.AWAY))


def row(batch: Batch, index: int) -> Batch:
    """One portrait of a batch."""
    keep = slice(index, index + 1)
    return replace(
        batch,
        ids=batch.ids[keep],
        image=batch.image[keep],
        mask=batch.mask[keep],
        eyes=batch.eyes[keep],
    )


def draw(pixels: Pixels, step: int) -> Draw:
    """What a step of training may draw."""
    x, y = (pixels.manifest.select(domain=d) for d in (Domain.CAMERA, Domain.AWAY))
    return Draw(pixels, x, y, batch=2, seed=0, step=step)


def weights(method: Any) -> dict[str, Tensor]:
    """Copies of all parameters and buffers, by "network.name"."""
    return {
        f"{name}.{key}": value.clone()
        for name, network in getattr(method, "networks", {}).items()
        for key, value in network.state_dict().items()
    }


def other_weight(some: dict[str, Tensor], others: dict[str, Tensor]) -> str | None:
    """Name of the first weight that differs."""
    return next((key for key in some if not torch.equal(some[key], others[key])), None)


def disturb(seed: int) -> None:
    """Bring all global generators of random numbers elsewhere."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
