"""A trained run as two small files: what ships with the package, or goes to somebody else.

``NAME.safetensors`` has the networks that correct, in half precision; ``NAME.toml`` is the card
that ``weights.trained`` reads.
"""

import hashlib
from pathlib import Path

import safetensors.torch

from gazebench import config, store
from gazebench.errors import InputError
from gazebench.methods import load
from gazebench.plugins import Collection
from gazebench.results import RunResult
from gazebench.training import checkpoint
from gazebench.training.run import Recipe, RunFolder


def export_weights(
    collection: Collection, run: Path, folder: Path, *, data: str, license: str, note: str = ""
) -> Path:
    """Write the newest checkpoint of ``run`` into ``folder``; gives the card's path.

    ``data``: what it learned from; ``license``: of the weights; ``note``: what a user should know.
    The scores of ``run/scores.json`` go along, if they are there.

    Raises:
        InputError: the folder holds no run, or no valid checkpoint.
        DiskError: no space or not writable.
    """
    recipe = Recipe.load(RunFolder(run).config)
    found = checkpoint.newest(RunFolder(run).checkpoints, lambda _: None)
    if found is None:
        raise InputError(f"{run}: has no usable checkpoint")
    half = {name: tensor.half() for name, tensor in sorted(found.weights().items())}
    weights = safetensors.torch.save(half)
    name = recipe.method
    store.write(folder / f"{name}.safetensors", weights)
    card = {
        "title": load(collection, name).card.title,
        "data": data,
        "license": license,
        **({"note": note} if note else {}),
        "step": found.step,
        "images": found.facts.get("images", 0),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "scores": _scores(run),
        "facts": {"seconds": found.facts["seconds"], "device": found.facts["device"]},
        "recipe": {key: value for key, value in recipe.table().items() if key != "file"},
    }
    store.write(folder / f"{name}.toml", config.dump(card))
    return folder / f"{name}.toml"


def _scores(run: Path) -> dict[str, float]:
    path = run / "scores.json"
    if not path.exists():
        return {}
    return {name: score.value for name, score in RunResult.load(path).scores.items()}
