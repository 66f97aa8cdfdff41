"""Whose folder a run's is: nobody's scores are taken over, and a linked folder is followed."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_runs import make_result, make_runs

from gazebench import baselines, cli, store
from gazebench.dataset import Manifest
from gazebench.errors import InputError, RefusedError
from gazebench.evaluation import portraits_to_correct
from gazebench.evaluation.contenders import Entry, refuse_taken
from gazebench.reports.measured import Measured


def ask(runs: Path, name: str, folder: Path, *, overwrite: bool = False) -> None:
    entry = Entry(run=name, name=name, folder=runs / name, trained=False)
    refuse_taken(entry, folder, baselines, overwrite=overwrite)


def test_the_folder_of_a_training_or_an_evaluation_is_never_taken_over(tmp_path: Path) -> None:
    for name, file in (("trained", "config.toml"), ("evaluated", "predictions.json")):
        store.write(tmp_path / name / file, "")
        with pytest.raises(RefusedError, match="already; give another --name"):
            ask(tmp_path, name, tmp_path / "out", overwrite=True)


@pytest.mark.parametrize("name", ["identity", "prgan"])
def test_the_name_of_a_method_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is the name of a method here"):
        ask(tmp_path, name, tmp_path / "out")


def test_names_that_differ_by_case_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Mine").mkdir()
    with pytest.raises(InputError, match="has 'Mine' already"):
        ask(tmp_path, "mine", tmp_path / "out")


def test_scores_of_another_folder_stay_unless_asked(tmp_path: Path) -> None:
    runs, mine, other = tmp_path / "runs", tmp_path / "a" / "out", tmp_path / "b" / "out"
    replace(make_result("mine"), pictures="../../a/out").save(runs / "mine" / "scores.json")
    ask(runs, "mine", mine)
    ask(runs, "mine", other, overwrite=True)
    with pytest.raises(RefusedError, match="has the scores of another folder"):
        ask(runs, "mine", other)


def test_score_holds_the_lock_of_its_run(dataset: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(dataset)
    for portrait in portraits_to_correct(manifest):
        store.link_or_copy([(manifest.path(portrait), tmp_path / "out" / f"{portrait.id}.png")])
    words = ["score", tmp_path / "out", "--dataset", dataset, "--runs", tmp_path, "--name", "m"]
    taken = [*map(str, words), "--quiet", "--device", "cpu"]
    with store.locked(tmp_path / "m"):
        busy = CliRunner().invoke(cli.main, taken)
    assert (busy.exit_code, "is writing here" in busy.output) == (6, True)
    (tmp_path / "m" / ".lock").unlink()
    (tmp_path / "m" / ".lock").symlink_to(tmp_path / "precious")
    linked = CliRunner().invoke(cli.main, taken)
    assert (linked.exit_code, ".lock: is a link" in linked.output) == (3, True)
    assert not (tmp_path / "precious").exists()


def test_a_linked_run_folder_is_read(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    (runs / "star").rename(tmp_path / "elsewhere")
    (runs / "star").symlink_to(tmp_path / "elsewhere")
    (runs / "loop").symlink_to(runs)
    assert [run.result.run for run in Measured(runs).runs] == sorted(
        ["identity", "part", "prgan", "star", "v2"]
    )


def test_a_result_that_does_not_compare_is_left_out_and_named(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    odd = Measured(runs).runs[0].result
    cards = {k: replace(c, higher_is_better=not c.higher_is_better) for k, c in odd.metrics.items()}
    replace(odd, metrics=cards).save(runs / "odd" / "scores.json")
    measured = Measured(runs)
    assert "odd" not in [run.result.run for run in measured.runs]
    assert len(measured.runs) == 5
    assert "odd/scores.json: left out, its " in measured.damaged[0]
