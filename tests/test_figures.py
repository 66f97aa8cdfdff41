"""Figures of a report: made from runs on the disk, the same bytes every time, refused by name."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from report_runs import add_figures, make_runs, make_runs_with_figures

from gazebench.cli import main
from gazebench.dataset import Manifest
from gazebench.reports.figures import _sheet as sheets
from gazebench.reports.figures import _tsne as tsne
from gazebench.reports.figures.figure_15 import _difference
from gazebench.reports.illustrations import Illustrations, group_of, illustrate
from gazebench.reports.measured import Measured, groups
from gazebench.reports.report import write_report
from gazebench.reports.tables.table_1 import grid
from gazebench.results import RunResult

FILLED = {"figure-6", "figure-8", "figure-9", "figure-11", "figure-12", "figure-13", "figure-14"}
FILLED |= {
    "figure-15",
    "figure-16",
    *(f"training-curves-{run}" for run in ("v1", "v2", "no_c", "pam")),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that fill every figure of portraits below 512 pixels. Not to be written to."""
    return make_runs_with_figures(tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def made(runs: Path) -> Illustrations:
    return illustrated(runs)


def illustrated(runs: Path, *, pictures: bool = True) -> Illustrations:
    measured = Measured(runs)
    (group,) = groups(measured.runs)
    places = [row.key for row in grid([run.result for run in group]).all_rows]
    group.sort(key=lambda run: places.index(run.result.run))
    return illustrate([(("a", "1"), group_of(group, measured, None, pictures=pictures))])


def pixels(made: Illustrations, name: str) -> np.ndarray:
    (found,) = [i for i in made.made if i.name == name]
    data = found.files["png"]
    assert isinstance(data, bytes)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_many_runs_of_one_method_leave_room_for_the_others(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    for number in range(8):
        shutil.copytree(runs / "prgan", runs / f"again-{number}")
        result = RunResult.load(runs / "prgan" / "scores.json")
        replace(result, run=f"again-{number}").save(runs / f"again-{number}" / "scores.json")
    measured = Measured(runs)
    (group,) = groups(measured.runs)
    group.sort(key=lambda run: not run.result.run.startswith("again"))  # the best ones
    compared = group_of(group, measured, None, pictures=True).compared()
    methods = [run.result.name for run in compared]
    assert len(compared) == 8
    assert {"prgan", "stargan", "gazegan_v2"} <= set(methods)
    assert methods.index("prgan") == 0  # in their order all the same


@pytest.mark.long
def test_every_figure_that_the_runs_can_fill_is_made(made: Illustrations) -> None:
    assert {i.name for i in made.made} == FILLED
    assert made.failed == ()
    for one in made.made:
        assert one.caption.endswith("."), one.name
        assert len(one.alt) > 20, one.name
        assert np.unique(pixels(made, one.name)).size > 50, one.name  # there is something to see


@pytest.mark.parametrize(
    ("figure", "command"),
    [
        ("7", "gazebench build-dataset PICTURES DATASET --res 512"),
        ("9", "gazebench train --method gazegan_v2 DATASET RUNS/gazegan_v2"),
        ("10", "gazebench build-dataset PICTURES DATASET --res 512"),
        ("11", "--set methods.gazegan_v2.coarse_to_fine=false"),
        ("12", "gazebench train --method gazegan_v2 DATASET RUNS/gazegan_v2"),
        ("13", "gazebench train --method pam DATASET RUNS/pam"),
        ("14", "`gazebench eval-upsampling RUNS/gazegan_v2 DATASET`"),
        ("15", "--set methods.gazegan_v2.coarse_to_fine=false"),
        ("16", "gazebench train --method gazegan_v2 DATASET RUNS/gazegan_v2"),
    ],
)
def test_a_figure_without_its_runs_is_named_with_the_commands_that_fill_it(
    plain: Illustrations, figure: str, command: str
) -> None:
    (sentence,) = [s for s in plain.unfilled if s.startswith(f"figure {figure} needs ")]
    assert command in sentence
    assert "`gazebench eval DATASET RUNS" in sentence or figure == "14"
    assert "\n" not in sentence


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Illustrations:
    return illustrated(make_runs(tmp_path_factory.mktemp("plain")))


def test_without_pictures_no_figure_shows_a_face(runs: Path) -> None:
    found = illustrated(runs, pictures=False)
    names = {i.name for i in found.made}
    assert names == {n for n in FILLED if n == "figure-16" or n.startswith("training-curves")}
    assert sum("pictures were left out" in s for s in found.unfilled) >= 6


def test_every_method_has_the_same_portraits(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    manifest = Manifest.load(tmp_path / "dataset")
    for portrait in manifest.portraits:  # a method that changes nothing
        target = runs / "prgan" / "predictions" / f"{portrait.id}.png"
        target.write_bytes(manifest.path(portrait).read_bytes())
    found = pixels(illustrated(runs), "figure-6")
    step = sheets.SIDE + sheets.GAP
    assert (found.shape[0] - 24 + sheets.GAP) % step == 0
    first = manifest.portraits[0]
    cell = sheets.face(Image.open(manifest.path(first)), first).width
    left = found.shape[1] - 12 - 4 * cell - 3 * sheets.GAP
    tops = range(12, found.shape[0] - 12, step)
    rows = [found[top : top + sheets.SIDE, left:] for top in tops]
    assert len(rows) == 4  # the source and three methods
    assert [np.array_equal(rows[0], row) for row in rows[1:]].count(True) == 1


def test_an_ablation_is_no_row_of_the_comparison(runs: Path, made: Illustrations) -> None:
    (comparison,) = [i for i in made.made if i.name == "figure-6"]
    assert "without" not in comparison.alt
    (ablations,) = [i for i in made.made if i.name == "figure-11"]
    assert "GazeGANV2 without D, GazeGANV2 without C and GazeGANV2." in ablations.alt


def test_head_poses_go_from_one_side_to_the_other(made: Illustrations) -> None:
    (poses,) = [i for i in made.made if i.name == "figure-8"]
    assert "turned by -33 to 33 degrees" in poses.alt


def test_curves_say_how_long_a_training_was(made: Illustrations) -> None:
    (curves,) = [i for i in made.made if i.name == "training-curves-pam"]
    assert "of the run pam over 40 steps" in curves.caption


def test_the_difference_is_the_mean_over_colours() -> None:
    one, other = Image.new("RGB", (2, 1)), Image.new("RGB", (2, 1))
    other.putpixel((1, 0), (30, 60, 0))
    assert _difference(one, other).tolist() == [[0.0, 30.0]]


def test_the_places_of_codes_are_stored_with_versions(made: Illustrations) -> None:
    (codes,) = [i for i in made.made if i.name == "figure-16"]
    text = codes.files["json"]
    assert isinstance(text, str)
    stored = json.loads(text)
    assert [(p["run"], p["code"]) for p in stored["panels"]] == [
        ("v1", "r"),
        ("v2", "r"),
        ("no_c", "c"),
        ("v2", "c"),
    ]
    assert [len(p["points"]) for p in stored["panels"]] == [60, 60, 24, 24]
    assert stored["t_sne"]["scikit-learn"]
    first = stored["panels"][0]["points"][0]
    assert (first["title"], first["series"]) == ("face-000, I1 (source)", "I1 (source)")


def test_points_of_one_portrait_lie_together(made: Illustrations) -> None:
    (codes,) = [i for i in made.made if i.name == "figure-16"]
    for panel in codes.panels:
        assert "100 %" in panel.note
        places = np.array([p[:2] for p in panel.points])
        assert places.min() >= 0
        assert places.max() <= 1
        far = np.linalg.norm(places[:, None] - places[None], axis=2).mean()
        near = np.mean([np.linalg.norm(places[a] - places[b]) for a, b in panel.links])
        assert near < far / 2


def test_own_neighbours_by_hand() -> None:
    codes = np.array([[0.0], [1.0], [2.5], [10.0], [11.0]])
    assert tsne.own_neighbours(codes, np.array([0, 0, 1, 2, 2])) == 0.8  # 2.5 is next to 1.0


def test_codes_that_are_all_equal_have_places() -> None:
    assert (tsne.embed(np.ones((9, 4))) == 0.5).all()


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_damaged_codes_cost_their_figure_alone(tmp_path: Path, damage: bytes | None) -> None:
    runs = make_runs(tmp_path)
    add_figures(runs / "v2", Manifest.load(tmp_path / "dataset"), "gazegan_v2", 0)
    path = runs / "v2" / "figures" / "codes.npz"
    path.write_bytes(path.read_bytes()[:900] if damage is None else damage)
    found = illustrated(runs)
    assert [s for s in found.unfilled if s.startswith("figure 16 needs codes that can be read")]
    assert {"figure-6", "figure-9"} <= {i.name for i in found.made}
    assert found.failed == ()


def test_a_strip_of_another_shape_is_not_shown(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    add_figures(runs / "v2", Manifest.load(tmp_path / "dataset"), "gazegan_v2", 0)
    for path in (runs / "v2" / "figures" / "animation").iterdir():
        Image.new("RGB", (63, 64)).save(path)
    sentences = illustrated(runs).unfilled
    assert any(s.startswith("figure 9 needs animations of the same portraits") for s in sentences)


def test_ids_of_figures_never_leave_their_folder(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    add_figures(runs / "v2", Manifest.load(tmp_path / "dataset"), "gazegan_v2", 0)
    facts = json.loads((runs / "v2" / "figures.json").read_text())
    facts["ids"] = ["../../predictions/face-000", "/etc/passwd"]
    (runs / "v2" / "figures.json").write_text(json.dumps(facts))
    assert "figure-9" not in {i.name for i in illustrated(runs).made}


def test_a_title_of_any_length_and_script_fits(tmp_path: Path) -> None:
    text = "Averyveryverylongwordwithoutanyspace $\\alpha$ 中文 method"
    rows = [sheets.Row(label=text, cells=[Image.new("RGB", (99, 99))])]
    figure = sheets.sheet(rows, heads=[text])
    (label,) = [t for t in figure.texts if t.get_horizontalalignment() == "left"]
    assert all(sheets._width(line) <= 240 for line in label.get_text().split("\n"))


@pytest.mark.long
def test_the_command_writes_the_same_bytes_whatever_the_readers_own_style(
    runs: Path, made: Illustrations, tmp_path: Path
) -> None:
    out = tmp_path / "board"
    (out / "figures").mkdir(parents=True)
    for name in ("figure-7.png", "notes.txt"):
        (out / "figures" / name).write_text("of an earlier report")
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": "another", "axes.facecolor": "red"}):
        result = CliRunner().invoke(main, ["report", str(runs), str(out)])
    assert result.exit_code == 0, result.output
    assert "not made: figure 7 needs portraits of 512 pixels: `gazebench build-" in result.output
    names = {path.name for path in (out / "figures").iterdir()}
    assert names == {"notes.txt", "drawn.json", "figure-16.json"} | {
        f"{name}.{suffix}" for name in FILLED for suffix in ("png", "svg")
    }
    for one in made.made:
        for suffix, data in one.files.items():
            written = (out / "figures" / f"{one.name}.{suffix}").read_bytes()
            assert written == (data.encode() if isinstance(data, str) else data), one.name


@pytest.mark.long
def test_two_datasets_have_figures_of_their_own(tmp_path: Path) -> None:
    make_runs(tmp_path / "one")
    make_runs(tmp_path / "two")
    info = tmp_path / "two" / "dataset" / "labels.csv"
    info.write_text("\n".join(info.read_text().splitlines()[:-1]) + "\n")  # another fingerprint
    for path in (tmp_path / "two" / "runs").rglob("scores.json"):
        fingerprint = Manifest.load(tmp_path / "two" / "dataset").fingerprint
        content = json.loads(path.read_text())
        content["dataset"]["fingerprint"] = fingerprint
        path.write_text(json.dumps(content))
    report = write_report(tmp_path, tmp_path / "out")
    names = [path.name for path in (tmp_path / "out" / "figures").glob("figure-6-*.png")]
    assert len(names) == 2
    assert "figure-6" in report.page.read_text()


def test_of_two_runs_of_a_method_the_one_with_pictures_is_shown(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    shutil.copytree(runs / "v2", runs / "a2", ignore=shutil.ignore_patterns("predictions"))
    measured = Measured(runs)
    (group,) = groups(measured.runs)
    for order in (group, group[::-1]):
        full = group_of(order, measured, None, pictures=True).full()
        assert full is not None
        assert full.result.run == "v2"


def test_scores_without_pictures_are_told_from_no_evaluation(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    for folder in runs.glob("*/predictions"):
        shutil.rmtree(folder)
    (sentence,) = [s for s in illustrated(runs).unfilled if s.startswith("figure 6 ")]
    assert "only their scores are here" in sentence
    assert "gazebench train" not in sentence
