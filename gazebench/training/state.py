"""Networks and optimisers as flat tensors and plain values, and back, bit by bit."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gazebench.errors import InputError


def network_tensors(networks: Mapping[str, nn.Module], names: Iterable[str]) -> dict[str, Tensor]:
    """Parameters and buffers of the named networks by "network.parameter", copied to the CPU."""
    return {
        k: v for name in names for k, v in under(name, copied(networks[name].state_dict())).items()
    }


def load_networks(
    networks: Mapping[str, nn.Module], names: Iterable[str], tensors: Mapping[str, Tensor]
) -> None:
    """Put ``network_tensors`` back.

    Raises:
        InputError: the tensors are of other networks.
    """
    for name in names:
        try:
            networks[name].load_state_dict(taken(name, tensors))
        except RuntimeError as error:
            first = " ".join(str(error).split())[:300]
            raise InputError(f"network {name} does not fit the checkpoint: {first}") from None


def optimiser_tensors(optimisers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    """Tensors of the optimisers' states by "optimiser.index.name", copied to the CPU."""
    return {
        f"{name}.{index}.{key}": _copy(value)
        for name, optimiser in optimisers.items()
        for index, entry in optimiser.state_dict()["state"].items()
        for key, value in entry.items()
        if isinstance(value, Tensor)
    }


def optimiser_facts(optimisers: Mapping[str, Optimizer]) -> dict[str, Any]:
    """What of the optimisers' states is no tensor, as JSON can hold it."""
    facts = {}
    for name, optimiser in optimisers.items():
        state = optimiser.state_dict()
        entries = {
            str(index): {k: v for k, v in entry.items() if not isinstance(v, Tensor)}
            for index, entry in state["state"].items()
        }
        facts[name] = {"state": entries, "param_groups": state["param_groups"]}
    return facts


def load_optimisers(
    optimisers: Mapping[str, Optimizer], facts: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Put ``optimiser_tensors`` and ``optimiser_facts`` back.

    Raises:
        InputError: they are of other optimisers.
    """
    for name, optimiser in optimisers.items():
        parameters = list(chain.from_iterable(g["params"] for g in optimiser.param_groups))
        state = {int(i): dict(entry) for i, entry in facts[name]["state"].items()}
        for key, value in tensors.items():
            owner, index, entry = key.split(".", 2)
            if owner == name:
                state[int(index)][entry] = _laid_out_as(parameters[int(index)], value)
        try:
            optimiser.load_state_dict({"state": state, "param_groups": facts[name]["param_groups"]})
        except ValueError as error:
            raise InputError(f"optimiser {name} does not fit the checkpoint: {error}") from None


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by "prefix.name"."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def taken(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of ``under``, out of others."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, in the usual memory layout."""
    return {name: _copy(value) for name, value in tensors.items()}


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Name of the first tensor with a value that is not finite."""
    return next((name for name, t in tensors.items() if not bool(torch.isfinite(t).all())), None)


def _copy(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    # fused optimisers walk parameter and state side by side in memory
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
