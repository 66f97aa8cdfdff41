"""Results of outside programs: cards, checks, and a folder of results that lives in git."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from report_runs import make_result, some_facts

from gazebench.cli import main
from gazebench.dataset import Manifest
from gazebench.errors import InputError, RefusedError
from gazebench.evaluation import portraits_of_camera, portraits_to_correct
from gazebench.evaluation.submission import read_card
from gazebench.reports import results_folder
from gazebench.reports.report import write_report
from gazebench.results import BENCHMARK, RunResult

CARD = 'title = "Mine"\npaper = "Me 2026"\ncode = "https://example.org"\nlicense = "MIT"\n'


def submission(folder: Path, dataset: Path, *, card: str = CARD, outside: bool = False) -> Path:
    """Every eye a little brighter; with ``outside`` a pixel of the corner too."""
    manifest = Manifest.load(dataset)
    for name, portraits in (
        ("predictions", portraits_to_correct(manifest)),
        ("predictions_x", portraits_of_camera(manifest)),
    ):
        (folder / name).mkdir(parents=True)
        for portrait in portraits:
            pixels = np.array(Image.open(manifest.path(portrait)))
            box = portrait.left_eye
            pixels[box.top : box.bottom, box.left : box.right] //= 2
            if outside:
                pixels[0, 0] ^= 255
            Image.fromarray(pixels).save(folder / name / f"{portrait.id}.png")
    (folder / "card.toml").write_text(card)
    return folder


def check(folder: Path, dataset: Path) -> Result:
    return CliRunner().invoke(main, ["submit", "check", str(folder), "--dataset", str(dataset)])


def test_a_good_submission_passes_and_the_next_command_is_said(
    tmp_path: Path, small_dataset: Path
) -> None:
    folder = submission(tmp_path / "mine", small_dataset, card=CARD + "keeps_outside = true\n")
    result = check(folder, small_dataset)
    assert result.exit_code == 0, result.output
    assert "fault" not in result.output
    assert "note   animation: not there" in result.output
    assert f"--card {folder / 'card.toml'} --x {folder / 'predictions_x'}" in result.output


def test_a_claim_that_pictures_do_not_keep_is_a_fault(tmp_path: Path, small_dataset: Path) -> None:
    claim = CARD + "keeps_outside = true\n"
    folder = submission(tmp_path / "mine", small_dataset, card=claim, outside=True)
    result = check(folder, small_dataset)
    assert result.exit_code == InputError.exit_code
    assert "says keeps_outside, but" in result.output
    (folder / "card.toml").write_text(CARD)
    assert check(folder, small_dataset).exit_code == 0


def test_all_faults_are_named_at_once(tmp_path: Path, small_dataset: Path) -> None:
    folder = submission(tmp_path / "mine", small_dataset, card='titel = "Mine"')
    first, *_ = sorted((folder / "predictions").iterdir())
    first.rename(folder / "predictions" / "nobody.png")
    second, *_ = sorted((folder / "predictions_x").iterdir())
    Image.new("RGB", (64, 64)).save(second)
    result = check(folder, small_dataset)
    assert result.exit_code == InputError.exit_code
    for sentence in ("did you mean 'title'?", "nobody.png", "64x64 pixels", "3 faults"):
        assert sentence in result.output


def test_copies_of_the_sources_are_no_submission(tmp_path: Path, small_dataset: Path) -> None:
    folder = submission(tmp_path / "mine", small_dataset)
    manifest = Manifest.load(small_dataset)
    for portrait in portraits_to_correct(manifest):
        shutil.copy(manifest.path(portrait), folder / "predictions" / f"{portrait.id}.png")
    assert "nothing was corrected" in check(folder, small_dataset).output


@pytest.mark.parametrize("text", ["", "title = 3", 'title = ""', 'title = "x"\nyear = "soon"', "="])
def test_a_card_that_says_too_little_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.toml").write_text(text)
    with pytest.raises(InputError, match=r"card\.toml"):
        read_card(tmp_path / "card.toml")


def test_score_takes_a_card_or_words_but_not_both(tmp_path: Path, small_dataset: Path) -> None:
    (tmp_path / "card.toml").write_text(CARD)
    words = ["score", str(tmp_path), "--dataset", str(small_dataset)]
    words += ["--card", str(tmp_path / "card.toml"), "--title", "Other"]
    assert CliRunner().invoke(main, words).exit_code == 2


def test_results_lie_apart_by_dataset_and_version_and_make_pages(tmp_path: Path) -> None:
    one = make_result("prgan", provenance={"command": f"gazebench eval {tmp_path}/private"})
    other = replace(one, dataset=some_facts(name="My faces", fingerprint="f" * 16))
    newer = replace(one, benchmark="9")
    results = tmp_path / "results"
    for number, result in enumerate((one, other, newer)):
        run = tmp_path / "runs" / str(number) / "prgan"
        result.save(run / "scores.json")
        results_folder.add(run, results)
    found = sorted(p.relative_to(results).as_posix() for p in results.rglob("*.json"))
    assert found == [
        f"CelebGaze-01234567/v{BENCHMARK}/prgan/scores.json",
        "CelebGaze-01234567/v9/prgan/scores.json",
        f"My-faces-ffffffff/v{BENCHMARK}/prgan/scores.json",
    ]
    text = (results / found[0]).read_text()
    assert str(tmp_path) not in text
    public = RunResult.load(results / found[0])
    assert (public.pictures, public.dataset_folder) == ("", "")
    assert public.scores == one.scores
    report = write_report(results, tmp_path / "site")
    assert (report.runs, report.tables) == (3, 3)
    assert (tmp_path / "site" / "index.html").exists()


def test_another_result_of_the_same_name_is_refused(tmp_path: Path) -> None:
    run, results = tmp_path / "runs" / "prgan", tmp_path / "results"
    make_result("prgan").save(run / "scores.json")
    path = results_folder.add(run, results)
    assert results_folder.add(run, results) == path  # the same again is no other
    make_result("prgan", notes=("another",)).save(run / "scores.json")
    with pytest.raises(RefusedError, match="--overwrite"):
        results_folder.add(run, results)
    results_folder.add(run, results, overwrite=True)
    assert RunResult.load(path).notes == ("another",)


def test_a_run_without_scores_has_nothing_to_add(tmp_path: Path) -> None:
    declined = make_result("none", scores={}, ranked=False)
    declined.save(tmp_path / "none" / "scores.json")
    with pytest.raises(InputError, match="nothing to add"):
        results_folder.add(tmp_path / "none", tmp_path / "results")
