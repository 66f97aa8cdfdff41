"""What a method with networks promises of its training, as the engine relies on it."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gazebench.contract.building import (
    away,
    built,
    disturb,
    draw,
    evaluating,
    other_weight,
    weights,
)
from gazebench.contract.portraits import drawn_dataset
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import MethodError
from gazebench.methods import Method, corrects
from gazebench.training import checkpoint

_STEPS = 3


def has_networks(kind: type[Method], resolution: int) -> None:
    """``networks``, ``optimisers`` and ``inference_networks`` are filled in ``__init__``."""
    method = built(kind, drawn_dataset(resolution))
    for name in ("networks", "optimisers"):
        if not isinstance(getattr(method, name, None), dict) or not getattr(method, name):
            raise MethodError(f"`{name}` must be a dictionary that __init__ fills")
    names = getattr(method, "inference_networks", ())
    lost = [name for name in names if name not in method.networks]
    if isinstance(names, str) or lost or not names:
        known = ", ".join(method.networks)
        raise MethodError(
            f"`inference_networks` is {names!r}, expected a tuple of some of: {known}"
        )


def trains(kind: type[Method], resolution: int) -> None:
    """Losses are finite scalars without a graph, and weights change, by ``self.update``."""
    pixels = drawn_dataset(resolution)
    method = _started(kind, pixels)
    before, calls = weights(method), 0

    def backward(loss: Tensor) -> None:
        nonlocal calls
        calls += 1
        loss.backward()

    method.backward = backward
    for step in range(_STEPS):
        _check_losses(method.training_step(draw(pixels, step)), step)
    if other_weight(before, weights(method)) is None:
        raise MethodError(f"no weight changed in {_STEPS} training steps")
    if not calls:
        raise MethodError("`training_step` must call self.update(letters, losses) for its updates")


def trains_alike(kind: type[Method], resolution: int) -> None:
    """Two trainings with one seed end with bit-identical weights."""
    pixels = drawn_dataset(resolution)
    first, second = (_trained(kind, pixels, disturbed=seed) for seed in (1, 2))
    different = other_weight(weights(first), weights(second))
    if different:
        raise MethodError(
            f"two trainings with one seed end with other weights ({different}); draw random "
            "numbers from draw.generator"
        )


def scales_rates(kind: Any, resolution: int) -> None:
    """Learning rates are scaled by factors from 0 to 1, in short and long trainings."""
    method = built(kind, drawn_dataset(resolution))
    for steps in (1, _STEPS, 1000, kind.Config().steps):
        for step in sorted({0, steps // 2, steps - 1}):
            scale = method.learning_rate_scale(step, steps)
            if not isinstance(scale, int | float) or not 0 <= scale <= 1:
                raise MethodError(
                    f"`learning_rate_scale({step}, {steps})` is {scale}, expected 0 to 1"
                )


def round_trips(kind: type[Method], resolution: int) -> None:
    """What it shows after training is in ``inference_networks`` and nowhere else."""
    pixels = drawn_dataset(resolution)
    trained = _trained(kind, pixels, steps=1)
    again = built(kind, pixels, seed=1)
    names = trained.inference_networks
    checkpoint.load_networks(
        again.networks, names, checkpoint.network_tensors(trained.networks, names)
    )
    batch = away(pixels)
    with torch.no_grad():
        if not torch.equal(_shown(evaluating(trained), batch), _shown(evaluating(again), batch)):
            raise MethodError("loses something that is not in its inference_networks")


def resumes(kind: type[Method], resolution: int) -> None:
    """A training that was stopped ends as if it had not been."""
    pixels = drawn_dataset(resolution)
    whole = _trained(kind, pixels, steps=2)
    half = _trained(kind, pixels, steps=1)
    facts = json.loads(json.dumps(checkpoint.optimiser_facts(half.optimisers)))
    again = _started(kind, pixels, seed=1)
    checkpoint.load_networks(
        again.networks, again.networks, checkpoint.network_tensors(half.networks, half.networks)
    )
    checkpoint.load_optimisers(
        again.optimisers, facts, checkpoint.optimiser_tensors(half.optimisers)
    )
    _step(again, pixels, 1)
    different = other_weight(weights(whole), weights(again))
    if different:
        raise MethodError(
            f"a training that resumes from a checkpoint ends with other weights ({different}); "
            "keep all that lasts in `networks` and `optimisers`"
        )


def _started(kind: type[Method], pixels: Pixels, seed: int = 0) -> Any:
    method: Any = built(kind, pixels, seed)
    method.start_training(torch.device("cpu"))
    return method


def _trained(kind: type[Method], pixels: Pixels, *, steps: int = 2, disturbed: int = 0) -> Any:
    disturb(disturbed)
    method = _started(kind, pixels)
    for step in range(steps):
        _step(method, pixels, step)
    return method


def _step(method: Any, pixels: Pixels, step: int) -> None:
    torch.manual_seed(step)  # as the engine does, so that a dropout comes back
    method.training_step(draw(pixels, step))


def _check_losses(losses: Any, step: int) -> None:
    if not isinstance(losses, Mapping) or not losses:
        raise MethodError(f"`training_step` returned {losses!r}, expected losses by name")
    for name, loss in losses.items():
        value = torch.as_tensor(loss)
        if value.numel() != 1 or value.requires_grad:
            raise MethodError(f"the loss {name!r} must be one number, detached from its graph")
        if not torch.isfinite(value):
            raise MethodError(f"the loss {name!r} is {value.item()} at step {step}")


def _shown(method: Any, batch: Batch) -> Tensor:
    return method.correct(batch) if corrects(type(method)) else method.pictures(batch)
