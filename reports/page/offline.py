"""What every page is made with: templates, one style, a policy that lets nothing be fetched."""

import base64
import hashlib
import io
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from typing import TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

K = TypeVar("K", bound=Hashable)
_QUALITIES = (82, 74, 66, 56, 44, 30)


def environment(package: str = "gazebench.reports.page") -> Environment:
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


def within(pictures: Mapping[K, Image.Image], budget: float) -> dict[K, str]:
    """Data URIs of at most ``budget`` bytes in all, or in the lowest quality."""

    @cache
    def encoded(place: int) -> dict[K, str]:
        return {name: image_uri(one, _QUALITIES[place]) for name, one in pictures.items()}

    best, worst = 0, len(_QUALITIES) - 1
    while best < worst:  # encoding is what takes long: the middle first
        middle = (best + worst) // 2
        if sum(map(len, encoded(middle).values())) <= budget:
            worst = middle
        else:
            best = middle + 1
    return encoded(best)


def image_uri(image: Image.Image, quality: int) -> str:
    """A picture as WebP or JPEG inside the page, whichever is smaller; WebP where it has holes."""
    if image.mode != "RGB":
        return data_uri(image, quality)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    jpeg = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return min(data_uri(image, quality), jpeg, key=len)


def data_uri(image: Image.Image, quality: int) -> str:
    """A picture as WebP inside the page."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
