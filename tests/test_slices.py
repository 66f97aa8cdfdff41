"""Scores by slices of the portraits: what is known of them, tables and charts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw
from report_runs import PORTRAITS, make_result, some_results

from gazebench.cards import MetricCard
from gazebench.cli import main
from gazebench.dataset import Manifest
from gazebench.dataset.attributes import ATTRIBUTES, attributes_csv
from gazebench.dataset.boxes import Point
from gazebench.dataset.glasses import LIKELY, bridge_edge
from gazebench.errors import InputError
from gazebench.evaluation import portraits_of_camera, portraits_to_correct
from gazebench.evaluation.traits import traits
from gazebench.reports.measured import Measured
from gazebench.reports.page.slices import HEIGHT, METHODS, slice_charts
from gazebench.reports.slices import DIMENSIONS, dimension, members, over, restricted
from gazebench.reports.tables import table_1, table_1_slices
from gazebench.results import RunResult, Score

IDS = [f"face-{i:03d}" for i in range(PORTRAITS)]
TRAITS = {
    "yaw_deg": {id_: 2.0 * i for i, id_ in enumerate(IDS)},  # 0 to 22
    "glasses": {id_: float(i == 0) for i, id_ in enumerate(IDS)},
}
EYES = Point(95.0, 122.0), Point(160.0, 120.0)


def with_traits() -> list[RunResult]:
    return [replace(result, traits=TRAITS) for result in some_results()]


def measured(folder: Path, results: list[RunResult], *slices: str) -> Measured:
    for result in results:
        result.save(folder / result.run / "scores.json")
    return Measured(folder, slices)


def test_every_portrait_is_in_one_slice_of_a_dimension() -> None:
    for by in DIMENSIONS:
        ends = [(part.low, part.high) for part in by.slices]
        assert ends[0][0] == 0
        assert ends[-1][1] == float("inf")
        assert [low for low, _ in ends[1:]] == [high for _, high in ends[:-1]]


def test_a_limit_belongs_to_the_slice_above_it() -> None:
    by = dimension("yaw")
    results = [replace(make_result(), traits={"yaw_deg": {"a": 9.99, "b": 10.0, "c": 20.0}})]
    found = [members(results, by, part) for part in by.slices]
    assert found == [{"a"}, {"b"}, {"c"}]


def test_a_slice_has_its_own_mean_n_and_interval() -> None:
    score = Score.of({"a": 1.0, "b": 3.0, "c": 100.0})
    card = MetricCard(title="T", higher_is_better=True)
    found = over(score, frozenset({"a", "b", "unknown"}), card)
    assert found
    assert (found.value, found.n) == (2.0, 2)
    assert found.interval
    assert found.interval[1] < 100
    assert over(score, frozenset(), card) is None
    assert over(Score(value=80.0, n=600), frozenset({"a"}), card) is None


def test_costs_leave_a_slice_and_set_metrics_say_why() -> None:
    found = restricted(with_traits()[0], frozenset(IDS[:3]))
    assert found.scores.keys() == {"ms_ssim_outside", "lpips_outside", "seam"}
    assert found.skipped == dict.fromkeys(("fid_eyes", "kid_eyes"), "no values per portrait")


def test_slices_that_were_asked_for_are_tables(tmp_path: Path) -> None:
    assert list(table_1_slices.grids(measured(tmp_path, with_traits()))) == []
    grids = list(table_1_slices.grids(measured(tmp_path, with_traits(), "yaw")))
    labels = [part.label for part in dimension("yaw").slices]
    assert [g.number for g in grids] == [f"I (yaw {label})" for label in labels]
    assert [next(c.n for c in g.columns if c.key == "seam") for g in grids] == [5, 5, 2]
    whole = with_traits()[0].scores["seam"].per_portrait
    assert whole
    row = next(row for row in grids[0].rows if row.key == "prgan")
    score = row.cells["seam"].score
    assert score
    assert score.value == pytest.approx(np.mean([whole[id_] for id_ in IDS[:5]]))
    assert not any(row.paper for row in grids[0].all_rows)


def test_no_such_slices_is_an_error_that_lists_them(tmp_path: Path) -> None:
    measured(tmp_path / "runs", with_traits())
    arguments = ["report", str(tmp_path / "runs"), str(tmp_path / "out"), "--slice", "age"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == InputError.exit_code
    assert "yaw, openness, size, glasses" in result.output
    assert not (tmp_path / "out").exists()


def test_charts_show_every_method_in_every_slice_that_has_enough_portraits() -> None:
    results = with_traits()
    grid = table_1.grid(results)
    charts = slice_charts(grid, results)
    assert charts.methods == tuple(row.label for row in grid.all_rows)
    shown = {column.key for column, _ in charts.rows}
    assert shown
    assert shown <= {"ms_ssim_outside", "lpips_outside", "seam"}
    for _, row in charts.rows:
        (chart,) = row  # one portrait with glasses is too few
        assert [n for _, _, n in chart.labels] == [5, 5]
        assert all(0 <= mark.high <= mark.y <= mark.low <= HEIGHT for mark in chart.marks)
        assert len(chart.marks) > 2  # several methods, two slices
    assert any(sentence.startswith("Glasses:") for sentence in charts.left_out)
    assert not slice_charts(grid, some_results()).rows


def test_charts_leave_room_for_a_run_of_each_method() -> None:
    results = with_traits()
    first = results[0]
    again = [replace(first, run=f"again-{number}") for number in range(METHODS)]
    everything = [*results, *again]
    charts = slice_charts(table_1.grid(everything), everything)
    assert len(charts.methods) == METHODS
    for result in results:
        assert any(label.startswith(result.method.title) for label in charts.methods)
    assert any(sentence.startswith("Not in the charts:") for sentence in charts.left_out)


def face(*, glasses: bool, side: int = 256) -> Image.Image:
    """A smooth face, whose glasses have a bridge."""
    image = Image.new("RGB", (side, side), (190, 150, 130))
    shade = ImageDraw.Draw(image)
    for row in range(side):
        shade.line((0, row, side, row), fill=(190 - row // 8, 150 - row // 8, 130 - row // 8))
    if glasses:
        for x, y in EYES:
            shade.rectangle((x - 26, y - 16, x + 26, y + 16), outline=(30, 20, 20), width=3)
        shade.line((121, 117, 134, 116), fill=(30, 20, 20), width=4)
    return image


def test_the_bridge_of_glasses_is_an_edge_across_the_nose() -> None:
    assert bridge_edge(face(glasses=False), EYES) < LIKELY < bridge_edge(face(glasses=True), EYES)
    dark = face(glasses=False).point([value // 8 for value in range(256)] * 3)
    assert bridge_edge(dark, EYES) < LIKELY
    assert np.isfinite(bridge_edge(Image.new("RGB", (64, 64)), (Point(9, 9), Point(9, 9))))


def test_test_portraits_of_both_domains_have_traits(dataset: Path) -> None:
    manifest = Manifest.load(dataset)
    ids = {p.id for p in (*portraits_to_correct(manifest), *portraits_of_camera(manifest))}
    found = traits(manifest)
    assert found.keys() == {"yaw_deg", "openness", "eye_distance", "glasses"}
    assert all(values.keys() == ids for values in found.values())
    assert min(found["yaw_deg"].values()) >= 0
    assert set(found["glasses"].values()) <= {0.0, 1.0}
    some = min(ids)
    portrait = manifest.by_id[some]
    assert portrait.measures.yaw_deg is not None
    assert found["yaw_deg"][some] == pytest.approx(abs(portrait.measures.yaw_deg), abs=0.01)
    # the attribute goes before the measure
    bits = {id_: 1 << ATTRIBUTES.index("Eyeglasses") for id_ in ids}
    (dataset / "attributes.csv").write_text(attributes_csv(bits))
    assert set(traits(manifest)["glasses"].values()) == {1.0}
