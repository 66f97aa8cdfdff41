"""The portrait without its eye boxes: what a correction should leave alone."""

from torch import Tensor

from gazebench.dataset.batches import Batch

REGION = "portrait, eye boxes filled with mid-grey in both"


def outside(batch: Batch, image: Tensor) -> Tensor:
    """``image`` (N, 3, H, W) in [-1, 1] with 0 inside the eye boxes of ``batch``."""
    return image * (1 - batch.mask)
