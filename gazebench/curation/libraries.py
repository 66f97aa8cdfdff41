"""Versions of the libraries that decide, byte for byte, what a portrait's file holds."""

from importlib import metadata

import numpy as np
import PIL
from PIL import features

_DLIB = ("dlib-bin", "dlib")  # two names under which the same library is installed


def libraries() -> dict[str, str]:
    """Versions by name: of what decodes, finds landmarks, computes, and compresses."""
    found = {
        "pillow": PIL.__version__,
        "libjpeg": features.version("libjpeg_turbo") or features.version("jpg"),
        "littlecms": features.version("littlecms2"),
        "libwebp": features.version("webp"),
        "libvips": _libvips(),
        "imagecodecs": _installed("imagecodecs"),  # with a libpng and a zlib of its own
        "numpy": np.__version__,
        "dlib": next(filter(None, map(_installed, _DLIB)), None),
    }
    return {name: version for name, version in found.items() if version}


def _libvips() -> str | None:
    try:
        import pyvips  # here, because its start would cost every command
    except (ImportError, OSError):  # then it has turned no portrait either
        return None
    return ".".join(str(pyvips.version(part)) for part in range(3))


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
