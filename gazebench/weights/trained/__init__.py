"""Trained methods that ship with the package, so that they correct without a training.

Each is two files here: ``NAME.safetensors``, the networks that correct in half precision, and
``NAME.toml``, its card: what it learned from, under which licence, for how long, what it scores,
and the recipe of its training. This module reads them without torch; ``training.load_shipped``
makes a method of them, and ``training.export_weights`` such files of a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gazebench.errors import InputError, there_are
from gazebench.reading import read_toml, sha256_of

FOLDER = Path(__file__).parent
_INSTALL = "install the package again"


@dataclass(frozen=True, kw_only=True)
class ShippedRun:
    """A trained method in the package."""

    name: str
    title: str  # of the method
    data: str  # what it learned from
    license: str  # of the weights
    step: int  # steps done
    images: int  # portraits seen, one that came twice counted twice
    sha256: str  # of the safetensors file
    recipe: Mapping[str, Any]  # as in a run's config.toml
    scores: Mapping[str, float] = field(default_factory=dict)  # metric → value, on the test half
    facts: Mapping[str, Any] = field(
        default_factory=dict
    )  # further plain values of the training: seconds, device
    note: str = ""  # what a user should know

    @property
    def path(self) -> Path:
        """The file with the networks."""
        return FOLDER / f"{self.name}.safetensors"

    @property
    def size(self) -> int:
        """Bytes of that file."""
        return self.path.stat().st_size


def names() -> list[str]:
    """Names of the methods that ship, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def card(name: str) -> ShippedRun:
    """What ships of the method ``name``.

    Raises:
        InputError: nothing does (the nearest name is given), or its card is damaged.
    """
    if name not in names():
        raise InputError(
            f"no trained {name!r} ships with the package; {there_are(name, names())}. "
            "Train it with `gazebench train` and give the folder of the run"
        )
    path = FOLDER / f"{name}.toml"
    values = read_toml(path, _INSTALL)
    try:
        recipe = values.pop("recipe")
        return ShippedRun(name=name, recipe=recipe, **values)
    except (TypeError, KeyError) as error:
        raise InputError(f"{path}: damaged ({error}); {_INSTALL}") from None


def verify(name: str) -> ShippedRun:
    """The card of ``name``, after its weights were hashed.

    Raises:
        InputError: as ``card``, or the weights are missing or damaged.
    """
    found = card(name)
    try:
        digest = sha256_of(found.path)
    except InputError as error:
        raise InputError(f"{error}; {_INSTALL}") from None
    if digest != found.sha256:
        raise InputError(f"{found.path}: damaged, not the sha256 of its card; install it again")
    return found
