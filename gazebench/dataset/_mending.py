"""Picture files whose pixels are whole and whose rest is not, as files that decode.

Metadata (EXIF, XMP, comments, indices of further pictures) can be wrong in many ways that say
nothing about the pixels. What is left out here is left out of the bytes, before a decoder sees it.
"""

import io
import itertools
import re
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"}
_COLOURS = {b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"}
_PNG_START = 8
_IEND = bytes(4) + b"IEND\xae\x42\x60\x82"
_Chunk = tuple[bytes, slice, bool]  # name, place, whether its checksum is right
_PIECE, _MOST_OF_PIXELS = 1 << 24, 1 << 32  # bytes
_END = b"\xff\xd9"  # of a JPEG
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)  # within compressed data
_START_OF_SCAN, _COMMENT = 0xDA, 0xFE
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_FREE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


# marker and first bytes of application data that says something of the pixels
_JFIF, _EXIF, _ICC, _ADOBE = b"\xe0", b"\xe1Exif\0", b"\xe2ICC_PROFILE\0", b"\xeeAdobe"


class PixelDamageError(ValueError):
    """The pixels themselves are cut off or wrong."""


def versions(data: bytes, kind: str) -> Iterator[bytes]:
    """The file as it is, then with less and less besides its pixels.

    Raises:
        PixelDamageError: a part of a PNG that holds pixels is damaged, or it has no end.
    """
    if kind == "PNG":
        data, chunks = _whole_png(data)
        yield data
        yield _png(data, chunks, _PIXELS | _COLOURS)
        yield _png(data, chunks, _PIXELS)
    elif kind == "JPEG":
        yield data
        whole = _with_end(data)
        if whole != data:
            if not _is_complete(data):
                return
            yield whole
        yield _without_metadata(whole, (_JFIF, _EXIF, _ICC, _ADOBE))
        yield _without_metadata(whole, (_ADOBE,))
        yield _without_metadata(whole, ())
    else:
        yield data


def claims_profile(data: bytes, kind: str) -> bool:
    """Whether a PNG or JPEG has a colour profile, be it broken."""
    if kind == "PNG":
        return any(name == b"iCCP" for name, _, _ in _whole_png(data)[1])
    if kind == "JPEG":
        return any(_body(data, start, end).startswith(_ICC) for _, start, end in _headers(data))
    return False


def _whole_png(data: bytes) -> tuple[bytes, list[_Chunk]]:
    """A PNG and its chunks; one that has all its pixels and only lacks its end gets one."""
    chunks: list[_Chunk] = []
    try:
        chunks.extend(_chunks(data))
    except PixelDamageError:
        if not _has_all_rows(data, chunks):
            raise
        end = chunks[-1][1].stop
        return data[:end] + _IEND, [*chunks, (b"IEND", slice(end, end + len(_IEND)), True)]
    return data, chunks


def _has_all_rows(data: bytes, chunks: list[_Chunk]) -> bool:
    """Whether the compressed pixels of a PNG come to their own end."""
    stream, left = zlib.decompressobj(), _MOST_OF_PIXELS
    try:
        for piece in (
            data[at.start + 8 : at.stop - 4] for name, at, _ in chunks if name == b"IDAT"
        ):
            while piece and left > 0:
                left -= len(stream.decompress(piece, _PIECE))
                piece = stream.unconsumed_tail
    except zlib.error:
        return False
    return stream.eof


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Name, place and soundness of each chunk of a PNG (ISO 15948, section 5.3)."""
    place = _PNG_START
    while True:
        if place + 12 > len(data):
            raise PixelDamageError("it is cut off")
        (length,) = struct.unpack_from(">I", data, place)
        name, end = data[place + 4 : place + 8], place + 12 + length
        if end > len(data):
            raise PixelDamageError("it is cut off")
        (wanted,) = struct.unpack_from(">I", data, end - 4)
        is_sound = zlib.crc32(memoryview(data)[place + 4 : end - 4]) == wanted
        if not is_sound and (name in _PIXELS or not name[:1].islower()):
            raise PixelDamageError(f"wrong checksum of {name.decode('latin-1')}")
        yield name, slice(place, end), is_sound
        if name == b"IEND":
            return
        place = end


def _png(data: bytes, chunks: list[_Chunk], kept: set[bytes]) -> bytes:
    parts = (data[place] for name, place, is_sound in chunks if name in kept and is_sound)
    return data[:_PNG_START] + b"".join(parts)


def _with_end(data: bytes) -> bytes:
    return data if _END in data[-2:] else data.rstrip(b"\xff") + _END


def _without_metadata(data: bytes, wanted: tuple[bytes, ...]) -> bytes:
    """A JPEG without comments, and only with ``wanted`` of its application data."""
    kept, place = [data[:2]], 2
    for marker, start, end in _headers(data):
        is_application = 0xE0 <= marker <= 0xEF or marker == _COMMENT
        if not is_application or _body(data, start, end).startswith(wanted):
            kept.append(data[start:end])
        place = end
    return b"".join([*kept, data[place:]])


def _body(data: bytes, start: int, end: int) -> bytes:
    """A segment's marker without 0xff, and what follows its length."""
    return data[start + 1 : start + 2] + data[start + 4 : end]


def _headers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The segments before a JPEG's first scan."""
    return itertools.takewhile(lambda segment: segment[0] != _START_OF_SCAN, _segments(data))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment of a JPEG (ITU-T T.81, annex B), scans' headers too."""
    place = 2
    while found := _MARKER.search(data, place):
        marker, start = found[1][0], found.end() - 2
        if marker == _END[1]:
            return
        if marker in _FREE:
            place = found.end()
            continue
        if start + 4 > len(data):
            raise PixelDamageError("it is cut off")
        place = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        yield marker, start, place


def _is_complete(data: bytes) -> bool:
    """Whether a JPEG that ends without its end marker has all of its rows.

    Every coefficient must have come, and what follows the data must not matter to the pixels:
    where rows are missing, a decoder takes whatever follows for theirs.
    """
    try:
        if not _has_all_scans(data):
            return False
        bare = data.rstrip(b"\xff")
        noise = np.random.default_rng(0).integers(0, 255, 4096, np.uint8).tobytes()  # no 0xff
        first, second = (np.asarray(_decoded(bare + tail + _END)) for tail in (b"", noise))
    except (OSError, SyntaxError, ValueError, struct.error):
        return False
    return np.array_equal(first, second)


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(_without_metadata(data, (_ADOBE,))), formats=["JPEG"]) as image:
        image.load()
        return image


def _has_all_scans(data: bytes) -> bool:
    """Whether every component has all its 64 coefficients, to their last bit."""
    bits: dict[int, list[int | None]] = {}
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker in _FRAMES:
            bits = {body[6 + 3 * i]: [None] * 64 for i in range(body[5])}
        elif marker == _START_OF_SCAN:
            number = body[0]
            first, last, places = body[1 + 2 * number : 4 + 2 * number]
            for component in body[1 : 1 + 2 * number : 2]:
                for k in range(first, last + 1):
                    bits[component][k] = places & 15
    return bool(bits) and all(place == 0 for rows in bits.values() for place in rows)
