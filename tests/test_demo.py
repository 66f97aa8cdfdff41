"""The demo, from the shipped portraits to the page, with a training of a few steps."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import choose
from PIL import Image

import gazebench.demo
from gazebench import config
from gazebench.cli import main
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Manifest, read_csv

# enough for every score of the page: a judge of eye contact learns from twenty of each domain
WANTED = {("X", "train"): 20, ("Y", "train"): 20, ("X", "test"): 2, ("Y", "test"): 4}


@pytest.fixture(scope="module")
def demo(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo on 46 of its portraits."""
    some, out = tmp_path_factory.mktemp("portraits"), tmp_path_factory.mktemp("demo")
    settings = config.build(DatasetSettings, config.read(gazebench.demo.SETTINGS)["dataset"])
    chosen = choose(demo_portraits, settings, WANTED)
    for name in chosen:
        shutil.copy(demo_portraits / name, some)
    rows = "".join(f"{name},{label}\n" for name, label in chosen.items())
    (some / "labels.csv").write_text(f"id,label\n{rows}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gazebench.demo, "PORTRAITS", some)
        result = CliRunner().invoke(main, ["demo", str(out), "--steps", "3", "--quiet"])
        assert result.exit_code == 0, result.output
        assert str(out / "board" / "index.html") in result.output
        (out / "said.txt").write_text(result.output)
        yield out


def test_every_shipped_portrait_has_one_label(demo_portraits: Path) -> None:
    names = [row["id"] for _, row in read_csv(demo_portraits / "labels.csv", ("id", "label"))]
    assert sorted(names) == sorted(path.name for path in demo_portraits.glob("*.jpg"))
    assert len(names) == 128


def commands(said: str) -> list[list[str]]:
    """The words after ``gazebench`` of each command that the demo printed."""
    return [shlex.split(line)[2:] for line in said.splitlines() if line.startswith("$ gazebench ")]


class EnoughError(Exception):
    """The demo has said enough."""


def test_the_dataset_s_command_has_the_settings_of_the_demo(tmp_path: Path) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        raise EnoughError

    with pytest.raises(EnoughError):
        gazebench.demo.run(tmp_path / "a demo", command="gazebench demo", say=say)
    (words,) = commands("\n".join(said))
    planned = CliRunner().invoke(main, [*words, "--dry-run"])
    assert planned.exit_code == 0, planned.output
    wanted = config.read(gazebench.demo.SETTINGS)["dataset"]
    for key, value in wanted.items():
        assert re.search(rf"{key} *[=:] *\"?{value}\b", planned.output), (key, planned.output)


@pytest.mark.long
def test_the_commands_that_are_printed_are_those_that_run(demo: Path) -> None:
    said = commands((demo / "said.txt").read_text())
    assert [words[0] for words in said] == ["build-dataset", "label", "train", "eval", "report"]
    names = ("demo-256/dataset.json", "runs/undo/predictions.json", "runs/prgan/predictions.json")
    before = {name: (demo / name).stat().st_mtime_ns for name in names}
    written = [demo / name for name in ("demo-256/labels.csv", "board/index.html")]
    texts = [path.read_bytes() for path in written]
    for words in said:  # another setting would be refused
        again = CliRunner().invoke(main, words)
        assert again.exit_code == 0, again.output
    assert {name: (demo / name).stat().st_mtime_ns for name in names} == before
    assert [path.read_bytes() for path in written] == texts


def scores(demo: Path, run: str) -> dict[str, dict[str, float]]:
    return json.loads((demo / "runs" / run / "scores.json").read_text())["scores"]


@pytest.mark.long
def test_identity_is_perfect_preservation(demo: Path) -> None:
    assert scores(demo, "identity")["ms_ssim_outside"]["value"] == 1
    assert scores(demo, "identity")["lpips_outside"]["value"] == 0


@pytest.mark.long
def test_the_page_has_figures(demo: Path) -> None:
    names = {path.name for path in (demo / "board" / "figures").glob("*.png")}
    wanted = {f"figure-{number}.png" for number in (6, 8, 9, 12, 16)}
    assert names == {*wanted, "training-curves-prgan.png"}
    assert "Figure 9. Gaze animation" in (demo / "board" / "index.html").read_text()


@pytest.mark.parametrize("run", ["prgan", "undo", "iris_warp", "eye_bank"])
@pytest.mark.long
def test_pixels_outside_the_boxes_are_the_source_bit_by_bit(demo: Path, run: str) -> None:
    manifest = Manifest.load(demo / "demo-256")
    paths = sorted((demo / "runs" / run / "predictions").glob("*.png"))
    assert len(paths) == WANTED["Y", "test"]
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


@pytest.mark.long
def test_a_second_demo_only_writes_the_page_again(demo: Path) -> None:
    before = (demo / "runs" / "prgan" / "scores.json").stat().st_mtime_ns
    page = (demo / "board" / "index.html").read_bytes()
    result = CliRunner().invoke(main, ["demo", str(demo), "--steps", "3", "--quiet"])
    assert result.exit_code == 0
    assert (demo / "runs" / "prgan" / "predictions.json").stat().st_mtime_ns < before
    assert (demo / "board" / "index.html").read_bytes() == page
