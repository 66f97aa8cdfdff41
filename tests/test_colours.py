"""Pictures of other colour spaces become sRGB; photographs keep theirs."""

import io
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from build_runs import gazebench
from PIL import Image, ImageCms, PngImagePlugin
from profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    WHITE,
    Primaries,
    grey_profile,
    rgb_profile,
    seen_as_srgb,
    to_d50,
)
from torch import Tensor
from toy_methods.still import Still

from gazebench.curation import align
from gazebench.dataset import read_manifest
from gazebench.dataset.batches import Batch
from gazebench.dataset.boxes import Point
from gazebench.dataset.pictures import decode, original, read_picture
from gazebench.methods import Task
from gazebench.photographs import Photographer
from gazebench.photographs.correct import correct

pytestmark = pytest.mark.usefixtures("one_thread")
SPACES = {"p3": (DISPLAY_P3, 2.2), "adobe": (ADOBE_RGB, 2.2), "prophoto": (PROPHOTO, 1.8)}
TASK = Task(256, (30, 50))


def colours() -> Image.Image:
    """Every mixture of seven levels of red, green and blue."""
    levels = np.linspace(0, 255, 7).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    return Image.fromarray(grid.reshape(7, 49, 3))


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("space", SPACES)
def test_colours_of_another_space_become_srgb(space: str, kind: str) -> None:
    primaries, gamma = SPACES[space]
    wide = colours().resize((490, 70), Image.Resampling.NEAREST)
    data = encoded(wide, kind, icc_profile=rgb_profile(primaries, gamma), **_exact(kind))
    expected = seen_as_srgb(np.asarray(wide), primaries, gamma)
    apart = np.abs(np.asarray(decode(data, "x")) - expected)
    assert apart.mean() < 1  # AVIF loses a little, and more at edges
    assert kind == "AVIF" or apart.max() <= 3


def _exact(kind: str) -> dict[str, Any]:
    lossless = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    return lossless.get(kind, {})


def test_srgb_under_any_name_keeps_every_pixel() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    np.testing.assert_array_equal(decode(encoded(image, icc_profile=profile), "x"), image)


def test_grey_of_another_curve_becomes_srgb() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None].repeat(8, 0))
    made = np.asarray(decode(encoded(ramp, icc_profile=grey_profile(1.0)), "x"))
    expected = seen_as_srgb(np.asarray(ramp.convert("RGB")), DISPLAY_P3, 1.0)
    assert np.abs(made - expected).max() <= 3


def test_cmyk_goes_by_its_profile() -> None:
    import pyvips

    image = Image.new("RGB", (32, 32), (200, 60, 90))
    vips = pyvips.Image.new_from_array(np.asarray(image)).copy(interpretation="srgb")
    data = vips.icc_transform(
        "cmyk", intent="relative", black_point_compensation=True
    ).jpegsave_buffer(Q=100)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert decode(data, "x").getpixel((9, 9)) == pytest.approx((200, 60, 90), abs=6)


EXIF, SPACE, INTEROP = 0x8769, 0xA001, 0xA005
UNCALIBRATED = 65535


def exif(space: int | None, index: str = "") -> Image.Exif:
    """That of a camera, which tells its colour space."""
    told = Image.Exif()
    told[EXIF] = {} if space is None else {SPACE: space}
    if index:
        told[EXIF] |= {INTEROP: {1: index}}
    return told


IN_ADOBE_RGB = [exif(UNCALIBRATED, "R03"), exif(None, "R03"), exif(2)]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        *((kind, told) for kind in ("JPEG", "PNG", "WEBP") for told in IN_ADOBE_RGB),
        ("TIFF", IN_ADOBE_RGB[-1]),  # Pillow writes no index into one
    ],
)
def test_adobe_rgb_is_told_by_exif_too(kind: str, told: Image.Exif) -> None:
    wide = colours().resize((490, 70), Image.Resampling.NEAREST)
    options = {"JPEG": {"quality": 100, "subsampling": 0}}.get(kind, _exact(kind))
    data = encoded(wide, kind, exif=told.tobytes(), **options)
    expected = seen_as_srgb(np.asarray(wide), ADOBE_RGB, 563 / 256)
    apart = np.abs(np.asarray(decode(data, "x")) - expected)
    assert apart.mean() < 1
    assert kind == "JPEG" or apart.max() <= 3


