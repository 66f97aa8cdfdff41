"""Several methods under one budget: who is trained, for how long, and what a failure leaves."""

import itertools
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest
import toy_methods
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from training_folders import losses, make_dataset, two_files

from gazebench import baselines, cli, config, methods, plugins
from gazebench.dataset import Manifest
from gazebench.errors import InputError
from gazebench.training import TrainingSettings, checkpoint
from gazebench.training.job import Budget, Pace
from gazebench.training.queue import QueueReport, Trainer, plan
from gazebench.training.run import Recipe

SMALL = ("width=4", "residual_blocks=1", "patch=32", "discriminator_layers=3")
SET = [word for s in SMALL for word in ("--set", f"methods.prgan.{s}")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


def trained(
    dataset: Manifest, runs: Path, *names: str, heard: list[str] | None = None, **options: Any
) -> QueueReport:
    """The toys in a queue on the CPU; ``tables`` are settings by method."""
    tables, budget = options.pop("tables", {}), options.pop("budget", Budget())
    trainer = Trainer(
        manifest=dataset,
        collection=toy_methods,
        settings=TrainingSettings(device="cpu"),
        budget=budget,
        progress=False,
        say=(heard if heard is not None else []).append,
        **options,
    )
    return trainer.run(plan(dataset, toy_methods, names, tables, runs, {}))


def recipe(run: Path) -> Recipe:
    return Recipe.load(run / "config.toml")


def facts(run: Path) -> dict[str, Any]:
    found = checkpoint.newest(run / "checkpoints", print)
    assert found
    return dict(found.facts)


def command(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["train", *map(str, words)])


def test_what_gives_a_part_is_trained_first_under_the_settings_that_fit(
    dataset: Manifest, tmp_path: Path
) -> None:
    report = trained(dataset, tmp_path, "taker", "small")
    assert [result.run.name for result in report.results] == ["small-lr-0.02", "taker", "small"]
    assert recipe(tmp_path / "small-lr-0.02").settings["lr"] == 0.02
    assert not report.failures


def test_a_part_with_the_tables_own_settings_is_trained_once(
    dataset: Manifest, tmp_path: Path
) -> None:
    entries = plan(dataset, toy_methods, ["taker", "small"], {"small": {"lr": 0.02}}, tmp_path, {})
    assert [(e.run.name, e.parts) for e in entries] == [
        ("small", {}),
        ("taker", {"small": tmp_path / "small"}),
    ]


def test_the_gazegans_need_two_pams(tmp_path_factory: pytest.TempPathFactory) -> None:
    portraits = make_dataset(tmp_path_factory.mktemp("dataset"))
    entries = plan(portraits, baselines, ["all"], {}, Path("runs"), {})
    names = [entry.run.name for entry in entries]
    assert {"prgan", "stargan", "cyclegan", "gazegan", "gazegan_v2"} < set(names)
    assert "identity" not in names
    assert names.index("pam-shrink-1") < names.index("gazegan")
    assert names.index("pam") < names.index("gazegan_v2")


def test_a_part_that_is_trained_already_is_not_trained_again(
    dataset: Manifest, tmp_path: Path
) -> None:
    given = {"small": tmp_path / "elsewhere"}
    (entry,) = plan(dataset, toy_methods, ["taker"], {}, tmp_path, given)
    assert entry.parts == given
    with pytest.raises(InputError, match="none of small takes a part of pam"):
        plan(dataset, toy_methods, ["small"], {}, tmp_path, {"pam": tmp_path})


def test_every_method_sees_as_many_portraits_whatever_its_step_draws(
    dataset: Manifest, tmp_path: Path
) -> None:
    report = trained(dataset, tmp_path, "taker", "small", budget=Budget(images=24))
    seen = {result.run.name: (result.step, result.images) for result in report.results}
    assert seen == {"small-lr-0.02": (6, 24), "taker": (4, 24), "small": (6, 24)}
    assert recipe(tmp_path / "taker").budget == "24 images"
    assert facts(tmp_path / "taker")["parts"]["G_small"]["images"] == 24


@given(st.integers(1, 10**8), st.integers(1, 10**4))
def test_a_budget_of_portraits_is_not_passed_nor_missed_by_a_step(limit: int, each: int) -> None:
    steps = Budget(images=limit).steps(Pace(images=each, seconds=0))
    assert steps == 1 or limit - each < steps * each <= limit


@given(st.floats(1e-3, 1e4), st.floats(1e-4, 1e3))
def test_a_budget_of_time_is_not_passed_by_a_step(minutes: float, each: float) -> None:
    steps = Budget(minutes=minutes).steps(Pace(images=1, seconds=each))
    assert steps == 1 or steps == pytest.approx(60 * minutes / each, rel=1e-9, abs=1)


def test_time_is_measured_once_and_the_recipe_keeps_the_steps(
    dataset: Manifest, tmp_path: Path
) -> None:
    heard: list[str] = []
    budget = Budget(minutes=0.01)
    first = trained(dataset, tmp_path, "small", budget=budget, heard=heard).results[0]
    assert first.step == recipe(tmp_path / "small").steps > 1
    assert any("0.01 minutes:" in line for line in heard)
    heard.clear()
    again = trained(dataset, tmp_path, "small", budget=budget, heard=heard).results[0]
    assert (again.step, again.trained, heard) == (first.step, 0, ["1 of 1: small"])


def test_a_failure_is_kept_as_a_sentence_and_the_others_go_on(
    dataset: Manifest, tmp_path: Path
) -> None:
    heard: list[str] = []
    tables = {"small": {"nan_at": 2}, "taker": {"lr_of_part": 0.01}}
    report = trained(dataset, tmp_path, "taker", "small", tables=tables, heard=heard)
    assert not report.results
    assert report.failures[0].startswith("small: step 3: loss adv is nan")
    assert report.failures[1].startswith("taker: ")
    assert heard[0] == "1 of 2: small"


def test_a_mistake_in_a_methods_file_is_a_failure_with_its_place(
    dataset: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCIDENT", "crash")
    monkeypatch.setenv("ACCIDENT_STEP", "1")
    heard: list[str] = []
    report = trained(dataset, tmp_path, "small", heard=heard)
    assert report.failures == ("small: CrashError: ",)
    assert any("small.py" in line for line in heard)


def test_a_failed_one_is_tried_again_and_the_trained_ones_are_passed_over(
    dataset: Manifest, tmp_path: Path
) -> None:
    names = ("--method", "pam", "--method", "prgan", "--set", "methods.pam.width=4")
    words = (*names, *SET, "--batch", "1", "--images", "16", "--device", "cpu", "--quiet")
    for _ in range(2):
        result = command(*words, "--set", "methods.pam.divisor=16", dataset.root, tmp_path)
        assert result.exit_code == 4
        assert "pam: PAM with divisor = 16 needs portraits" in result.output
        assert "the same command tries these again" in result.output
    before = losses(tmp_path / "prgan")
    assert command(*words, dataset.root, tmp_path).exit_code == 0
    assert losses(tmp_path / "prgan") == before
    assert len(losses(tmp_path / "pam")) == 8


@pytest.mark.long
def test_ctrl_c_stops_the_queue_and_the_same_command_goes_on(
    dataset: Manifest, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    words = (*two_files(tmp_path), "--device", "cpu", "--quiet", "--images", "960")  # 240 steps
    line = [sys.executable, "-m", "gazebench", "train", *words, str(dataset.root), str(runs)]
    slow = {**os.environ, "PACE": "0.05"}
    process = subprocess.Popen(line, env=slow, stderr=subprocess.PIPE, text=True)
    while not losses(runs / "one") and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert not (runs / "two").exists()
    assert 0 < len(losses(runs / "one")) < recipe(runs / "one").steps
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("one", "two"):
        assert [step for step, _ in losses(runs / name)] == list(range(1, 241))
    assert "portraits" in done.stdout
    assert "960" in done.stdout


def test_named_runs_share_their_parts_and_differ_in_what_they_say(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    portraits = make_dataset(tmp_path_factory.mktemp("dataset"))
    tables = config.read(config.track("ablations"))
    entries = plan(
        portraits, baselines, ["gazegan_v2"], tables["methods"], Path("r"), {}, tables["runs"]
    )
    names = [entry.run.name for entry in entries]
    whole = "gazegan_v2"
    assert names == ["pam", whole, *(f"{whole}-without-{letter}" for letter in "ABCD")]
    settings = {entry.run.name: dict(entry.settings) for entry in entries}
    off = {
        "A": {"content_code": False},
        "C": {"weight_fp": 0.0},
        "D": {"coarse_to_fine": False, "pam_shrink": 2},
    }
    for letter, change in off.items():
        assert settings[f"{whole}-without-{letter}"] == settings[whole] | change
    parts = {entry.run.name: set(entry.parts.values()) for entry in entries}
    for letter in "BCD":  # what is missing is the part alone, not another training of PAM
        assert parts[whole] == parts[f"{whole}-without-{letter}"] == {Path("r/pam")}
    assert parts[f"{whole}-without-A"] == set()
    assert not plan(portraits, baselines, ["prgan"], {}, Path("r"), {}, tables["runs"])


@pytest.mark.parametrize("run", [{}, {"method": 3}])
def test_a_named_run_without_a_method_is_named(dataset: Manifest, run: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"runs\.odd"):
        plan(dataset, toy_methods, ["small"], {}, Path("r"), {}, {"odd": run})


def test_a_track_of_runs_needs_no_method_and_another_does() -> None:
    printed = tomllib.loads(command("d", "r", "--track", "ablations", "--dry-run").output)
    assert printed["methods"].keys() == {"gazegan_v2"}
    assert printed["runs"]["gazegan_v2-without-D"]["coarse_to_fine"] is False
    for words in (("--track", "celebgaze"), ("--track", "ablations", "--method", "prgan")):
        result = command("d", "r", *words, "--dry-run")
        assert result.exit_code == 2
        assert "--method" in result.output


@pytest.mark.parametrize("pair", [*itertools.combinations(("--steps", "--images", "--minutes"), 2)])
def test_two_budgets_are_a_usage_error(pair: tuple[str, str]) -> None:
    result = command("--method", "prgan", "d", "r", pair[0], "1", pair[1], "1")
    assert result.exit_code == 2
    assert "exclude each other" in result.output


@pytest.mark.parametrize("name", config.tracks())
def test_a_track_has_settings_of_known_methods_and_each_is_known(name: str) -> None:
    tables = config.read(config.track(name))
    kinds = {n: methods.load(baselines, n) for n in plugins.names(baselines)}
    assert tables["methods"].keys() <= {n for n, k in kinds.items() if methods.is_trainable(k)}
    config.build(TrainingSettings, tables["training"])
    for method, table in tables["methods"].items():
        config.build(kinds[method].Config, table, method)
    help_text = " ".join(command("--help").output.split())
    assert name in help_text


def test_a_track_is_a_settings_file_and_set_wins() -> None:
    flags = ("--track", "celebhqgaze", "--set", "methods.stargan.batch=2", "--dry-run")
    printed = tomllib.loads(
        command("--method", "stargan", "--method", "cyclegan", "d", "r", *flags).output
    )
    assert printed["methods"]["stargan"]["batch"] == 2
    assert printed["methods"]["cyclegan"]["crop"] == 256
    assert command("--method", "pam", "d", "r", "--track", "celebgas").exit_code == 3


def test_a_method_that_a_track_does_not_mention_has_its_own_settings(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text((Path(toy_methods.__path__[0]) / "small.py").read_text())
    for track, steps in (("celebgaze", 12), ("demo", 100)):
        printed = command("--method", file, "d", "r", "--track", track, "--dry-run").output
        assert tomllib.loads(printed)["methods"]["mine"]["steps"] == steps


def test_a_dry_run_leaves_the_steps_of_a_budget_open() -> None:
    printed = command("--method", "all", "d", "r", "--dry-run", "--minutes", "30").output
    assert "as many as 30 minutes allow" in printed
    assert all("steps" not in table for table in tomllib.loads(printed)["methods"].values())


def test_portraits_seen_are_counted_across_resumes(dataset: Manifest, tmp_path: Path) -> None:
    trained(dataset, tmp_path, "small", tables={"small": {"steps": 5}})
    report = trained(dataset, tmp_path, "small", tables={"small": {"steps": 8}})
    assert report.results[0].images == 8 * 4
    state = json.loads((tmp_path / "small/checkpoints/step-000008/state.json").read_text())
    assert state["images"] == 8 * 4


@pytest.mark.slow
def test_two_processes_agree_on_the_steps_of_every_method(
    dataset: Manifest, tmp_path: Path
) -> None:
    names = ("--method", "pam", "--method", "prgan", "--set", "methods.pam.width=4")
    words = (*names, *SET, "--batch", "1", "--minutes", "0.02", "--device", "cpu", "--quiet")
    launcher = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "gazebench")
    line = [sys.executable, "-m", *launcher, "train", *words, str(dataset.root), str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.count("next: ") == 1
    for name in ("pam", "prgan"):
        made = recipe(tmp_path / name)
        assert made.processes == 2
        assert [step for step, _ in losses(tmp_path / name)] == list(range(1, made.steps + 1))
