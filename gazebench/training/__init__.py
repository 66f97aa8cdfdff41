"""Training: one engine for every method that has networks.

It uses `methods` and `dataset`, and imports no method by name. ``train`` fills a run's folder and
``load_trained`` reads it; both bring torch along, so they are imported when first asked for.
``run_method_name`` and the settings do without.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gazebench.training.folder import RunFolder, run_method_name
from gazebench.training.settings import TrainingSettings

if TYPE_CHECKING:
    from gazebench.training.engine import TrainingResult, train
    from gazebench.training.trained import Trained, load_trained

__all__ = [
    "RunFolder",
    "Trained",
    "TrainingResult",
    "TrainingSettings",
    "load_trained",
    "run_method_name",
    "train",
]


_HOMES = {
    "TrainingResult": "engine",
    "train": "engine",
    "Trained": "trained",
    "load_trained": "trained",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