@pytest.mark.parametrize(
    "told", [exif(1, "R03"), exif(UNCALIBRATED), exif(UNCALIBRATED, "R98"), exif(1)]
)
def test_any_other_exif_means_srgb(told: Image.Exif) -> None:
    found = original(encoded(colours(), exif=told.tobytes()), "x")
    np.testing.assert_array_equal(found.on_black(), colours())
    assert not found.note


def chunks(**values: Any) -> PngImagePlugin.PngInfo:
    """The chunks of a PNG: ``gAMA`` as a number, ``cHRM`` as white, red, green, blue."""
    info = PngImagePlugin.PngInfo()
    for name, value in values.items():
        numbers = [value] if name == "gAMA" else value
        data = (
            value
            if name == "sRGB"
            else b"".join(struct.pack(">I", round(number * 100_000)) for number in numbers)
        )
        info.add(name.encode(), data)
    return info


def points(primaries: Primaries) -> list[float]:
    return [*WHITE, *(value for point in primaries for value in point)]


@pytest.mark.parametrize(
    ("told", "primaries", "gamma"),
    [
        ({"gAMA": 0.4547, "cHRM": points(ADOBE_RGB)}, ADOBE_RGB, 2.2),
        ({"gAMA": 1 / 1.8, "cHRM": points(PROPHOTO)}, PROPHOTO, 1.8),
        ({"gAMA": 1.0}, SRGB, 1.0),
        ({"gAMA": 1 / 1.8, "cHRM": points(SRGB)}, SRGB, 1.8),
        ({"cHRM": points(DISPLAY_P3)}, DISPLAY_P3, None),
    ],
)
def test_chunks_of_a_png_are_read_as_what_they_say(
    told: dict[str, Any], primaries: Primaries, gamma: float | None
) -> None:
    expected = seen_as_srgb(np.asarray(colours()), primaries, gamma)
    apart = np.abs(np.asarray(decode(encoded(colours(), pnginfo=chunks(**told)), "x")) - expected)
    assert apart.mean() < 1
    assert apart.max() <= 3


@pytest.mark.parametrize(
    "told",
    [
        {"gAMA": 0.45455},
        {"gAMA": 0.45455, "cHRM": points(SRGB)},
        {"gAMA": 1.0, "cHRM": points(ADOBE_RGB), "sRGB": b"\0"},
    ],
)
def test_what_a_png_says_of_srgb_keeps_every_pixel(told: dict[str, Any]) -> None:
    found = original(encoded(colours(), pnginfo=chunks(**told)), "x")
    np.testing.assert_array_equal(found.on_black(), colours())


@pytest.mark.parametrize(
    "told",
    [
        {"gAMA": 0.0},
        {"gAMA": 300.0},
        {"cHRM": [0.0] * 8},
        {"cHRM": [0.3127, 0.329, *[0.3, 0.3] * 3]},
        {"cHRM": [0.9, 0.05, *points(SRGB)[2:]]},
    ],
)
def test_chunks_that_cannot_be_mean_srgb_and_are_noted(told: dict[str, Any]) -> None:
    found = original(encoded(colours(), pnginfo=chunks(**told)), "x")
    assert found.note.endswith("read as sRGB")
    np.testing.assert_array_equal(found.on_black(), colours())


def test_a_profile_is_taken_before_chunks_and_exif() -> None:
    data = encoded(
        colours(),
        icc_profile=rgb_profile(DISPLAY_P3, 2.2),
        exif=exif(UNCALIBRATED, "R03").tobytes(),
        pnginfo=chunks(gAMA=1.0),
    )
    expected = seen_as_srgb(np.asarray(colours()), DISPLAY_P3, 2.2)
    assert np.abs(np.asarray(decode(data, "x")) - expected).max() <= 3


