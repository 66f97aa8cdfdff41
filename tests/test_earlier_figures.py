"""Figures that stay as an earlier report drew them, once what they show was deleted."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from build_runs import gazebench
from report_runs import make_runs_with_figures

from gazebench.errors import InputError
from gazebench.reports.report import Report, write_report

pytestmark = pytest.mark.long

ABLATION = "figure-15"  # GazeGANV2 with and without one part
COMPARISON = "figure-6"  # of v2, prgan and star
CURVES = "training-curves-v2"
KEPT = {ABLATION, COMPARISON, CURVES, "figure-11"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs, their dataset and a report of them. Not to be written to."""
    root = tmp_path_factory.mktemp("earlier")
    runs = make_runs_with_figures(root)
    for name in ("pam", "no_c", "v1"):
        shutil.rmtree(runs / name)
    for path in runs.glob("*/scores.json"):
        change(path, lambda row, run=path.parent.name: row["provenance"].update(of(run)))
    write_report(runs, root / "board")
    return root


@pytest.fixture
def cleaned(whole: Path, tmp_path: Path) -> Path:
    """The same after somebody deleted what three runs had left beside their scores."""
    root = tmp_path / "copy"
    shutil.copytree(whole, root)
    for run in ("no_d", "star"):
        shutil.rmtree(root / "runs" / run / "predictions")
    (root / "runs" / "v2" / "log.jsonl").unlink()
    return root


def of(run: str) -> dict[str, str]:
    return {"predictions_sha256": f"what {run} predicted"}


def change(path: Path, how: Callable[..., object]) -> None:
    row = json.loads(path.read_text())
    how(row)
    path.write_text(json.dumps(row))


def report(root: Path, *, pictures: bool = True) -> Report:
    return write_report(root / "runs", root / "board", pictures=pictures)


def names(root: Path) -> set[str]:
    return {path.stem for path in (root / "board" / "figures").glob("*.png")}


def picture(root: Path, name: str = ABLATION) -> Path:
    return root / "board" / "figures" / f"{name}.png"


def test_a_figure_whose_pictures_are_gone_stays(cleaned: Path) -> None:
    picture(cleaned).with_suffix(".svg").unlink()  # the picture is enough
    before = {name: picture(cleaned, name).read_bytes() for name in names(cleaned)}
    done = gazebench("report", cleaned / "runs", cleaned / "board")
    assert done.exit_code == 0, done.output
    for name in KEPT:
        assert f"kept: {name}, drawn by an earlier report" in done.output
        assert picture(cleaned, name).read_bytes() == before[name]
    assert "not made: figure 15" not in done.output
    assert "not made: training curves" not in done.output
    page = (cleaned / "board" / "index.html").read_text()
    assert page.count("<h4>Figure 15.") == 1
    assert set(report(cleaned).earlier) == KEPT  # the next time too


@pytest.mark.parametrize("change_", ["other predictions", "no run", "another picture", "a link"])
def test_a_figure_of_something_else_does_not_stay(cleaned: Path, change_: str) -> None:
    scores, other = cleaned / "runs" / "no_d" / "scores.json", cleaned / "secret.png"
    if change_ == "other predictions":
        change(scores, lambda row: row["provenance"].update(of("another training")))
    elif change_ == "no run":
        scores.unlink()
    elif change_ == "another picture":
        shutil.copy(picture(cleaned, COMPARISON), picture(cleaned))
    else:
        picture(cleaned).rename(other)
        picture(cleaned).symlink_to(other)
    found = report(cleaned)
    assert ABLATION not in found.earlier
    assert ABLATION not in names(cleaned)
    assert any(sentence.startswith("figure 15 needs") for sentence in found.unfilled)


def test_curves_stay_where_portraits_may_not_be_shown(cleaned: Path) -> None:
    assert report(cleaned, pictures=False).earlier == (CURVES,)
    assert names(cleaned) == {CURVES, "figure-16"}


def test_a_list_that_cannot_be_read_costs_no_figure(cleaned: Path) -> None:
    (cleaned / "board" / "figures" / "drawn.json").write_text('[{"name": 1}]')
    with pytest.raises(InputError, match=r"drawn\.json: damaged .*delete it to go on"):
        report(cleaned)
    assert ABLATION in names(cleaned)


def test_a_result_that_is_damaged_for_a_while_costs_no_figure(cleaned: Path) -> None:
    scores = cleaned / "runs" / "no_d" / "scores.json"
    whole_text = scores.read_text()
    scores.write_text(whole_text[:100])
    assert ABLATION in report(cleaned).earlier
    scores.write_text(whole_text)
    assert ABLATION in report(cleaned).earlier


def test_no_figure_is_there_twice_when_a_second_dataset_comes(cleaned: Path) -> None:
    before = len(names(cleaned))
    shutil.copytree(cleaned / "runs" / "prgan", cleaned / "runs" / "other")
    scores = cleaned / "runs" / "other" / "scores.json"
    change(scores, lambda row: row["dataset"].update(fingerprint="b"))
    assert len(report(cleaned).earlier) == len(KEPT)
    assert all("-" in name.removeprefix("figure-") for name in names(cleaned))
    shutil.rmtree(cleaned / "runs" / "other")
    assert len(report(cleaned).earlier) == len(KEPT)
    assert len(names(cleaned)) == before


def test_only_a_whole_png_is_a_figure(cleaned: Path) -> None:
    note = cleaned / "board" / "figures" / "drawn.json"
    facts = {one["name"]: one for one in json.loads(note.read_text())}
    contents = (b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n cut off")
    for name, content in zip(sorted(KEPT), contents, strict=True):
        picture(cleaned, name).write_bytes(content)
        facts[name]["hashes"] = {"png": hashlib.sha256(content).hexdigest()}
    note.write_text(json.dumps([facts[name] for name in sorted(KEPT) * 2]))
    assert report(cleaned).earlier == ()


def test_a_list_names_no_file_elsewhere(cleaned: Path) -> None:
    note = cleaned / "board" / "figures" / "drawn.json"
    (fact,) = [one for one in json.loads(note.read_text()) if one["name"] == ABLATION]
    shutil.copy(picture(cleaned), cleaned / "board" / "figures" / "private.png")
    elsewhere = ("../figures/figure-15", "private", "", str(picture(cleaned).with_suffix("")))
    note.write_text(json.dumps([fact | {"name": name} for name in elsewhere]))
    assert report(cleaned).earlier == ()
