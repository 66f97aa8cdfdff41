"""Checkpoints: a folder of two safetensors files and a ``state.json`` that makes them valid.

``weights.safetensors`` holds the networks that correct, ``state.safetensors`` the other networks
and the optimisers, ``state.json`` everything that is not a tensor and the sha256 of the two; it is
written last. The newest two are kept. Tensors are restored bit-identically.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gazebench import store
from gazebench.errors import InputError
from gazebench.reading import MissingFileError, check_tensors, read_object, sha256_of

FORMAT = 1
KEPT = 2
WEIGHTS, STATE, FACTS = "weights.safetensors", "state.safetensors", "state.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose files are those that were written."""

    path: Path
    facts: Mapping[str, Any]  # of state.json

    @property
    def step(self) -> int:
        """Steps that were done when it was made."""
        return self.facts["step"]

    @property
    def weights_sha256(self) -> str:
        """Of ``weights.safetensors``."""
        return self.facts["sha256"][WEIGHTS]

    def weights(self) -> dict[str, Tensor]:
        """The networks that correct, by "network.parameter"."""
        return _tensors(self.path / WEIGHTS)

    def state(self) -> dict[str, Tensor]:
        """What else training needs, by "network.parameter" and "optimiser.index.name"."""
        return _tensors(self.path / STATE)


def folder(checkpoints: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return checkpoints / f"step-{step:06d}"


def write(
    path: Path, weights: dict[str, Tensor], state: dict[str, Tensor], facts: Mapping[str, Any]
) -> None:
    """Write one checkpoint folder; it is valid only when its last file is there.

    Raises:
        DiskError: no space or not writable. Older checkpoints are untouched.
    """
    files = {WEIGHTS: safetensors.torch.save(weights), STATE: safetensors.torch.save(state)}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    store.remove(path / FACTS)
    store.write_many((path / name, data) for name, data in files.items())
    told = {"format": FORMAT, **facts, "sha256": hashes}
    told["sha256"] = {**hashes, FACTS: _digest(told)}
    store.write(path / FACTS, json.dumps(told, indent=1, sort_keys=True) + "\n")


def newest(checkpoints: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """The newest valid checkpoint; ``say`` is called for each damaged newer one."""
    for path in reversed(_folders(checkpoints)):
        try:
            return _open(path)
        except InputError as error:
            say(f"{error}; taking the one before")
    return None


def any_there(checkpoints: Path) -> bool:
    """Whether there is a checkpoint, valid or not."""
    return bool(_folders(checkpoints))


def remove_after(checkpoints: Path, step: int) -> None:
    """Remove the checkpoints of later steps: damaged ones, which will be made again."""
    for path in _folders(checkpoints):
        if _step(path) > step:
            store.remove(path)


def prune(checkpoints: Path) -> None:
    """Remove all but the newest."""
    for path in _folders(checkpoints)[:-KEPT]:
        store.remove(path)


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
    """What of the optimisers' states is not a tensor, as JSON can hold it."""
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
        try:
            state = {int(i): dict(entry) for i, entry in facts[name]["state"].items()}
            for key, value in tensors.items():
                owner, index, entry = key.split(".", 2)
                if owner == name:
                    state[int(index)][entry] = _laid_out_as(parameters[int(index)], value)
            optimiser.load_state_dict({"state": state, "param_groups": facts[name]["param_groups"]})
        except (ValueError, TypeError, AttributeError, KeyError) as error:
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


def _folders(checkpoints: Path) -> list[Path]:
    found = [p for p in checkpoints.glob("step-*") if p.is_dir() and p.name[5:].isdecimal()]
    return sorted(found, key=_step)


def _step(path: Path) -> int:
    return int(path.name[5:])


def _open(path: Path) -> Checkpoint:
    try:
        facts = read_object(path / FACTS)
        if facts["format"] != FORMAT or facts["step"] != _step(path):
            raise InputError(f"{path}: a checkpoint of another version or step")
        # checkpoints of earlier versions have no digest of this file itself
        if facts["sha256"].get(FACTS, own := _digest(facts)) != own:
            raise InputError(f"{path / FACTS}: damaged, its sha256 is not the one in it")
        for name in (WEIGHTS, STATE):
            if sha256_of(path / name) != facts["sha256"][name]:
                raise InputError(f"{path / name}: damaged, its sha256 is not the one in {FACTS}")
    except MissingFileError as error:
        raise InputError(f"{path}: unfinished checkpoint ({error})") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path / FACTS}: damaged ({error!r})") from None
    return Checkpoint(path, facts)


def _digest(facts: Mapping[str, Any]) -> str:
    """Of what ``state.json`` says, its digest of itself left out."""
    hashes = {name: sha256 for name, sha256 in facts["sha256"].items() if name != FACTS}
    text = json.dumps({**facts, "sha256": hashes}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(check_tensors(path))
    except InputError:
        raise
    except Exception as error:  # whatever damage leads its reader to
        raise InputError(f"{path}: cannot be read ({error})") from None


def _copy(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    # fused optimisers walk parameter and state side by side in memory
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
