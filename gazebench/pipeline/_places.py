"""Paths as callers give them."""

from collections.abc import Iterable
from pathlib import Path

Place = str | Path


def several(places: Place | Iterable[Place]) -> list[Place]:
    """One or several as a list."""
    return [places] if isinstance(places, str | Path) else list(places)
