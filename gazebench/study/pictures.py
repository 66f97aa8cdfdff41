"""The pictures of a study: one encoder for all, one size in bytes for all, no metadata."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset import Portrait

_QUALITY = 95  # JPEG without chroma subsampling: irises keep their colour
_STEP = 4096  # file sizes are rounded up to this


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """A picture, (H, W, 3) uint8, as a plain JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def padded_size(longest: int) -> int:
    """The size in bytes that every file of a study has, from that of the longest one."""
    return -(-longest // _STEP) * _STEP


def padded(data: bytes, size: int) -> bytes:
    """The file with zeros behind its end mark, which every decoder ignores."""
    return data + bytes(size - len(data))


def unpadded(data: bytes) -> bytes:
    """What ``padded`` was given."""
    return data.rstrip(b"\0")


def broken(pixels: NDArray[np.uint8], portrait: Portrait, number: int) -> NDArray[np.uint8]:
    """The portrait, (H, W, 3) uint8, with eyes that nobody prefers; five kinds by ``number``."""
    result = pixels.copy()
    damage = (_upside_down, _flat, _blocks, _noise, _negative)[number % 5]
    for box in portrait.eyes:
        place = np.s_[box.top : box.bottom, box.left : box.right]
        result[place] = damage(result[place])
    return result


def _upside_down(eye: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return eye[::-1]


def _flat(eye: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(eye.mean((0, 1)).astype(np.uint8), eye.shape)


def _blocks(eye: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = eye.shape[:2]
    small = Image.fromarray(eye).resize((5, 3), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))


def _noise(eye: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, eye.shape, dtype=np.uint8)


def _negative(eye: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - eye
