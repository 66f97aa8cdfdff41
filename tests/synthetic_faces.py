"""Synthetic faces whose gaze is known, as a batch for metrics."""

from dataclasses import replace

import numpy as np
import torch

from gazebench.contract.portraits import drawn_dataset
from gazebench.dataset.batches import batch_of, to_float
from gazebench.dataset.boxes import Box
from gazebench.synthetic.portrait import DrawnPortrait


def synthetic(indices, seed=5, side=256):
    """Synthetic faces as a batch, and their true gaze (N, 2) in degrees."""
    faces = [DrawnPortrait(seed, index, side) for index in indices]
    pixels = np.stack([np.asarray(face.paint().convert("RGB")) for face in faces])
    found = drawn_dataset(side, count=len(faces)).manifest.portraits
    boxes = [_moved(portrait, face.truth.eyes) for portrait, face in zip(found, faces, strict=True)]
    image = to_float(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous())
    return batch_of(boxes, image), np.array([face.truth.gaze_deg for face in faces])


def _moved(portrait, eyes):
    left, right = (
        Box.around(eye, portrait.left_eye.height, portrait.left_eye.width) for eye in eyes
    )
    return replace(portrait, left_eye=left, right_eye=right)
