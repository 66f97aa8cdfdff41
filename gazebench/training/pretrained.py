"""Networks that a training takes over from the run of another method, found and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gazebench.config import Settings
from gazebench.dataset import Manifest
from gazebench.errors import InputError, MissingPartError
from gazebench.methods import Part, Task, TrainableMethod
from gazebench.training import checkpoint
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.run import Recipe, RunFolder, run_method_name


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A part in the finished run that gives it."""

    part: Part
    checkpoint: Checkpoint

    @property
    def sha256(self) -> str:
        """Of the file that holds it."""
        return self.checkpoint.weights_sha256

    @property
    def facts(self) -> dict[str, Any]:
        """What its training took, which is not counted in that of the method that takes it."""
        taken = {k: self.checkpoint.facts.get(k) for k in ("step", "images", "seconds")}
        return {"method": self.part.method, **taken}

    def tensors(self, letter: str) -> dict[str, Tensor]:
        """Its parameters and buffers by "letter.parameter"."""
        own = f"{self.part.network}."
        weights = self.checkpoint.weights()
        return {
            f"{letter}.{k.removeprefix(own)}": v for k, v in weights.items() if k.startswith(own)
        }


def find_parts(
    kind: type[TrainableMethod],
    settings: Settings,
    manifest: Manifest,
    run: Path,
    given: Mapping[str, Path],
) -> dict[str, FoundPart]:
    """The parts that a method needs, by letter.

    ``given``: method → run; for others the first finished run in the folder of ``run`` that fits is
    taken.

    Raises:
        MissingPartError: there is none.
        InputError: the given run is none, not finished, of another dataset or other settings, or
            the method takes no such part.
    """
    parts = kind.parts(settings, Task(manifest.resolution, manifest.window))
    for name in given.keys() - {part.method for part in parts.values()}:
        raise InputError(f"{kind.card.title} takes no part of {name}")
    return {
        letter: _given(part, manifest, given[part.method])
        if part.method in given
        else _beside(part, manifest, run)
        for letter, part in parts.items()
    }


def _given(part: Part, manifest: Manifest, run: Path) -> FoundPart:
    recipe = Recipe.load(RunFolder(run).config)
    reasons = list(_misfits(part, manifest, recipe))
    if reasons:
        raise InputError(f"{run}: does not fit: {'; '.join(reasons)}. {_remedy(part, manifest)}")
    return _finished(part, recipe, run)


def _beside(part: Part, manifest: Manifest, run: Path) -> FoundPart:
    folders = sorted(p for p in run.parent.iterdir() if p.is_dir()) if run.parent.is_dir() else []
    unfinished: InputError | None = None
    for folder in folders:
        if run_method_name(folder) != part.method:
            continue
        recipe = Recipe.load(RunFolder(folder).config)
        if not any(_misfits(part, manifest, recipe)):
            try:
                return _finished(part, recipe, folder)
            except InputError as error:
                unfinished = unfinished or error
    if unfinished:
        raise unfinished
    raise MissingPartError(
        f"no run in {run.parent} gives the network {part.network} of {part.method} that fits; "
        + _remedy(part, manifest, run.parent / part.method)
    )


def _misfits(part: Part, manifest: Manifest, recipe: Recipe) -> Iterator[str]:
    pairs = {
        "method": (recipe.method, part.method),
        "resolution": (recipe.resolution, manifest.resolution),
        "window": (list(recipe.window), list(manifest.window)),
        "dataset or labels": (recipe.dataset_fingerprint[:16], manifest.fingerprint[:16]),
        **{k: (recipe.settings.get(k), v) for k, v in part.settings.items()},
    }
    for key, (has, needed) in pairs.items():
        if has != needed:
            yield f"{key} is {has}, needed is {needed}"


def _finished(part: Part, recipe: Recipe, run: Path) -> FoundPart:
    heard: list[str] = []
    found = checkpoint.newest(RunFolder(run).checkpoints, heard.append)
    done = found.step if found else 0
    if found is None or done < recipe.steps:
        raise InputError(
            f"{run}: {done} of {recipe.steps} steps are done; finish it first, with the command "
            f"that began it (its settings are in {RunFolder(run).config})"
        )
    return FoundPart(part, found)


def _remedy(part: Part, manifest: Manifest, run: Path | None = None) -> str:
    where = run if run is not None else f"NEW_{part.method.upper()}_RUN"
    wanted = "".join(f" --set methods.{part.method}.{k}={v}" for k, v in part.settings.items())
    return f"train it: `gazebench train --method {part.method} {manifest.root} {where}{wanted}`"
