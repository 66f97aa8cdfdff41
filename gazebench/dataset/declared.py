"""Colours that a picture declares without an ICC profile, as one.

A PNG by its chunks: sRGB, before gAMA and cHRM (PNG, third edition, section 4.3). Any picture by
its EXIF: cameras mark Adobe RGB by the interoperability index R03 (DCF 2.0), some by space 2.
A gamma of 1 / 2.2 with the primaries of sRGB, or with none, is how a PNG says sRGB to old readers.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

DAMAGED = b"damaged"  # where what is declared cannot be: no profile either

_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x and y of white, red, green, blue
_ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMA = 2.2
_NEAR = 0.05  # of a gamma, as a share; libpng takes no finer difference for one
_SAME = 0.005  # of a chromaticity
_GAMMAS = (0.2, 10.0)  # that can be
_COLOUR_SPACE, _INDEX = 0xA001, 1  # tags of EXIF
_SPACE_SRGB, _SPACE_ADOBE, _ADOBE_INDEX = 1, 2, "R03"
_CURVE = 1024  # places of a table
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def profile(image: Image.Image) -> bytes | None:
    """The ICC profile of what ``image`` declares; None for sRGB and for nothing.

    ``image``: as Pillow opened the file. ``DAMAGED`` where that makes no colours.
    """
    if image.format == "PNG" and image.info.keys() & {"srgb", "gamma", "chromaticity"}:
        return _of_chunks(image.info)
    return rgb_profile(_ADOBE_RGB, _ADOBE_GAMMA) if _is_adobe_rgb(image) else None


def rgb_profile(points: Sequence[float], gamma: float | None) -> bytes:
    """A display profile (ICC.1:2001-04), adapted to D50.

    ``points``: x and y of white, red, green, blue. ``gamma``: None for the curve of sRGB.

    Raises:
        ValueError: no colours can be made of these points.
    """
    columns = _to_d50(points).T
    tags = {b"rXYZ": _xyz(columns[0]), b"gXYZ": _xyz(columns[1]), b"bXYZ": _xyz(columns[2])}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    name = b"as the picture declares\0"
    tags |= {b"wtpt": _xyz(_D50), b"cprt": b"text" + bytes(4) + b"none\0"}
    tags |= {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(79)}
    return _profile(tags)


def _of_chunks(info: dict[Any, Any]) -> bytes | None:
    if "srgb" in info:
        return None
    points = tuple(info.get("chromaticity", _SRGB))
    value = info.get("gamma")
    if value is not None and not 1 / _GAMMAS[1] <= value <= 1 / _GAMMAS[0]:
        return DAMAGED
    gamma = 1 / value if value else None
    try:
        is_srgb = np.allclose(points, _SRGB, rtol=0, atol=_SAME)
        if is_srgb and (gamma is None or abs(gamma / _SRGB_GAMMA - 1) < _NEAR):
            return None
        return rgb_profile(points, gamma)
    except ValueError:
        return DAMAGED


def _is_adobe_rgb(image: Image.Image) -> bool:
    try:
        exif = image.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(_COLOUR_SPACE)
        if space in (_SPACE_SRGB, _SPACE_ADOBE):
            return space == _SPACE_ADOBE
        index = exif.get_ifd(ExifTags.IFD.Interop).get(_INDEX, "")
    except Exception:  # it may hold anything
        return False
    text = index.decode("latin-1") if isinstance(index, bytes) else str(index)
    return text.rstrip("\0 ") == _ADOBE_INDEX


def _to_d50(points: Sequence[float]) -> NDArray[np.float64]:
    """Matrix from linear RGB to XYZ (3, 3), adapted by Bradford's."""
    white, *primaries = (_at(x, y) for x, y in zip(points[::2], points[1::2], strict=True))
    columns = np.stack(primaries, axis=1)
    try:
        shares = np.linalg.solve(columns, white)
    except np.linalg.LinAlgError:
        raise ValueError("the primaries lie on one line") from None
    if not (shares > 0).all():
        raise ValueError("the white lies outside the primaries")
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ (columns * shares)


def _at(x: float, y: float) -> NDArray[np.float64]:
    if not (0 <= x <= 1 and 0 < y <= 1):
        raise ValueError(f"no chromaticity: {x}, {y}")
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz(values: NDArray[np.float64]) -> bytes:
    if not (np.abs(values) < 32768).all():
        raise ValueError("too large for a profile")
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)
    value = np.linspace(0, 1, _CURVE)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    table = (light * 65535).round().astype(">u2").tobytes()
    return b"curv" + bytes(4) + struct.pack(">I", _CURVE) + table


def _profile(tags: dict[bytes, bytes]) -> bytes:
    table, body, place = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content
    size = struct.pack(">I", place + len(body))
    header = size + bytes(4) + b"\x02\x40\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + _xyz(_D50)[8:] + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body
