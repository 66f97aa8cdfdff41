"""Methods correct, metrics score, and one that fails stops nobody."""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import gazebench
from gazebench import baselines, metrics
from gazebench.cards import MethodCard
from gazebench.dataset import Domain, Manifest, Split
from gazebench.errors import InputError
from gazebench.evaluation import (
    EvalReport,
    Evaluation,
    cost,
    find,
    portraits_of_camera,
    portraits_to_correct,
)
from gazebench.results import RunResult, Score

ODD_METHOD = '''
"""{name}"""
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.errors import MethodError
from gazebench.methods import Method

class Odd(Method):
    card = MethodCard(title="{name}")
    class Config(Settings): ...
    def __init__(self, config, task):
        {init}
    def correct(self, batch):
        return {correct}
'''


def evaluation(dataset: Path, runs: Path, **options: object) -> Evaluation:
    fields = {
        "manifest": Manifest.load(dataset),
        "runs": runs,
        "methods": baselines,
        "metrics": metrics,
        "device": torch.device("cpu"),
        "date": "2026-01-01T00:00:00+00:00",
        "command": "gazebench eval",
        "quiet": True,
    }
    return Evaluation(**{**fields, **options})  # type: ignore[arg-type]


@pytest.fixture
def odd_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package like ``baselines``: one method declines, one breaks the contract, one works."""
    folder = tmp_path / "odd_methods"
    folder.mkdir()
    (folder / "__init__.py").touch()
    parts = {
        "declines": {"init": "raise MethodError('needs gaze angles')"},
        "shrinks": {"correct": "batch.image[..., ::2, ::2]"},
        "works": {},
    }
    for name, part in parts.items():
        text = ODD_METHOD.format(name=name, **{"init": "pass", "correct": "batch.image", **part})
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("odd_methods")


@pytest.fixture(scope="module")
def controls(
    small_dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, EvalReport]:
    """Both controls, evaluated for real."""
    runs = tmp_path_factory.mktemp("runs")
    entries, _ = find(baselines, runs, ["identity", "eye_bank"])
    return runs, evaluation(small_dataset, runs).run(entries)


def result(controls: tuple[Path, EvalReport], name: str) -> RunResult:
    return next(r for r in controls[1].results if r.name == name)


def test_identity_is_perfect_preservation(controls: tuple[Path, EvalReport]) -> None:
    scores = result(controls, "identity").scores
    assert scores["ms_ssim_outside"].value == 1
    assert scores["lpips_outside"].value == 0


def test_every_metric_has_a_score_for_both_controls(controls: tuple[Path, EvalReport]) -> None:
    for found in controls[1].results:
        missing = set(metrics.chosen(metrics)) - set(found.scores)
        assert all(found.metrics[name].optional for name in missing), found.skipped
        assert missing == set(found.skipped)
    assert controls[1].failures == ()


def test_portraits_of_the_camera_are_corrected_too(
    controls: tuple[Path, EvalReport], small_dataset: Path
) -> None:
    wanted = {p.id for p in portraits_of_camera(Manifest.load(small_dataset))}
    assert wanted
    made = {path.stem for path in (controls[0] / "eye_bank" / "predictions_x").iterdir()}
    assert made == wanted
    for run, worse in (("identity", False), ("eye_bank", True)):
        harm = result(controls, run).scores["harm_lpips"]
        assert (harm.value > 0) == worse
        assert harm.n == len(wanted)


def test_a_run_from_before_gets_what_it_lacks(
    controls: tuple[Path, EvalReport], small_dataset: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(controls[0] / "identity", runs / "identity")
    for name in ("predictions_x", "predictions_x.json"):
        path = runs / "identity" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = RunResult.load(runs / "identity" / "scores.json")
    old = {k: v for k, v in before.scores.items() if not k.startswith("harm_")}
    replace(before, scores=old).save(runs / "identity" / "scores.json")
    entries, _ = find(baselines, runs, ["identity"])
    again = evaluation(small_dataset, runs).run(entries).results[0]
    assert again.scores["harm_lpips"] == before.scores["harm_lpips"]
    assert again.scores["fid_eyes"] == before.scores["fid_eyes"]


@pytest.mark.long
def test_an_outside_folder_without_them_has_a_dash(
    controls: tuple[Path, EvalReport], small_dataset: Path, tmp_path: Path
) -> None:
    folder, card = controls[0] / "eye_bank" / "predictions", MethodCard(title="Mine")
    ours = result(controls, "eye_bank").scores
    for of_camera in (None, controls[0] / "eye_bank" / "predictions_x"):
        report = evaluation(small_dataset, tmp_path).score_folder(
            folder, card, "mine", allow_partial=False, of_camera=of_camera
        )
        found = report.results[0]
        assert report.failures == ()
        if of_camera:
            assert found.scores["harm_lpips"] == ours["harm_lpips"]
        else:
            assert "the method was not given them" in found.skipped["harm_lpips"]


def test_eye_bank_changes_the_eyes_and_nothing_else(
    controls: tuple[Path, EvalReport], small_dataset: Path
) -> None:
    manifest = Manifest.load(small_dataset)
    for portrait in portraits_to_correct(manifest):
        source = np.asarray(Image.open(manifest.path(portrait)))
        made = controls[0] / "eye_bank" / "predictions" / f"{portrait.id}.png"
        corrected = np.asarray(Image.open(made)).copy()
        inside = [np.s_[b.top : b.bottom, b.left : b.right] for b in portrait.eyes]
        assert all((source[box] != corrected[box]).any() for box in inside)
        for box in inside:
            corrected[box] = source[box]
        assert (source == corrected).all()


def test_scores_survive_the_disk(controls: tuple[Path, EvalReport]) -> None:
    runs, report = controls
    for found in report.results:
        assert RunResult.load(runs / found.run / "scores.json") == found


def test_a_result_names_no_absolute_path(controls: tuple[Path, EvalReport]) -> None:
    text = (controls[0] / "eye_bank" / "scores.json").read_text()
    assert '"/' not in text


def test_features_are_kept_without_pickle(controls: tuple[Path, EvalReport]) -> None:
    with np.load(controls[0] / "eye_bank" / "features.npz", allow_pickle=False) as arrays:
        assert all(array.ndim >= 1 for array in arrays.values())
        assert len(arrays.files) > 0


def test_how_long_each_phase_took_is_kept(controls: tuple[Path, EvalReport]) -> None:
    facts = result(controls, "eye_bank").provenance
    assert facts["timings"].keys() == {"correct", "correct_x", "score"}
    assert min(facts["timings"].values()) > 0
    assert "took_seconds" not in facts


def test_a_second_evaluation_keeps_what_is_complete(
    controls: tuple[Path, EvalReport], small_dataset: Path
) -> None:
    runs, _ = controls
    path = runs / "identity" / "scores.json"
    before = path.stat().st_mtime_ns, (runs / "identity" / "predictions.json").stat().st_mtime_ns
    entries, _ = find(baselines, runs, ["identity"])
    again = evaluation(small_dataset, runs, date="2027-01-01").run(entries)
    assert again.results[0].provenance["date"].startswith("2026")
    assert (runs / "identity" / "predictions.json").stat().st_mtime_ns == before[1]


BRIGHTNESS = '''
"""Mean of the corrected portraits."""
from gazebench.cards import MetricCard
from gazebench.results import Score

class Brightness:
    card = MetricCard(title="{name}", higher_is_better=True, region="portrait")
    built = 0
    def __init__(self, instruments):
        type(self).built += 1
        self.values = {{}}
    def update_reference(self, real): ...
    def update(self, source, corrected):
        self.values |= zip(source.ids, corrected.mean((1, 2, 3)).tolist())
    def features(self):
        import numpy as np
        return {{"{name}": np.array(sorted(self.values))}}
    def compute(self):
        return Score.of(self.values)
'''


@pytest.fixture
def few_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package like ``metrics`` that holds one metric, ``first``."""
    folder = tmp_path / "few_metrics"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "first.py").write_text(BRIGHTNESS.format(name="first"))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("few_metrics")
    for name in [name for name in sys.modules if name.startswith("few_metrics")]:
        del sys.modules[name]


