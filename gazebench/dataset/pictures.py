"""Picture files: the strict reader, by which a picture is whole and plain or refused, and PNG.

One reader for builds, evaluation and single photos. Decoding is Pillow's; what is refused and
how colours are made RGB is decided here. One writer of PNG files for portraits, predictions and
what is made of them.
"""

import functools
import io
import os
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

from gazebench.errors import InputError

MAX_BYTES = 256 * 1024**2
MAX_RATIO = 200  # of a picture in an archive: bytes per compressed byte
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")


_WITH_TEXT = 3  # zlib's level for files that carry more than pixels


class PictureError(InputError):
    """A picture that is refused: ``code`` is the reason of the quarantine list."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def read_bytes(path: Path, member: str = "") -> bytes:
    """Content of a regular picture file of at most 256 MB.

    ``member``: name inside the ZIP archive at ``path``; nothing is extracted.

    Raises:
        PictureError: missing, not a regular file, empty or too large; a member that is damaged
            or more than 200 times its compressed size.
    """
    data = _member_bytes(path, member) if member else _file_bytes(path)
    if not data:
        raise PictureError("empty", f"{path}: an empty file")
    return data


def _file_bytes(path: Path) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise PictureError("not_a_file", f"{path}: is no regular file")
        if facts.st_size > MAX_BYTES:
            raise PictureError("too_large", f"{path}: {facts.st_size} bytes, limit {MAX_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise PictureError("unreadable", f"{path}: {error.strerror or error}") from None


def _member_bytes(path: Path, member: str) -> bytes:
    try:
        archive = _opened(path, path.stat().st_mtime_ns, os.getpid())
        info = archive.getinfo(member)
        _check_member(info)
        with archive.open(info) as file:
            return file.read(MAX_BYTES)
    except PictureError:
        raise
    except OSError as error:
        raise PictureError("unreadable", f"{path}: {error.strerror or error}") from None
    except KeyError:
        raise PictureError("unreadable", f"{path}: has no {member}") from None
    except Exception as error:  # zipfile and its codecs raise whatever damage leads them to
        raise PictureError(
            "damaged", f"{path}: {member}: damaged in the archive ({error})"
        ) from None


def _check_member(info: zipfile.ZipInfo) -> None:
    size, packed = info.file_size, max(info.compress_size, 1)
    if size >= MAX_BYTES:
        raise PictureError("too_large", f"{info.filename}: {size} bytes, limit {MAX_BYTES}")
    if size > MAX_RATIO * packed:
        sentence = f"{info.filename}: {size / packed:.0f} times its packed size, limit {MAX_RATIO}"
        raise PictureError("too_large", sentence)


@functools.lru_cache(maxsize=4)
def _opened(path: Path, mtime_ns: int, process: int) -> zipfile.ZipFile:
    # by process, because a fork shares the place where its parent reads; by time, because a
    # changed archive has another directory
    del mtime_ns, process
    return zipfile.ZipFile(path)


def read_picture(path: Path) -> Image.Image:
    """The picture at ``path`` as upright 8-bit RGB.

    Raises:
        PictureError: refused, see ``decode`` and ``read_bytes``.
    """
    return decode(read_bytes(path), str(path))


def decode(data: bytes, name: str) -> Image.Image:
    """The picture in ``data`` as upright 8-bit RGB; the type is detected by content, not by name.

    EXIF orientation is applied, 16-bit values are scaled, transparency is laid on black. Nothing
    but pixels is kept: no EXIF, no colour profile, no comment. Of a JPEG with further pictures
    behind the first (MPO, as phones write), the first is read.

    Raises:
        PictureError: no JPEG, PNG, WebP or BMP; damaged, truncated, animated, over 50 Mpx.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)  # ours to fix, not the picture's
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check(image, name)
                if image.format == "PNG":  # its checksums, and that it ends where it should
                    Image.open(io.BytesIO(data), formats=["PNG"]).verify()
                image.load()
                ImageOps.exif_transpose(image, in_place=True)  # else it copies upright ones
                return _rgb(image)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError("too_many_pixels", f"{name}: over {MAX_PIXELS:,} pixels") from None
    except Image.UnidentifiedImageError:
        raise PictureError("not_a_picture", f"{name}: is no JPEG, PNG, WebP or BMP") from None
    except MemoryError:
        raise PictureError("too_many_pixels", f"{name}: too little memory to decode it") from None
    except Exception as error:  # decoders raise whatever damage leads them to
        raise PictureError("damaged", f"{name}: damaged picture ({error})") from None


def _check(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width}x{image.height}"
        raise PictureError("too_many_pixels", f"{name}: {size}, over {MAX_PIXELS:,} pixels")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise PictureError("animated", f"{name}: has {frames} frames")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip to white
        values = np.asarray(image, np.float64)
        image = Image.fromarray(np.round(values / 257.0).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    rgb = image.convert("RGB")
    rgb.info = {}
    return rgb


def png(
    pixels: NDArray[np.uint8],
    *,
    profile: bytes | None = None,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """A PNG file of 8-bit ``pixels`` (H, W, 3), with a colour profile and texts by keyword.

    Made for photographs, three times as fast as zlib's fastest level at about the same size; what
    is flat (a mask) wants another. A file with more than pixels is compressed by Pillow.
    """
    if profile is None and not text:
        import imagecodecs

        return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), **_png_effort()))
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_text(key, value)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "PNG", compress_level=_WITH_TEXT, icc_profile=profile, pnginfo=chunks
    )
    return buffer.getvalue()


@functools.cache
def _png_effort() -> dict[str, Any]:
    # no search for repetitions, which photographs lack: faster and smaller than the fastest level;
    # and one filter for all rows, which is as small as the best of five for each row, in half the
    # time
    from imagecodecs import PNG

    return {"level": 1, "strategy": PNG.STRATEGY.HUFFMAN_ONLY, "filter": PNG.FILTER.PAETH}
