"""A dataset and an export of an earlier recipe (commit fa5fa19) are read as they were.

Its build is finished by nobody else: a later recipe makes other portraits of pictures with a colour
profile. Where there is none, its export still gives the same dataset.

``made_before/dataset`` is three shipped portraits and a grey wall, built there at 64 pixels as JPEG
with masks, and labelled; ``made_before/export`` is its export to hf-folder.
"""

import json
import shutil
from pathlib import Path

import pytest
from build_runs import gazebench, tree_hash
from PIL import Image

from gazebench.curation.libraries import libraries
from gazebench.curation.settings import RECIPE
from gazebench.dataset import Domain, Manifest

BEFORE = Path(__file__).parent / "made_before"
TREE = "e087a52f122438604a75ed74e7492afce7575ddefbea9d5481628b527acb72b4"
FLAGS = ("--res", "64", "--align", "none", "--image-format", "jpeg", "--write-masks", "--quiet")


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A copy of the dataset."""
    return Path(shutil.copytree(BEFORE / "dataset", tmp_path / "tiny"))


@pytest.fixture
def faces(demo_portraits: Path, tmp_path: Path) -> Path:
    """The pictures that it was built from."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in ("00023.jpg", "00030.jpg", "00035.jpg"):
        shutil.copy(demo_portraits / name, folder)
    Image.new("RGB", (96, 96), (120, 120, 120)).save(folder / "wall.png")
    return folder


def test_it_is_read_and_verified(before: Path) -> None:
    manifest = Manifest.load(before)
    assert manifest.tree_hash == TREE
    assert [p.id for p in manifest.select(domain=Domain.CAMERA)] == ["00023", "00035"]
    result = gazebench("verify", before, "--quiet")
    assert result.exit_code == 0, result.output
    assert TREE[:16] in result.output


def test_nothing_is_added_to_it_by_another_recipe(before: Path, faces: Path) -> None:
    for flags in (FLAGS, (*FLAGS, "--test-fraction", "0.5")):
        result = gazebench("build-dataset", faces, before, *flags)
        assert result.exit_code == 7
        assert f"recipe: 3 → {RECIPE}" in result.output
    assert "test_fraction: 0.1 → 0.5" in result.output
    assert "image_format" not in result.output  # settings that were added since are no difference
    assert tree_hash(before) == TREE


def test_the_lists_of_its_export_are_byte_for_byte_those_of_before(
    before: Path, tmp_path: Path
) -> None:
    result = gazebench("export", before, tmp_path / "out", "--to", "hf-folder", "--quiet")
    assert result.exit_code == 0, result.output
    made, kept = _files(tmp_path / "out"), _files(BEFORE / "export")
    assert made.pop("README.md").count(b"\n") > 50  # prose, which may be worded better
    del kept["README.md"]
    assert made == kept


def test_its_export_is_made_again(faces: Path, tmp_path: Path) -> None:
    (faces / "wall.png").unlink()
    again = tmp_path / "again"
    words = ("build-dataset", faces, again, "--from-export", BEFORE / "export", "--quiet")
    result = gazebench(*words)
    built_with = json.loads((BEFORE / "dataset" / "dataset.json").read_text())["libraries"]
    if not built_with.items() <= libraries().items():
        assert result.exit_code in (0, 4), result.output
        return
    assert result.exit_code == 0, result.output
    assert tree_hash(again) == TREE
    assert (again / "labels.csv").read_text() == (BEFORE / "dataset" / "labels.csv").read_text()


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
