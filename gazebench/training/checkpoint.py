"""Checkpoints: a folder of two safetensors files and a ``state.json`` that makes them valid.

``weights.safetensors`` holds the networks that correct, ``state.safetensors`` the other networks
and the optimisers, ``state.json`` everything that is no tensor and the sha256 of the two; it is
written last. The newest two are kept.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from gazebench import store
from gazebench.errors import InputError

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
    """Where the checkpoint of a step stands."""
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
    text = json.dumps({"format": FORMAT, **facts, "sha256": hashes}, indent=1, sort_keys=True)
    store.write(path / FACTS, text + "\n")


def newest(checkpoints: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """The newest valid checkpoint; ``say`` hears of every newer one that is damaged."""
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


def _folders(checkpoints: Path) -> list[Path]:
    found = [p for p in checkpoints.glob("step-*") if p.is_dir() and p.name[5:].isdecimal()]
    return sorted(found, key=_step)


def _step(path: Path) -> int:
    return int(path.name[5:])


def _open(path: Path) -> Checkpoint:
    try:
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["step"] != _step(path):
            raise InputError(f"{path}: a checkpoint of another version or step")
        for name in (WEIGHTS, STATE):
            _verify(path / name, facts["sha256"][name])
    except FileNotFoundError as error:
        raise InputError(f"{path}: unfinished checkpoint, no {Path(error.filename).name}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path / FACTS}: damaged ({error})") from None
    return Checkpoint(path, facts)


def _verify(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise InputError(f"{path}: damaged, its sha256 is not the one in {FACTS}")


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
