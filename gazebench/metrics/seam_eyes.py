"""How visible the edge of a pasted eye box is: the boundary mismatch of Zhang et al. 2020.

The paper (section 3.2) describes it and gives no number. Here: the mean absolute step between the
pixels just inside and just outside the edge, after the correction less before it.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics._per_portrait import PerPortrait


class SeamEyes(PerPortrait):
    """Mean over corrected portraits, in grey values (0-255); 0 is unchanged."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Seam",
        higher_is_better=False,
        digits=2,
        help="How much larger the step across the edge of the eye boxes is after the correction, "
        "in grey values of 0 to 255; 0 is unchanged, below 0 it is smoother than the source. A "
        "method that repaints the whole portrait has none.",
        region="the pixels on either side of the edges of both eye boxes",
        bounds=(-255.0, 255.0),
        group="harm",
        order=40,
    )

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Differences of mean steps."""
        boxes = source.eyes.tolist()
        return [
            _step(after, eyes) - _step(before, eyes)
            for before, after, eyes in zip(source.image, corrected, boxes, strict=True)
        ]


def _step(image: Tensor, eyes: Sequence[Sequence[int]]) -> float:
    """Mean over all edge pixels that have a neighbour outside, of (3, H, W) in [-1, 1]."""
    steps = torch.cat([side.flatten() for box in eyes for side in _sides(image, *box)])
    return float(steps.double().mean()) * 127.5 if len(steps) else 0.0


def _sides(image: Tensor, left: int, top: int, right: int, bottom: int) -> Iterator[Tensor]:
    height, width = image.shape[-2:]
    for inside, outside, there in ((left, left - 1, left > 0), (right - 1, right, right < width)):
        if there:
            yield (image[:, top:bottom, inside] - image[:, top:bottom, outside]).abs()
    for inside, outside, there in ((top, top - 1, top > 0), (bottom - 1, bottom, bottom < height)):
        if there:
            yield (image[:, inside, left:right] - image[:, outside, left:right]).abs()
