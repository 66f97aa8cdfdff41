"""A run's folder and the recipe in its ``config.toml``; all of it without torch."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from gazebench import config, store
from gazebench.dataset import Manifest
from gazebench.errors import InputError, RefusedError

_FREE = ("dataset", "budget", "steps")  # the first two are only told; steps have their own rule


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where each thing of a run stands."""

    root: Path

    @property
    def config(self) -> Path:
        """The recipe, TOML."""
        return self.root / "config.toml"

    @property
    def log(self) -> Path:
        """One JSON line per step."""
        return self.root / "log.jsonl"

    @property
    def samples(self) -> Path:
        """Folder of pictures made on the way."""
        return self.root / "samples"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.root / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's files."""
        return self.root / "tensorboard"

    @property
    def nan(self) -> Path:
        """What is kept for study after a loss was not finite."""
        return self.root / "nan"

    def clear(self) -> None:
        """Remove what a training made; predictions and scores stay."""
        made = (self.config, self.log, self.samples, self.checkpoints, self.tensorboard, self.nan)
        for path in made:
            store.remove(path)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides what a training makes; two runs with one recipe make the same weights."""

    method: str
    seed: int
    steps: int
    precision: str
    processes: int
    dataset: str
    dataset_fingerprint: str
    tree_hash: str
    resolution: int
    window: tuple[int, int]  # height and width of an eye box
    settings: Mapping[str, Any]  # of the method, plain values
    budget: str = ""  # what the steps were made from, such as "30 minutes"; "": given as steps
    ema: float = 0.0  # decay of the weights' moving average; 0: none
    file_sha256: str | None = None  # of a method's file from elsewhere
    parts: Mapping[str, str] = field(default_factory=dict)  # network → sha256 of its weights file

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        method: str,
        settings: config.Settings,
        *,
        seed: int,
        precision: str,
        processes: int,
        budget: str = "",
        ema: float = 0.0,
        file_sha256: str | None = None,
        parts: Mapping[str, str],
    ) -> Self:
        """The recipe of a method's settings, which say the steps, on a dataset."""
        plain = settings.model_dump(mode="json")
        return cls(
            method=method,
            seed=seed,
            steps=plain["steps"],
            precision=precision,
            processes=processes,
            dataset=manifest.name,
            dataset_fingerprint=manifest.fingerprint,
            tree_hash=manifest.tree_hash,
            resolution=manifest.resolution,
            window=manifest.window,
            settings=plain,
            budget=budget,
            ema=ema,
            file_sha256=file_sha256,
            parts=parts,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a ``config.toml``.

        Raises:
            InputError: missing or damaged.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            tables = values.pop("methods", {})
            height, width = values.pop("window")
            settings = tables.get(values["method"], {})
            return cls(**values, window=(height, width), settings=settings)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; run `gazebench train` first") from None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{path}: damaged ({error}); train anew with `gazebench train --overwrite`"
            ) from None

    def save(self, path: Path) -> None:
        """Write it as TOML."""
        top = {key: value for key, value in vars(self).items() if key != "settings"}
        store.write(path, config.dump({**top, "methods": {self.method: self.settings}}))

    def refuse_other(self, old: "Recipe", root: Path) -> None:
        """Make sure that ``old`` would make the same, but for the number of steps.

        Raises:
            RefusedError: it would not; every difference is named.
        """
        changes = [f"{key}: {was} → {now}" for key, was, now in _differences(old, self)]
        if changes:
            raise RefusedError(
                f"{root}: was trained with other settings: {'; '.join(changes)}. Give those "
                "settings again to go on, or another folder, or --overwrite to start anew"
            )


def run_method_name(run: Path) -> str | None:
    """Name of the method that was trained in a folder; None where none was."""
    try:
        return Recipe.load(RunFolder(run).config).method
    except InputError:
        return None


def _differences(old: Recipe, new: Recipe) -> Iterator[tuple[str, Any, Any]]:
    was, now = _flat(old), _flat(new)
    for key in dict.fromkeys([*was, *now]):
        if was.get(key) != now.get(key):
            yield key, was.get(key), now.get(key)


def _flat(recipe: Recipe) -> dict[str, Any]:
    top = {k: v for k, v in vars(recipe).items() if k not in (*_FREE, "settings", "parts")}
    table = f"methods.{recipe.method}"
    return {
        **top,
        **{f"{table}.{k}": v for k, v in recipe.settings.items() if k != "steps"},
        **{f"parts.{k}": v for k, v in recipe.parts.items()},
    }
