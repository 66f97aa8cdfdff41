"""The pipeline from Python: seven functions that do what the commands of the same names do.

It uses every room; libraries that are heavy are imported when a function is called. Paths are
``str`` or ``Path``. Errors are those of `gazebench.errors`. A function that was interrupted
resumes when it is called again with the same arguments, and returns at once when all is done.
"""

from gazebench.pipeline.building import (
    BuiltDataset,
    SourceLabels,
    build_dataset,
    build_planned,
    label_import,
    plan_dataset,
)
from gazebench.pipeline.comparing import evaluate, report, score, train
from gazebench.pipeline.correcting import CorrectedPhotographs, correct

__all__ = [
    "BuiltDataset",
    "CorrectedPhotographs",
    "SourceLabels",
    "build_dataset",
    "build_planned",
    "correct",
    "evaluate",
    "label_import",
    "plan_dataset",
    "report",
    "score",
    "train",
]
