"""The dataset in FiftyOne's database: pictures and nothing else, so that the App shows no label."""

import os
import random
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from gazebench.annotation.faces import Faces
from gazebench.errors import MissingPartError

WORKSPACE = VIEW = "label"
_SHOWN = 500  # the App counts and sorts what a view holds before it shows anything
PANEL = "gaze_label"
_ROUND = 20_000  # samples in one message to the database
_LEAST = (1, 22)
_INSTALL = "python -m pip install 'gazebench[label]'"


def environment(database: str) -> dict[str, str]:
    """What FiftyOne must find in its environment when it is imported."""
    here = Path(__file__).resolve().parent
    return {
        "FIFTYONE_DATABASE_URI": database,
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_PLUGINS_DIR": str(here / "plugin"),
        "FIFTYONE_PLUGINS_CACHE_ENABLED": "true",
        "FIFTYONE_SHOW_PROGRESS_BARS": "false",
        "FIFTYONE_LOGGING_LEVEL": "WARNING",
    }


def fiftyone(database: str) -> ModuleType:
    """FiftyOne, connected to ``database``. Its settings are those of the process.

    Raises:
        MissingPartError: not installed, or too old.
    """
    check_installed()
    os.environ.update(environment(database))
    import fiftyone  # pyright: ignore[reportMissingImports]

    return fiftyone


def check_installed() -> None:
    """Check that FiftyOne is there and new enough, without importing it.

    Raises:
        MissingPartError: it is not.
    """
    from importlib import metadata

    try:
        version = metadata.version("fiftyone")
    except metadata.PackageNotFoundError:
        raise MissingPartError(
            f"labelling in the App needs FiftyOne; run: {_INSTALL}\n"
            "(`gazebench label pack` makes a page that needs no server)"
        ) from None
    if tuple(int(n) for n in re.findall(r"\d+", version)[:2]) < _LEAST:
        raise MissingPartError(
            f"FiftyOne {version} is too old, it must be {_LEAST[0]}.{_LEAST[1]} or newer; "
            f"run: {_INSTALL} --upgrade"
        )


def name_of(faces: Faces) -> str:
    """What FiftyOne calls the dataset: safe in an address, as its database is ours alone."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", faces.heading.name).strip("-") or "portraits"


def fill(fo: ModuleType, faces: Faces) -> int:
    """Make FiftyOne's dataset what ``faces`` are, with its workspace; how many were new."""
    name = name_of(faces)
    dataset = fo.load_dataset(name) if fo.dataset_exists(name) else _new(fo, name)
    files = {str(faces.path(id_)): None for id_ in faces.ids}
    there = set(dataset.values("filepath"))
    if gone := there - files.keys():
        dataset.delete_samples(dataset.match(fo.ViewField("filepath").is_in(list(gone))))
    new = [file for file in files if file not in there]
    for start in range(0, len(new), _ROUND):
        _add(fo, dataset, new[start : start + _ROUND])
    dataset.save_view(VIEW, dataset.limit(_SHOWN), overwrite=True)
    return len(new)


def _add(fo: ModuleType, dataset: Any, files: list[str]) -> None:
    """Add pictures. The first one by FiftyOne's own way, the others as copies of what it stored.

    ``add_samples`` alone takes 60 s for 200,000 pictures, this 10 s.
    """
    from bson import ObjectId  # pyright: ignore[reportMissingImports]

    first = dataset.add_sample(fo.Sample(filepath=files[0]))
    stored = dataset._sample_collection.find_one({"_id": ObjectId(first)})
    others = [
        {**stored, "_id": ObjectId(), "filepath": file, "_rand": random.random()}
        for file in files[1:]
    ]
    if others:
        dataset._sample_collection.insert_many(others)


def _new(fo: ModuleType, name: str) -> Any:
    dataset = fo.Dataset(name, persistent=True)
    panel = fo.Panel(type=PANEL, pinned=True)
    dataset.save_workspace(WORKSPACE, fo.Space(children=[panel]), overwrite=True)
    dataset.app_config.sidebar_groups = []
    dataset.save()
    return dataset
