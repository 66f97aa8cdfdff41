"""Measures of a portrait, near-duplicates, and the filters and leaks that follow from them."""

import io
import math
import shutil
import tracemalloc
from itertools import combinations
from pathlib import Path

import imagehash
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gazebench.cli import main
from gazebench.curation import duplicates
from gazebench.curation.tally import Leaks
from gazebench.dataset import Manifest, Split, load_info, measures, read_csv
from gazebench.dataset.boxes import Point
from gazebench.synthetic.writing import Series, synthesize_folder


def turned(yaw: float, pitch: float, roll: float, scale: float = 3.0) -> list[Point]:
    """The 68 landmarks (only those of the mean face matter) of a head turned by degrees."""
    y, p, r = (math.radians(angle) for angle in (yaw, pitch, roll))
    around_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    around_x = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    around_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    rotation = around_z @ around_y @ around_x
    points = [Point(0.0, 0.0)] * 68
    for index, place in measures._MEAN_FACE.items():
        x, y_, _ = scale * rotation @ np.array(place)
        points[index] = Point(300 + x, 200 + y_)
    return points


ANGLES = st.floats(-40, 40)


@given(ANGLES, st.floats(-25, 25), st.floats(-30, 30))
def test_head_pose_finds_the_rotation_of_the_mean_face(
    yaw: float, pitch: float, roll: float
) -> None:
    found = measures.head_pose(turned(yaw, pitch, 0))
    assert found[0] == pytest.approx(yaw, abs=0.01)
    # pitch is that of the nose's direction, which a yaw shortens
    expected = math.degrees(math.asin(math.sin(math.radians(pitch))))
    assert measures.head_pose(turned(0, pitch, roll))[2] == pytest.approx(roll, abs=0.01)
    assert measures.head_pose(turned(0, pitch, 0))[1] == pytest.approx(expected, abs=0.01)


def test_a_nose_to_the_right_is_a_positive_yaw_and_a_lifted_one_a_positive_pitch() -> None:
    points = turned(20, 10, 0)
    middle = (points[36].x + points[45].x) / 2
    assert points[30].x > middle
    assert measures.head_pose(points)[0] > 0
    assert measures.head_pose(points)[1] > 0


def test_a_blurred_portrait_is_less_sharp_and_as_bright(demo_portraits: Path) -> None:
    portrait = Image.open(sorted(demo_portraits.glob("*.jpg"))[0]).convert("RGB")
    sharp, light = measures.of_pixels(portrait)
    blurred, as_light = measures.of_pixels(portrait.filter(ImageFilter.GaussianBlur(3)))
    assert blurred < sharp / 4
    assert as_light == pytest.approx(light, abs=1)


@pytest.mark.parametrize("side", [64, 512, 2048])
@pytest.mark.parametrize("kind", ["noise", "chequers"])  # the largest Laplacian there is
def test_sharpness_is_the_variance_of_the_laplacian(side: int, kind: str) -> None:
    values = np.random.default_rng(side).integers(0, 256, (side, side)).astype(np.uint8)
    if kind == "chequers":
        values = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    grey = values.astype(float)
    middle = grey[1:-1, 1:-1]
    near = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    sharpness, brightness = measures.of_pixels(Image.fromarray(values))
    assert sharpness == pytest.approx((near - 4 * middle).var(), rel=1e-9)
    assert brightness == pytest.approx(grey.mean(), rel=1e-12)


def test_a_closed_eye_has_no_openness() -> None:
    points = turned(0, 0, 0)
    eye = [Point(x, y) for x, y in [(0, 5), (3, 2), (7, 2), (10, 5), (7, 8), (3, 8)]]
    closed = [Point(p.x, 5) for p in eye]
    assert measures.openness([*points[:36], *eye, *eye, *points[48:]]) == pytest.approx(0.6)
    assert measures.openness([*points[:36], *eye, *closed, *points[48:]]) == 0


def copies(picture: Image.Image) -> list[Image.Image]:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=50)
    brighter = Image.eval(picture, lambda value: min(255, int(value * 1.1)))
    return [Image.open(buffer), picture.resize((200, 200)), brighter]


def grouped(hashes: list[str]) -> list[int]:
    return duplicates.groups(duplicates.from_hex(hashes)).tolist()


def test_copies_are_near_duplicates_and_other_people_are_not(demo_portraits: Path) -> None:
    people = [Image.open(p).convert("RGB") for p in sorted(demo_portraits.glob("*.jpg"))[:20]]
    hashes = [duplicates.perceptual_hash(person) for person in people]
    assert grouped(hashes) == list(range(20))
    hashes += [duplicates.perceptual_hash(copy) for copy in copies(people[7])]
    assert grouped(hashes) == [*range(20), 7, 7, 7]


def test_the_hash_is_that_of_imagehash(demo_portraits: Path) -> None:
    for path in sorted(demo_portraits.glob("*.jpg"))[:20]:
        small = Image.open(path).convert("L").resize((64, 64), Image.Resampling.LANCZOS)
        assert duplicates.perceptual_hash(small) == str(imagehash.phash(small, hash_size=16))


