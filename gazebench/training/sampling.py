"""Pictures of a training's progress: the same few portraits, corrected again and again."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, eye_patches, to_uint8

COUNT = 6
SIDE = 256  # of a portrait in the grid, at most


def fixed_portraits(manifest: Manifest) -> tuple[Portrait, ...]:
    """Up to six portraits of domain Y, spread over the test half, else over the training half."""
    pool = manifest.select(split=Split.TEST, domain=Domain.AWAY) or manifest.select(
        split=Split.TRAIN, domain=Domain.AWAY
    )
    places = np.linspace(0, len(pool) - 1, min(COUNT, len(pool))).round().astype(int)
    return tuple(pool[place] for place in places)


def grid(source: Batch, corrected: Tensor | None, pictures: Tensor | None) -> bytes:
    """A PNG, one column per portrait.

    Rows: source and corrected, the eyes of both, then the method's own pictures (N, K, 3, h, w).
    """
    images = [image for image in (source.image, corrected) if image is not None]
    side = min(SIDE, source.image.shape[-1])
    rows = [_row([_scaled(p, side) for p in _pixels(image)]) for image in images]
    for image in images:
        pairs = _pixels(eye_patches(image, source.eyes))  # (N, 2, h, w, 3)
        rows.append(_row([_scaled(np.concatenate(list(pair), 1), side) for pair in pairs]))
    for row in _pixels(pictures).swapaxes(0, 1) if pictures is not None else ():
        rows.append(_row([_scaled(p, side) for p in row]))
    file = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(file, "PNG")
    return file.getvalue()


def _pixels(images: Tensor) -> NDArray[np.uint8]:
    return to_uint8(images.float()).movedim(-3, -1).cpu().numpy()


def _row(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.concatenate(pictures, axis=1)


def _scaled(pixels: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
