"""Settings of trainings: from a file or a track, with what a command line lays over them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gazebench import config, methods, plugins
from gazebench.methods import TrainableMethod
from gazebench.plugins import Collection
from gazebench.training.job import Budget, trainable
from gazebench.training.queue import every
from gazebench.training.run import TrainingSettings

_DEMO_STEPS = 100  # of a method that the track demo does not mention

Tables = Mapping[str, Mapping[str, Any]]  # method → its table


def read(
    collection: Collection,
    *,
    file: Path | None = None,
    track: str | None = None,
    overrides: Sequence[str] = (),
    batch: int | None = None,
    **training: Any,
) -> tuple[TrainingSettings, Tables]:
    """The settings of the table ``[training]``, and the tables ``[methods.NAME]`` by name.

    They come from ``file``, or from the shipped ``track``. Laid over them are ``overrides``
    ("table.key=value"), then ``batch``, which holds for every method, and ``training``.

    Raises:
        InputError: the file cannot be used, or there is no such track, table, method or setting.
    """
    tables = config.read(config.track(track) if track else file, overrides)
    by_method = config.table(tables, "methods")
    for name in by_method:
        methods.load(collection, name)  # a misspelt name must not pass in silence
    found = {name: config.table(by_method, name, "methods") for name in by_method}
    if track == "demo":
        found = demo_tables(collection, found)
    if batch:
        found = {n: {**found.get(n, {}), "batch": batch} for n in plugins.names(collection)}
    values = {**config.table(tables, "training"), **training}
    return config.build(TrainingSettings, values, "training"), found


def variants(file: Path | None, track: str | None, overrides: Sequence[str] = ()) -> Tables:
    """The tables ``[runs.NAME]`` by name: named runs, such as ablations.

    Raises:
        InputError: the file cannot be used, or there is no such track.
    """
    tables = config.read(config.track(track) if track else file, overrides)
    runs = config.table(tables, "runs")
    return {name: config.table(runs, name, "runs") for name in runs}


def demo_tables(collection: Collection, tables: Tables) -> dict[str, Mapping[str, Any]]:
    """``tables`` of the track demo, and for a method without one its own ``small_settings``.

    Other tracks leave such a method its defaults, with which a demo would take days.
    """
    kinds = {name: methods.load(collection, name) for name in plugins.names(collection)}
    small = {
        name: {**kind.small_settings, "steps": _DEMO_STEPS}
        for name, kind in kinds.items()
        if issubclass(kind, TrainableMethod)
    }
    return {**small, **tables}


def resolved(
    collection: Collection,
    names: Sequence[str],
    settings: TrainingSettings,
    tables: Tables,
    budget: Budget,
    named: Tables | None = None,
) -> str:
    """TOML text of every setting of the trainings of ``names`` (or "all"), as a settings file.

    ``named``: the tables ``[runs.NAME]``, see ``variants``.

    Raises:
        InputError: no such method or setting.
    """
    wanted = every(collection) if "all" in names else names
    plain = {
        name: _settings(collection, name, tables.get(name, {}), settings.steps) for name in wanted
    }
    training = settings.model_dump(mode="json")
    if len(plain) == 1:
        training["steps"] = next(iter(plain.values()))["steps"]
    shown = {"training": training, "methods": plain, **({"runs": named} if named else {})}
    if not budget:
        return config.dump(shown)
    for table in (training, *plain.values()):
        del table["steps"]
    return f"# steps: as many as {budget} allow\n{config.dump(shown)}"


def _settings(
    collection: Collection, name: str, table: Mapping[str, Any], steps: int | None
) -> dict[str, Any]:
    wanted = {**table, **({"steps": steps} if steps else {})}
    return methods.settings_of(trainable(collection, name), name, wanted).model_dump(mode="json")
