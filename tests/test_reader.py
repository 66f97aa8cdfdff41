import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from gazebench.dataset.pictures import MAX_BYTES, PictureError, decode, original, read_picture


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def texture(side: int = 64) -> Image.Image:
    """A picture with detail everywhere."""
    values = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(values)


def code_of(data: bytes) -> str:
    with pytest.raises(PictureError) as error:
        decode(data, "picture")
    assert str(error.value).startswith("picture: ")
    return error.value.code


def fate(data: bytes) -> str:
    try:
        return decode(data, "picture").mode
    except PictureError as error:
        return error.code


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_lossless_pictures_keep_every_pixel(kind: str) -> None:
    image = texture()
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(encoded(image, kind, **options), "x"), image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_a_truncated_picture_is_damaged(kind: str, kept: float) -> None:
    data = encoded(texture(), kind)
    assert code_of(data[: int(len(data) * kept)]) in ("damaged", "not_a_picture")


def test_a_png_that_lacks_more_than_its_end_is_damaged() -> None:
    assert code_of(encoded(texture(), "PNG")[:-30]) == "damaged"


def test_a_flipped_bit_in_a_png_is_damaged() -> None:
    data = bytearray(encoded(texture(), "PNG"))
    for place in range(60, len(data) - 16, 97):
        data[place] ^= 1
        assert code_of(bytes(data)) == "damaged"
        data[place] ^= 1


def test_an_html_page_named_jpg_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<!DOCTYPE html><html>Not found</html>")
    with pytest.raises(PictureError, match=r"a\.jpg: is no JPEG, PNG, WebP, BMP, TIFF"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["GIF", "PPM", "ICO"])
def test_other_formats_are_no_pictures(kind: str) -> None:
    assert code_of(encoded(texture(), kind)) == "not_a_picture"


def test_the_type_is_told_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(texture(), "PNG"))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.jpg"), texture())


def unusable(folder: Path, kind: str) -> Path:
    path = folder / "a.jpg"
    if kind == "empty":
        path.touch()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "huge":
        path.touch()
        os.truncate(path, MAX_BYTES + 1)
    return path


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("missing", "unreadable"),
        ("empty", "empty"),
        ("fifo", "not_a_file"),
        ("folder", "not_a_file"),
        ("loop", "unreadable"),
        ("huge", "too_large"),
    ],
)
def test_what_is_no_plain_file_is_never_opened(tmp_path: Path, kind: str, code: str) -> None:
    with pytest.raises(PictureError) as error:
        read_picture(unusable(tmp_path, kind))
    assert error.value.code == code


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [texture(), Image.new("RGB", (64, 64))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert code_of(data) == "animated"


def test_of_a_phones_mpo_the_first_picture_is_read() -> None:
    first, second = Image.new("RGB", (64, 48), "red"), Image.new("RGB", (32, 32))
    picture = decode(encoded(first, "MPO", save_all=True, append_images=[second]), "x")
    assert picture.size == (64, 48)
    assert picture.getpixel((30, 30)) == pytest.approx((254, 0, 0), abs=2)


def test_16_bit_grey_is_scaled() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    picture = np.asarray(decode(encoded(Image.fromarray(values), "PNG"), "x"))
    expected = np.round(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(picture, np.repeat(expected[:, :, None], 3, axis=2))


def test_a_cmyk_jpeg_has_its_colours() -> None:
    image = Image.new("RGB", (32, 32), (200, 30, 90)).convert("CMYK")
    picture = decode(encoded(image, "JPEG", quality=95), "x")
    assert picture.getpixel((9, 9)) == pytest.approx((200, 30, 90), abs=3)


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        ("RGBA", (200, 100, 50, 128), (100, 50, 25)),
        ("LA", (200, 51), (40, 40, 40)),
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
    ],
)
def test_transparency_lies_on_black(mode: str, colour, seen: tuple[int, int, int]) -> None:
    picture = decode(encoded(Image.new(mode, (8, 8), colour), "PNG"), "x")
    assert picture.getpixel((4, 4)) == pytest.approx(seen, abs=1)


def test_a_transparent_palette_entry_is_black() -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50, 10, 20, 30])
    image.putpixel((0, 0), 2)
    picture = decode(encoded(image, "PNG", transparency=1), "x")
    assert picture.getpixel((4, 4)) == (0, 0, 0)
    assert picture.getpixel((0, 0)) == (10, 20, 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = Image.new("RGB", (32, 16))
    upright.paste("white", (0, 0, 8, 8))  # top left
    stored = upright
    turns = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # undoing the orientation
    for turn in turns.get(orientation, []):
        stored = stored.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encoded(stored, "JPEG", exif=exif, quality=95), "x")
    np.testing.assert_allclose(np.asarray(picture, int), np.asarray(upright, int), atol=30)


def test_no_metadata_travels() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "a secret"
    options = {"icc_profile": profile, "exif": exif, "comment": b"a secret", "dpi": (300, 300)}
    picture = decode(encoded(texture(), "JPEG", **options), "x")
    assert picture.info == {}
    assert set(Image.open(io.BytesIO(encoded(picture, "PNG"))).info) == set()


def png_header(width: int, height: int) -> bytes:
    """A tiny file that claims a huge picture."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(1000))
    chunks = b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (header, pixels, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (60000, 60000), (12_000, 10_001)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    assert code_of(png_header(*size)) == "too_many_pixels"


def test_120_megapixels_are_read_and_more_where_that_is_set() -> None:
    assert decode(encoded(Image.new("1", (12_000, 10_000)), "PNG"), "x").size == (12_000, 10_000)
    larger = encoded(Image.new("1", (12_100, 10_000)), "PNG")
    assert code_of(larger) == "too_many_pixels"
    assert original(larger, "x", most=121_000_000).pixels.size == (12_100, 10_000)
    with pytest.raises(PictureError, match="x: over 99 pixels; max_megapixels can"):
        original(encoded(texture(10), "PNG"), "x", most=99)


def test_a_name_that_is_no_utf_8_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe9.png"))
    path.write_bytes(encoded(texture(), "PNG"))
    assert read_picture(path).size == (64, 64)


def test_the_callers_warning_filters_stay() -> None:
    before = list(warnings.filters)
    decode(encoded(texture(), "PNG"), "x")
    assert list(warnings.filters) == before


@given(st.data())
def test_damage_is_a_picture_or_a_sentence(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "BMP", "WEBP"]))
    content = bytearray(encoded(texture(24), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert fate(bytes(content)) in {"RGB", "damaged", "not_a_picture", "too_many_pixels"}
