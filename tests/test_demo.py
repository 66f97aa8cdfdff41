"""The demo, from the shipped portraits to the page, with a training of a few steps."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gazebench.cli import main
from gazebench.dataset import Manifest


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    result = CliRunner().invoke(main, ["demo", str(out), "--steps", "3", "--quiet"])
    assert result.exit_code == 0, result.output
    assert str(out / "board" / "index.html") in result.output
    return out


def scores(demo: Path, run: str) -> dict[str, dict[str, float]]:
    return json.loads((demo / "runs" / run / "scores.json").read_text())["scores"]


def test_identity_is_perfect_preservation(demo: Path) -> None:
    assert scores(demo, "identity")["ms_ssim_outside"]["value"] == 1
    assert scores(demo, "identity")["lpips_outside"]["value"] == 0


@pytest.mark.parametrize("run", ["prgan", "undo", "iris_warp", "eye_bank"])
def test_pixels_outside_the_boxes_are_the_source_bit_by_bit(demo: Path, run: str) -> None:
    manifest = Manifest.load(demo / "demo-256")
    paths = sorted((demo / "runs" / run / "predictions").glob("*.png"))
    assert len(paths) >= 10
    changed = 0
    for path in paths:
        portrait = manifest.by_id[path.stem]
        outside = np.ones((256, 256), bool)
        for box in portrait.eyes:
            outside[box.top : box.bottom, box.left : box.right] = False
        source, corrected = (np.asarray(Image.open(p)) for p in (manifest.path(portrait), path))
        assert (source[outside] == corrected[outside]).all()
        changed += bool((source[~outside] != corrected[~outside]).any())
    assert changed >= len(paths) / 2  # some may be left as they are: no iris was found


def test_a_second_demo_only_writes_the_page_again(demo: Path) -> None:
    before = (demo / "runs" / "prgan" / "scores.json").stat().st_mtime_ns
    page = (demo / "board" / "index.html").read_bytes()
    result = CliRunner().invoke(main, ["demo", str(demo), "--steps", "3", "--quiet"])
    assert result.exit_code == 0
    assert (demo / "runs" / "prgan" / "predictions.json").stat().st_mtime_ns < before
    assert (demo / "board" / "index.html").read_bytes() == page
