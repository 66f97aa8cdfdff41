"""Versions of the libraries that decide, byte for byte, what a portrait's file holds."""

from importlib import metadata

import numpy as np
import PIL
from PIL import features

_DLIB = ("dlib-bin", "dlib")  # two names under which the same library is installed


def libraries() -> dict[str, str]:
    """Versions by name: of what decodes, finds landmarks, computes, and compresses."""
    import pyvips  # here, so that no worker inherits what it started

    found = {
        "pillow": PIL.__version__,
        "libjpeg": features.version("libjpeg_turbo") or features.version("jpg"),
        "libwebp": features.version("webp"),
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "imagecodecs": _installed("imagecodecs"),  # with a libpng and a zlib of its own
        "numpy": np.__version__,
        "dlib": next(filter(None, map(_installed, _DLIB)), None),
    }
    return {name: version for name, version in found.items() if version}


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
