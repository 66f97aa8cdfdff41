"""What a method promises of its corrections."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gazebench.contract.building import (
    away,
    disturb,
    other_weight,
    prepared,
    row,
    weights,
)
from gazebench.contract.portraits import drawn_dataset, edge_dataset
from gazebench.dataset.batches import Batch
from gazebench.errors import MethodError
from gazebench.methods import Method, is_trainable

_ALPHAS = (0.0, 0.5, 1.0)
_CLOSE = 1e-3  # in [-1, 1]: an eighth of a pixel value, below what rounding to 8 bits shows


def returns_images(kind: type[Method], resolution: int) -> None:
    """Shape, type, finite values and range, also where eye boxes touch the portrait's edge."""
    method = prepared(kind, resolution)
    for pixels in (drawn_dataset(resolution), edge_dataset(resolution)):
        batch = away(pixels)
        _check_images("correct", _corrected(method, batch), batch.image.shape)


def leaves_batch(kind: type[Method], resolution: int) -> None:
    """Neither image, mask nor eye boxes are written to."""
    batch, before = away(drawn_dataset(resolution)), away(drawn_dataset(resolution))
    _corrected(prepared(kind, resolution), batch)
    _check_batch("correct", batch, before)


def leaves_the_rest(kind: type[Method], resolution: int) -> None:
    """Nothing that others in the process depend on is another afterwards, and no weight."""
    method, batch = prepared(kind, resolution), away(drawn_dataset(resolution))
    modes = _modes(method)
    old = weights(method)
    with torch.no_grad():
        before = _globals()
        method.correct(batch)
        after = _globals()
    changed = [name for name in before if before[name] != after[name]]
    if modes != _modes(method):
        changed.append("the training mode of its networks")
    weight = other_weight(old, weights(method))
    if changed or weight:
        raise MethodError(f"`correct` changes {(changed or [f'the weight {weight}'])[0]}")


def repeats(kind: type[Method], resolution: int) -> None:
    """The same output again, whatever the global random numbers, and from another instance."""
    first, batch = prepared(kind, resolution), away(drawn_dataset(resolution))
    again = prepared(kind, resolution, seed=0 if is_trainable(kind) else 1)
    once = _corrected(first, batch)
    for method in (first, again):
        disturb(1)
        if not torch.equal(once, _corrected(method, batch)):
            raise MethodError("`correct` gives two outputs for one batch")


def batches(kind: type[Method], resolution: int) -> None:
    """A portrait alone is corrected as among others."""
    method, batch = prepared(kind, resolution), away(drawn_dataset(resolution))
    together = _corrected(method, batch)
    alone = torch.cat([_corrected(method, row(batch, i)) for i in range(len(batch))])
    if together.shape != alone.shape or not torch.allclose(together, alone, atol=_CLOSE):
        raise MethodError("a portrait's correction depends on its neighbours in the batch")


def keeps_outside(kind: type[Method], resolution: int) -> None:
    """If the card says so, pixels outside the eye boxes are the source's, wherever those lie."""
    if not kind.card.keeps_outside:
        return
    method = prepared(kind, resolution)
    for pixels in (drawn_dataset(resolution), edge_dataset(resolution)):
        batch = away(pixels)
        changed = (_corrected(method, batch) != batch.image) & (batch.mask == 0)
        if changed.any():
            count = int(changed.any(dim=1).sum())
            raise MethodError(f"the card says keeps_outside, but {count} pixels outside changed")


def animates(kind: type[Method], resolution: int) -> None:
    """Pictures between source and correction, which leave the batch alone."""
    method: Any = prepared(kind, resolution)
    batch, before = away(drawn_dataset(resolution)), away(drawn_dataset(resolution))
    with torch.no_grad():
        made = method.animate(batch, _ALPHAS)
    count, *rest = batch.image.shape
    _check_images("animate", made, (count, len(_ALPHAS), *rest))
    _check_batch("animate", batch, before)


def _check_images(name: str, images: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(images, Tensor):
        raise MethodError(f"`{name}` returned {type(images).__name__}, expected a tensor")
    if images.shape != shape:
        raise MethodError(
            f"`{name}` returned the shape {tuple(images.shape)}, expected {tuple(shape)}"
        )
    if images.dtype != torch.float32:
        raise MethodError(f"`{name}` returned {images.dtype}, expected torch.float32")
    if not torch.isfinite(images).all():
        raise MethodError(f"`{name}` returned values that are not finite")
    if images.abs().max() > 1 + 1e-6:
        raise MethodError(f"`{name}` returned {_farthest(images):.3g}, outside [-1, 1]")


def _farthest(images: Tensor) -> float:
    return images.flatten()[images.abs().argmax()].item()


def _check_batch(name: str, batch: Batch, before: Batch) -> None:
    for field in ("image", "mask", "eyes"):
        if not torch.equal(getattr(batch, field), getattr(before, field)):
            raise MethodError(f"`{name}` changed the batch's `{field}`")


def _corrected(method: Any, batch: Batch) -> Tensor:
    with torch.no_grad():
        return method.correct(batch)


def _modes(method: Any) -> list[bool]:
    networks = getattr(method, "networks", {}).values()
    return [module.training for network in networks for module in network.modules()]


def _globals() -> dict[str, Any]:
    return {name: value() for name, value in _GLOBALS.items()}


_GLOBALS: dict[str, Callable[[], Any]] = {
    "torch's global random numbers; take a torch.Generator of your own": (
        lambda: torch.get_rng_state().tolist()
    ),
    "numpy's global random numbers; take a numpy.random.Generator of your own": (
        lambda: [np.asarray(part).tolist() for part in np.random.get_state()]
    ),
    "Python's global random numbers; take a random.Random of your own": random.getstate,
    "whether torch records gradients": torch.is_grad_enabled,
    "torch's default type": torch.get_default_dtype,
    "torch's number of threads": torch.get_num_threads,
}
