"""Settings: defaults of the code, then a TOML file, then ``--set table.key=value``.

The later wins. A key that no settings model has is an error that names the nearest one.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gazebench.errors import InputError, did_you_mean
from gazebench.reading import MissingFileError, read_toml


class Settings(BaseModel):
    """A frozen group of settings; an unknown key is an error, and a number that is none."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


S = TypeVar("S", bound=Settings)
_TRACKS = Path(__file__).parent / "tracks"
TABLES = ("dataset", "training", "methods", "runs")  # of a settings file that serves every command


def read(path: Path | None, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """Tables of a TOML file with ``overrides`` ("table.key=value") laid over them.

    Raises:
        InputError: the file is missing or not TOML, an override has no "=", or a table is none
            of ``TABLES`` (the nearest is named).
    """
    values: dict[str, Any] = _parse_file(path) if path else {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise InputError(f"--set {override}: expected table.key=value")
        _assign(values, key.strip().split("."), _parse_value(text.strip()), override)
    for name in values:
        if name not in TABLES:
            raise InputError(f"unknown settings table {name!r}; {_nearest(name, TABLES)}")
    return values


def tracks() -> list[str]:
    """Names of the shipped settings files, sorted."""
    return sorted(path.stem for path in _TRACKS.glob("*.toml"))


def track(name: str) -> Path:
    """The shipped settings file of a dataset that methods are compared on.

    Raises:
        InputError: there is none (the nearest is named).
    """
    if name not in tracks():
        raise InputError(f"unknown track {name!r}; {_nearest(name, tracks())}")
    return _TRACKS / f"{name}.toml"


def table(values: Mapping[str, Any], name: str, where: str = "") -> Mapping[str, Any]:
    """The table ``name`` of ``values``; empty when there is none. ``where``: see ``build``.

    Raises:
        InputError: a plain value stands there.
    """
    found = values.get(name, {})
    if not isinstance(found, Mapping):
        place = f"{where}.{name}" if where else name
        raise InputError(f"setting {place} = {found!r}: expected a table")
    return found


def build(model: type[S], values: Mapping[str, Any], where: str = "") -> S:
    """A settings model from plain values; ``where`` is the table they are in, for messages.

    Raises:
        InputError: an unknown key (the nearest is named) or a value of the wrong kind.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(_sentence(model, error, where)) from None


def dump(tables: Mapping[str, Any]) -> str:
    """TOML text of nested tables of plain values; ``None`` is left out."""
    import tomlkit  # here, because only what writes settings needs it

    return tomlkit.dumps(_without_none(tables)).strip() + "\n"


def _without_none(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in tables.items()
        if value is not None
    }


def _parse_file(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, "see `gazebench train --dry-run` for what a settings file holds")
    except MissingFileError:
        raise InputError(f"{path}: no such settings file") from None


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word is a string: --set dataset.align=eyes


def _assign(values: dict[str, Any], keys: list[str], value: Any, override: str) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {override}: {key!r} is a value, not a table")
    values[keys[-1]] = value


def _sentence(model: type[BaseModel], error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    place = f"{where}.{key}" if where else key
    if first["type"] != "extra_forbidden":
        return f"setting {place} = {first['input']!r}: {first['msg']}"
    return f"unknown setting {place!r}; {_nearest(key, model.model_fields)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
