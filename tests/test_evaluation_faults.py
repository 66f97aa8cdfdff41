"""What an evaluation leaves when something fails, and what it says."""

import hashlib
import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from build_runs import gazebench
from test_evaluate import BRIGHTNESS, ODD_METHOD, evaluation

from gazebench import baselines, store
from gazebench.dataset import Manifest
from gazebench.errors import DiskError, IncompleteError, InputError
from gazebench.evaluation import EvalReport, find
from gazebench.metrics._eye_contact import Judge
from gazebench.metrics.eye_contact import EyeContact
from gazebench.reports.report import write_report
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

    def run(self, *names: str, **options: object) -> EvalReport:
        packages = {}
        for kind in ("methods", "metrics"):
            forget(f"own_{kind}")
            importlib.invalidate_caches()
            packages[kind] = importlib.import_module(f"own_{kind}")
        entries, _ = find(packages["methods"], self.runs, names)
        return evaluation(self.dataset, self.runs, **packages, **options).run(entries)

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


def test_a_method_that_fails_now_keeps_its_scores_and_says_so_until_it_succeeds(own: Own) -> None:
    own.run("works")
    before = own.scores("works")
    own.method("works", init="raise RuntimeError('CUDA out of memory')")
    for _ in range(2):
        report = own.run("works")
        assert len(report.failures) == 1
        assert "CUDA out of memory" in report.failures[0]
        now = own.scores("works")
        assert now == replace(before, notes=now.notes)
        (note,) = now.notes
        assert note.startswith("scores of 2026-01-01; the last evaluation failed: ")
        assert "CUDA out of memory" in note
    assert any("the last evaluation failed" in text for text in footnotes(own))
    own.method("works")
    own.run("works")
    assert own.scores("works") == before


def footnotes(own: Own) -> list[str]:
    """Those of Table I in a report."""
    write_report(own.runs, own.folder / "board")
    table = json.loads((own.folder / "board" / "tables" / "table-1.json").read_text())
    return table["footnotes"]


def test_the_note_of_a_failure_names_no_folder_of_this_machine(own: Own) -> None:
    own.run("works")
    facts = own.runs / "works" / "predictions.json"
    facts.write_text(facts.read_text().replace('"method": "works"', '"method": "other"'))
    own.run("works")
    (note,) = own.scores("works").notes
    assert "failed: works: holds predictions of something else" in note
    assert str(own.folder) not in note


def test_a_run_that_is_busy_has_not_failed(own: Own) -> None:
    own.run("works")
    with store.locked(own.runs / "works"):
        assert "is writing here" in own.run("works").failures[0]
    assert own.scores("works").notes == ()


@pytest.mark.long
def test_a_method_that_ends_its_process_keeps_its_scores_and_says_so(own: Own) -> None:
    file, out = own.folder / "mine.py", own.folder / "out"
    words = ("eval", own.dataset, out, "--method", file, "--metric", "seam_eyes", "--quiet")
    file.write_text(ODD_METHOD.format(name="mine", **WORKS))
    assert gazebench(*words).exit_code == 0
    before = RunResult.load(out / "mine" / "scores.json")
    file.write_text(ODD_METHOD.format(name="mine", **{**WORKS, "init": "import os; os._exit(3)"}))
    assert gazebench(*words).exit_code == IncompleteError.exit_code
    after = RunResult.load(out / "mine" / "scores.json")
    assert after.scores == before.scores
    assert "the last evaluation failed: it ended its process with exit code 3" in after.notes[-1]


def test_a_full_disk_while_scores_are_computed_is_no_dash(own: Own) -> None:
    own.metric(
        "second", "exec(\"from gazebench.errors import DiskError; raise DiskError('full')\")"
    )
    with pytest.raises(DiskError, match="full"):
        own.run("works")


def notes_of(own: Own) -> list[tuple[str, ...]]:
    return [own.scores(path.parent.name).notes for path in sorted(own.runs.glob("*/scores.json"))]


def test_runs_with_equal_pictures_name_each_other_in_any_order_of_commands(own: Own) -> None:
    own.method("later")
    assert own.run("works").results[0].notes == ()
    wanted = [("every portrait equals that of works",), ("every portrait equals that of later",)]
    for names in (("later",), ("works",), ("works", "later"), ("later", "works"), ("later",)):
        report = own.run(*names)
        assert notes_of(own) == wanted, names
        assert {r.notes for r in report.results} <= set(wanted)
    own.method("third")
    own.run("third")
    assert own.scores("works").notes == ("every portrait equals that of later, third",)


def test_a_run_that_is_no_copy_any_more_is_told_so_by_the_other(own: Own) -> None:
    own.method("later")
    own.run("works", "later")
    own.method("later", correct="batch.image * 0.25")
    own.run("later", overwrite=True)
    assert notes_of(own) == [(), ()]


def test_notes_on_copies_do_not_wait_for_a_run_that_is_busy(own: Own) -> None:
    own.method("later")
    own.run("works")
    with store.locked(own.runs / "works"):
        assert own.run("later").results[0].notes == ("every portrait equals that of works",)
    assert own.scores("works").notes == ()
    own.run("works")
    assert own.scores("works").notes == ("every portrait equals that of later",)


JUDGED = """
    @classmethod
    def judge_of(cls, manifest):
        path = manifest.root / "cache" / "judge"
        return path.read_text() if path.exists() else ""
    def prepare(self, pixels):
        self.path = pixels.manifest.root / "cache" / "judge"
        if not self.path.exists():
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_text("trained")
    def compute(self):
        return Score.of(self.values, judge=self.path.read_text())
"""


def test_a_score_of_another_judge_is_computed_again_where_its_metric_is_asked_for(
    own: Own, dataset: Path
) -> None:
    own.dataset, judge = dataset, dataset / "cache" / "judge"
    text = BRIGHTNESS.format(name="judged").replace("    built = 0\n", f"    built = 0{JUDGED}")
    body, _, _ = text.rpartition("    def compute(self):")
    (own.folder / "own_metrics" / "judged.py").write_text(body)

    def judged(*wanted: str) -> str:
        return own.run("works", wanted=wanted).results[0].scores["judged"].judge

    assert judged("all") == "trained"
    before = own.scores("works")
    assert judged("all") == "trained"
    assert own.scores("works") == before
    judge.write_text("another")
    assert judged("first") == "trained"  # nobody asks for it: it stays as it is
    assert judged("judged") == "another"
    judge.unlink()
    assert judged("first") == "another"
    assert not judge.exists()  # and none is trained
    assert judged("all") == "trained"
    unknown = replace(before.scores["judged"], judge="")  # as of a gazebench that did not say it
    older = replace(before, scores={**before.scores, "judged": unknown})
    older.save(own.runs / "works" / "scores.json")
    assert judged("all") == "trained"


def test_the_judge_of_eye_contact_is_known_without_a_training(
    small_dataset: Path, tmp_path: Path
) -> None:
    manifest = Manifest.load(Path(shutil.copytree(small_dataset, tmp_path / "dataset")))
    place = Judge.place(manifest)
    store.remove(place)
    assert EyeContact.judge_of(manifest) == ""
    assert not place.exists()
    store.write(place, b"a judge")
    assert EyeContact.judge_of(manifest) == hashlib.sha256(b"a judge").hexdigest()


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
