"""Picture files: the strict reader, by which a picture is whole and plain or refused, and PNG.

One reader for builds, evaluation and single photos. Decoding is Pillow's; what is refused and
how colours are made RGB is decided here. One writer of PNG files for portraits, predictions and
what is made of them.
"""

import contextlib
import functools
import io
import os
import stat
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, PngImagePlugin

from gazebench.dataset import _mending, containers, declared
from gazebench.dataset.colours import BROKEN, Colours
from gazebench.dataset.picture_types import HEAD, KNOWN, READ, kind_of, why_not
from gazebench.errors import InputError, MissingPartError

MAX_BYTES = 256 * 1024**2
MAX_RATIO = 200  # of a picture in an archive: bytes per compressed byte
MAX_PIXELS = 120_000_000  # where no setting says otherwise; decoding takes 4 bytes for each
MOST_MEGAPIXELS = 250  # of any setting
LARGE = 50_000_000  # pixels from which on a JPEG is first decoded at a reduced size
_LEAST_SIDE = 4096  # of a copy that is reduced, its longer side

_WITH_TEXT = 3  # zlib's level for files that carry more than pixels
_WITH_OTHERS = ("MPO", "HEIF")  # what phones write: the picture, and others that belong to it
_TRANSPARENT = ("RGBA", "LA", "PA", "La", "RGBa")
_ORIENTATION, _PHOTOMETRIC = 0x0112, 262  # tags of EXIF and TIFF
_WHITE_IS_ZERO = 0
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(InputError):
    """A picture that is refused: ``code`` is the reason of the quarantine list."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def read_bytes(path: Path, member: str = "", *, more: int = 0) -> bytes:
    """Content of a regular picture file of at most 256 MB.

    ``member``: name inside the ZIP archive at ``path``, or an address in one of ``containers``;
    nothing is extracted. ``more``: bytes that a file may have beyond that.

    Raises:
        PictureError: missing, not a regular file, empty or too large; a member that is damaged
            or more than 200 times its compressed size.
    """
    data = _member_bytes(path, member) if member else _file_bytes(path, MAX_BYTES + more)
    if not data:
        raise PictureError("empty", f"{path}: an empty file")
    return data


def _file_bytes(path: Path, limit: int) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise PictureError("not_a_file", f"{path}: is not a regular file")
        if facts.st_size > limit:
            raise PictureError("too_large", f"{path}: {facts.st_size} bytes, limit {limit}")
        return path.read_bytes()
    except OSError as error:
        raise PictureError("unreadable", f"{path}: {error.strerror or error}") from None


def type_at(path: Path) -> str:
    """What the regular file at ``path`` is by its first bytes, see ``picture_types.kind_of``.

    "" for what is not a regular file or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
        with path.open("rb") as file:
            return kind_of(file.read(HEAD))
    except OSError:
        return ""


def _member_bytes(path: Path, member: str) -> bytes:
    try:
        if containers.holds_many(path):
            return containers.read(path, member, limit=MAX_BYTES)
        archive = _opened(path, path.stat().st_mtime_ns, os.getpid())
        info = archive.getinfo(member)
        _check_member(info)
        with archive.open(info) as file:
            return file.read(MAX_BYTES)
    except (PictureError, MissingPartError):
        raise
    except OSError as error:
        raise PictureError("unreadable", f"{path}: {error.strerror or error}") from None
    except OverflowError as error:
        raise PictureError("too_large", f"{path}: {member}: {error}") from None
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


@dataclass(frozen=True, slots=True)
class Original:
    """A picture as its file has it, upright: its own colours, and the pixels under transparency."""

    pixels: Image.Image  # 8 bit, mode "L" or "RGB"
    colours: Colours  # of the pixels
    alpha: Image.Image | None  # mode "L", 0 is transparent; None: all is opaque
    scale: int = 1  # pixels of the file, along a side, for one of these

    @property
    def note(self) -> str:
        """What was not as it should be, as a sentence; "" for nothing."""
        return self.colours.note

    def opaque(self) -> Image.Image:
        """All its pixels as 8-bit RGB of sRGB, whatever is transparent."""
        return _plain(self.colours.to_srgb(self.pixels))

    def on_black(self) -> Image.Image:
        """As 8-bit RGB of sRGB, with transparency laid on black."""
        image = self.opaque()
        if self.alpha is None:
            return image
        return Image.composite(image, Image.new("RGB", image.size), self.alpha)

    def to_write(self) -> "Original":
        """Itself, or the same as sRGB, with a note, where no file can be written in its colours."""
        why = self.colours.why_not_written()
        if not why:
            return self
        pixels = self.opaque()
        if self.pixels.mode == "L" and _is_grey(pixels):
            pixels = pixels.convert("L")
        return replace(self, pixels=pixels, colours=Colours(note=f"{why}; written as sRGB"))


