"""A dataset is the same dataset whether its portraits are PNG, WebP or JPEG."""

import io
import json
import shutil
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from build_runs import gazebench, quick_build, quick_source, tree_hash
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, JpegImagePlugin

from gazebench.curation import encoding
from gazebench.curation.destination import check_space
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import ImageFormat, Manifest, image_format, load_info
from gazebench.dataset.batches import Pixels
from gazebench.dataset.pictures import decode
from gazebench.dataset_card import card_markdown
from gazebench.errors import DiskError, InputError
from gazebench.store import free_bytes

FORMATS = [str(name) for name in ImageFormat]
SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
PICTURES = 6


@pytest.fixture(scope="module")
def source(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures; the dataset of each format stands beside, labelled, under its name."""
    root = tmp_path_factory.mktemp("formats")
    faces = quick_source(demo_portraits, root, PICTURES)
    for name in FORMATS:
        quick_build(faces, root / name, "--image-format", name)
        assert gazebench("label", "import", root / name, root / "labels.csv").exit_code == 0
    return faces


@pytest.fixture(params=FORMATS)
def built(request: pytest.FixtureRequest, source: Path, tmp_path: Path) -> Path:
    """A dataset of one's own, of each format in turn, in a folder of the format's name."""
    return Path(shutil.copytree(source.with_name(request.param), tmp_path / request.param))


def opened(path: Path) -> Image.Image:
    """A picture as its file has it."""
    return Image.open(io.BytesIO(path.read_bytes()))


def pixels(root: Path) -> np.ndarray:
    """All portraits as a training reads them."""
    return np.array(Pixels.open(Manifest.load(root)).array)


def test_png_is_what_is_written_where_nothing_is_said(source: Path, tmp_path: Path) -> None:
    quick_build(source, tmp_path / "out")
    assert tree_hash(tmp_path / "out") == tree_hash(source.with_name("png"))


def test_files_are_what_their_format_says(built: Path) -> None:
    paths = sorted((built / "images").iterdir())
    assert len(paths) == PICTURES
    assert {path.suffix for path in paths} == {SUFFIXES[built.name]}
    assert {str(opened(path).format).lower() for path in paths} == {built.name}
    assert [Manifest.load(built).path(p) for p in Manifest.load(built).portraits] == paths


def test_webp_decodes_to_the_pixels_of_png(source: Path) -> None:
    assert np.array_equal(pixels(source.with_name("webp")), pixels(source.with_name("png")))


def test_webp_is_smaller_than_png(source: Path) -> None:
    sizes = {
        name: sum(p.stat().st_size for p in (source.with_name(name) / "images").iterdir())
        for name in FORMATS
    }
    assert sizes["jpeg"] < sizes["webp"] < sizes["png"]


@given(arrays(np.uint8, st.tuples(*[st.integers(1, 40)] * 2, st.just(3))))
def test_a_lossless_format_keeps_every_pixel(values: np.ndarray) -> None:
    for name in (ImageFormat.PNG, ImageFormat.WEBP):
        data = encoding.encode(Image.fromarray(values), name, None)
        assert np.array_equal(np.asarray(decode(data, "x")), values)


def test_jpeg_is_near_and_keeps_its_chroma(source: Path) -> None:
    near, exact = (pixels(source.with_name(name)).astype(float) for name in ("jpeg", "png"))
    assert 0 < np.abs(near - exact).mean() < 2
    for path in (source.with_name("jpeg") / "images").iterdir():
        assert JpegImagePlugin.get_sampling(opened(path)) == 0  # 4:4:4


@pytest.mark.parametrize(("flags", "quality"), [((), 95), (("dataset.jpeg_quality=80",), 80)])
def test_jpeg_states_the_quality_it_has(source: Path, tmp_path: Path, flags, quality: int) -> None:
    words = [word for flag in flags for word in ("--set", flag)]
    quick_build(source, tmp_path / "out", "--image-format", "jpeg", *words)
    info = load_info(tmp_path / "out")
    assert info["settings"]["jpeg_quality"] == quality
    assert f"JPEG of quality {quality}" in (tmp_path / "out" / "README.md").read_text()
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    expected = Image.open(buffer)
    assert isinstance(expected, JpegImagePlugin.JpegImageFile)
    for path in (tmp_path / "out" / "images").iterdir():
        image = opened(path)
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert image.quantization == expected.quantization


@pytest.mark.parametrize("name", ["png", "webp"])
def test_a_quality_where_nothing_is_lost_is_refused(source: Path, tmp_path: Path, name) -> None:
    words = ("--image-format", name, "--set", "dataset.jpeg_quality=80")
    said = quick_build(source, tmp_path / "out", *words, code=3)
    assert (
        f"dataset.jpeg_quality = 80: can only be used with --image-format jpeg, not {name}" in said
    )
    assert not (tmp_path / "out").exists()


def test_another_format_is_refused_by_name(built: Path, source: Path) -> None:
    other = FORMATS[FORMATS.index(built.name) - 1]
    said = quick_build(source, built, "--image-format", other, code=7)
    assert f'image_format: "{built.name}" → "{other}"' in said
    quick_build(source, built, "--image-format", other, "--overwrite")
    assert {path.suffix for path in (built / "images").iterdir()} == {SUFFIXES[other]}


def test_a_format_that_is_none_is_a_usage_error(source: Path, tmp_path: Path) -> None:
    assert "'png', 'webp', 'jpeg'" in quick_build(
        source, tmp_path / "out", "--image-format", "tiff", code=2
    )


def test_a_dataset_is_verified_whatever_its_format(built: Path) -> None:
    tree_hash(built)
    last = sorted((built / "images").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-9] + bytes(9))
    shutil.copy(last, last.with_suffix(".bmp"))
    said = gazebench("verify", built, "--quiet").output
    assert f"images/{last.name}: content changed after the build" in said
    assert f"images/{last.stem}.bmp: not in manifest.csv" in said


def test_the_inspection_shows_every_portrait(built: Path, tmp_path: Path) -> None:
    result = gazebench("inspect", built, "--out", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/webp;base64,") >= PICTURES
    assert "not shown" not in page


def exported(dataset: Path, out: Path, to: str) -> Path:
    """An export with pixels."""
    result = gazebench("export", dataset, out, "--to", to, "--with-pixels", "--quiet")
    assert result.exit_code == 0, result.output
    return out


def portraits(dataset: Path) -> dict[str, bytes]:
    """Image files by id."""
    return {path.stem: path.read_bytes() for path in (dataset / "images").iterdir()}


def test_hf_folder_takes_the_files_as_they_are(built: Path, tmp_path: Path) -> None:
    out, suffix = exported(built, tmp_path / "out", "hf-folder"), SUFFIXES[built.name]
    found = {path.stem: path.read_bytes() for path in out.glob(f"*/*{suffix}")}
    assert found == portraits(built)
    tables = [pd.read_csv(path) for path in out.glob("*/metadata.csv")]
    names = {name for table in tables for name in table["file_name"]}
    assert names == {f"{id_}{suffix}" for id_ in found}
    assert f"`train/ID{suffix}, test/ID{suffix}`" in (out / "README.md").read_text()


def test_webdataset_takes_the_files_as_they_are(built: Path, tmp_path: Path) -> None:
    found, suffix = {}, SUFFIXES[built.name]
    for path in exported(built, tmp_path / "out", "webdataset").glob("*.tar"):
        with tarfile.open(path) as tar:
            for name in tar.getnames():
                file = tar.extractfile(name)
                assert file is not None
                found[name] = file.read()
    pictures = {name: data for name, data in found.items() if not name.endswith(".json")}
    assert pictures == {f"{id_}{suffix}": data for id_, data in portraits(built).items()}


def test_parquet_takes_the_files_as_they_are(built: Path, tmp_path: Path) -> None:
    tables = map(pd.read_parquet, exported(built, tmp_path / "out", "parquet").glob("*.parquet"))
    found = {row["id"]: row["image"] for table in tables for _, row in table.iterrows()}
    assert found == portraits(built)


def test_celebgaze_is_jpeg_and_compresses_no_jpeg_again(built: Path, tmp_path: Path) -> None:
    out = exported(built, tmp_path / "out", "celebgaze")
    found = {path.stem: path.read_bytes() for path in out.glob("[01]/*.jpg")}
    assert found.keys() == portraits(built).keys()
    assert (found == portraits(built)) == (built.name == "jpeg")
    says = "the dataset's own" if built.name == "jpeg" else f"is lossless ({built.name})"
    assert says in (out / "README.txt").read_text()


def test_two_merged_shards_are_one_build(built: Path, source: Path, tmp_path: Path) -> None:
    shards = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, shard in enumerate(shards, 1):
        quick_build(source, shard, "--image-format", built.name, "--shard", f"{number}/2")
    merged = gazebench("merge", tmp_path / "merged" / built.name, *shards, "--quiet")
    assert merged.exit_code == 0, merged.output
    assert tree_hash(tmp_path / "merged" / built.name) == tree_hash(built)
    assert portraits(tmp_path / "merged" / built.name) == portraits(built)


def test_shards_of_two_formats_do_not_merge(source: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("png", "webp"), 1):
        quick_build(source, tmp_path / name, "--image-format", name, "--shard", f"{number}/2")
    refused = gazebench("merge", tmp_path / "out", tmp_path / "png", tmp_path / "webp")
    assert refused.exit_code == 7
    assert "image_format: png → webp" in refused.output


def test_the_command_of_the_card_names_the_format(built: Path) -> None:
    text = card_markdown(Manifest.load(built), load_info(built))
    assert f"--image-format {built.name}" in text
    assert ("--set dataset.jpeg_quality=95" in text) == (built.name == "jpeg")
    assert f"`images/ID{SUFFIXES[built.name]}`" in text


# rdflib, by which mlcroissant reads JSON-LD
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
def test_croissant_leads_to_every_picture(built: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    card = mlcroissant.Dataset(jsonld=built / "croissant.json")
    assert card.metadata.issues.errors == set()
    (files,) = (f for f in card.metadata.file_sets if f.id == "images")
    assert files.encoding_formats == [f"image/{built.name}"]
    if built.name == "webp":
        return  # a right card, but mlcroissant 1.1 decodes no WebP
    records = card.records("portraits")
    found = {row["portraits/id"].decode(): row["portraits/image"].size for row in records}
    assert found == dict.fromkeys(portraits(built), (64, 64))


LATER = ("image_format", "jpeg_quality", "write_masks")


@pytest.fixture
def older(source: Path, tmp_path: Path) -> Path:
    """A dataset of a gazebench that knew nothing but PNG."""
    root = Path(shutil.copytree(source.with_name("png"), tmp_path / "older"))
    info = json.loads((root / "dataset.json").read_text())
    info["settings"] = {k: v for k, v in info["settings"].items() if k not in LATER}
    (root / "dataset.json").write_text(json.dumps(info))
    with sqlite3.connect(root / "build.sqlite") as journal:
        journal.executemany("DELETE FROM meta WHERE key = ?", [(key,) for key in LATER])
    journal.close()
    return root


def test_a_dataset_from_before_the_choice_is_png(older: Path, source: Path) -> None:
    assert tree_hash(older) == tree_hash(source.with_name("png"))
    assert "PNG" in card_markdown(Manifest.load(older), load_info(older))
    assert "complete already" in quick_build(source, older)
    said = quick_build(source, older, "--image-format", "webp", code=7)
    assert 'image_format: "png" → "webp"' in said


def test_a_format_of_the_future_is_a_sentence(source: Path) -> None:
    with pytest.raises(InputError, match="'avif', which this gazebench does not know"):
        image_format({"settings": {"image_format": "avif"}})


def test_smaller_files_ask_for_less_space(tmp_path: Path) -> None:
    faces = int(free_bytes(tmp_path) / 0.15e6)  # 225 kB each would not fit
    check_space(tmp_path, faces, DatasetSettings(image_format=ImageFormat.JPEG))
    with pytest.raises(DiskError, match="free some"):
        check_space(tmp_path, faces, DatasetSettings())