def broken(fault: str) -> bytes:
    whole = rgb_profile(DISPLAY_P3, 2.2)
    return {
        "cut off": whole[:200],
        "noise": bytes(range(256)) * 4,
        "of grey": grey_profile(2.2),
        "no curves": whole.replace(b"TRC", b"xxx"),
    }[fault]


@pytest.mark.parametrize("fault", ["cut off", "noise", "of grey", "no curves"])
def test_a_broken_profile_means_srgb_and_is_noted(fault: str) -> None:
    for kind in ("PNG", "JPEG"):
        found = original(encoded(colours(), kind, icc_profile=broken(fault)), "x")
        assert found.note.endswith("read as sRGB")
        np.testing.assert_array_equal(found.on_black(), decode(encoded(colours(), kind), "x"))


@pytest.fixture
def wide(demo_portraits: Path, tmp_path: Path) -> Path:
    """A folder with a face in Display P3, one with a broken profile, and one of plain sRGB."""
    folder = tmp_path / "wide"
    folder.mkdir()
    paths = sorted(demo_portraits.glob("*.jpg"))[:3]
    profiles = {"p3": rgb_profile(DISPLAY_P3, 2.2), "broken": broken("noise"), "plain": None}
    for path, (name, profile) in zip(paths, profiles.items(), strict=True):
        read_picture(path).save(folder / f"{name}.png", icc_profile=profile)
    return folder


def test_a_dataset_has_srgb_and_says_which_profile_was_broken(wide: Path, tmp_path: Path) -> None:
    converted = tmp_path / "converted"
    converted.mkdir()
    for path in wide.iterdir():
        read_picture(path).save(converted / path.name)
    for folder in (wide, converted):
        words = (folder, tmp_path / f"of-{folder.name}", "--res", "64", "--align", "none")
        result = gazebench("build-dataset", *words, "--quiet")
        assert result.exit_code == 0, result.output
    notes, plain = (
        {p.id: p for p in read_manifest(tmp_path / f"of-{name}" / "manifest.csv")}
        for name in ("wide", "converted")
    )
    assert {id_: p.sha256 for id_, p in notes.items()} == {
        id_: p.sha256 for id_, p in plain.items()
    }
    assert {id_: p.note for id_, p in notes.items() if p.note} == {
        "broken": "its colour profile is damaged; read as sRGB"
    }
    assert "note" not in (tmp_path / "of-converted" / "manifest.csv").read_text().splitlines()[0]
    for name in ("wide", "converted"):
        assert gazebench("verify", tmp_path / f"of-{name}", "--quiet").exit_code == 0


class Red(Still):
    """Paints the eye boxes red."""

    def correct(self, batch: Batch) -> Tensor:
        red = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        return torch.where(batch.mask > 0, red, batch.image)


def photographed(path: Path, out: Path) -> tuple[np.ndarray, np.ndarray, list[Point]]:
    """Pixels as they are in the file, before and after, and the eye centres in it."""
    photographer = Photographer(TASK, align="ffhq", finder="dlib")
    how = {"weights_sha256": "", "device": "cpu"}
    assert correct(Red(Red.Config(), TASK), photographer, {path: out}, **how) == {}  # type: ignore[arg-type]
    (portrait,) = photographer.open(path).portraits
    back = align.invert(portrait.transform)
    eyes = [align.apply(back, eye) for eye in (portrait.left_center, portrait.right_center)]
    with Image.open(path) as before, Image.open(out) as after:
        assert (before.mode, before.size) == (after.mode, after.size)
        assert before.info.get("icc_profile") == after.info.get("icc_profile")
        return np.atleast_3d(np.asarray(before)), np.atleast_3d(np.asarray(after)), eyes


