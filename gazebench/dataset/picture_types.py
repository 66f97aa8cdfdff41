"""What a file is, told by its first bytes; and which endings claim to be a picture."""

import functools
import importlib.util
import re

from PIL import features

HEAD = 64  # bytes that are enough to tell

# that can be read, as Pillow names them; HEIF with the extra `heif`
READ = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")
ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff",
    ".avif", ".heic", ".heif", ".hif",
)  # fmt: skip
HEIF_ENDINGS = (".heic", ".heif", ".hif")
KNOWN = "JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC"

# endings of pictures that are not read: vector, layered, raw and rare formats
UNREAD = (
    ".gif", ".svg", ".svgz", ".psd", ".psb", ".ico", ".tga", ".jp2", ".j2k", ".jpx", ".jxl", ".exr",
    ".hdr", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm", ".xcf", ".eps", ".dng", ".cr2", ".cr3", ".nef",
    ".nrw", ".arw", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw", ".x3f",
)  # fmt: skip
_BRAND = re.compile(rb"....ftyp(....)....((?:....)*)", re.DOTALL)
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF8", "GIF"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)


def kind_of(head: bytes) -> str:
    """What the file is whose first ``HEAD`` bytes these are: of ``READ``, another type, or ""."""
    for start, kind in _STARTS:
        if head.startswith(start) and (kind != "BMP" or _is_bitmap(head)):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if found := _BRAND.match(head):
        return _of_brands(found[1], found[2])
    return "SVG" if b"<svg" in head else ""


def _is_bitmap(head: bytes) -> bool:
    # the two letters begin many a text; the header's own length follows at a fixed place
    return len(head) >= 18 and int.from_bytes(head[14:18], "little") in (
        12,
        40,
        52,
        56,
        64,
        108,
        124,
    )


def _of_brands(major: bytes, others: bytes) -> str:
    brands = {major, *(others[i : i + 4] for i in range(0, len(others), 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF else ""


def is_read(kind: str) -> bool:
    """Whether pictures of this type can be read, here and now."""
    return kind in READ and not why_not(kind)


@functools.cache
def why_not(kind: str) -> str:
    """Why a type of ``READ`` cannot be read here, with the command that changes that; else ""."""
    if kind == "HEIF" and importlib.util.find_spec("pillow_heif") is None:
        return "is HEIC; `pip install 'gazebench[heif]'` reads it"
    if kind == "AVIF" and not features.check("avif"):
        return "is AVIF, which this Pillow cannot read; `pip install -U pillow`"
    return ""
