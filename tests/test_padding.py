"""What is filled by mirroring is told: the rule of the dataset, the share of each portrait."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from build_runs import gazebench
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gazebench.curation import align
from gazebench.curation.align import Square
from gazebench.dataset import Manifest, read_csv
from gazebench.dataset.boxes import Point

CASES = {
    "inside": (Square(Point(49.5, 39.5), Point(40, 0)), 0.0),
    "a quarter": (Square(Point(-0.5, -0.5), Point(20, 0)), 0.75),
    "half, turned by a right angle": (Square(Point(99.5, 40), Point(0, 10)), 0.5),
    "a turned corner": (Square(Point(9.5, 39.5), Point(10, 10)), 0.125),
    "all around": (Square(Point(49.5, 39.5), Point(100, 0)), 0.8),
    "nowhere": (Square(Point(900, 900), Point(10, 3)), 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_the_share_outside_is_that_of_the_area(case: str) -> None:
    square, expected = CASES[case]
    assert align.outside(square, (100, 80)) == pytest.approx(expected, abs=1e-6)


@given(
    st.tuples(st.floats(-60, 160), st.floats(-60, 140)),
    st.floats(5, 90),
    st.floats(-math.pi, math.pi),
)
def test_the_share_is_that_of_pixels_that_come_from_outside(center, side, turn) -> None:
    square = Square(Point(*center), Point(side / 2 * math.cos(turn), side / 2 * math.sin(turn)))
    ys, xs = np.mgrid[:200, :200]
    a, b, c, d, e, f = align.invert(square.transform(200))
    x, y = a * xs + b * ys + c, d * xs + e * ys + f
    lies_outside = (x < -0.5) | (x > 99.5) | (y < -0.5) | (y > 79.5)
    assert align.outside(square, (100, 80)) == pytest.approx(lies_outside.mean(), abs=0.01)


def test_the_edge_pixel_is_not_repeated() -> None:
    picture = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8), (64, 1))).convert("RGB")
    portrait = align.cut(picture, Square(Point(5.5, 31.5), Point(16, 0)), 32)
    assert "edge pixel not repeated" in align.PADDING
    row = np.asarray(portrait)[16, :, 0].astype(int)
    assert list(row[6:16]) == [4, 3, 2, 1, 0, 1, 2, 3, 4, 5]


@pytest.fixture
def rim(demo_portraits: Path, tmp_path: Path) -> Path:
    """Two copies of a picture; the eyes given for one lie near its rim."""
    (tmp_path / "faces").mkdir()
    for name in ("middle", "rim"):
        with Image.open(sorted(demo_portraits.glob("*.jpg"))[0]) as image:
            image.resize((400, 400)).save(tmp_path / "faces" / f"{name}.png")
    rows = "middle.png,160,180,240,180\nrim.png,20,180,100,180\n"
    (tmp_path / "eyes.csv").write_text(f"name,left_x,left_y,right_x,right_y\n{rows}")
    return tmp_path / "faces"


def make(faces: Path, out: Path, *flags: object):
    words = ("--eyes", faces.with_name("eyes.csv"), "--res", 64, "--window", "8x12")
    return gazebench("build-dataset", faces, out, *words, "--align", "eyes", "--quiet", *flags)


def test_the_dataset_says_the_rule_and_each_portrait_its_share(rim: Path, tmp_path: Path) -> None:
    assert make(rim, tmp_path / "out").exit_code == 0
    out = tmp_path / "out"
    assert json.loads((out / "dataset.json").read_text())["padding"] == align.PADDING
    card = (out / "README.md").read_text()
    assert align.PADDING in card
    assert "| outside |" in card
    shares = {p.id: p.measures.outside for p in Manifest.load(out).portraits}
    assert shares["middle"] == 0
    # a square of 80 / 99.2 * 256 pixels, whose left edge lies 78.6 of its 256 left of the eye
    side = 80 / 99.2 * 256
    assert shares["rim"] == pytest.approx((79.1 / 256 * side - 20.5) / side, abs=0.01)


def test_portraits_that_are_mirrored_too_much_can_be_left_out(rim: Path, tmp_path: Path) -> None:
    make(rim, out := tmp_path / "out", "--set", "dataset.filter.max_outside=0.1")
    assert [p.id for p in Manifest.load(out).portraits] == ["middle"]
    (row,) = [row for _, row in read_csv(out / "quarantine.csv", ())]
    assert row["reason"] == "filter_outside"
    assert row["sentence"].endswith("at most 0.1")


def test_the_page_shows_how_much_is_mirrored(rim: Path, tmp_path: Path) -> None:
    make(rim, out := tmp_path / "out")
    gazebench("inspect", out)
    assert "Outside the picture" in (out / "inspect.html").read_text()


def test_a_dataset_of_the_version_before_is_published_anew(rim: Path, tmp_path: Path) -> None:
    make(rim, out := tmp_path / "out")
    whole = (out / "dataset.json").read_bytes()
    info = json.loads(whole)
    (out / "dataset.json").write_text(json.dumps({**info, "format": info["format"] - 1}))
    told = gazebench("verify", out)
    assert told.exit_code == 3
    assert "run the same `gazebench build-dataset` again" in told.output
    assert make(rim, out).exit_code == 0
    assert (out / "dataset.json").read_bytes() == whole
