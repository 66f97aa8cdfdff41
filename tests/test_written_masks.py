"""Masks for other programs: written with the portraits, and always those of the eye boxes."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from build_runs import gazebench, quick_build, quick_source, tree_hash
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gazebench.curation.encoding import encode_mask, is_mask
from gazebench.dataset import Manifest, load_info
from gazebench.dataset.boxes import Box
from gazebench.dataset.pictures import PictureError
from gazebench.dataset_card import card_markdown

SIDE = 64


@pytest.fixture(scope="module")
def source(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures; "plain" and "masked" beside are the datasets without and with masks."""
    root = tmp_path_factory.mktemp("masks")
    faces = quick_source(demo_portraits, root, 6)
    quick_build(faces, root / "plain")
    quick_build(faces, root / "masked", "--write-masks")
    return faces


@pytest.fixture
def masked(source: Path, tmp_path: Path) -> Path:
    """The dataset with masks, of one's own."""
    return Path(shutil.copytree(source.with_name("masked"), tmp_path / "masked"))


def opened(path: Path) -> Image.Image:
    """A picture as its file has it."""
    return Image.open(io.BytesIO(path.read_bytes()))


def test_a_mask_is_white_inside_the_eye_boxes_and_black_elsewhere(masked: Path) -> None:
    portraits = Manifest.load(masked).portraits
    assert sorted(p.stem for p in (masked / "masks").iterdir()) == [p.id for p in portraits]
    for portrait in portraits:
        image = opened(masked / "masks" / f"{portrait.id}.png")
        assert (image.format, image.mode, image.size) == ("PNG", "L", (SIDE, SIDE))
        rows, columns = np.mgrid[:SIDE, :SIDE]
        inside = [
            (rows >= b.top) & (rows < b.bottom) & (columns >= b.left) & (columns < b.right)
            for b in portrait.eyes
        ]
        assert np.array_equal(np.asarray(image), np.where(inside[0] | inside[1], 255, 0))


def test_without_the_flag_there_are_none(source: Path) -> None:
    assert not (source.with_name("plain") / "masks").exists()


def test_masks_change_neither_tree_hash_nor_fingerprint(source: Path) -> None:
    plain, masked = (source.with_name(name) for name in ("plain", "masked"))
    assert tree_hash(plain) == tree_hash(masked)
    assert Manifest.load(plain).fingerprint == Manifest.load(masked).fingerprint


def test_masks_cannot_be_had_or_lost_on_the_way(source: Path, masked: Path) -> None:
    assert "complete already" in quick_build(source, masked, "--write-masks")
    assert "write_masks: true → false" in quick_build(source, masked, code=7)
    quick_build(source, masked, "--overwrite")
    assert not (masked / "masks").exists()
    assert "write_masks: false → true" in quick_build(source, masked, "--write-masks", code=7)


def test_the_card_says_that_there_are_masks(masked: Path, source: Path) -> None:
    text = card_markdown(Manifest.load(masked), load_info(masked))
    assert "`masks/ID.png`: 8-bit grey, 255 inside the two eye boxes, else 0" in text
    assert "--write-masks" in text
    assert "--write-masks" not in (source.with_name("plain") / "README.md").read_text()


# rdflib, by which mlcroissant reads JSON-LD
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_croissant_leads_to_the_masks(masked: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    card = mlcroissant.Dataset(jsonld=masked / "croissant.json")
    assert card.metadata.issues.errors == set()
    found = {row["eye-masks/id"].decode() for row in card.records("eye-masks")}
    assert found == {portrait.id for portrait in Manifest.load(masked).portraits}


def move_a_pixel(path: Path) -> str:
    image = opened(path)
    image.putpixel((0, 0), 255)
    image.save(path)
    return f"masks/{path.name}: is not the mask of the eye boxes"


def make_it_grey(path: Path) -> str:
    Image.fromarray(np.minimum(np.asarray(opened(path)), 254)).save(path)
    return "is not the mask of the eye boxes"


def make_it_rgb(path: Path) -> str:
    opened(path).convert("RGB").save(path)
    return "is not the mask of the eye boxes"


def make_it_small(path: Path) -> str:
    opened(path).resize((32, 32)).save(path)
    return "is not the mask of the eye boxes"


def cut_it(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:-20])
    return f"masks/{path.name}: damaged picture"


