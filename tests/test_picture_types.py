"""Pictures of every type under any name; what is passed over is counted, and told by kind."""

import importlib.util
import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build_runs import gazebench
from PIL import Image

from gazebench.dataset import picture_types, read_csv, read_manifest
from gazebench.dataset.picture_types import kind_of
from gazebench.dataset.pictures import PictureError, decode, read_picture
from gazebench.sources.folder import Folder

needs_heif = pytest.mark.skipif(
    importlib.util.find_spec("pillow_heif") is None, reason="the extra heif is not here"
)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def smooth() -> Image.Image:
    """Two ramps of colour, 64 x 48."""
    y, x = np.mgrid[:48, :64]
    return Image.fromarray(np.stack([4 * x, 5 * y, 255 - 2 * (x + y)], axis=2).astype(np.uint8))


@pytest.mark.parametrize("kind", ["AVIF", pytest.param("HEIF", marks=needs_heif)])
def test_what_phones_and_browsers_write_is_read(kind: str) -> None:
    data = encoded(smooth(), kind, quality=90)
    assert kind_of(data[: picture_types.HEAD]) == kind
    assert np.abs(np.asarray(decode(data, "x"), int) - np.asarray(smooth(), int)).mean() < 3


@pytest.mark.parametrize("kind", ["AVIF", "TIFF", pytest.param("HEIF", marks=needs_heif)])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_picture_is_turned_once(kind: str, orientation: int) -> None:
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    stored = smooth().transpose(turns.get(orientation, Image.Transpose.ROTATE_270))
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = np.asarray(decode(encoded(stored, kind, exif=exif.tobytes()), "x"), int)
    assert read.shape == (48, 64, 3)
    assert np.abs(read - np.asarray(smooth(), int)).mean() < 5


@pytest.mark.parametrize("packing", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_tiff_keeps_every_pixel(packing: str | None) -> None:
    for image in (smooth(), smooth().convert("L"), smooth().convert("P")):
        data = encoded(image, "TIFF", compression=packing)
        np.testing.assert_array_equal(decode(data, "x"), image.convert("RGB"))


def deep_tiff(values: np.ndarray, space: str, **options: Any) -> bytes:
    import pyvips

    image = pyvips.Image.new_from_array(values).copy(interpretation=space)
    return image.tiffsave_buffer(**options)


@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": "horizontal"}])
def test_sixteen_bits_of_a_tiff_are_scaled(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 65536, (32, 40), np.uint16)
    read = np.asarray(decode(deep_tiff(grey, "grey16", **options), "x"))
    np.testing.assert_array_equal(read[..., 0], np.round(grey / 257))
    colours = rng.integers(0, 65536, (32, 40, 3), np.uint16)
    read = np.asarray(decode(deep_tiff(colours, "rgb16", **options), "x"), int)
    assert np.abs(read - colours / 257).max() < 1


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_values_that_have_no_white_are_refused(kind: type) -> None:
    data = encoded(Image.fromarray(np.ones((20, 30), kind)), "TIFF")
    with pytest.raises(PictureError, match="not integers of 8 or 16 bits"):
        decode(data, "x")


def test_a_tiff_of_several_pages_is_refused() -> None:
    data = encoded(smooth(), "TIFF", save_all=True, append_images=[smooth(), smooth()])
    with pytest.raises(PictureError, match="has 3 pages"):
        decode(data, "x")


def test_heic_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    picture_types.why_not.cache_clear()
    with pytest.raises(PictureError, match=r"pip install 'gazebench\[heif\]'") as error:
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "x")
    picture_types.why_not.cache_clear()
    assert error.value.code == "unread_type"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"BMW, 2 litres, in good order, one owner", ""),
        (b"GIF89a", "GIF"),
        (b"8BPS\0\1", "PSD"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b'<?xml version="1.0"?><svg xmlns="http://', "SVG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", ""),
        (b"%PDF-1.7", ""),
        (b"", ""),
    ],
)
def test_other_files_are_what_they_are(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@pytest.fixture(scope="module")
def mixed(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces under unusual names, and files that are none."""
    folder = tmp_path_factory.mktemp("mixed")
    faces = sorted(demo_portraits.glob("*.jpg"))
    for path, name in zip(
        faces, ("web.jfif", "old.jpe", "UPPER.JPG", "bare", "a.dat"), strict=False
    ):
        shutil.copy(path, folder / name)
    face = read_picture(faces[5])
    (folder / "deep.tiff").write_bytes(encoded(face, "TIFF"))
    (folder / "sub").mkdir()
    (folder / "sub" / "new.avif").write_bytes(encoded(face, "AVIF", quality=95))
    (folder / "really.gif").write_bytes(encoded(face, "JPEG"))
    for name in ("one.gif", "sub/two.gif"):
        (folder / name).write_bytes(encoded(face.resize((64, 64)), "GIF"))
    (folder / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "raw.CR2").write_bytes(bytes(99))
    for name in ("notes.txt", "list.csv", "more.csv", "README"):
        (folder / name).write_text("no picture")
    (folder / ".hidden.txt").write_text("")
    os.mkfifo(folder / "pipe")  # must never be opened
    return folder


READ = {
    "web.jfif",
    "old.jpe",
    "UPPER.JPG",
    "bare",
    "a.dat",
    "deep.tiff",
    "sub/new.avif",
    "really.gif",
}
CLAIMED = {"one.gif", "sub/two.gif", "logo.svg", "raw.CR2"}


def test_a_type_is_told_by_content_under_any_name(mixed: Path) -> None:
    source = Folder(mixed)
    assert {face.name for face in source.faces()} == READ | CLAIMED
    told = "9 other files passed over: 2 .gif, 2 .csv, 2 without an ending, 1 "
    (first, *_) = source.remarks()
    assert sorted(first) == sorted(f"{told}.svg, 1 .cr2, 1 .txt")
    assert first.startswith("9 other files passed over: 2 ")


def test_a_build_reads_them_and_names_the_rest(mixed: Path, tmp_path: Path) -> None:
    words = (mixed, tmp_path / "out", "--res", "64", "--align", "none", "--quiet")
    result = gazebench("build-dataset", *words)
    assert result.exit_code == 0, result.output
    assert "note: 9 other files passed over: " in result.output
    made = {p.source_name for p in read_manifest(tmp_path / "out" / "manifest.csv")}
    assert made == READ
    rows = read_csv(tmp_path / "out" / "quarantine.csv", ("source_name", "reason", "sentence"))
    refused = {row["source_name"]: (row["reason"], row["sentence"]) for _, row in rows}
    assert refused.keys() == CLAIMED
    assert {reason for reason, _ in refused.values()} == {"not_a_picture"}
    assert refused["one.gif"][1].startswith("is GIF, no JPEG, PNG")


def test_a_folder_without_a_picture_says_which_types_are_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    result = gazebench("build-dataset", tmp_path / "in", tmp_path / "out")
    assert result.exit_code == 3
    assert "no pictures found (JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC, at any" in result.output