def test_a_metric_on_request_is_computed_where_it_is_named(
    small_dataset: Path, few_metrics: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    entries, _ = find(baselines, runs, ["identity"])
    text = BRIGHTNESS.format(name="asked").replace("region=", "on_request=True, region=")
    (tmp_path / "few_metrics" / "asked.py").write_text(text)

    def scored(*wanted: str) -> RunResult:
        found = evaluation(small_dataset, runs, metrics=few_metrics, wanted=wanted)
        return found.run(entries).results[0]

    plain = scored("all")
    assert "first" in plain.scores
    assert "asked" not in plain.scores.keys() | plain.metrics.keys() | plain.skipped.keys()
    asked = scored("asked")
    assert asked.scores["asked"].value == asked.scores["first"].value
    assert asked.metrics.keys() == plain.metrics.keys() | {"asked"}
    assert scored("all") == asked  # what is there stays


def test_a_metric_on_request_that_cannot_be_had_is_a_failure_where_it_was_named(
    small_dataset: Path, few_metrics: ModuleType, tmp_path: Path
) -> None:
    entries, _ = find(baselines, tmp_path / "runs", ["identity"])
    text = BRIGHTNESS.format(name="Asked").replace("Score.of(self.values)", "Score.of({})")
    text = text.replace("region=", "on_request=True, optional=True, region=")
    (tmp_path / "few_metrics" / "asked.py").write_text(text)
    for wanted, failures in (
        (("all",), ()),
        (("all", "asked"), ("identity: no Asked: no finite value for any portrait",)),
        (("all",), ()),
    ):
        found = evaluation(small_dataset, tmp_path / "runs", metrics=few_metrics, wanted=wanted)
        assert found.run(entries).failures == failures


def test_a_metric_that_is_not_named_keeps_its_dash(
    small_dataset: Path, few_metrics: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    entries, _ = find(baselines, runs, ["identity"])
    text = BRIGHTNESS.format(name="fails").replace("Score.of(self.values)", "Score.of({})")
    (tmp_path / "few_metrics" / "fails.py").write_text(text)
    (tmp_path / "few_metrics" / "later.py").write_text(BRIGHTNESS.format(name="later"))
    for wanted in (("first", "fails"), ("later",)):
        found = evaluation(small_dataset, runs, metrics=few_metrics, wanted=wanted)
        result = found.run(entries).results[0]
        assert result.skipped == {"fails": "no finite value for any portrait"}
    assert {"first", "later"} <= result.scores.keys()


def test_a_metric_that_does_not_exist_is_named_before_any_work(
    small_dataset: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="did you mean 'gaze_error'"):
        gazebench.evaluate(small_dataset, tmp_path / "runs", metrics="gaze_eror")
    assert not (tmp_path / "runs").exists()


def test_a_new_metric_scores_the_predictions_that_are_there(
    small_dataset: Path, few_metrics: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    entries, _ = find(baselines, runs, ["identity"])
    before = evaluation(small_dataset, runs, metrics=few_metrics).run(entries).results[0]
    facts = (runs / "identity" / "predictions.json").stat().st_mtime_ns
    (tmp_path / "few_metrics" / "second.py").write_text(BRIGHTNESS.format(name="second"))

    after = evaluation(small_dataset, runs, metrics=few_metrics).run(entries).results[0]
    assert after.scores["first"] == before.scores["first"]
    assert after.scores["second"].value == after.scores["first"].value
    assert after.scores["parameters_inference"] == before.scores["parameters_inference"]
    assert (runs / "identity" / "predictions.json").stat().st_mtime_ns == facts
    first: Any = metrics.load(few_metrics, "first")
    assert first.built == 1
    with np.load(runs / "identity" / "features.npz") as arrays:
        assert set(arrays) == {"first", "second"}


def test_a_score_of_other_pictures_or_another_meaning_is_computed_again(
    small_dataset: Path, few_metrics: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    entries, _ = find(baselines, runs, ["identity"])
    before = evaluation(small_dataset, runs, metrics=few_metrics).run(entries).results[0]
    kind: Any = metrics.load(few_metrics, "first")
    kind.card = replace(kind.card, help="A clearer sentence.", group="harm")
    same = evaluation(small_dataset, runs, metrics=few_metrics).run(entries).results[0]
    assert kind.built == 1
    assert same.metrics["first"] == kind.card

    kind.card = replace(kind.card, region="eyes")
    evaluation(small_dataset, runs, metrics=few_metrics).run(entries)
    assert kind.built == 2

    picture = next((runs / "identity" / "predictions").glob("*.png"))
    Image.fromarray(255 - np.asarray(Image.open(picture))).save(picture)
    after = evaluation(small_dataset, runs, metrics=few_metrics).run(entries).results[0]
    assert after.scores["first"].value != before.scores["first"].value


def test_other_labels_are_refused_until_overwrite(
    controls: tuple[Path, EvalReport], dataset: Path, few_metrics: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(controls[0], runs)
    labels = dataset / "labels.csv"
    first = portraits_to_correct(Manifest.load(dataset))[0].id
    labels.write_text(labels.read_text().replace(f"{first},Y", f"{first},unsure"))
    entries, _ = find(baselines, runs, ["identity"])

    refused = evaluation(dataset, runs).run(entries)
    assert "holds predictions of something else (dataset:" in refused.failures[0]

    renewed = evaluation(dataset, runs, metrics=few_metrics, overwrite=True).run(entries)
    assert renewed.results[0].n_predicted == len(portraits_to_correct(Manifest.load(dataset)))


COUNTING = '''
"""counts"""
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.methods import Method

class Counts(Method):
    card = MethodCard(title="Counts")
    class Config(Settings): ...
    def __init__(self, config, task):
        self.known, self.found = set(), 0
    def told(self):
        return {"corrected": self.found, "forgotten": not self.known}
    def forget(self):
        self.known.clear()
    def correct(self, batch):
        self.found += len(batch)
        self.known |= set(batch.ids)
        assert len(batch) > 1 or len(self.known) == 1, "a timed portrait was remembered"
        return batch.image
'''


def test_a_speed_is_measured_after_all_is_told_and_without_what_is_remembered(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "counting_methods"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "counts.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("counting_methods")
    entries, _ = find(package, tmp_path / "runs", ["counts"])
    wanted = evaluation(small_dataset, tmp_path / "runs", methods=package, wanted=["seam_eyes"])
    (found,) = wanted.run(entries).results
    assert found.provenance["corrected"] == len(portraits_to_correct(Manifest.load(small_dataset)))
    assert not found.provenance["forgotten"]
    assert found.scores["fps"].n >= cost.RUNS


def test_one_bad_method_stops_nobody(
    small_dataset: Path, odd_methods: ModuleType, few_metrics: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    entries, _ = find(odd_methods, runs, ["all"])
    odd = evaluation(small_dataset, runs, methods=odd_methods, metrics=few_metrics)
    report = odd.run(entries)

    by_run = {r.run: r for r in report.results}
    assert by_run["works"].scores["first"].n == by_run["works"].n_predicted
    assert by_run["works"].notes == ("every portrait equals the input",)
    for name, reason in {"declines": "needs gaze angles", "shrinks": "images of shape"}.items():
        assert by_run[name].scores == {}
        assert all(reason in text for text in by_run[name].skipped.values())
        assert any(failure.startswith(f"{name}: ") for failure in report.failures)


def test_an_interrupt_keeps_the_scores_of_the_methods_before(
    small_dataset: Path, odd_methods: ModuleType, few_metrics: ModuleType, tmp_path: Path
) -> None:
    text = ODD_METHOD.format(name="zz", init="pass", correct="1 / 0")
    path = Path(str(odd_methods.__file__)).with_name("zz.py")
    path.write_text(text.replace("return 1 / 0", "raise KeyboardInterrupt"))
    runs = tmp_path / "runs"
    entries, _ = find(odd_methods, runs, ["works", "zz"])
    with pytest.raises(KeyboardInterrupt):
        evaluation(small_dataset, runs, methods=odd_methods, metrics=few_metrics).run(entries)
    assert RunResult.load(runs / "works" / "scores.json").scores["first"].n


def test_untrained_methods_are_named_with_their_command(tmp_path: Path) -> None:
    entries, missing = find(baselines, tmp_path, ["all"])
    assert {entry.name for entry in entries} >= {"identity", "eye_bank"}
    assert any("gazebench train --method prgan" in sentence for sentence in missing)


@pytest.mark.long
def test_an_outside_folder_scores_like_a_method(
    controls: tuple[Path, EvalReport], small_dataset: Path, tmp_path: Path
) -> None:
    folder = controls[0] / "eye_bank" / "predictions"
    card = MethodCard(title="Mine")
    report = evaluation(small_dataset, tmp_path).score_folder(
        folder, card, "mine", allow_partial=False
    )
    ours = result(controls, "eye_bank").scores
    for name, score in report.results[0].scores.items():
        assert score == ours[name], name


def test_scores_of_an_outside_folder_are_kept_while_its_pictures_are_the_same(
    controls: tuple[Path, EvalReport], small_dataset: Path, tmp_path: Path
) -> None:
    folder, other = tmp_path / "out", controls[0] / "eye_bank" / "predictions"
    folder_x = controls[0] / "identity" / "predictions_x"
    shutil.copytree(controls[0] / "identity" / "predictions", folder)

    def scored(*names: str, **changes: Any) -> dict[str, Score]:
        wanted = evaluation(small_dataset, tmp_path / "runs", wanted=names)
        card = MethodCard(title="Mine")
        how: dict[str, Any] = {"allow_partial": False, **changes}
        return dict(wanted.score_folder(folder, card, "m", **how).results[0].scores)

    first = scored("blur_eyes")
    both = scored("seam_eyes", "harm_ms_ssim", of_camera=folder_x)
    assert both.keys() == {"blur_eyes", "seam_eyes", "harm_ms_ssim"}
    assert both["blur_eyes"] == first["blur_eyes"]
    assert scored("blur_eyes") == both
    worse = controls[0] / "eye_bank" / "predictions_x"  # other pictures of domain X
    assert scored("harm_ms_ssim", of_camera=worse)["harm_ms_ssim"] != both["harm_ms_ssim"]
    shutil.copytree(other, folder, dirs_exist_ok=True)  # other pictures of domain Y
    assert scored("seam_eyes").keys() == {"seam_eyes"}


def test_partial_predictions_are_not_ranked(
    controls: tuple[Path, EvalReport],
    small_dataset: Path,
    few_metrics: ModuleType,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(controls[0] / "identity" / "predictions", folder)
    next(iter(folder.glob("*.png"))).unlink()
    card = MethodCard(title="Mine")
    with pytest.raises(InputError, match="missing"):
        evaluation(small_dataset, tmp_path).score_folder(folder, card, "m", allow_partial=False)
    found = (
        evaluation(small_dataset, tmp_path, metrics=few_metrics)
        .score_folder(folder, card, "m", allow_partial=True)
        .results[0]
    )
    total = len(portraits_to_correct(Manifest.load(small_dataset)))
    assert not found.ranked
    assert f"{total - 1} of {total} portraits" in found.notes


def test_a_dataset_without_labels_names_label_import(dataset: Path, tmp_path: Path) -> None:
    (dataset / "labels.csv").unlink()
    with pytest.raises(InputError, match="gazebench label import"):
        evaluation(dataset, tmp_path).run(find(baselines, tmp_path, ["identity"])[0])


def test_the_reference_is_the_training_half_of_x(small_dataset: Path, controls) -> None:
    manifest = Manifest.load(small_dataset)
    real = manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
    assert result(controls, "identity").dataset.n_reference == len(real)
    facts = json.loads((controls[0] / "identity" / "scores.json").read_text())["dataset"]
    assert facts["fingerprint"] == manifest.fingerprint
