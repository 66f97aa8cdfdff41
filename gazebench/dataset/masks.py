"""Eye masks drawn from eye boxes."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gazebench.dataset.boxes import Box


def eye_mask(boxes: Iterable[Box], height: int, width: int) -> NDArray[np.uint8]:
    """The eye mask (H, W): 1 inside the boxes, else 0."""
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        mask[box.top : box.bottom, box.left : box.right] = 1
    return mask
