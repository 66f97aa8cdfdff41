"""Offline pages: templates, inlined pictures, and a policy by which a page fetches nothing."""

import base64
import hashlib
import io
from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image


def environment(package: str) -> Environment:
    """Templates of a package, with escaping on and every unknown name an error."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def joined(templates: Environment, names: Iterable[str]) -> str:
    """The sources of template files, one after the other."""
    assert templates.loader is not None
    return "".join(templates.loader.get_source(templates, name)[0] for name in names)


def policy(style: str, script: str = "") -> str:
    """Only this style and this script run, only inlined pictures show, nothing is fetched."""
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src 'sha256-{_digest(style)}'",
            f"script-src 'sha256-{_digest(script)}'" if script else "script-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def inlined(image: Image.Image, kind: str, **options: Any) -> str:
    """A picture inside the page, in Pillow's format ``kind`` and with its ``options``."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return inlined_file(buffer.getvalue(), kind)


def inlined_file(data: bytes, kind: str) -> str:
    """The bytes of a picture file inside the page; ``kind`` is its format, such as "JPEG"."""
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data).decode()}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
