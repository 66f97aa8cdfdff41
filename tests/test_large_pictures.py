"""Large pictures: a small face in them, and those that are decoded at a reduced size."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gazebench.curation import align
from gazebench.curation.portraitist import Portraitist
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import pictures
from gazebench.dataset.boxes import Point
from gazebench.dataset.pictures import decode, read_picture
from gazebench.landmarks.dlib import Dlib
from gazebench.sources import SourceFace


def face(demo_portraits: Path, side: int) -> Image.Image:
    return read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((side, side))


def saved(path: Path, picture: Image.Image, kind: str) -> SourceFace:
    picture.save(path, kind, quality=95)
    return SourceFace(id="a", name=path.name, path=path)


def portraitist(**settings: object) -> Portraitist:
    how = {"resolution": 256, "align": "ffhq", **settings}
    return Portraitist(DatasetSettings.model_validate(how).resolved("ffhq"))


def test_a_face_of_400_pixels_is_found_in_8000(demo_portraits: Path) -> None:
    picture = Image.new("RGB", (8000, 5000), (120, 122, 125))
    picture.paste(face(demo_portraits, 400), (6100, 3300))
    there = SourceFace(id="a", name="a", path=Path("a"))
    found = Dlib().find(picture, there)
    assert 6100 < found.left_eye.x < found.right_eye.x < 6500
    assert 3300 < found.left_eye.y < 3700


@pytest.mark.parametrize(("side", "scale"), [(1800, 2), (300, 1)])
def test_a_large_jpeg_gives_the_same_portrait_from_fewer_pixels(
    side: int, scale: int, demo_portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Image.new("RGB", (2600, 2200), (120, 122, 125))
    picture.paste(face(demo_portraits, side), (501, 203))
    there = saved(tmp_path / "a.jpg", picture, "JPEG")
    whole = portraitist()(there)
    monkeypatch.setattr(pictures, "LARGE", 5_000_000)
    monkeypatch.setattr(pictures, "_LEAST_SIDE", 1200)
    scales: list[int] = []
    plain = Portraitist.portray
    monkeypatch.setattr(
        Portraitist, "portray", lambda *a: (scales.append(a[5] if len(a) > 5 else 1), plain(*a))[1]
    )
    reduced = portraitist()(there)
    assert scales[-1] == scale
    assert whole.portrait
    assert reduced.portrait
    for eye in (whole.portrait.left_center, whole.portrait.right_center):
        source = align.apply(align.invert(whole.portrait.transform), eye)
        x, y = align.apply(reduced.portrait.transform, source)
        assert (x, y) == pytest.approx(eye, abs=2.5)  # landmarks differ a little by size
    again = align.cut(read_picture(there.path), square_of(reduced.portrait.transform), 256)
    made = np.asarray(decode(reduced.files[0][1], "x"), int)
    assert np.abs(made - np.asarray(again, int)).mean() < 1.5


def square_of(transform: tuple[float, float, float, float, float, float]) -> align.Square:
    """The square of a picture that became a portrait of 256 pixels."""
    back = align.invert(transform)
    middle, edge = (align.apply(back, Point(x, 127.5)) for x in (127.5, 255.5))
    return align.Square(middle, Point(edge.x - middle.x, edge.y - middle.y))


def test_the_map_from_a_reduced_picture_is_that_of_the_whole() -> None:
    square = align.Square(Point(400.0, 300.0), Point(90.0, 20.0))
    whole = align.reduced(square.transform(256), 4)
    # pixel (402, 299) of the copy has its centre between pixels 1609 and 1610 of the whole
    expected = align.apply(square.transform(256), Point(402.0, 299.0))
    assert align.apply(whole, Point(1609.5, 1197.5)) == pytest.approx(expected)


def test_a_picture_may_have_as_many_pixels_as_is_set(tmp_path: Path) -> None:
    there = saved(tmp_path / "a.png", Image.new("L", (1200, 1000)), "PNG")
    outcome = portraitist(max_megapixels=1)(there)
    assert outcome.reason == "too_many_pixels"
    assert outcome.sentence == "over 1,000,000 pixels; max_megapixels can be up to 250"
    assert portraitist(max_megapixels=2)(there).reason == "no_face"


def test_a_jpeg_is_reduced_when_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "LARGE", 10_000)
    monkeypatch.setattr(pictures, "_LEAST_SIDE", 60)
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "JPEG", quality=95)
    found = pictures.original(buffer.getvalue(), "x", reduced=True)
    assert (found.scale, found.pixels.size) == (4, (64, 64))
    assert pictures.original(buffer.getvalue(), "x").scale == 1


def test_a_face_that_fills_a_picture_beyond_pillows_own_limit_is_cut(
    demo_portraits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Image.open(sorted(demo_portraits.glob("*.jpg"))[0]).convert("RGB")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own is 89 million
    found = Dlib().find(picture, SourceFace(id="a", name="a", path=Path("a")))
    frame = align.square("ffhq", picture.size, found.left_eye, found.right_eye, found.mouth)
    assert align.cut(picture, frame, 64).size == (64, 64)
    assert Image.MAX_IMAGE_PIXELS == 1000