@pytest.mark.parametrize("space", SPACES)
def test_a_photograph_keeps_its_space_and_eyes_are_right_in_it(
    space: str, demo_portraits: Path, tmp_path: Path
) -> None:
    face = read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((500, 500))
    primaries, gamma = SPACES[space]
    face.save(tmp_path / "a.png", icc_profile=rgb_profile(primaries, gamma))
    before, after, eyes = photographed(tmp_path / "a.png", tmp_path / "out.png")
    changed = (before != after).any(2)
    assert 0 < changed.mean() < 0.05  # eye boxes alone
    seen = np.asarray(read_picture(tmp_path / "out.png"))
    for eye in eyes:
        assert seen[round(eye.y), round(eye.x)] == pytest.approx((255, 0, 0), abs=4)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_grey_and_transparency_stay(mode: str, demo_portraits: Path, tmp_path: Path) -> None:
    face = read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((500, 500)).convert(mode)
    if "A" in mode:
        alpha = np.full((500, 500), 255, np.uint8)
        alpha[:40], alpha[-40:], alpha[:, :40] = 0, 90, 3  # the colours below are not lost
        face.putalpha(Image.fromarray(alpha))
    face.save(tmp_path / "a.png")
    before, after, eyes = photographed(tmp_path / "a.png", tmp_path / "out.png")
    if "A" in mode:
        assert np.array_equal(before[..., -1], after[..., -1])
    changed = (before != after).any(2)
    assert 0 < changed.mean() < 0.05
    assert not changed[:40].any()
    assert not changed[:, :40].any()
    expected = (255, 0, 0) if mode == "RGBA" else (76,)
    for eye in eyes:
        there = after[round(eye.y), round(eye.x)][: len(expected)]
        assert there == pytest.approx(expected, abs=3)


# profiles by which no file can be written