def _is_grey(image: Image.Image) -> bool:
    red, *others = image.split()
    return all(ImageChops.difference(red, other).getbbox() is None for other in others)


def read_picture(path: Path) -> Image.Image:
    """The picture at ``path`` as upright 8-bit RGB of sRGB.

    Raises:
        PictureError: refused, see ``decode`` and ``read_bytes``.
    """
    return decode(read_bytes(path), str(path))


def decode(data: bytes, name: str) -> Image.Image:
    """The picture in ``data`` as upright 8-bit RGB of sRGB; its type is detected from the content.

    Transparency is laid on black; nothing but pixels is kept. See ``original``.

    Raises:
        PictureError: see ``original``.
    """
    return original(data, name).on_black()


def original(data: bytes, name: str, *, most: int = MAX_PIXELS, reduced: bool = False) -> Original:
    """The picture in ``data`` in its own colours; its type is detected from the content.

    EXIF orientation is applied (one that cannot be read means upright), 16-bit values are scaled,
    CMYK becomes sRGB. Wrong metadata is no damage; a JPEG that only lacks its end marker is whole.
    Of a JPEG with further pictures behind the first (MPO, as phones write), the first is read.

    ``most``: pixels that it may have. ``reduced``: a JPEG of over 50 megapixels at a half, quarter
    or eighth of its size, its longer side at least 4096, which takes that much less memory.

    Raises:
        PictureError: of no type that is read; pixels damaged or cut off; animated, several pages;
            values that are no integers of 8 or 16 bits; too many pixels.
    """
    kind = kind_of(data[:HEAD])
    _check_kind(kind, name)
    try:
        with warnings.catch_warnings(), most_pixels(most):
            warnings.simplefilter("ignore")  # of metadata, which says nothing of the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _first_whole(data, kind, name, reduced=reduced)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        hint = "" if most >= MOST_MEGAPIXELS * 1_000_000 else "; max_megapixels can be up to 250"
        raise PictureError("too_many_pixels", f"{name}: over {most:,} pixels{hint}") from None
    except MemoryError:
        raise PictureError("too_many_pixels", f"{name}: too little memory to decode it") from None
    except Exception as error:  # decoders raise whatever damage leads them to
        raise PictureError("damaged", f"{name}: damaged picture ({error})") from None


def _check_kind(kind: str, name: str) -> None:
    if not kind:
        raise PictureError("not_a_picture", f"{name}: is no {KNOWN}")
    if kind not in READ:
        raise PictureError("not_a_picture", f"{name}: is {kind}, no {KNOWN}; convert it")
    if fault := why_not(kind):
        raise PictureError("unread_type", f"{name}: {fault}")


