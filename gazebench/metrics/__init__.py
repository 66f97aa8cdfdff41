"""What a metric is, and one module for each; a metric's file name is its name.

It uses `dataset`, `results` and `weights`. A metric reads pictures and nothing of the method that
made them; ``_networks`` holds the frozen networks that metrics share.
"""

from collections.abc import Iterable
from types import ModuleType
from typing import ClassVar, Protocol

from torch import Tensor

from gazebench import plugins
from gazebench.cards import MetricCard, checked
from gazebench.dataset.batches import Batch
from gazebench.metrics._eyes import eyes_lpips, eyes_ms_ssim
from gazebench.metrics._networks import Instruments
from gazebench.metrics._similarity import perceptual_distance, structural_similarity
from gazebench.results import Score

__all__ = [
    "ALPHAS",
    "Instruments",
    "Metric",
    "chosen",
    "eyes_lpips",
    "eyes_ms_ssim",
    "load",
    "perceptual_distance",
    "structural_similarity",
]

# how far a gaze has moved: from 0, the portrait as it is, to 1, its correction: Zhang et al. 2022,
# Fig. 16
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Metric(Protocol):
    """A number for one method on one dataset, fed batch by batch.

    Neither the order nor the size of the batches may matter.

    Five methods more are called where a metric has them. ``prepare(pixels)`` comes first, with the
    whole dataset. ``update_camera(source, corrected)`` is ``update`` for real domain-X portraits of
    the test half, which the method was given though they look at the camera already.
    ``update_animation(source, animated)`` is ``update`` with pictures (N, A, 3, H, W) at
    ``ALPHAS``, of methods that also move the gaze part of the way. ``features()`` gives arrays
    that are kept beside the scores. ``judge_of(manifest)``, of the class, is the sha256 of what was
    trained on a dataset to measure it, "" before: scores with another ``judge`` are not kept.
    """

    card: ClassVar[MetricCard]

    def __init__(self, instruments: Instruments) -> None:
        """Build from the frozen networks that metrics share.

        Raises:
            MissingPartError: weights that the metric needs cannot be had.
        """
        ...

    def update_reference(self, real: Batch) -> None:
        """Take in real domain-X training portraits; most metrics ignore them."""
        ...

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in one batch: sources and corrections, (N, 3, H, W) in [-1, 1] of 8-bit pixels."""
        ...

    def compute(self) -> Score:
        """The score over all that was taken in."""
        ...


def load(package: ModuleType, name: str) -> type[Metric]:
    """The metric in ``package/name.py``.

    Raises:
        InputError: there is no such file, or it does not define exactly one metric.
    """
    metric = plugins.load(package, name, marker="card")
    checked(metric.card, MetricCard, name)
    return metric


def chosen(package: ModuleType, words: Iterable[str] = ("all",)) -> list[str]:
    """Names of the metrics that ``words`` stand for, sorted; "all" is all but those on request.

    Raises:
        InputError: there is no such metric.
    """
    found: set[str] = set()
    for word in words:
        names = plugins.names(package) if word == "all" else [word]
        found |= {n for n in names if not load(package, n).card.on_request or word != "all"}
    return sorted(found)
