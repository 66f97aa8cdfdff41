"""Portraits in memory for the tests of methods, and steps that leave something to look at."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gazebench.baselines._gazegan_shared import init_he
from gazebench.baselines._losses import Perceptual
from gazebench.dataset import Domain
from gazebench.dataset.batches import Batch, Draw, Pixels, to_float

Corner = tuple[int, int]  # left, top


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def portraits(
    side: int, window: tuple[int, int], corners: Sequence[tuple[Corner, Corner]], seed: int = 0
) -> Batch:
    """Portraits of 8-bit noise with eye boxes at these corners."""
    height, width = window
    image = torch.randint(0, 256, (len(corners), 3, side, side), generator=noise(seed))
    boxes = [[[x, y, x + width, y + height] for x, y in pair] for pair in corners]
    mask = torch.zeros(len(corners), 1, side, side)
    for plane, pair in zip(mask[:, 0], boxes, strict=True):
        for left, top, right, bottom in pair:
            plane[top:bottom, left:right] = 1
    ids = tuple(map(str, range(len(corners))))
    return Batch(ids, to_float(image), mask, torch.tensor(boxes))


def draw(pixels: Pixels, step: int = 0, batch: int = 2) -> Draw:
    x, y = (pixels.manifest.select(domain=d) for d in Domain)
    return Draw(pixels, x, y, batch=batch, seed=0, step=step)


def away(pixels: Pixels) -> Batch:
    """All portraits of domain Y."""
    return pixels.batch(pixels.manifest.select(domain=Domain.AWAY))


class BlindPerceptual(Perceptual):
    """The perceptual loss through a VGG-16 that has learned nothing, so that it needs no file."""

    def _load(self) -> None:
        torch.manual_seed(0)
        init_he(self)


def standing_step(method: Any, pixels: Pixels) -> tuple[dict[str, float], list[float]]:
    """Losses and totals of a step that changes no weight; gradients stay for a look at them."""
    for optimiser in method.optimisers.values():
        for group in optimiser.param_groups:
            group["lr"] = 0.0
    for letter in ("D_x", "D_y", "D_h"):  # spectral normalisation goes on in training mode
        if letter in method.networks:
            method.networks[letter].eval()
    totals: list[float] = []

    def backward(loss: Tensor) -> None:
        totals.append(loss.item())
        loss.backward()

    method.backward = backward
    losses = method.training_step(draw(pixels))
    return {name: loss.item() for name, loss in losses.items()}, totals


def touched_in_each_update(method: Any, pixels: Pixels) -> list[set[str]]:
    """Networks that each update of a step gives gradients to, as a whole or not at all."""
    touched: list[set[str]] = []

    def backward(loss: Tensor) -> None:
        for network in method.networks.values():
            network.zero_grad()
        loss.backward()
        grads = {n: [p.grad for p in v.parameters()] for n, v in method.networks.items()}
        assert all(len({grad is None for grad in given}) <= 1 for given in grads.values())
        touched.append({n for n, given in grads.items() if any(map(_is_some, given))})

    method.backward = backward
    method.training_step(draw(pixels))
    return touched


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def _is_some(grad: Tensor | None) -> bool:
    return grad is not None and bool(grad.any())
