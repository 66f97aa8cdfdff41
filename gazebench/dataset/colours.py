"""Colours of a picture: from the space of its own ICC profile to sRGB, and back.

Portraits are sRGB, as web pages and the networks take them. Conversion is littleCMS's, relative
colorimetric with black point compensation, as browsers do it. A profile that changes no colour by
more than two levels is sRGB under another name: its pixels stay as they are. Some profiles, as of
scanners and printers, lead to sRGB but not back: pictures are read by them, and not written.
"""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_EXACT = ImageCms.Flags.NOOPTIMIZE
_SAME = 2  # levels
_STEPS = 9  # of each channel, where a profile is compared with sRGB
_LARGEST = 1 << 20  # bytes of a profile in a PNG that Pillow, and what is built on it, opens
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # by the space of a profile's pixels

Conversion = Callable[[Image.Image], Image.Image]
_UNUSABLE = (OSError, ValueError, TypeError, KeyError, ImageCms.PyCMSError)  # of odd profiles


@dataclass(frozen=True, slots=True)
class Colours:
    """The colour space of a picture's pixels.

    ``profile``: ICC, None for sRGB. ``note``: a sentence where the file's own profile could not be
    used, else "".
    """

    profile: bytes | None = None
    note: str = ""

    @classmethod
    def of(cls, profile: bytes | None, mode: str) -> "Colours":
        """Those of a picture of ``mode`` that carries ``profile``; a broken one is left out."""
        if not profile:
            return cls()
        try:
            space = _MODES[_opened(profile).profile.xcolor_space.strip()]
            if space != mode and not (space == "RGB" and mode == "L"):
                return cls(note=f"its colour profile is for {space} pixels; read as sRGB")
            _to_srgb(profile, space)
        except _UNUSABLE:
            return BROKEN
        return cls(profile)

    def why_not_written(self) -> str:
        """Why no file should be written in these colours, as words on the profile; "": it can be.

        Where there is a reason, ``from_srgb`` is not to be used.
        """
        if self.profile is None:
            return ""
        if len(self.profile) > _LARGEST:
            return "its colour profile is over 1 MB, which many programs refuse"
        try:
            _from_srgb(self.profile, _space(self.profile))
        except _UNUSABLE:
            return "its colour profile converts one way only"
        return ""

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """The image as 8-bit RGB of sRGB."""
        if self.profile is None:
            return image if image.mode == "RGB" else image.convert("RGB")
        space = _space(self.profile)
        convert = _to_srgb(self.profile, space)
        image = image if image.mode == space else image.convert(space)
        return convert(image) if convert else image.convert("RGB")

    def from_srgb(self, image: Image.Image, mode: str) -> Image.Image:
        """An image of sRGB in these colours, as ``mode``: "RGB" or "L"."""
        if self.profile is not None:
            space = _space(self.profile)
            if convert := _from_srgb(self.profile, space):
                image = convert(image)
        return image if image.mode == mode else image.convert(mode)


BROKEN = Colours(note="its colour profile is damaged; read as sRGB")


def _opened(profile: bytes) -> Any:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _space(profile: bytes) -> str:
    """The mode of the pixels that a profile is for."""
    return _MODES[profile[16:20].decode("latin-1").strip()]


@functools.lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> Conversion | None:
    """From ``mode`` to RGB; None where the pixels are sRGB already."""
    convert = _conversion(_opened(profile), _srgb(), mode, "RGB")
    if mode == "CMYK":
        return convert
    before = _samples(mode)
    after = convert(before)
    apart = np.abs(np.asarray(before.convert("RGB"), int) - np.asarray(after, int))
    if apart.max() <= _SAME:
        return None
    if mode == "L":  # each level once
        table = np.asarray(after.getchannel("G"))[0].tolist()
        return lambda image: image.point(table).convert("RGB")
    return convert


@functools.lru_cache(maxsize=8)
def _from_srgb(profile: bytes, mode: str) -> Conversion | None:
    if _to_srgb(profile, mode) is None:
        return None
    return _conversion(_srgb(), _opened(profile), "RGB", mode)


def _conversion(source: Any, target: Any, source_mode: str, target_mode: str) -> Conversion:
    # littleCMS's tables are too coarse for the dark end of a grey curve
    flags = _FLAGS | _EXACT if "L" in (source_mode, target_mode) else _FLAGS
    transform = ImageCms.buildTransform(
        source, target, source_mode, target_mode, renderingIntent=_INTENT, flags=flags
    )
    return lambda image: _applied(transform, image)


def _applied(transform: Any, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is not done in place
    return converted


@functools.cache
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def _samples(mode: str) -> Image.Image:
    levels = np.linspace(0, 255, _STEPS if mode == "RGB" else 256).round().astype(np.uint8)
    if mode == "L":
        return Image.fromarray(levels[None])
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return Image.fromarray(grid.reshape(1, -1, 3))
