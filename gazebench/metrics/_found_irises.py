"""Irises of sources and corrected portraits, each picture looked at once."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gazebench.dataset.batches import Batch, to_uint8
from gazebench.dataset.boxes import Point
from gazebench.irises import Eye, EyePair, find_eyes
from gazebench.metrics._networks import Instruments

REGION = "irises and lids, found in the portrait"
WEIGHTS = ("face_mesh_468", "iris_landmarks")


def irises(instruments: Instruments, batch: Batch, image: Tensor) -> list[EyePair | None]:
    """Eyes of N portraits ``image``; None where the irises cannot be trusted.

    Raises:
        MissingPartError: a network cannot be had.
    """
    known: dict[bytes, EyePair | None] = instruments.kept("irises", dict)
    found = []
    for picture, boxes in zip(pictures(image), batch.eyes.tolist(), strict=True):
        key = hashlib.blake2b(picture.tobytes() + repr(boxes).encode()).digest()
        if key not in known:
            # benchmark version 2 was made before far eyes were widened
            pair = find_eyes(picture, centers(boxes), widened=0)
            known[key] = None if pair.doubt else pair
        found.append(known[key])
    return found


def pictures(image: Tensor) -> NDArray[np.uint8]:
    """(N, H, W, 3) of (N, 3, H, W) in [-1, 1]."""
    return to_uint8(image).cpu().permute(0, 2, 3, 1).contiguous().numpy()


def offset(eye: Eye) -> NDArray[np.float64]:
    """Where the iris stands from the middle of its corners: along and across them, in radii."""
    left, right = (np.array(corner) for corner in eye.corners)
    along = (right - left) / max(eye.width, 1e-6)
    moved = np.array(eye.iris) - np.array(eye.middle)
    return np.array([moved @ along, moved @ [-along[1], along[0]]]) / eye.radius


def centers(boxes: list[list[int]]) -> tuple[Point, Point]:
    """Of the two eye boxes of a portrait."""
    left, right = (Point((a + c - 1) / 2, (b + d - 1) / 2) for a, b, c, d in boxes)
    return left, right
