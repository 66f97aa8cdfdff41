"""Tables II to V: animations and ablations, found by what runs measured and by their settings."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_runs import (
    ANIMATED,
    fid,
    make_result,
    saved,
    some_facts,
    some_results,
    v2,
)
from scipy import stats

from gazebench import plugins
from gazebench.cards import MethodCard
from gazebench.errors import InputError
from gazebench.reports import tables
from gazebench.reports.grid import Grid, Row
from gazebench.reports.measured import Measured
from gazebench.reports.page import study
from gazebench.reports.paper import by_method
from gazebench.reports.reproduction import as_csv, as_markdown, reproduction
from gazebench.reports.stability import standings
from gazebench.reports.tables import table_1, table_1_stability, table_2, table_3, table_4, table_5
from gazebench.results import RunResult


def row(grid: Grid, run: str) -> Row:
    return next(row for row in grid.all_rows if row.key == run)


def test_every_table_of_the_paper_is_one_file() -> None:
    ours = {f"table_{number}" for number in range(1, 7)}
    assert ours <= set(plugins.names(tables))


def test_animations_of_whole_methods_are_compared_with_the_paper_beside(tmp_path: Path) -> None:
    other = replace(v2("mine", fid_of=40.0), name="warp", method=MethodCard(title="Warp"))
    still = make_result("still")
    ablated = v2("part", coarse_to_fine=False)
    (grid,) = table_2.grids(saved(tmp_path, v2("full"), other, still, ablated))
    assert [r.key for r in grid.rows] == ["mine", "full"]
    assert row(grid, "mine").cells["animation_fid"].best
    assert row(grid, "full").paper["animation_fid"] == "53.32"
    assert [c.key for c in grid.columns] == [
        *("animation_fid", "parameters_inference", "parameters_training_vgg")
    ]


@pytest.mark.parametrize(
    ("module", "letter", "setting", "columns"),
    [
        (table_3, "A", {"content_code": False}, ["harm_ms_ssim", "harm_lpips"]),
        (table_4, "C", {"weight_fp": 0}, ["reconstruction_ms_ssim", "reconstruction_lpips"]),
        (table_5, "D", {"coarse_to_fine": False}, ["animation_fid"]),
    ],
)
def test_an_ablation_is_found_by_its_settings_and_stands_beside_the_whole_method(
    tmp_path: Path, module: Any, letter: str, setting: dict[str, Any], columns: list[str]
) -> None:
    others = {"content_code": False, "weight_fp": 0, "coarse_to_fine": False}
    (key,) = setting
    another = {k: v for k, v in others.items() if k != key}
    runs = [v2("seven"), v2("eight", **setting), v2("nine", **another), v2("ten", **others)]
    (grid,) = module.grids(saved(tmp_path, *runs))
    assert {r.key: r.label for r in grid.rows} == {
        "seven": "GazeGANV2",
        "eight": f"GazeGANV2 without {letter}",
    }
    assert [c.key for c in grid.columns][: len(columns)] == columns
    printed = by_method(f"table_{grid_number(module)}", 256)
    assert row(grid, "eight").paper == printed.rows[f"gazegan_v2_without_{letter.lower()}"]
    assert row(grid, "seven").paper == printed.rows["gazegan_v2"]


def seen(result: RunResult, images: int) -> RunResult:
    return replace(result, provenance={**result.provenance, "images": images})


def test_whole_methods_of_another_budget_are_not_compared_with_an_ablation(tmp_path: Path) -> None:
    short, long = seen(v2("short"), 50), seen(v2("long"), 100)
    part = seen(v2("part", coarse_to_fine=False), 50)
    (grid,) = table_5.grids(saved(tmp_path / "both", short, long, part))
    assert {r.key for r in grid.rows} == {"short", "part"}
    (grid,) = table_5.grids(saved(tmp_path / "long", long, part))  # and none of its own
    assert {r.key for r in grid.rows} == {"long", "part"}


def test_a_whole_method_with_another_loss_is_not_compared_with_an_ablation(tmp_path: Path) -> None:
    same = v2("same", weight_per=0, coarse_to_fine=True)
    other = v2("other", weight_per=0.05, coarse_to_fine=True)
    part = v2("part", weight_per=0, coarse_to_fine=False, pam_shrink=2)
    (grid,) = table_5.grids(saved(tmp_path / "both", same, other, part))
    assert {r.key for r in grid.rows} == {"same", "part"}
    (grid,) = table_5.grids(saved(tmp_path / "other", other, part))  # and none like it
    assert {r.key for r in grid.rows} == {"other", "part"}


def test_the_loss_of_another_part_is_another_loss(tmp_path: Path) -> None:
    same, other = v2("same", weight_fp=0.1), v2("other", weight_fp=1.0)
    part = v2("part", content_code=False, weight_fp=0.1)
    (grid,) = table_3.grids(saved(tmp_path, same, other, part))
    assert {r.key for r in grid.rows} == {"same", "part"}


def test_each_ablation_has_the_whole_methods_that_are_like_it(tmp_path: Path) -> None:
    short, long = seen(v2("short", lr=1), 50), seen(v2("long", lr=1), 100)
    part = {"coarse_to_fine": False}
    parts = [seen(v2("early", lr=1, **part), 50), seen(v2("late", lr=2, **part), 100)]
    (grid,) = table_5.grids(saved(tmp_path, short, long, *parts))
    assert {r.key for r in grid.rows} == {"short", "long", "early", "late"}


def grid_number(module: Any) -> str:
    return module.__name__.rpartition("_")[2]


def test_no_ablation_no_table(tmp_path: Path) -> None:
    measured = saved(tmp_path, v2("full"), replace(v2("b", content_code=False), name="another"))
    assert not [g for m in (table_3, table_4, table_5) for g in m.grids(measured)]


def test_results_of_two_datasets_make_two_tables(tmp_path: Path) -> None:
    other = v2("far", coarse_to_fine=False)
    other = replace(other, dataset=some_facts(fingerprint="f" * 16, resolution=512))
    grids = list(table_5.grids(saved(tmp_path, v2("near", coarse_to_fine=False), other)))
    assert {g.fingerprint for g in grids} == {"f" * 16, some_facts().fingerprint}
    assert {g.paper.dataset for g in grids} == {"CelebGaze", "CelebHQGaze"}


def test_a_run_without_the_score_has_a_dash_with_its_reason(tmp_path: Path) -> None:
    gone = v2("gone", content_code=False)
    scores = {k: v for k, v in gone.scores.items() if k != "harm_lpips"}
    gone = replace(gone, scores=scores, skipped={"harm_lpips": "no weights"})
    (grid,) = table_3.grids(saved(tmp_path, v2("full"), gone))
    (mark,) = row(grid, "gone").cells["harm_lpips"].marks
    assert grid.notes[mark - 1] == "– no weights."


def test_table_1_calls_an_ablation_what_it_is_and_shows_no_animation() -> None:
    grid = table_1.grid([v2("full"), v2("less", content_code=False, coarse_to_fine=False)])
    assert row(grid, "less").label == "GazeGANV2 without A, D"
    assert row(grid, "less").paper == {}
    assert not {column.key for column in grid.columns} & set(ANIMATED)
    assert not any("Animation" in note for note in grid.notes)


def test_a_reproduction_says_paper_ours_difference_and_why() -> None:
    grid = table_1.grid([v2("full"), make_result("prgan")])
    found = reproduction(grid)
    assert found
    cells = {(c.row.key, c.column.key): c for c in found.cells}
    one = cells["full", "fid_eyes"]
    assert (one.printed, one.signed) == ("56.37", "+23.63")
    assert ("full", "kid_eyes") not in cells  # the paper has none
    # both runs have 80.00, the paper 56.37 and 84.61: no pair is in its order
    assert "FID eyes: 0 of 1 pair of rows stands in the paper's order." in found.order
    assert any("was trained for 12 steps" in sentence for sentence in found.reasons)
    text = as_markdown([found])
    assert "| GazeGANV2 | FID eyes ↓ | 56.37 | 80.00 \\[78.00, 85.00\\] | +23.63 |" in text
    lines = as_csv([found]).splitlines()
    assert len(lines) == 1 + len(found.cells)


def test_methods_that_the_paper_does_not_have_are_no_reproduction() -> None:
    assert reproduction(table_1.grid([make_result("mine")])) is None


STUDY = {
    "method": "gazegan_v2",
    "share": 0.41,
    "low": 0.36,
    "high": 0.46,
    "respondents": 30,
    "simulated": False,
}
OTHER = STUDY | {"method": "other", "share": 0.59, "low": 0.5, "high": 0.6}


def test_a_user_study_is_a_column_of_table_1(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(json.dumps([STUDY, OTHER]))
    (grid,) = table_1.grids(saved(tmp_path, v2("full"), make_result("prgan")))
    cell = row(grid, "full").cells["user_study_percent"]
    assert (cell.text, cell.spread, cell.marks) == ("41.0", "[36.0, 46.0]", ())
    assert row(grid, "full").paper["user_study_percent"] == "32.40"
    missing = row(grid, "prgan").cells["user_study_percent"]
    assert missing.score is None
    assert grid.notes[missing.marks[0] - 1] == "– was not in the user study."


def test_a_study_of_another_dataset_or_run_is_not_this_ones(tmp_path: Path) -> None:
    elsewhere = STUDY | {"run": "other"}
    (tmp_path / "study.json").write_text(json.dumps([elsewhere, OTHER]))
    (grid,) = table_1.grids(saved(tmp_path, v2("full")))
    assert "user_study_percent" not in {column.key for column in grid.columns}
    far = [one | {"fingerprint": "f" * 16} for one in (STUDY, OTHER)]
    (tmp_path / "study.json").write_text(json.dumps(far))
    (grid,) = table_1.grids(Measured(tmp_path))
    assert "user_study_percent" not in {column.key for column in grid.columns}


def test_simulated_answers_are_marked(tmp_path: Path) -> None:
    rows = [one | {"simulated": True} for one in (STUDY, OTHER)]
    (tmp_path / "study.json").write_text(json.dumps(rows))
    (grid,) = table_1.grids(saved(tmp_path, v2("full")))
    (mark,) = row(grid, "full").cells["user_study_percent"].marks
    assert grid.notes[mark - 1] == "Simulated answers, not of people."


def test_a_damaged_study_makes_no_column(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text(json.dumps([STUDY | {"share": 41}]))
    (grid,) = table_1.grids(saved(tmp_path, v2("full")))
    assert "user_study_percent" not in {column.key for column in grid.columns}


def test_what_is_missing_in_a_study_is_named(tmp_path: Path) -> None:
    row = {name: value for name, value in STUDY.items() if name != "share"}
    (tmp_path / "study.json").write_text(json.dumps([row, OTHER]))
    with pytest.raises(InputError, match=r"damaged \(0\.share: Field required\)"):
        study.read(tmp_path)


def noisy(mean: float, seed: int, n: int = 60) -> dict[str, float]:
    values = np.random.default_rng(seed).normal(mean, 1.0, n)
    return {f"p{i}": float(value) for i, value in enumerate(values)}


def test_a_clear_lead_is_shared_by_every_resample_and_a_tie_by_half() -> None:
    found = standings({"a": noisy(5, 1), "b": noisy(0, 2)}, higher_is_better=True)
    assert (found["a"].share, found["a"].ranks) == (1.0, (1, 1))
    assert (found["b"].share, found["b"].ranks) == (0.0, (2, 2))
    assert found["b"].p < 0.05 < found["a"].p == 1
    same = standings({"a": noisy(0, 1), "b": noisy(0, 1)}, higher_is_better=False)
    assert {name: (one.share, one.p) for name, one in same.items()} == {
        "a": (0.5, 1.0),
        "b": (0.5, 1.0),
    }


def test_shares_add_up_and_follow_the_direction_of_the_metric() -> None:
    values = {name: noisy(0.1 * place, place) for place, name in enumerate("abcd")}
    for higher in (True, False):
        found = standings(values, higher_is_better=higher)
        assert sum(one.share for one in found.values()) == pytest.approx(1)
        leader = max(values, key=lambda n: (1 if higher else -1) * np.mean([*values[n].values()]))
        assert found[leader].share == max(one.share for one in found.values())
        assert all(one.interval[0] <= one.difference <= one.interval[1] for one in found.values())


def test_the_share_is_the_chance_that_normal_means_say() -> None:
    one = noisy(0.15, 3, n=400)
    found = standings({"a": one, "b": dict.fromkeys(one, 0.0)}, higher_is_better=True)
    values = np.array([*one.values()])
    expected = stats.norm.cdf(values.mean() / (values.std() / 20))
    assert found["a"].share == pytest.approx(expected, abs=0.02)


def test_the_leading_group_is_bold_in_the_table_of_stability(tmp_path: Path) -> None:
    close = replace(make_result("close"), method=MethodCard(title="Close"))
    measured = saved(tmp_path, *some_results(), close)
    (grid,) = table_1_stability.grids(measured)
    keys = [column.key for column in grid.columns]
    assert keys == ["ms_ssim_outside", "lpips_outside", "seam"]
    assert not grid.unranked
    best = [r.key for r in grid.rows if r.cells["ms_ssim_outside"].best]
    assert best == ["v2"]
    cell = row(grid, "v2").cells["ms_ssim_outside"]
    assert (cell.text, cell.spread) == ("100", "rank 1")
    assert all(r.cells["seam"].best for r in grid.rows if r.cells["seam"].score)
    assert row(grid, "star").cells["seam"].score is None
    (full,) = table_1.grids(measured)
    assert row(full, "v2").cells["ms_ssim_outside"].leading
    assert not row(full, "prgan").cells["ms_ssim_outside"].leading


def test_a_set_metric_stands_in_the_table_of_stability_by_its_groups(tmp_path: Path) -> None:
    measured = saved(
        tmp_path,
        with_groups("first", 50.0, 1),
        with_groups("near", 50.2, 2),
        with_groups("far", 60.0, 3),
        with_groups("other", 40.0, 4, of=21),  # its groups are those of other portraits
    )
    (grid,) = table_1_stability.grids(measured)
    assert "fid_eyes" not in {column.key for column in grid.columns}
    shutil.rmtree(tmp_path / "other")
    (grid,) = table_1_stability.grids(Measured(tmp_path))
    cells = {one.key: one.cells["fid_eyes"] for one in grid.rows}
    assert {key: cell.best for key, cell in cells.items()} == {
        "first": True,
        "near": True,
        "far": False,
    }
    assert cells["far"].text == "0"
    assert cells["first"].letter == ""


def with_groups(run: str, value: float, seed: int, of: int = 20) -> RunResult:
    noise = np.random.default_rng(seed).normal(0, 3.0, of)
    groups = {str(n): float(value + one - noise.mean()) for n, one in enumerate(noise)}
    result = make_result(run)
    score = replace(fid(value), groups=groups)
    return replace(result, scores={**result.scores, "fid_eyes": score})