@contextlib.contextmanager
def most_pixels(limit: int | None) -> Iterator[None]:
    """Inside, Pillow opens pictures of at most ``limit`` pixels; None: of any, for their header."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = limit
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _first_whole(data: bytes, kind: str, name: str, *, reduced: bool) -> Original:
    """Of the first version of the file that decodes; a later one has less metadata."""
    fault: Exception | None = None
    for version in _mending.versions(data, kind):
        try:
            found = _loaded(version, kind, name, reduced=reduced)
        except (PictureError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise
        except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error) as error:
            fault = fault or error
            continue
        if found.colours == Colours() and _mending.claims_profile(data, kind):
            return replace(found, colours=BROKEN)
        return found
    raise fault or ValueError("no pixels")


def _loaded(data: bytes, kind: str, name: str, *, reduced: bool) -> Original:
    if kind == "HEIF":
        _register_heif()
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        _check(image, name)
        scale = _scale(image.size) if reduced and kind == "JPEG" else 1
        if scale > 1:
            image.draft(None, (image.width // scale, image.height // scale))
        image.load()
        turn = _TURNS.get(_orientation(image))  # after loading: some decoders turn it themselves
        upright = image if turn is None else image.transpose(turn)
        profile = image.info.get("icc_profile") or declared.profile(image)
        return replace(_original(upright, profile), scale=scale)


def _scale(size: tuple[int, int]) -> int:
    """By how much a large picture is reduced when it is decoded: 1, 2, 4 or 8."""
    if size[0] * size[1] <= LARGE:
        return 1
    return next((scale for scale in (8, 4, 2) if max(size) >= scale * _LEAST_SIDE), 1)


@functools.cache
def _register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)


def piece(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """A part of a picture that was read: left, top, right, bottom.

    Pillow's own ``crop`` refuses one of over 179 megapixels.
    """
    with most_pixels(None):
        return picture.crop(box)


def header(data: bytes) -> tuple[str, str, bool]:
    """Format, mode and whether there is transparency, of the picture in ``data``, by its header.

    Raises:
        PictureError: no picture that Pillow knows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                has_alpha = image.mode in _TRANSPARENT or "transparency" in image.info
                return str(image.format), image.mode, has_alpha
    except Exception as error:  # decoders raise whatever damage leads them to
        raise PictureError("not_a_picture", f"is not a picture ({error})") from None


def _check(image: Image.Image, name: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format == "TIFF":
        raise PictureError("animated", f"{name}: has {frames} pages")
    if frames > 1 and image.format not in _WITH_OTHERS:
        raise PictureError("animated", f"{name}: has {frames} frames")
    if _has_other_values(image):
        sentence = f"{name}: its values are not integers of 8 or 16 bits; convert it"
        raise PictureError("unread_type", sentence)


def _has_other_values(image: Image.Image) -> bool:
    # a PNG of mode I has 16 bits, a TIFF 32
    return image.mode == "F" or (image.mode == "I" and image.format != "PNG")


def _orientation(image: Image.Image) -> int:
    """Of EXIF, 1 to 8; 1 where it cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # it looks at XMP too, and either may hold anything
        return _orientation_of(image.info.get("exif"))


def _orientation_of(block: bytes | None) -> int:
    try:
        exif = Image.Exif()
        exif.load(block or b"")
        return int(exif.get(_ORIENTATION, 1))
    except Exception:  # likewise
        return 1


def _original(image: Image.Image, profile: bytes | None) -> Original:
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip to white
        image = _eight_bits(image)
    alpha = None
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert("LA" if image.mode in ("L", "1", "LA", "La") else "RGBA")
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    mode = image.mode if image.mode in ("L", "RGB", "CMYK") else _plainest(image)
    colours = Colours.of(profile, mode)
    if mode == "CMYK":
        image, colours = colours.to_srgb(image), Colours(note=colours.note)
    return Original(_bare(image, "L" if mode == "L" else "RGB"), colours, alpha)


def _bare(image: Image.Image, mode: str) -> Image.Image:
    """Pixels of ``mode`` and nothing else: Pillow's object of the file would keep its metadata."""
    # `convert` to the mode it has would hold a large picture twice
    return _plain(image.convert(mode) if image.mode != mode else image._new(image.im))


def _plainest(image: Image.Image) -> str:
    return "L" if image.mode == "1" else "RGB"


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image, np.float64)
    grey = np.round(values / 257.0).clip(0, 255).astype(np.uint8)
    tags = getattr(image, "tag_v2", {})
    return Image.fromarray(255 - grey if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else grey)


def _plain(image: Image.Image) -> Image.Image:
    image.info = {}
    return image


def png(
    pixels: NDArray[np.uint8],
    *,
    profile: bytes | None = None,
    text: Mapping[str, str] | None = None,
) -> bytes:
    """A PNG file of 8-bit ``pixels``, with a colour profile and texts by keyword.

    ``pixels``: (H, W, C) with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels.

    Made for photographs, three times as fast as zlib's fastest level at about the same size; what
    is flat (a mask) wants another. A file with more than pixels is compressed by Pillow.
    """
    if profile is None and not text and pixels.shape[2] == 3:
        import imagecodecs

        return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), **_png_effort()))
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_text(key, value)
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
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
