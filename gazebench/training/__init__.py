"""Training: one engine for every method that has networks.

``train`` fills a run's folder and ``load_trained`` reads it. Both need torch, so they are imported
when first asked for; ``run_method_name`` and the settings do without. It uses `dataset`,
`methods` and `store`; evaluation and reports come after it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gazebench.training.run import RunFolder, TrainingSettings, run_method_name

if TYPE_CHECKING:
    from gazebench.training.job import Budget, Job
    from gazebench.training.loop import TrainingResult, train, train_job
    from gazebench.training.shipping import export_weights
    from gazebench.training.trained import Trained, load_shipped, load_trained, with_own_file

__all__ = [
    "Budget",
    "Job",
    "RunFolder",
    "Trained",
    "TrainingResult",
    "TrainingSettings",
    "export_weights",
    "load_shipped",
    "load_trained",
    "run_method_name",
    "train",
    "train_job",
    "with_own_file",
]


_HOMES = {
    "Budget": "job",
    "Job": "job",
    "TrainingResult": "loop",
    "train": "loop",
    "train_job": "loop",
    "Trained": "trained",
    "export_weights": "shipping",
    "load_shipped": "trained",
    "load_trained": "trained",
    "with_own_file": "trained",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
