"""What every page of a report is made with: one style, the policy, pictures inside the page."""

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from jinja2 import Environment
from PIL import Image

from gazebench import pages
from gazebench.pages import inlined, joined, policy

__all__ = ["data_uri", "environment", "image_uri", "joined", "policy", "within"]

K = TypeVar("K", bound=Hashable)
_QUALITIES = (82, 74, 66, 56, 44, 30)


def environment() -> Environment:
    """The templates of a report's pages."""
    return pages.environment("gazebench.reports.page")


def within(pictures: Mapping[K, Image.Image], budget: float) -> dict[K, str]:
    """Data URIs of at most ``budget`` bytes in all, or in the lowest quality."""

    @cache
    def encoded(place: int) -> dict[K, str]:
        with ThreadPoolExecutor() as threads:  # Pillow encodes on several cores
            uris = threads.map(lambda one: image_uri(one, _QUALITIES[place]), pictures.values())
            return dict(zip(pictures, uris, strict=True))

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
    webp = data_uri(image, quality)
    if image.mode != "RGB":
        return webp
    jpeg = inlined(image, "JPEG", quality=quality, optimize=True, progressive=True)
    return min(webp, jpeg, key=len)


def data_uri(image: Image.Image, quality: int) -> str:
    """A picture as WebP inside the page."""
    return inlined(image, "WEBP", quality=quality, method=4)
