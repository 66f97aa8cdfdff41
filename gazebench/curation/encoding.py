"""Image files of a dataset: a portrait in its format, and the mask that goes with it."""

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset import ImageFormat
from gazebench.dataset.boxes import Box
from gazebench.dataset.masks import eye_mask
from gazebench.dataset.pictures import decode, png

JPEG_QUALITY = 95  # where a build names none
_WEBP_EFFORT = {"method": 0, "quality": 0}  # eight times faster than the default for 15 % more


def encode(portrait: Image.Image, image_format: ImageFormat, quality: int | None) -> bytes:
    """The portrait's image file; ``quality`` is that of a JPEG, whose chroma is kept whole."""
    if image_format is ImageFormat.PNG:
        return png(np.asarray(portrait))
    buffer = io.BytesIO()
    match image_format:
        case ImageFormat.WEBP:
            portrait.save(buffer, "WEBP", lossless=True, **_WEBP_EFFORT)
        case ImageFormat.JPEG:
            portrait.save(buffer, "JPEG", quality=quality or JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def mask_file(id_: str) -> str:
    """Path of a portrait's mask below the dataset's folder."""
    return f"masks/{id_}.png"


def encode_mask(boxes: Iterable[Box], side: int) -> bytes:
    """An 8-bit grey PNG of the portrait's size: 255 inside the eye boxes, else 0."""
    buffer = io.BytesIO()
    Image.fromarray(_mask(boxes, side)).save(buffer, "PNG")
    return buffer.getvalue()


def is_mask(data: bytes, name: str, boxes: Iterable[Box], side: int) -> bool:
    """Whether ``data`` is such a mask of these boxes, however it was compressed.

    Raises:
        PictureError: it cannot be decoded.
    """
    picture = decode(data, name)
    kind = Image.open(io.BytesIO(data))
    if (kind.format, kind.mode, kind.size) != ("PNG", "L", (side, side)):
        return False
    return np.array_equal(np.asarray(picture)[..., 0], _mask(boxes, side))


def _mask(boxes: Iterable[Box], side: int) -> NDArray[np.uint8]:
    return eye_mask(boxes, side, side) * np.uint8(255)
