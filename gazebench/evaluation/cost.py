"""What a method costs: parameters and forward passes per second.

Tables I and VI of Zhang et al. (2022) count parameters by different rules, so three are given.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle

import torch
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.results import Score

RUNS, _SHORTEST, _LONGEST = 50, 0.5, 3.0  # calls at least; seconds for one number

CARDS = {
    "parameters_inference": MetricCard(
        group="cost",
        order=10,
        title="Parameters, inference",
        unit="M",
        digits=2,
        higher_is_better=False,
        help="Weights of the networks that correct or animate a portrait (the rule of Table VI); "
        "those that find faces and irises are not counted.",
        region="networks",
    ),
    "parameters_training": MetricCard(
        group="cost",
        order=20,
        title="Parameters, training",
        unit="M",
        digits=2,
        higher_is_better=False,
        help="Weights of all networks that training needs, discriminators included.",
        region="networks",
    ),
    "parameters_training_vgg": MetricCard(
        group="cost",
        order=30,
        title="Parameters, with VGG",
        unit="M",
        digits=2,
        higher_is_better=False,
        help="With the frozen VGG-16 besides, where a loss looks through it (the rule of Table I).",
        region="networks",
    ),
    "fps": MetricCard(
        group="cost",
        order=40,
        title="FPS",
        unit="1/s",
        digits=1,
        higher_is_better=True,
        help="Portraits corrected per second at batch 1, all work on a portrait included: median "
        f"of at least {RUNS} runs, or of {_LONGEST:.0f} seconds, after a first one; compare only "
        "rows of one device.",
        region="device",
    ),
}


def parameters(inference: int, training: int, with_frozen: int) -> dict[str, Score]:
    """Scores of three parameter counts, in millions."""
    return {
        "parameters_inference": Score(value=inference / 1e6, n=1),
        "parameters_training": Score(value=training / 1e6, n=1),
        "parameters_training_vgg": Score(value=with_frozen / 1e6, n=1),
    }


def frames_per_second(
    correct: Callable[[Batch], Tensor],
    batches: Sequence[Batch],
    forget: Callable[[], None] = lambda: None,
) -> Score:
    """Corrections per second, from the median of all runs over ``batches`` (one portrait each).

    The portraits take turns, and ``forget`` is called before each, see ``methods.Forgets``. The
    first call, which may load, compile or search for the fastest kernels, is left out. Then at
    least ``RUNS`` runs and half a second, or three seconds; the score's n counts the runs.
    """
    turns = cycle(batches)
    _timed(correct, next(turns), forget)
    seconds: list[float] = []
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < _LONGEST:
        if len(seconds) >= RUNS and passed >= _SHORTEST:
            break
        seconds.append(_timed(correct, next(turns), forget))
    return Score(value=1 / statistics.median(seconds), n=len(seconds))


def _timed(correct: Callable[[Batch], Tensor], batch: Batch, forget: Callable[[], None]) -> float:
    forget()
    began = time.perf_counter()
    correct(batch)
    if batch.image.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began