def one_way(primaries: Primaries, gamma: float, *, grey: bool = False) -> bytes:
    """An input profile that leads from its pixels to XYZ by a table, and has none back.

    ICC.1:2001-04, 6.5.9 (lut16Type); only ``A2B0`` and what every profile has.
    """
    inputs = 1 if grey else 3
    whole = grey_profile(gamma) if grey else rgb_profile(primaries, gamma)
    levels = np.stack(np.meshgrid(*[[0, 1]] * inputs, indexing="ij"), -1).reshape(-1, inputs)
    light = levels @ to_d50(primaries).T if inputs == 3 else levels * to_d50(primaries).sum(1)
    curve = (np.linspace(0, 1, 1024) ** gamma * 65535).round().astype(">u2").tobytes()
    unit = b"".join(struct.pack(">i", 65536 * (place % 4 == 0)) for place in range(9))
    table = b"mft2" + bytes(4) + bytes([inputs, 3, 2, 0]) + unit + struct.pack(">HH", 1024, 2)
    table += inputs * curve + (light * 32768).round().clip(0, 65535).astype(">u2").tobytes()
    table += 3 * struct.pack(">HH", 0, 65535)
    count = struct.unpack_from(">I", whole, 128)[0]
    tags = [struct.unpack_from(">4sII", whole, 132 + 12 * number) for number in range(count)]
    kept = {n: whole[at : at + size] for n, at, size in tags if n in (b"wtpt", b"cprt", b"desc")}
    kept[b"A2B0"] = table
    index, body, place = b"", b"", 132 + 12 * len(kept)
    for name, content in kept.items():
        index += name + struct.pack(">II", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = struct.pack(">I", place + len(body))
    return (
        size + whole[4:12] + b"scnr" + whole[16:128] + struct.pack(">I", len(kept)) + index + body
    )


def large(profile: bytes) -> bytes:
    """The profile with 1.5 MB behind its tags, as large tables would take."""
    more = np.random.default_rng(0).bytes(1_500_000)
    return struct.pack(">I", len(profile) + len(more)) + profile[4:] + more


def test_a_profile_that_leads_one_way_is_read_by() -> None:
    found = original(encoded(colours(), icc_profile=one_way(DISPLAY_P3, 2.2)), "x")
    assert not found.note  # a dataset has nothing to say: its portraits are right
    expected = seen_as_srgb(np.asarray(colours()), DISPLAY_P3, 2.2)
    apart = np.abs(np.asarray(found.on_black()) - expected)
    assert apart.mean() < 1
    assert apart.max() <= 16  # at the edge of the gamut, where littleCMS cuts off later


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("fault", ["one way", "over 1 MB"])
def test_what_cannot_be_written_in_its_colours_becomes_srgb_and_stops_no_other(
    fault: str, ending: str, demo_portraits: Path, tmp_path: Path
) -> None:
    odd, plain = tmp_path / "odd.jpg", tmp_path / "plain.png"
    face = read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((500, 500))
    profile = (
        one_way(DISPLAY_P3, 2.2) if fault == "one way" else large(rgb_profile(DISPLAY_P3, 2.2))
    )
    face.save(odd, quality=95, icc_profile=profile)
    face.save(plain)
    places = {photo: tmp_path / f"{photo.stem}-out{ending}" for photo in (odd, plain)}
    photographer = Photographer(TASK, align="ffhq", finder="dlib")
    red, notes = Red(Red.Config(), TASK), list[str]()  # type: ignore[arg-type]
    how: Any = {"weights_sha256": "", "device": "cpu", "note": notes.append}
    assert correct(red, photographer, places, **how) == {}
    (note,) = notes
    assert note.startswith(f"{odd}: its colour profile ")
    assert fault in note
    assert note.endswith("; written as sRGB")
    with Image.open(places[odd]) as after:
        assert (after.mode, "icc_profile" in after.info) == ("RGB", False)
    before, after = (np.asarray(read_picture(p), int) for p in (odd, places[odd]))
    changed = np.abs(before - after).max(2) > (40 if ending == ".jpg" else 0)
    assert 0 < changed.mean() < 0.05  # the rest looks as it did
    (portrait,) = photographer.open(odd).portraits
    back = align.invert(portrait.transform)
    for eye in (portrait.left_center, portrait.right_center):
        x, y = (round(value) for value in align.apply(back, eye))
        assert after[y, x] == pytest.approx((255, 0, 0), abs=9 if ending == ".jpg" else 0)
    written = places[odd].stat().st_mtime_ns
    assert correct(red, photographer, places, **how) == {}
    assert places[odd].stat().st_mtime_ns == written  # kept


def test_grey_that_cannot_be_written_in_its_curve_stays_grey(
    demo_portraits: Path, tmp_path: Path
) -> None:
    face = read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((500, 500)).convert("L")
    profile = one_way(DISPLAY_P3, 1.4, grey=True)
    face.save(tmp_path / "a.png", icc_profile=profile)
    before = original((tmp_path / "a.png").read_bytes(), "a")
    expected = seen_as_srgb(np.asarray(face.convert("RGB")), DISPLAY_P3, 1.4)
    assert np.abs(np.asarray(before.on_black()) - expected).mean() < 1
    after = before.to_write()
    assert (after.pixels.mode, after.colours.profile) == ("L", None)
    assert np.array_equal(np.asarray(after.on_black()), np.asarray(before.on_black()))
    assert "one way" in after.note


@pytest.mark.parametrize("profile", [None, rgb_profile(DISPLAY_P3, 2.2), grey_profile(1.0)])
def test_a_profile_that_leads_both_ways_is_kept(profile: bytes | None) -> None:
    image = colours().convert("L" if profile == grey_profile(1.0) else "RGB")
    found = original(encoded(image, icc_profile=profile), "x")
    assert found.to_write() is found


CASES = Path(__file__).parents[2] / "shared" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared is not here")
def test_the_small_inputs_of_users(tmp_path: Path) -> None:
    photo = CASES / "02_transparent_border.png"
    before, after, _ = photographed(photo, tmp_path / "out.png")
    assert np.array_equal(before[..., 3], after[..., 3])
    assert 0 < (before != after).any(2).mean() < 0.05
    shutil.copy(CASES / "03_display_p3.png", tmp_path / "p3.png")
    before, after, _ = photographed(tmp_path / "p3.png", tmp_path / "out3.png")
    assert 0 < (before != after).any(2).mean() < 0.05
    stored = np.asarray(Image.open(tmp_path / "p3.png").convert("RGB"), int)
    assert np.abs(np.asarray(read_picture(tmp_path / "p3.png"), int) - stored).max() > 5