def one_by_one(hashes: list[int]) -> list[int]:
    """The groups, by comparing all with all until nothing changes."""
    first = list(range(len(hashes)))
    for _ in hashes:
        for a, b in combinations(range(len(hashes)), 2):
            if (hashes[a] ^ hashes[b]).bit_count() <= duplicates.NEAR:
                first[a] = first[b] = min(first[a], first[b])
    return first


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Hashes of which some are equal, some near, some a little too far."""
    hashes = draw(st.lists(st.integers(0, 2**256 - 1), min_size=1, max_size=4))
    for _ in range(draw(st.integers(0, 12))):
        bits = draw(st.sets(st.integers(0, 255), max_size=duplicates.NEAR + 2))
        hashes.append(draw(st.sampled_from(hashes)) ^ sum(1 << bit for bit in bits))
    return draw(st.permutations(hashes))


@pytest.mark.parametrize("numpy", ["as of 2", "1.26"])
@given(families())
def test_groups_are_those_of_comparing_all_with_all(numpy: str, hashes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if numpy == "1.26":
            patch.delattr(np, "bitwise_count", raising=False)
        assert grouped([f"{value:064x}" for value in hashes]) == one_by_one(hashes)


def test_no_hash_has_no_group() -> None:
    assert grouped([]) == []


def hashes_of_one_band(number: int) -> NDArray[np.uint8]:
    """Unlike hashes that all stand on one shelf; the last is near the first."""
    hashes = np.random.default_rng(1).integers(0, 256, (number, 32), np.uint8)
    hashes[:, :2] = 7
    hashes[-1] = hashes[0] ^ ([0] * 30 + [63, 63])
    return hashes


def test_a_long_shelf_is_compared_in_little_memory() -> None:
    hashes = hashes_of_one_band(20_000)  # a table of all pairs would take 400 MB and more
    tracemalloc.start()
    found = duplicates.groups(hashes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.tolist() == [*range(19_999), 0]
    assert peak < 8e6


def build(source: Path, out: Path, *words: str) -> str:
    command = ["build-dataset", str(source), str(out), "--res", "256", "--align", "none"]
    result = CliRunner().invoke(main, [*command, "--quiet", "--workers", "1", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_filter_quarantines_with_the_measure(faces: Path, tmp_path: Path) -> None:
    build(faces, tmp_path / "all")
    yaws = {p.id: p.measures.yaw_deg or 0 for p in Manifest.load(tmp_path / "all").portraits}
    limit = sorted(map(abs, yaws.values()))[len(yaws) // 2] + 0.01
    build(faces, tmp_path / "some", "--set", f"dataset.filter.max_yaw_deg={limit}")
    kept = {p.id for p in Manifest.load(tmp_path / "some").portraits}
    assert kept == {id_ for id_, yaw in yaws.items() if abs(yaw) <= limit}
    rows = [row for _, row in read_csv(tmp_path / "some" / "quarantine.csv", ("reason",))]
    assert {row["reason"] for row in rows} == {"filter_yaw_deg"}
    assert all(f"at most {limit:g}" in row["sentence"] for row in rows)


def test_measures_survive_the_manifest(small_dataset: Path) -> None:
    for portrait in Manifest.load(small_dataset).portraits:
        found = portrait.measures
        assert found.sharpness is not None
        assert found.eye_distance == pytest.approx(
            math.dist(portrait.left_center, portrait.right_center), rel=1e-4
        )
        assert abs(found.yaw_deg or 0) < 60
        assert 0 < (found.openness or 0) < 0.6
        assert len(portrait.phash) == 64


def test_copies_in_a_folder_are_told_when_the_split_parts_them(faces: Path, tmp_path: Path) -> None:
    first = sorted(faces.glob("*.jpg"))[0]
    for index in range(6):
        shutil.copy(first, faces / f"copy-{index}.jpg")
    output = build(faces, tmp_path / "out", "--test-fraction", "0.5")
    manifest = Manifest.load(tmp_path / "out")
    twins = [p for p in manifest.portraits if p.near_duplicate]
    assert len(twins) == 7
    assert {p.split for p in twins} == {Split.TRAIN, Split.TEST}
    assert "train and test share 1 exact duplicates, 1 near-duplicates" in output
    leaks = Leaks()
    for portrait in manifest.portraits:
        leaks.add(portrait)
    assert load_info(tmp_path / "out")["counts"]["leaks"] == leaks.counts()


def test_head_pose_of_drawn_faces_is_near_the_truth(tmp_path: Path) -> None:
    synthesize_folder(tmp_path / "drawn", Series(count=16, size=256, seed=5), workers=2, quiet=True)
    build(tmp_path / "drawn", tmp_path / "out", "--landmarks", "dlib")
    rows = read_csv(tmp_path / "drawn" / "truth.csv", ("name", "head_yaw_deg", "head_pitch_deg"))
    truth = {row["name"]: row for _, row in rows}
    errors = [
        (
            abs((p.measures.yaw_deg or 0) - float(truth[p.source_name]["head_yaw_deg"])),
            abs((p.measures.pitch_deg or 0) - float(truth[p.source_name]["head_pitch_deg"])),
        )
        for p in Manifest.load(tmp_path / "out").portraits
    ]
    assert len(errors) >= 15
    assert np.mean(errors, axis=0)[0] < 5  # degrees; 2.0 over 60 faces
    assert np.mean(errors, axis=0)[1] < 7  # 3.2 over 60 faces
