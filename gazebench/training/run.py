"""A run on disk: settings, folder, the recipe in ``config.toml`` and the log; without torch."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

from gazebench import config, store
from gazebench.config import Settings
from gazebench.errors import InputError, RefusedError, first_fault
from gazebench.reading import MissingFileError, opened, read_toml

_FLUSH_SECONDS = 1.0
_TAIL = 1 << 16  # bytes, more than a line
_INFORM = ("source", "align", "file")  # left out where they are empty, as before there were any
_FREE = ("dataset", "budget", "steps", *_INFORM)  # they only inform; steps have their own rule


class TrainingSettings(Settings):
    """How a training runs, whatever the method."""

    steps: int | None = Field(
        default=None, ge=1, description="of the generator; None: the method's own"
    )
    seed: int = Field(default=0, ge=0)
    precision: Literal["no", "bf16"] = Field(
        default="no", description='of the networks\' arithmetic; "no" is fp32'
    )
    device: str | None = Field(
        default=None, description="None: CUDA where there is one, else the CPU"
    )
    sample_every: int = Field(default=1000, ge=1, description="steps; one more picture at the end")
    checkpoint_every: int = Field(
        default=1000, ge=1, description="steps; one more checkpoint at the end"
    )
    checkpoint_minutes: float = Field(
        default=10.0, gt=0, description="a checkpoint at least this often, however slow the steps"
    )
    compile: bool = Field(default=False, description="torch.compile of the networks")
    ema: float = Field(
        default=0.0, ge=0, lt=1, description="decay of the weights' moving average; 0: none"
    )
    tensorboard: bool = Field(default=False, description="losses and pictures for TensorBoard too")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where each thing of a run is."""

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
    """All that decides what a training makes; on a CPU two runs with one make the same weights."""

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
    source: str = ""  # layout of the pictures that the dataset was built from
    align: str = ""  # how its portraits were cut; "": not known
    file: str = ""  # a method's file from elsewhere, as it was typed

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a ``config.toml``.

        Raises:
            InputError: missing or damaged.
        """
        again = (
            f"train again with `gazebench train --method NAME DATASET {path.parent} --overwrite`"
        )
        try:
            return cls.of_table(read_toml(path, again))
        except MissingFileError:
            raise InputError(f"{path}: no such file; run `gazebench train` first") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            if isinstance(error, ValidationError):
                first = first_fault(error)
            raise InputError(f"{path}: damaged ({first}); {again}") from None

    def table(self) -> dict[str, Any]:
        """The values of its ``config.toml``."""
        top = {k: v for k, v in vars(self).items() if k != "settings" and (v or k not in _INFORM)}
        return {**top, "methods": {self.method: self.settings}}

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Self:
        """A recipe from the values of a ``config.toml``.

        Raises:
            ValueError, TypeError, KeyError: they are of no recipe.
        """
        values = dict(table)
        tables = values.pop("methods", {})
        height, width = values.pop("window")
        settings = tables.get(values["method"], {})
        recipe = cls(**values, window=(height, width), settings=settings)
        return TypeAdapter(cls).validate_python(vars(recipe))

    def save(self, path: Path) -> None:
        """Write it as TOML."""
        store.write(path, config.dump(self.table()))

    def refuse_other(self, old: "Recipe", root: Path) -> None:
        """Make sure that ``old`` would make the same, but for the number of steps.

        Raises:
            RefusedError: it would not; every difference is named.
        """
        changes = [f"{key}: {was} → {now}" for key, was, now in _differences(old, self)]
        if changes:
            raise RefusedError(
                f"{root}: was trained with other settings: {'; '.join(changes)}. Give those "
                "settings again to resume, or another folder, or --overwrite to start again"
            )


def is_main() -> bool:
    """Whether this process is the only one, or the one of several that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def run_method_name(run: Path) -> str | None:
    """Name of the method that was trained in a folder; None where none was."""
    try:
        return Recipe.load(RunFolder(run).config).method
    except InputError:
        return None


class Log:
    """``log.jsonl``: one JSON line per step, each step once, however often the run was stopped.

    Appends lines, at most once a second; ``flush`` before what they precede is saved.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._flushed = time.monotonic()

    def trim(self, step: int) -> None:
        """Drop the lines after ``step``, which will be made again, and a torn last line."""
        rows = read_log(self._path)
        kept = [json.dumps(row) + "\n" for row in rows if row["step"] <= step]
        if self._path.exists():
            store.write(self._path, "".join(kept))

    def add(self, row: dict[str, Any]) -> None:
        """Take one line."""
        self._lines.append(json.dumps(row))
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        if self._lines:
            store.append(self._path, "\n".join(self._lines))
        self._lines = []
        self._flushed = time.monotonic()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a log in their order; torn or foreign ones are passed over. [] without a file."""
    if not path.exists():
        return []
    rows = []
    with opened(path) as file:
        lines = file.read().decode("utf-8", "replace").splitlines()
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def read_last(path: Path) -> dict[str, Any] | None:
    """The newest line of a log, from the file's end alone; None where there is none."""
    if not path.exists():
        return None
    with opened(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        return row if isinstance(row, dict) else None
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
