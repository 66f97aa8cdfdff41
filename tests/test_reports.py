"""Table I and the statistics under it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_runs import METRICS, PORTRAITS, fid, make_result, per_portrait, some_facts, some_results
from scipy import stats

from gazebench import metrics, plugins
from gazebench.cards import MethodCard
from gazebench.errors import InputError
from gazebench.reports.grid import Grid, number
from gazebench.reports.page.choice import choose
from gazebench.reports.page.offline import within
from gazebench.reports.paper import table_1
from gazebench.reports.report import _room
from gazebench.reports.statistics import holm, paired_p_values, tie_letters
from gazebench.reports.tables.table_1 import grid
from gazebench.results import Score


def row(table: Grid, run: str):
    return next(row for row in table.all_rows if row.key == run)


def labels(table: Grid) -> list[str]:
    return [row.label for row in table.rows]


def test_columns_stand_by_group_and_order_of_their_cards_then_by_name():
    extra = make_result().scores | dict.fromkeys(("blur", "aaa", "memory", "angle"), fid(1))
    cards = METRICS | {
        **dict.fromkeys(("blur", "aaa"), METRICS["seam"]),
        "memory": replace(METRICS["seam"], group="cost", order=50),
        "angle": replace(METRICS["seam"], group="gaze"),
    }
    table = grid([make_result(scores=extra, metrics=cards)])
    assert [column.key for column in table.columns] == [
        *("ms_ssim_outside", "lpips_outside", "fid_eyes", "kid_eyes", "angle"),
        *("parameters_inference", "parameters_training", "parameters_training_vgg"),
        *("fps", "memory", "aaa", "blur", "seam"),
    ]


def test_arrows_units_and_sample_sizes_come_from_cards_and_scores():
    columns = {c.key: c for c in grid([make_result()]).columns}
    assert (columns["fps"].arrow, columns["fps"].facts) == ("↑", "1/s")
    assert (columns["fid_eyes"].arrow, columns["fid_eyes"].facts) == ("↓", "n = 24")


def test_rows_are_sorted_by_fid_with_incomplete_ones_last_and_controls_apart():
    table = grid(some_results())
    assert labels(table) == ["GazeGANV2", "PRGAN", "StarGAN", "Half done"]
    assert [r.label for r in table.unranked] == ["No change"]


def test_an_ablation_has_a_group_of_its_own_and_is_never_best():
    full = make_result()
    lesser = make_result(
        "gazegan_v2",
        method=MethodCard(title="GazeGANV2"),
        scores=full.scores | {"fid_eyes": fid(1.0)},
        provenance=full.provenance | {"settings": {"content_code": False}},
    )
    table = grid([lesser, full, *(r for r in some_results() if r.method.kind == "control")])
    assert labels(table) == ["PRGAN"]
    assert [(title, [r.label for r in rows]) for title, _, rows in table.below] == [
        ("Ablations", ["GazeGANV2 without A"]),
        ("Controls", ["No change"]),
    ]
    assert row(table, "prgan").cells["fid_eyes"].best
    assert not row(table, "gazegan_v2").cells["fid_eyes"].ranked


def test_missing_score_sorts_last_and_says_why():
    scores = {k: v for k, v in make_result().scores.items() if k != "fid_eyes"}
    gone = make_result("aaa", scores=scores, skipped={"fid_eyes": "weights are missing"})
    table = grid([gone, make_result("zzz")])
    assert labels(table) == ["ZZZ", "AAA"]
    (mark,) = row(table, "aaa").cells["fid_eyes"].marks
    assert table.notes[mark - 1] == "– weights are missing."


def test_a_method_that_declines_is_a_row_of_dashes_with_its_reason():
    skipped = dict.fromkeys(METRICS, "needs gaze angles, drawn faces have none")
    del skipped["fps"]  # a cost, which no metric file measures
    table = grid([make_result("a", scores={}, skipped=skipped, ranked=False), make_result("b")])
    declined = row(table, "a")
    assert {cell.marks for cell in declined.cells.values()} == {(1,)}
    assert table.notes == ("– needs gaze angles, drawn faces have none.",)
    assert (declined.share, declined.marks) == ("", ())


def test_metric_that_nobody_could_measure_has_a_footnote_and_no_column():
    skipped = {"identity": "extra is not installed"}
    table = grid([make_result("a", skipped=skipped), make_result("b", skipped=skipped)])
    assert "identity" not in [column.key for column in table.columns]
    assert table.notes == ("identity was not measured: extra is not installed.",)


def test_best_is_never_a_control():
    control = MethodCard(title="Control", kind="control")
    table = grid([make_result(), make_result("c", method=control, scores={"fid_eyes": fid(1)})])
    assert row(table, "prgan").cells["fid_eyes"].best
    assert not row(table, "c").cells["fid_eyes"].best


def test_best_is_never_an_incomplete_run():
    table = grid(some_results())
    assert row(table, "v2").cells["fid_eyes"].best
    assert not row(table, "part").cells["fps"].best
    assert row(table, "part").share == "8 of 12 portraits"


def test_another_sample_size_is_not_ranked_and_is_printed():
    other = make_result("other", scores={"fid_eyes": fid(1.0, n=16)})
    table = grid([make_result("a"), make_result("b"), other])
    cell = row(table, "other").cells["fid_eyes"]
    assert (cell.best, cell.ranked, cell.apart) == (False, False, "n = 16")
    assert labels(table)[-1] == "OTHER"


def test_a_mean_over_more_portraits_competes_and_over_fewer_does_not():
    def scores(value, n):
        values = {f"{number:02}": value for number in range(n)}
        return {"seam": Score(value=value, n=n, per_portrait=values)}

    sizes = {"a": (2.0, 88), "b": (2.5, 88), "keeps": (1.5, 92), "loses": (1.0, 84)}
    results = [make_result(run, scores=scores(*told)) for run, told in sizes.items()]
    controls = [
        make_result(run, scores=scores(0.0, 91), method=MethodCard(title=run, kind="control"))
        for run in ("identity", "bank", "other")
    ]
    table = grid([*results, *controls])
    cells = {run: row(table, run).cells["seam"] for run in sizes}
    assert {run for run, cell in cells.items() if cell.best} == {"keeps"}
    assert not cells["loses"].ranked
    assert cells["keeps"].apart == "n = 92"
    assert cells["a"].apart == ""


def test_equal_values_are_best_together():
    table = grid([make_result("a"), make_result("b")])
    assert all(row(table, run).cells["fid_eyes"].best for run in "ab")


def test_two_runs_of_one_method_are_told_apart_by_their_run():
    card = MethodCard(title="PRGAN")
    results = [make_result("x", method=card), make_result("y", method=card)]
    assert labels(grid(results)) == ["PRGAN (x)", "PRGAN (y)"]


def test_intervals_are_shown_as_given_and_kid_with_its_standard_error():
    cells = row(grid([make_result()]), "prgan").cells
    assert cells["fid_eyes"].spread == "[78.00, 85.00]"
    assert cells["kid_eyes"].spread == "± 0.0020"


def test_the_scatter_of_a_cost_is_not_shown_as_an_interval():
    scores = {"fps": Score(value=30.0, n=50, interval=(29.0, 31.0))}
    assert row(grid([make_result(scores=scores)]), "prgan").cells["fps"].spread == ""


@pytest.mark.parametrize(
    "other",
    [
        make_result("other", dataset=some_facts(fingerprint="f" * 16)),
        make_result("other", benchmark="1"),
        make_result(
            "other", metrics=METRICS | {"fps": replace(METRICS["fps"], higher_is_better=False)}
        ),
    ],
    ids=["dataset", "benchmark", "meaning"],
)
def test_results_that_do_not_compare_make_no_table(other):
    with pytest.raises(InputError, match="prgan and other do not compare"):
        grid([make_result(), other])


def test_two_results_of_one_name_make_no_table():
    with pytest.raises(InputError, match="two results are called 'prgan'"):
        grid([make_result(), make_result()])


def test_no_results_make_no_table():
    with pytest.raises(InputError, match="gazebench eval"):
        grid([])


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1.0000"), (0.99996, "0.99996"), (0.12345, "0.1235"), (0.0, "0.0000")]
)
def test_a_value_never_looks_like_a_bound_it_is_not(value, text):
    assert number(value, METRICS["ms_ssim_outside"]) == text


def test_a_rounded_negative_is_no_negative_zero():
    assert number(-0.00001, METRICS["kid_eyes"]) == "0.0000"


def test_methods_that_differ_on_every_portrait_get_different_letters():
    table = grid(some_results())
    assert row(table, "v2").cells["ms_ssim_outside"].letter == "a"
    assert row(table, "prgan").cells["ms_ssim_outside"].letter == "b"
    assert row(table, "star").cells["ms_ssim_outside"].letter == "b"


def test_set_metrics_and_controls_get_no_letters():
    table = grid(some_results())
    assert not any(r.cells["fid_eyes"].letter for r in table.all_rows)
    assert row(table, "identity").cells["seam"].letter == ""


def test_scores_of_other_portraits_are_not_paired():
    ours = {f"p{i}": 1.0 for i in range(9)}
    theirs = {f"q{i}": 0.0 for i in range(9)}
    assert tie_letters({"a": ours, "b": theirs}, higher_is_better=True) == {}


def test_five_portraits_tell_nothing_apart():
    few = {"a": {str(i): 1.0 for i in range(5)}, "b": {str(i): 0.0 for i in range(5)}}
    assert tie_letters(few, higher_is_better=True) == {"a": "a", "b": "a"}


def test_letters_follow_the_direction_of_the_metric():
    noise = np.random.default_rng(0).normal(size=40)
    rows = {
        name: {str(i): m + 0.01 * v for i, v in enumerate(noise)} for m, name in enumerate("xy")
    }
    assert tie_letters(rows, higher_is_better=True) == {"y": "a", "x": "b"}
    assert tie_letters(rows, higher_is_better=False) == {"x": "a", "y": "b"}


def test_the_sign_flip_test_agrees_with_the_paired_t_test_on_normal_differences():
    differences = np.random.default_rng(5).normal([0.0, 0.1, 0.15, 0.3], 1.0, (300, 4))
    t = differences.mean(axis=0) / differences.std(axis=0, ddof=1) * np.sqrt(300)
    expected = 2 * stats.t.sf(np.abs(t), 299)
    np.testing.assert_allclose(paired_p_values(differences), expected, atol=0.02)


def test_the_sign_flip_test_is_that_of_scipy():
    differences = np.random.default_rng(6).normal([0.0, 0.5, 1.0], 1.0, (10, 3))
    expected = stats.permutation_test(
        (differences,), lambda d, axis: d.mean(axis=axis), permutation_type="samples", axis=0
    ).pvalue
    np.testing.assert_allclose(paired_p_values(differences), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [6, 12, 20])
def test_equal_methods_are_told_apart_in_at_most_five_of_a_hundred_cases(n):
    rng = np.random.default_rng(7)
    p_values = np.concatenate([paired_p_values(rng.laplace(size=(n, 500))) for _ in range(4)])
    assert (p_values <= 0.05).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize("n", [2, 6, 30])
def test_intervals_hold_the_mean_in_95_of_a_hundred_cases(n):
    rng = np.random.default_rng(8)
    held = []
    for row in rng.normal(0.0, 1.0, (2000, n)):
        interval = Score.of({str(place): value for place, value in enumerate(row)}).interval
        assert interval is not None
        held.append(interval[0] <= 0 <= interval[1])
    assert abs(np.mean(held) - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_an_interval_is_cut_at_the_possible_values_and_one_value_has_none():
    few = Score.of({"a": 0.2, "b": 0.9, "c": 1.0}, bounds=(0.0, 1.0))
    assert few.interval == (0.0, 1.0)
    assert Score.of({"a": 0.2}).interval is None


def test_the_interval_of_a_share_is_wilsons_and_has_a_width_where_all_agree():
    def of(ones, n):
        return Score.of({str(i): float(i < ones) for i in range(n)}, bounds=(0, 1), share=True)

    # Newcombe 1998, Statistics in Medicine 17, table I: the score method, without correction
    assert of(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert of(15, 148).interval == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert of(0, 20).interval == pytest.approx((0.0000, 0.1611), abs=1e-4)
    assert of(1, 29).interval == pytest.approx((0.0061, 0.1718), abs=1e-4)
    assert of(29, 29).interval == pytest.approx((0.8830, 1.0), abs=1e-4)
    with pytest.raises(InputError, match="values 1 and 0"):
        Score.of({"a": 0.5}, share=True)


def test_scores_by_another_training_of_the_judge_are_not_ranked():
    def judged(run, value, judge):
        values = {f"{i:02}": float(i < value) for i in range(12)}
        score = Score.of(values, bounds=(0, 1), share=True, judge=judge)
        return make_result(run, scores={"seam": score})

    lines = [judged("a", 3, "1f"), judged("b", 4, "1f"), judged("other", 0, "07")]
    table = grid([*lines, judged("older", 1, "")])
    cells = {run: row(table, run).cells["seam"] for run in ("a", "b", "other", "older")}
    assert [run for run, cell in cells.items() if cell.best] == ["a"]
    assert {run: cell.apart for run, cell in cells.items()} == {
        **dict.fromkeys(("a", "b"), ""),
        **dict.fromkeys(("other", "older"), "another judge"),
    }
    assert [bool(cell.letter) for cell in cells.values()] == [True, True, False, False]
    assert "Another training of the judge" in table.notes[cells["other"].marks[0] - 1]


def test_equal_methods_have_p_of_one_whatever_the_rounding():
    assert paired_p_values(np.zeros((50, 1))) == [1.0]
    assert paired_p_values(np.tile([[0.1], [-0.1]], (25, 1)))[0] > 0.9


def test_holm_steps_down():
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    ("resolution", "dataset", "value"),
    [(256, "CelebGaze", "56.37"), (512, "CelebHQGaze", "63.59"), (128, "CelebGaze", "56.37")],
)
def test_the_papers_numbers_follow_the_resolution(resolution, dataset, value):
    published = table_1(resolution)
    assert (published.dataset, published.of("gazegan_v2")["fid_eyes"]) == (dataset, value)


@pytest.mark.parametrize(("resolution", "total"), [(256, 105.73), (512, 111.47)])
def test_user_study_columns_add_up_as_the_caveat_says(resolution, total):
    rows = table_1(resolution).rows
    votes = [float(r["user_study_percent"]) for name, r in rows.items() if name != "ground_truth"]
    assert sum(votes) == pytest.approx(total)
    assert str(total) in " ".join(table_1(resolution).caveats)


def test_the_papers_numbers_stay_beside_ours():
    scores = {"fid_eyes": fid(99.0)}
    only = row(grid([make_result("gazegan_v2", scores=scores)]), "gazegan_v2")
    assert only.paper == {"fid_eyes": "56.37"}
    assert {key: cell.score for key, cell in only.cells.items()} == scores


def test_a_method_that_the_paper_does_not_have_gets_no_numbers():
    assert row(grid([make_result("mine")]), "mine").paper == {}


def test_faces_at_random_do_not_depend_on_scores():
    ids = [f"face-{i:03d}" for i in range(PORTRAITS)]
    other = make_result(scores={"seam": per_portrait(5.0, seed=9)})
    lots = [choose(grid([r]), ids, drawn=4, extremes=False) for r in (make_result(), other)]
    assert lots[0] == lots[1]
    assert len({choice.id for choice in lots[0]}) == 4


def test_worst_median_and_best_face_follow_the_direction_of_the_metric():
    values = {f"face-{i:03d}": float(i) for i in range(5)}
    score = Score(value=2.0, n=5, per_portrait=values)
    result = make_result(scores={"seam": score})
    picks = {c.why: c.id for c in choose(grid([result]), values, drawn=0, extremes=True)}
    assert picks == {"worst": "face-004", "median": "face-002", "best": "face-000"}


def test_a_face_that_is_drawn_and_an_extreme_is_shown_once():
    values = {f"face-{i:03d}": float(i) for i in range(5)}
    result = make_result(scores={"seam": Score(value=2.0, n=5, per_portrait=values)})
    chosen = {c.id: c.why for c in choose(grid([result]), values, drawn=5, extremes=True)}
    assert len(chosen) == 5
    assert chosen["face-004"] == "at random, worst"
    assert chosen["face-001"] == "at random"


def test_faces_are_chosen_by_degrees_rather_than_by_a_yes_or_no():
    values = {"eye_contact_estimated": (0.0, 1.0, 0.5, 0.0, 1.0), "gaze_error": (7, 3, 9, 25, 1)}
    ids = [f"face-{i:03d}" for i in range(5)]
    scores = {
        name: Score(value=1.0, n=5, per_portrait=dict(zip(ids, map(float, of), strict=True)))
        for name, of in values.items()
    }
    cards = {name: metrics.load(metrics, name).card for name in values}
    result = make_result(scores=scores, metrics=cards)
    picks = {c.why: c.id for c in choose(grid([result]), ids, drawn=0, extremes=True)}
    assert picks == {"worst": "face-003", "median": "face-000", "best": "face-004"}


def test_the_readme_says_of_every_metric_how_it_is_fooled():
    text = (Path(__file__).parents[1] / "reports" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## How a metric can be fooled")[2].partition("\n## ")[0]
    assert {name for name in plugins.names(metrics) if f"`{name}`" not in table} == set()


@pytest.mark.parametrize(("bare", "room"), [(0, 1.0), (1_825_000, 0.5), (9_000_000, 0.25)])
def test_pictures_of_the_page_leave_room_for_its_tables(bare, room):
    assert _room(bare) == pytest.approx(room, abs=0.02)


def test_pictures_fit_their_budget_in_the_best_quality_that_does():
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    pictures = dict(enumerate(map(Image.fromarray, noise)))
    best = within(pictures, 10**9)
    size = sum(map(len, best.values()))
    less = sum(map(len, within(pictures, 0.7 * size).values()))
    assert 0.4 * size < less <= 0.7 * size
    with_holes = {0: Image.new("RGBA", (8, 8))}
    assert within(with_holes, 0)[0].startswith("data:image/webp")
