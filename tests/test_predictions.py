"""A folder of predictions is checked before anything is scored."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gazebench import contract
from gazebench.curation.encoding import encode
from gazebench.dataset import Domain, ImageFormat
from gazebench.dataset.batches import to_float, to_uint8
from gazebench.dataset.pictures import png
from gazebench.errors import InputError
from gazebench.evaluation import predictions
from gazebench.evaluation.predictions import Predictions

PIXELS = contract.drawn_dataset(64)
AWAY = PIXELS.manifest.select(domain=Domain.AWAY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Predictions equal to their sources."""
    batch = PIXELS.batch(AWAY)
    predictions.write(tmp_path / "out", batch.ids, to_uint8(batch.image))
    return tmp_path / "out"


def check(folder: Path, **options: Any) -> Predictions:
    return Predictions.check(folder, PIXELS.manifest, AWAY, **options)


def test_pixels_survive_the_disk(folder: Path) -> None:
    made = check(folder)
    assert torch.equal(made.image(AWAY), PIXELS.batch(AWAY).image)
    assert made.missing == ()


def test_every_8_bit_value_survives_the_float_and_back() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(values)), values)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        check(tmp_path / "nowhere")


def test_missing_predictions_are_listed_with_the_way_out(folder: Path) -> None:
    (folder / "drawn-0.png").unlink()
    with pytest.raises(InputError, match=r"1 of 4 missing: drawn-0; draw it again$"):
        check(folder, remedy="draw it again")
    partial = check(folder, allow_partial=True)
    assert partial.missing == ("drawn-0",)
    assert [p.id for p in partial.portraits] == ["drawn-2", "drawn-4", "drawn-6"]


def test_nothing_at_all_is_refused_even_where_partial_is_fine(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 of 4 missing"):
        check(tmp_path, allow_partial=True)


def test_foreign_pictures_are_refused(folder: Path) -> None:
    (folder / "drawn-0.png").rename(folder / "someone.png")
    with pytest.raises(InputError, match=r"no portrait of the dataset is called someone\.png"):
        check(folder)


def test_training_portraits_are_told_from_strangers(folder: Path) -> None:
    (folder / "drawn-1.png").write_bytes((folder / "drawn-0.png").read_bytes())
    with pytest.raises(InputError, match=r"not among the 4 domain-Y test portraits: drawn-1\.png"):
        check(folder)


def test_wrong_size_and_damage_are_listed_together(folder: Path) -> None:
    Image.new("RGB", (32, 64)).save(folder / "drawn-0.png")
    (folder / "drawn-2.png").write_bytes((folder / "drawn-2.png").read_bytes()[:200])
    with pytest.raises(InputError) as error:
        check(folder)
    assert "drawn-0.png: 32x64 pixels, expected 64x64" in str(error.value)
    assert "drawn-2.png: damaged" in str(error.value)


def test_other_endings_doubled_ones_alpha_and_foreign_bytes_are_named(folder: Path) -> None:
    (folder / "drawn-0.png").rename(folder / "drawn-0.PNG")
    (folder / "drawn-2.png").rename(folder / "drawn-2.png.png")
    Image.new("RGBA", (64, 64)).save(folder / "drawn-4.png")
    Image.new("RGB", (64, 64)).save(folder / "drawn-6.png", "JPEG")
    (folder / "drawn-1.jpg").touch()
    (folder / "notes.txt").touch()
    with pytest.raises(InputError) as error:
        check(folder)
    said = str(error.value)
    assert "predictions are ID.png, in this spelling, and not drawn-0.PNG" in said
    assert "doubled endings, expected ID.png: drawn-2.png.png" in said
    assert "drawn-4.png: has transparency (RGBA), expected RGB" in said
    assert "drawn-6.png: is JPEG, not PNG, whatever its ending says" in said
    assert "notes.txt" not in said


def test_pictures_of_one_colour_and_repeated_ones_are_flagged(folder: Path) -> None:
    assert check(folder).remarks() == []
    Image.new("RGB", (64, 64), "grey").save(folder / "drawn-0.png")
    (folder / "drawn-2.png").write_bytes((folder / "drawn-4.png").read_bytes())
    assert check(folder).remarks() == [
        "1 of 4 pictures have one colour only: drawn-0",
        "2 of 4 pictures equal another: drawn-2, drawn-4",
    ]


def test_two_encodings_of_one_picture_have_one_digest(folder: Path) -> None:
    before = check(folder).digests
    Image.open(folder / "drawn-0.png").save(folder / "drawn-0.png", compress_level=9)
    assert check(folder).digests == before


def test_a_prediction_is_written_as_a_dataset_writes_its_portraits(tmp_path: Path) -> None:
    pixels = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    predictions.write(tmp_path, ["a"], pixels)
    picture = Image.fromarray(pixels[0].permute(1, 2, 0).numpy())
    assert (tmp_path / "a.png").read_bytes() == encode(picture, ImageFormat.PNG, None)


def test_a_png_with_texts_and_a_profile_has_the_same_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png(pixels, profile=b"icc", text={"made": "by"}))) as picture:
        assert picture.info["made"] == "by"
        assert picture.info["icc_profile"] == b"icc"
        assert np.array_equal(np.asarray(picture), pixels)
