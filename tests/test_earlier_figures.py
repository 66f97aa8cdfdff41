"""Figures that stay as an earlier report drew them, once what they show was deleted."""

import json
import shutil
from pathlib import Path

import pytest
from build_runs import gazebench
from report_runs import make_runs_with_figures

from gazebench.reports.report import write_report

ABLATION = "figure-15"  # GazeGANV2 with and without one part
CURVES = "training-curves-v2"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs, their dataset and a report of them. Not to be written to."""
    root = tmp_path_factory.mktemp("earlier")
    runs = make_runs_with_figures(root)
    for path in runs.glob("*/scores.json"):
        row = json.loads(path.read_text())
        row["provenance"]["predictions_sha256"] = f"of {path.parent.name}"
        path.write_text(json.dumps(row))
    write_report(runs, root / "board")
    return root


@pytest.fixture
def cleaned(whole: Path, tmp_path: Path) -> Path:
    """The same after somebody deleted what two runs had left beside their scores."""
    root = tmp_path / "copy"
    shutil.copytree(whole, root)
    shutil.rmtree(root / "runs" / "no_d" / "predictions")
    (root / "runs" / "v2" / "log.jsonl").unlink()
    return root


def names(root: Path) -> set[str]:
    return {path.stem for path in (root / "board" / "figures").glob("*.png")}


@pytest.mark.long
def test_a_figure_whose_pictures_are_gone_stays(cleaned: Path) -> None:
    picture = cleaned / "board" / "figures" / f"{ABLATION}.png"
    before = picture.read_bytes()
    done = gazebench("report", cleaned / "runs", cleaned / "board")
    assert done.exit_code == 0, done.output
    for name in (ABLATION, CURVES):
        assert f"kept: {name}" in done.output
    assert "not made: figure 15" not in done.output
    assert picture.read_bytes() == before
    page = (cleaned / "board" / "index.html").read_text()
    assert "Figure 15." in page
    assert "What the coarse-to-fine module adds" in page
    again = write_report(cleaned / "runs", cleaned / "board")
    assert {ABLATION, CURVES} <= set(again.earlier)


@pytest.mark.long
@pytest.mark.parametrize("change", ["other predictions", "no run", "damaged note", "no pictures"])
def test_a_figure_of_something_else_does_not_stay(cleaned: Path, change: str) -> None:
    scores = cleaned / "runs" / "no_d" / "scores.json"
    if change == "other predictions":
        row = json.loads(scores.read_text())
        row["provenance"]["predictions_sha256"] = "of another training"
        scores.write_text(json.dumps(row))
    elif change == "no run":
        scores.unlink()
    elif change == "damaged note":
        (cleaned / "board" / "figures" / "drawn.json").write_text('[{"name": 1}]')
    report = write_report(cleaned / "runs", cleaned / "board", pictures=change != "no pictures")
    assert ABLATION not in report.earlier
    assert ABLATION not in names(cleaned)
    assert any(sentence.startswith("figure 15 needs") for sentence in report.unfilled)


@pytest.mark.long
def test_a_note_names_no_file_elsewhere(cleaned: Path) -> None:
    note = cleaned / "board" / "figures" / "drawn.json"
    (fact,) = [one for one in json.loads(note.read_text()) if one["name"] == ABLATION]
    elsewhere = ["../../runs/no_d/secret", "a/b", "", str(cleaned / "board" / "figures" / ABLATION)]
    note.write_text(json.dumps([fact | {"name": name} for name in elsewhere]))
    assert write_report(cleaned / "runs", cleaned / "board").earlier == ()
