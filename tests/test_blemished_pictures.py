"""Pictures whose pixels are whole and whose metadata is not; and those that are cut off."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gazebench.dataset.pictures import PictureError, decode, original, read_picture


def face(demo_portraits: Path) -> Image.Image:
    return read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((200, 160))


@pytest.fixture(scope="session")
def picture(demo_portraits: Path) -> Image.Image:
    return face(demo_portraits)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """A block of EXIF with entries of tag, type, count and four bytes of value or place."""
    body = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries)
    head = b"Exif\0\0MM\0*" + struct.pack(">I", 8)
    return head + struct.pack(">H", len(entries)) + body + bytes(4)


SHORT, ASCII, RATIONAL = 3, 2, 5
SIX, ONE = struct.pack(">HH", 6, 0), struct.pack(">HH", 1, 0)
CUT = {  # what is left of a PNG that ends like this
    "no end": lambda png: png[:-12],
    "half an end": lambda png: png[:-5],
    "a cut text behind the pixels": lambda png: png[:-12] + b"\0\0\1\0tEXtAuthor",
}


@pytest.mark.parametrize("form", CUT)
def test_a_png_that_only_lacks_its_end_is_whole(form: str, picture: Image.Image) -> None:
    data = encoded(picture, "PNG")
    np.testing.assert_array_equal(decode(CUT[form](data), "x"), picture)


@pytest.mark.parametrize("left", [13, 40, 400, 5000])
def test_a_png_that_lacks_pixels_is_damaged(left: int, picture: Image.Image) -> None:
    with pytest.raises(PictureError) as caught:
        decode(encoded(picture, "PNG")[:-left], "x")
    assert caught.value.code == "damaged"


def test_an_adobe_segment_that_is_too_short_is_passed_over(picture: Image.Image) -> None:
    data = encoded(picture, "JPEG")
    made = data[:2] + b"\xff\xee\0\x08Adobe\0" + data[2:]
    np.testing.assert_array_equal(decode(made, "x"), decode(data, "x"))


BLEMISHES = {
    "two orientations": exif((0x0112, SHORT, 2, struct.pack(">HH", 1, 6))),
    "an orientation of 0": exif((0x0112, SHORT, 1, bytes(4))),
    "an orientation of 99": exif((0x0112, SHORT, 1, struct.pack(">HH", 99, 0))),
    "an orientation in letters": exif((0x0112, ASCII, 4, b"top\0")),
    "values beyond the end": exif((0x0112, SHORT, 1, ONE), (0x010F, ASCII, 99, b"\x7f\0\0\0")),
    "a type that is none": exif((0x0112, SHORT, 1, ONE), (0x9999, 77, 1, bytes(4))),
    "a resolution of 0/0": exif((0x011A, RATIONAL, 1, struct.pack(">I", 8))),
    "noise": b"Exif\0\0" + bytes(range(7, 90)),
    "cut off": exif((0x0112, SHORT, 1, ONE))[:17],
    "a count of 65,535": b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 65535) + bytes(30),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("blemish", BLEMISHES)
def test_wrong_exif_means_upright(blemish: str, kind: str, picture: Image.Image) -> None:
    block = BLEMISHES[blemish]
    block = block if kind == "JPEG" else block.removeprefix(b"Exif\0\0")
    plain, marked = encoded(picture, kind), encoded(picture, kind, exif=block)
    assert len(marked) > len(plain)
    np.testing.assert_array_equal(decode(marked, "x"), decode(plain, "x"))


def test_a_good_orientation_beside_a_wrong_tag_counts(picture: Image.Image) -> None:
    block = exif((0x0112, SHORT, 1, SIX), (0x9999, 77, 1, bytes(4)))
    assert decode(encoded(picture, "JPEG", exif=block), "x").size == (160, 200)


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description tiff:Orientation="1" note="\xe9"/></rdf:RDF></x:xmpmeta>'
)


def text(key: str, value: str, *, packed: bool) -> PngInfo:
    info = PngInfo()
    info.add_text(key, value, zip=packed)
    return info


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("xmp", "<x:xmpmeta>a string</x:xmpmeta>"),
        ("XML:com.adobe.xmp", '<rdf tiff:Orientation="what"/>'),
        ("exif", "MM no bytes"),
        ("icc_profile", "not a profile"),
        ("transparency", "0"),
        ("Raw profile type exif", "\nexif\n  zz\nno hex"),
        ("Comment", "x" * 3_000_000),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_texts_of_a_png_do_no_harm(
    key: str, value: str, packed: bool, picture: Image.Image
) -> None:
    data = encoded(picture, "PNG", pnginfo=text(key, value, packed=packed))
    np.testing.assert_array_equal(decode(data, "x"), picture)


def chunk(name: bytes, body: bytes, *, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + body) if crc is None else crc
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)


@pytest.mark.parametrize(
    "odd",
    [
        chunk(b"tEXt", b"Comment\0hello", crc=7),
        chunk(b"iCCP", b"ICC\0\0no zlib"),
        chunk(b"iCCP", b"ICC\0\x07" + zlib.compress(b"x")),
        chunk(b"pHYs", b"\0"),
        chunk(b"gAMA", b""),
        chunk(b"cHRM", b"\0\1"),
        chunk(b"eXIf", b"nothing"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0not packed"),
        chunk(b"zTXt", b"key\0\x09" + zlib.compress(b"x")),
        chunk(b"prVt", bytes(99)),
    ],
    ids=lambda odd: odd[4:8].decode(),
)
def test_odd_chunks_of_a_png_do_no_harm(odd: bytes, picture: Image.Image) -> None:
    data = encoded(picture, "PNG")
    np.testing.assert_array_equal(decode(data[:33] + odd + data[33:], "x"), picture)


@pytest.mark.parametrize("body", [b"ICC\0\0no zlib", b"ICC\0\x07" + zlib.compress(b"x")])
def test_a_profile_that_cannot_be_unpacked_is_noted(body: bytes, picture: Image.Image) -> None:
    data = encoded(picture, "PNG")
    assert "read as sRGB" in original(data[:33] + chunk(b"iCCP", body) + data[33:], "x").note


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(
    "odd",
    [
        segment(0xE2, b"MPF\0MM\0*" + bytes(range(60))),
        segment(0xE2, b"MPF\0"),
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\xff\xff"),
        segment(0xED, b"Photoshop 3.0\x008BIM"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        segment(0xE2, b"ICC_PROFILE\0\x01"),
        segment(0xE2, b"ICC_PROFILE\0\x02\x09" + bytes(40)),
        segment(0xFE, bytes(range(256))),
        segment(0xE5, b""),
    ],
    ids=range(9),
)
def test_odd_segments_of_a_jpeg_do_no_harm(odd: bytes, picture: Image.Image) -> None:
    data = encoded(picture, "JPEG", quality=90)
    np.testing.assert_array_equal(decode(data[:2] + odd + data[2:], "x"), decode(data, "x"))


def test_a_profile_in_pieces_that_do_not_fit_is_noted(picture: Image.Image) -> None:
    data = encoded(picture, "JPEG")
    for body in (b"ICC_PROFILE\0\x01", b"ICC_PROFILE\0\x02\x09" + bytes(40)):
        found = original(data[:2] + segment(0xE2, body) + data[2:], "x")
        assert "read as sRGB" in found.note


JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {"quality": 90},
    "progressive": {"quality": 90, "progressive": True},
    "restarts": {"quality": 90, "restart_marker_rows": 1},
    "4:4:4": {"quality": 95, "subsampling": 0},
    "grey": {"quality": 90},
}


def jpeg(picture: Image.Image, how: str) -> bytes:
    return encoded(picture.convert("L") if how == "grey" else picture, "JPEG", **JPEGS[how])


@pytest.mark.parametrize("how", JPEGS)
@pytest.mark.parametrize(
    "ending", [b"", b"\xff", bytes(9), b"\xff\xff"], ids=["", "half", "0", "fill"]
)
def test_a_jpeg_that_only_lacks_its_end_is_whole(
    how: str, ending: bytes, picture: Image.Image
) -> None:
    data = jpeg(picture, how)
    np.testing.assert_array_equal(decode(data[:-2] + ending, "x"), decode(data, "x"))


@pytest.mark.parametrize("how", JPEGS)
@pytest.mark.parametrize("lost", [20, 60, 400, 0.3, 0.7])
def test_a_jpeg_that_lacks_pixels_is_damaged(how: str, lost: float, picture: Image.Image) -> None:
    data = jpeg(picture, how)
    kept = len(data) - lost if lost >= 1 else len(data) * (1 - lost)
    with pytest.raises(PictureError) as error:
        decode(data[: int(kept)], "x")
    assert error.value.code == "damaged"


def test_a_progressive_jpeg_without_its_last_scan_is_damaged(picture: Image.Image) -> None:
    data = jpeg(picture, "progressive")
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4", 0, last)  # the last scan's own table
    for end in (last, tables):
        with pytest.raises(PictureError, match="damaged"):
            decode(data[:end], "x")


CASES = Path(__file__).parents[2] / "shared" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared is not here")
@pytest.mark.parametrize("name", ["06_exif_two_orientations.jpg", "06_png_text_key_xmp.png"])
def test_the_small_inputs_of_users(name: str) -> None:
    with Image.open(CASES / name) as stored:
        np.testing.assert_array_equal(read_picture(CASES / name), stored.convert("RGB"))


@pytest.mark.parametrize("damage", [lambda d: d[:-400], lambda d: d[:400] + d[700:]])
def test_damaged_pixels_of_a_png_stay_an_error(
    damage: Callable[[bytes], bytes], picture: Image.Image
) -> None:
    with pytest.raises(PictureError, match="damaged"):
        decode(damage(encoded(picture, "PNG")), "x")
