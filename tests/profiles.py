"""Colour profiles made for tests, and what their colours are, computed without littleCMS.

ICC.1:2001-04: a display profile of three primaries and one tone curve, or of grey.
"""

import struct

import numpy as np
from numpy.typing import NDArray

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

# chromaticities of red, green and blue
SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3: Primaries = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO: Primaries = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
WHITE = (0.3127, 0.3290)  # D65
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def rgb_profile(primaries: Primaries, gamma: float) -> bytes:
    """A profile of RGB pixels whose values are light to the power of 1 / gamma."""
    columns = to_d50(primaries).T
    tags = {b"rXYZ": _xyz(columns[0]), b"gXYZ": _xyz(columns[1]), b"bXYZ": _xyz(columns[2])}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """A profile of grey pixels."""
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def seen_as_srgb(values: NDArray[np.uint8], primaries: Primaries, gamma: float | None) -> NDArray:
    """What pixels (..., 3) of such a profile are in sRGB, 0 to 255, cut off at its gamut.

    ``gamma``: None for the curve of sRGB.
    """
    light = decoded(values / 255.0) if gamma is None else (values / 255.0) ** gamma
    light = light @ to_d50(primaries).T @ np.linalg.inv(to_d50(SRGB)).T
    return encoded(light.clip(0, 1)) * 255


def encoded(light: NDArray) -> NDArray:
    """IEC 61966-2-1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def decoded(values: NDArray) -> NDArray:
    """Likewise, the way back."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_d50(primaries: Primaries) -> NDArray:
    """Matrix from linear RGB to XYZ, adapted from D65 to D50 (3, 3)."""
    white = _at(*WHITE)
    columns = np.stack([_at(x, y) for x, y in primaries], axis=1)
    matrix = columns * np.linalg.solve(columns, white)
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ matrix


def _at(x: float, y: float) -> NDArray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: NDArray) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"a test\0"
    tags |= {b"wtpt": _xyz(_D50), b"cprt": b"text" + bytes(4) + text + bytes(1)}
    tags |= {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(79)}
    table, body, place = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content
    size = struct.pack(">I", place + len(body))
    header = size + bytes(4) + b"\x02\x40\0\0" + b"mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + b"".join(map(_fixed, _D50)) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body
