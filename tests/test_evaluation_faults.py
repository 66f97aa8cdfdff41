"""What an evaluation leaves when something fails, and what it says."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from build_runs import gazebench
from test_evaluate import BRIGHTNESS, ODD_METHOD, evaluation

from gazebench import baselines, store
from gazebench.errors import DiskError, InputError
from gazebench.evaluation import EvalReport, find
from gazebench.results import RunResult

WORKS = {"init": "pass", "correct": "batch.image * 0.5"}


class Own:
    """Methods and metrics of a test, and an evaluation by them."""

    def __init__(self, folder: Path, dataset: Path) -> None:
        self.folder, self.dataset, self.runs = folder, dataset, folder / "runs"
        for name in ("own_methods", "own_metrics"):
            (folder / name).mkdir()
            (folder / name / "__init__.py").touch()
        self.method("works")
        self.metric("first")

    def method(self, name: str, **parts: str) -> None:
        text = ODD_METHOD.format(name=name, **{**WORKS, **parts})
        (self.folder / "own_methods" / f"{name}.py").write_text(text)

    def metric(self, name: str, value: str = "Score.of(self.values)") -> None:
        text = BRIGHTNESS.format(name=name).replace("Score.of(self.values)", value)
        (self.folder / "own_metrics" / f"{name}.py").write_text(text)

    def run(self, *names: str) -> EvalReport:
        packages = {}
        for kind in ("methods", "metrics"):
            forget(f"own_{kind}")
            importlib.invalidate_caches()
            packages[kind] = importlib.import_module(f"own_{kind}")
        entries, _ = find(packages["methods"], self.runs, names)
        return evaluation(self.dataset, self.runs, **packages).run(entries)

    def scores(self, name: str) -> RunResult:
        return RunResult.load(self.runs / name / "scores.json")


def forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


@pytest.fixture
def own(small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Own]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files change within a second
    yield Own(tmp_path, small_dataset)
    for package in ("own_methods", "own_metrics"):
        forget(package)


def test_a_method_that_fails_now_keeps_the_scores_that_it_had(own: Own) -> None:
    own.run("works")
    before = own.scores("works")
    own.method("works", init="raise RuntimeError('CUDA out of memory')")
    report = own.run("works")
    assert len(report.failures) == 1
    assert "CUDA out of memory" in report.failures[0]
    assert own.scores("works") == before


def test_a_full_disk_while_scores_are_computed_is_no_dash(own: Own) -> None:
    own.metric(
        "second", "exec(\"from gazebench.errors import DiskError; raise DiskError('full')\")"
    )
    with pytest.raises(DiskError, match="full"):
        own.run("works")


def test_a_copy_of_a_run_of_an_earlier_command_is_told(own: Own) -> None:
    own.method("later")
    assert own.run("works").results[0].notes == ()
    assert own.run("later").results[0].notes == ("every portrait equals that of works",)
    both = own.run("works", "later")
    assert [r.notes for r in both.results] == [(), ("every portrait equals that of works",)]


def test_a_lost_picture_of_a_run_is_named_with_the_option_that_makes_it_again(own: Own) -> None:
    own.run("works")
    sorted((own.runs / "works" / "predictions").glob("*.png"))[0].unlink()
    (failure,) = own.run("works").failures
    assert "1 of" in failure
    assert failure.endswith("; `gazebench eval --overwrite` makes them again")


def test_pictures_of_domain_x_may_not_be_partly_there(own: Own) -> None:
    own.run("works")
    made = own.runs / "works"
    lost = sorted((made / "predictions_x").glob("*.png"))[0]
    lost.unlink()
    words = ("--dataset", own.dataset, "--runs", own.folder / "others", "--allow-partial")
    told = gazebench("score", made / "predictions", *words, "--x", made / "predictions_x")
    assert told.exit_code == InputError.exit_code
    assert f"missing: {lost.stem}" in told.output
    assert "allow-partial" not in told.output.replace(lost.stem, "")


def test_a_part_that_is_trained_now_stops_no_evaluation_of_others(
    small_dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "pam"
    run.mkdir(parents=True)
    (run / "config.toml").write_text('[recipe]\nmethod = "pam"\n')
    entries, _ = find(baselines, tmp_path / "runs", ["identity"])
    with store.locked(run):
        found = evaluation(small_dataset, tmp_path / "runs", wanted=("seam_eyes",)).run(entries)
    assert found.failures == ()


def test_methods_say_whether_parts_of_them_come_from_elsewhere() -> None:
    from gazebench import methods

    def told(name: str, package: ModuleType = baselines) -> bool:
        return methods.has_parts(methods.load(package, name))

    assert [told(name) for name in ("gazegan", "gazegan_v2")] == [True, True]
    assert [told(name) for name in ("prgan", "identity", "pam", "undo")] == [False] * 4
