"""Worked examples and the training round: faces whose answer is known, with a reason.

The people do not exist; origin and terms are those of ``gazebench/demo/LICENSE.md``. Each answer is
the vote of three annotators who all said the same.
"""

import functools
import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@functools.cache
def _all() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((_HERE / "examples.json").read_text(encoding="utf-8")))


def worked() -> list[dict[str, Any]]:
    """Faces shown with their answer: id, eyes (shares of the side), answer, why."""
    return [_shown(example) for example in _all() if example["use"] == "worked"]


def training() -> list[dict[str, Any]]:
    """Faces of the training round, in their order; the answer is shown after the vote."""
    return [_shown(example) for example in _all() if example["use"] == "training"]


def ids() -> frozenset[str]:
    """Ids of all examples."""
    return frozenset(example["id"] for example in _all())


def path(id_: str) -> Path:
    """Picture of an example."""
    return _HERE / next(example["file"] for example in _all() if example["id"] == id_)


def _shown(example: dict[str, Any]) -> dict[str, Any]:
    return {name: example[name] for name in ("id", "eyes", "answer", "why")}