def lose_it(path: Path) -> str:
    path.unlink()
    return f"masks/{path.name}: No such file"


def add_one(path: Path) -> str:
    shutil.copy(path, path.with_name("stranger.png"))
    return "masks/stranger.png: not in manifest.csv"


def swap_two(path: Path) -> str:
    box = Box(0, 0, 12, 8)
    path.write_bytes(encode_mask([box, Box(20, 0, 32, 8)], SIDE))
    return "is not the mask of the eye boxes"


@pytest.mark.parametrize(
    "harm",
    [move_a_pixel, make_it_grey, make_it_rgb, make_it_small, cut_it, lose_it, add_one, swap_two],
)
def test_verify_finds_a_mask_that_is_not_the_boxes(harm, masked: Path) -> None:
    sentence = harm(sorted((masked / "masks").iterdir())[2])
    found = gazebench("verify", masked, "--quiet")
    assert found.exit_code == 3
    assert sentence in found.output


def test_a_mask_compressed_otherwise_is_the_same_mask(masked: Path) -> None:
    path = sorted((masked / "masks").iterdir())[0]
    before = path.read_bytes()
    opened(path).save(path, compress_level=0)
    assert path.read_bytes() != before
    tree_hash(masked)


boxes = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    *[st.integers(0, SIDE - 1)] * 2,
    *[st.integers(1, SIDE)] * 2,
).filter(lambda box: box.inside(SIDE, SIDE))


@given(st.tuples(boxes, boxes), st.tuples(boxes, boxes))
def test_a_mask_is_that_of_its_own_boxes_only(mine, other) -> None:
    data = encode_mask(mine, SIDE)
    assert is_mask(data, "x", mine, SIDE)
    assert is_mask(data, "x", other, SIDE) == (encode_mask(other, SIDE) == data)


def test_what_is_no_picture_is_no_mask() -> None:
    with pytest.raises(PictureError):
        is_mask(b"<html>", "x", [], SIDE)


def shards(source: Path, folder: Path) -> list[Path]:
    """Two shards with masks."""
    for number in (1, 2):
        quick_build(source, folder / f"{number}", "--write-masks", "--shard", f"{number}/2")
    return [folder / "1", folder / "2"]


def files(root: Path) -> dict[str, bytes]:
    """Pictures of a dataset by their path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for folder in ("images", "masks")
        for path in (root / folder).iterdir()
    }


def test_merged_shards_have_the_masks_of_one_build(source: Path, masked: Path, tmp_path) -> None:
    merged = gazebench("merge", tmp_path / "out", *shards(source, tmp_path), "--quiet")
    assert merged.exit_code == 0, merged.output
    assert files(tmp_path / "out") == files(masked)
    assert tree_hash(tmp_path / "out") == tree_hash(masked)


def test_a_shard_that_lost_a_mask_ends_the_merge(source: Path, tmp_path: Path) -> None:
    parts = shards(source, tmp_path)
    lost = next((parts[1] / "masks").iterdir())
    lost.unlink()
    refused = gazebench("merge", tmp_path / "out", *parts, "--quiet")
    assert refused.exit_code == 3
    assert f"masks/{lost.name}: is lost; build the shard again" in refused.output


def test_a_half_written_mask_of_a_killed_build_is_removed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "masks").mkdir(parents=True)
    (tmp_path / "out" / "build.sqlite").touch()
    (tmp_path / "out" / "masks" / ".partial-1-00023.png").write_bytes(b"half")
    quick_build(source, tmp_path / "out", "--write-masks")
    assert not list((tmp_path / "out" / "masks").glob(".partial-*"))
    tree_hash(tmp_path / "out")


def test_a_portrait_counts_when_its_mask_is_there_too(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "build.sqlite").touch()
    (tmp_path / "out" / "masks").touch()  # a file where the folder must be
    quick_build(source, tmp_path / "out", "--write-masks", code=3)
    (tmp_path / "out" / "masks").unlink()
    quick_build(source, tmp_path / "out", "--write-masks")
    assert files(tmp_path / "out") == files(source.with_name("masked"))
