"""Options that no other test has a use for, as somebody types them."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from build_runs import build, gazebench
from PIL import Image
from test_submissions import submission

from benchmarks.made_study import made_dataset, made_runs, made_study
from gazebench.annotation.session import Session
from gazebench.dataset import Manifest
from gazebench.evaluation.animation import ALPHAS, name_of
from gazebench.evaluation.correct import portraits_of_camera, portraits_to_animate
from gazebench.results import RunResult
from gazebench.study.answers import Answers
from gazebench.study.design import Design

WIDE = {"width": 2, "code": 2}


def said(*words: object) -> str:
    """What a command that ends well prints."""
    done = gazebench(*words)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_test_half_gets_as_many_votes_as_asked(dataset: Path) -> None:
    words = ("--annotators", "ana,bo,chen,dee", "--no-app", "--votes", "1", "--test-votes", "4")
    said("label", "prepare", dataset, *words)
    assert Session.load(dataset).plan.test_votes == 4


def test_a_labelling_page_has_as_many_faces_as_asked(dataset: Path, tmp_path: Path) -> None:
    said("label", "prepare", dataset, "--annotators", "ana", "--no-app")
    for faces in (2, 5):
        page = tmp_path / f"{faces}.html"
        told = said("label", "pack", dataset, "--annotator", "ana", "--faces", faces, "--out", page)
        assert f"{faces} faces" in told


@pytest.mark.usefixtures("one_thread")
def test_a_precision_is_kept_in_the_recipe(small_dataset: Path, tmp_path: Path) -> None:
    small = [f"methods.pam.{name}={value}" for name, value in {**WIDE, "batch": 1}.items()]
    settings = [word for setting in small for word in ("--set", setting)]
    words = ("--method", "pam", "--steps", "1", "--precision", "bf16", "--device", "cpu")
    said("train", *words, *settings, small_dataset, tmp_path / "pam")
    recipe = tomllib.loads((tmp_path / "pam" / "config.toml").read_text())
    assert recipe["precision"] == "bf16"


@pytest.mark.long
@pytest.mark.usefixtures("one_thread")
def test_shipped_weights_are_evaluated_in_a_process_of_their_own(
    small_dataset: Path, tmp_path: Path
) -> None:
    words = ("--method", "undo", "--metric", "seam_eyes", "--device", "cpu")
    missing = gazebench("eval", small_dataset, tmp_path, *words, "--no-isolate")
    assert missing.exit_code != 0
    assert "--shipped" in missing.output
    said("eval", small_dataset, tmp_path, *words, "--shipped", "--isolate")
    result = RunResult.load(tmp_path / "undo" / "scores.json")
    assert result.scores["seam_eyes"].n == result.n_predicted > 0


def test_a_whole_submission_is_scored(small_dataset: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(small_dataset)
    mine = submission(tmp_path / "mine", small_dataset)
    for alpha in ALPHAS:
        folder = mine / "animation" / name_of(alpha)
        folder.mkdir(parents=True)
        for portrait in portraits_to_animate(manifest):
            Image.open(manifest.path(portrait)).save(folder / f"{portrait.id}.png")
    where = ("--dataset", small_dataset, "--runs", tmp_path / "runs")
    listed = said("score", mine / "predictions", *where, "--list-x").split()
    assert listed == [p.id for p in portraits_of_camera(manifest)]
    words = ("--x", mine / "predictions_x", "--animation", mine / "animation", "--paper", "Me 2026")
    words = (*words, "--code", "https://example.org/mine")
    wanted = ("--metric", "harm_ms_ssim", "--metric", "reconstruction_ms_ssim")
    said("score", mine / "predictions", *where, *words, *wanted)
    result = RunResult.load(tmp_path / "runs" / "predictions" / "scores.json")
    assert (result.method.paper, result.method.code) == ("Me 2026", "https://example.org/mine")
    assert result.scores["harm_ms_ssim"].value < 1
    assert result.scores["reconstruction_ms_ssim"].value == pytest.approx(1)


def test_a_study_is_as_it_was_wished(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path / "dataset")
    runs = made_runs(tmp_path / "runs", dataset, ("alpha", "beta", "gamma"))
    (tmp_path / "consent.txt").write_text("I agree to everything.")
    words = {
        "--kind": "pairs",
        "--questions": 6,
        "--faces": 9,
        "--respondents": 12,
        "--max-catch-failures": 2,
        "--min-seconds": 0.5,
        "--max-straight": 0.8,
        "--consent": tmp_path / "consent.txt",
        "--contact": "me@example.org",
        "--title": "Which one?",
        "--seed": 5,
    }
    pairs = [word for pair in words.items() for word in pair]
    said("study", "create", runs, dataset, tmp_path / "study", *pairs)
    design = Design.load(tmp_path / "study")
    assert (design.kind, design.questions, len(design.faces)) == ("pairs", 6, 9)
    assert (design.respondents, design.contact, design.seed) == (12, "me@example.org", 5)
    assert (design.consent, design.title) == ("I agree to everything.\n", "Which one?")
    rules = design.rules
    assert (rules.catch_failures, rules.min_seconds, rules.straight) == (2, 0.5, 0.8)


def test_a_study_is_tried_packed_and_analysed_by_number(tmp_path: Path) -> None:
    study = made_study(tmp_path, questions=4)
    said("study", "pack", study, tmp_path / "pages", "--respondents", "3")
    assert len(list((tmp_path / "pages").iterdir())) == 3
    said("study", "simulate", study, "--respondents", "7")
    with Answers.open(study) as answers:
        assert answers.started() == 7
    (tmp_path / "elsewhere").mkdir()
    words = ("--into", tmp_path / "elsewhere", "--out", tmp_path / "report.html")
    said("study", "analyse", study, *words)
    assert "simulated" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "elsewhere" / "study.json").read_text())


@pytest.mark.usefixtures("one_thread")
def test_an_animation_may_interpolate_the_appearance_too(
    small_dataset: Path, tmp_path: Path
) -> None:
    id_ = Manifest.load(small_dataset).portraits[0].id
    strips = []
    for flag in ("--interpolate-content", "--fix-content"):
        strip = tmp_path / f"{flag}.png"
        words = ("--method", "gazegan_v2", "--id", id_, "--alphas", "0,0.5", flag)
        said("animate", small_dataset, strip, *words)
        strips.append(np.asarray(Image.open(strip)))
    assert strips[0].shape == strips[1].shape
    assert (strips[0] != strips[1]).any()


def test_quarantined_pictures_are_shown_from_where_they_are(faces: Path, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "gray").save(faces / "nobody.png")
    assert build(faces, tmp_path / "out").exit_code == 0
    for flags, hidden in (((), 1), (("--source", faces), 0)):
        said("inspect", tmp_path / "out", "--out", tmp_path / "page.html", *flags)
        page = (tmp_path / "page.html").read_text()
        assert page.count("not shown") == hidden


def test_a_shipped_name_in_the_place_of_a_run_is_that_method(faces: Path, tmp_path: Path) -> None:
    photo = sorted(faces.iterdir())[0]
    refused = gazebench("animate", "prgan", "--photo", photo, tmp_path / "out.png")
    assert refused.exit_code == 3
    assert "Traceback" not in refused.output
    assert "undo" in refused.output  # which can


def test_a_pattern_that_is_none_is_a_sentence(faces: Path, tmp_path: Path) -> None:
    done = gazebench("correct", f"{faces}/**.nothing", "--out", tmp_path / "out")
    assert done.exit_code == 3
    assert "**.nothing: " in done.output


@pytest.mark.parametrize("what", ["method", "metric"])
def test_a_check_shows_where_a_file_fails(what: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0\n")
    plain = gazebench(f"check-{what}", tmp_path / "mine.py")
    told = gazebench(f"check-{what}", tmp_path / "mine.py", "--verbose")
    assert plain.exit_code == told.exit_code == 3
    assert "ZeroDivisionError" in told.output
    assert "Traceback" in told.output
    assert "Traceback" not in plain.output
