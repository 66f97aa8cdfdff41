"""``gazebench train`` as it is typed."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path
from signal import SIGINT

import pytest
from click.testing import CliRunner, Result
from training_folders import losses, make_dataset

from gazebench import cli
from gazebench.dataset import Manifest

SMALL = ("width=4", "residual_blocks=1", "patch=32", "discriminator_layers=3", "critic_steps=1")
SET = [word for s in SMALL for word in ("--set", f"methods.prgan.{s}")]
FLAGS = ["--batch", "1", "--device", "cpu", "--quiet", *SET]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


def train(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["train", "--method", "prgan", *map(str, words)])


def test_a_dry_run_prints_the_settings_that_would_be_used(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[training]\nseed = 4\nsteps = 9\n[methods.prgan]\nlr = 0.5\nbatch = 3\n")
    flags = ("--steps", "7", "--set", "methods.prgan.batch=5", "--dry-run", "--config", file)
    printed = tomllib.loads(train("data", "run", *flags).output)
    assert printed["training"] == {
        "steps": 7,
        "seed": 4,
        "precision": "no",
        "sample_every": 1000,
        "checkpoint_every": 1000,
        "checkpoint_minutes": 10.0,
        "compile": False,
        "ema": 0.0,
        "tensorboard": False,
    }
    prgan = printed["methods"]["prgan"]
    assert (prgan["steps"], prgan["lr"], prgan["batch"], prgan["width"]) == (7, 0.5, 5, 64)


def test_what_a_dry_run_prints_is_a_settings_file(tmp_path: Path) -> None:
    first = train("data", "run", "--dry-run", "--seed", "3", "--batch", "2").output
    (tmp_path / "s.toml").write_text(first)
    assert train("data", "run", "--dry-run", "--config", tmp_path / "s.toml").output == first


@pytest.mark.parametrize(
    ("setting", "nearest"),
    [
        ("methods.prgan.widht=4", "width"),
        ("methods.prgn.width=4", "prgan"),
        ("training.sed=1", "seed"),
    ],
)
def test_a_misspelt_setting_names_the_nearest(setting: str, nearest: str) -> None:
    result = train("data", "run", "--dry-run", "--set", setting)
    assert result.exit_code == 3
    assert f"did you mean {nearest!r}?" in result.output


def test_a_method_that_no_listed_run_is_of_is_named_with_those_that_are() -> None:
    for others in ([], ["--method", "gazegan_v2"]):
        words = ["train", "--track", "ablations", "--method", "prgan", *others, "data", "runs"]
        result = CliRunner().invoke(cli.main, words)
        assert result.exit_code == 2
        assert "--method prgan: no run is listed of it; there are: gazegan_v2" in result.output


@pytest.mark.parametrize("table", ["methods.prgan", "runs.mine"])
def test_a_value_where_a_table_belongs_is_named_in_full(table: str) -> None:
    result = train("data", "run", "--dry-run", "--set", f"{table}=5")
    assert result.exit_code == 3
    assert f"setting {table} = 5: expected a table" in result.output


def test_a_misspelt_method_names_the_nearest(dataset: Manifest, tmp_path: Path) -> None:
    words = ["train", "--method", "prgn", str(dataset.root), str(tmp_path)]
    assert "did you mean 'prgan'" in CliRunner().invoke(cli.main, words).output


def test_it_trains_and_a_second_call_has_nothing_to_do(dataset: Manifest, tmp_path: Path) -> None:
    words = (dataset.root, tmp_path, "--steps", "2", *FLAGS)
    assert "prgan, 2 steps" in train(*words).output
    again = train(*words)
    assert again.exit_code == 0
    assert "is trained already, 2 steps; nothing to do" in again.output


def test_other_settings_end_with_exit_code_7(dataset: Manifest, tmp_path: Path) -> None:
    words = (dataset.root, tmp_path, "--steps", "1", *FLAGS)
    assert train(*words).exit_code == 0
    refused = train(*words, "--seed", "1")
    assert refused.exit_code == 7
    assert "seed: 0 → 1" in refused.output
    assert train(*words, "--seed", "1", "--overwrite").exit_code == 0


def test_flags_win_over_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[training]\nema = 0.5\ncompile = true\n")
    flags = ("--set", "training.ema=0.9", "--set", "training.tensorboard=true")
    flags += ("--dry-run", "--config", file)
    table = tomllib.loads(train("data", "run", *flags).output)["training"]
    assert (table["ema"], table["compile"], table["tensorboard"]) == (0.9, True, True)


def test_fewer_portraits_than_the_batch_are_said_aloud(dataset: Manifest, tmp_path: Path) -> None:
    words = (dataset.root, tmp_path, "--steps", "1", *FLAGS, "--batch", "6")
    done = train(*words)
    assert done.exit_code == 0
    assert "only 4 labelled X and 4 labelled Y for a draw of 6: portraits are drawn" in done.stderr
    assert done.stderr.count("drawn more than once") == 1


@pytest.mark.long
def test_ctrl_c_ends_with_exit_code_130_and_goes_on(dataset: Manifest, tmp_path: Path) -> None:
    words = ["train", "--method", "prgan", str(dataset.root), str(tmp_path), *FLAGS]
    command = [sys.executable, "-m", "gazebench", *words, "--steps", "100000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not losses(tmp_path) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "run the same command again to resume" in said
    steps = 2 * losses(tmp_path)[-1][0]  # the first half's learning rate is constant
    assert f"prgan, {steps} steps" in train(*words[3:], "--steps", str(steps)).output
    assert [step for step, _ in losses(tmp_path)] == list(range(1, steps + 1))
