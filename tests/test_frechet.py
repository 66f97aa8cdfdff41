"""The Fréchet distance against closed forms and an independent implementation."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from gazebench.errors import InputError
from gazebench.metrics._frechet import Gaussian, distance, distances_without, fid_score
from gazebench.results import jackknife_error

D = 48
SIZES = [(20, 30), (300, 30), (30, 300), (300, 200)]  # below and above d


def features(n, seed, *, rank=D, shift=0.0):
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((rank, D)) * np.geomspace(1, 0.01, rank)[:, None]
    return np.maximum(rng.standard_normal((n, rank)) @ mixing + shift, 0)


def reference(a, b):
    statistics = [fid_features_to_statistics(torch.from_numpy(rows)) for rows in (a, b)]
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def fitted(a, b):
    return distance(Gaussian.of(a), Gaussian.of(b))


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_agrees_with_torch_fidelity(n, m):
    a, b = features(n, 1, shift=0.3), features(m, 2)
    assert fitted(a, b) == pytest.approx(reference(a, b), rel=1e-6)


@pytest.mark.parametrize("n", [5, 30, 300])
def test_identical_sets_are_at_zero(n):
    rows = features(n, 3)
    assert fitted(rows, rows[::-1]) <= 1e-9


@pytest.mark.parametrize("n", [30, 300])
def test_a_shifted_set_is_at_its_squared_shift(n):
    rows = features(n, 4)
    assert fitted(rows, rows + 0.5) == pytest.approx(0.25 * D, rel=1e-9)


@pytest.mark.parametrize("factor", [0.0, 3.0])
def test_a_scaled_set_of_low_rank_has_the_closed_form(factor):
    rows = np.random.default_rng(5).standard_normal((200, 4)) @ np.eye(4, D)
    rows -= rows.mean(axis=0)
    expected = (1 - factor) ** 2 * np.cov(rows, rowvar=False).trace()
    assert fitted(rows, factor * rows) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_is_symmetric(n, m):
    a, b = features(n, 6), features(m, 7)
    assert fitted(a, b) == pytest.approx(fitted(b, a), rel=1e-12)


def test_many_rows_keep_their_covariance():
    rows = features(9000, 8)  # more than one block of the decomposition
    gaussian = Gaussian.of(rows.astype(np.float32))
    covariance = gaussian.factor.T @ gaussian.factor
    np.testing.assert_allclose(covariance, np.cov(rows, rowvar=False), atol=1e-7)


@pytest.mark.parametrize("n", [40, 120])
def test_standard_error_is_the_jackknife_of_the_distance(n):
    rows, real = features(n, 9), Gaussian.of(features(200, 10))
    groups = np.arange(n) // 2 % 7
    left = np.array([distance(Gaussian.of(rows[groups != g]), real) for g in range(7)])
    expected = np.sqrt(6 / 7 * np.square(left - left.mean()).sum())
    found = distances_without(rows, real, groups)
    np.testing.assert_allclose(found, left, rtol=1e-6)
    assert jackknife_error(found) == pytest.approx(expected, rel=1e-6)


def test_standard_error_tells_the_spread_of_fresh_sets():
    real = Gaussian.of(features(2000, 11))
    drawn = np.random.default_rng(12).permutation(features(200 * 40, 11, shift=0.1))
    sets = drawn.reshape(40, 200, D)
    spread = np.std([distance(Gaussian.of(rows), real) for rows in sets], ddof=1)
    groups = np.arange(200) % 50
    told = [jackknife_error(distances_without(rows, real, groups)) for rows in sets[:5]]
    assert 0.6 < np.mean(told) / spread < 1.7


def test_pseudo_values_have_the_mean_and_the_spread_of_the_distance():
    real = Gaussian.of(features(200, 10))
    score = fid_score(features(240, 9, shift=0.2), real, np.arange(240) // 2)
    found = np.array([*(score.groups or {}).values()])
    assert len(found) == 50
    assert found.mean() == pytest.approx(score.value, rel=1e-9)
    assert found.std(ddof=1) / np.sqrt(50) == pytest.approx(score.stderr, rel=1e-9)


def test_means_of_drawn_pseudo_values_follow_the_distance_of_the_drawn_portraits():
    real, rows = Gaussian.of(features(500, 10)), features(600, 9, shift=0.3)
    groups = fid_score(rows, real, np.arange(600)).groups or {}
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, 50, (60, 50))
    linear = np.array([groups[str(g)] for g in range(50)])[drawn].mean(axis=1)
    by_group = rows.reshape(12, 50, -1)  # row n is of group n % 50
    real_ones = [distance(Gaussian.of(by_group[:, d].reshape(600, -1)), real) for d in drawn]
    assert np.corrcoef(linear, real_ones)[0, 1] > 0.9


def test_one_row_is_refused():
    with pytest.raises(InputError, match="at least 2 rows"):
        Gaussian.of(features(1, 13))


def test_a_feature_that_is_no_number_is_refused():
    rows = features(10, 14)
    rows[3, 5] = np.nan
    with pytest.raises(InputError, match="not finite"):
        Gaussian.of(rows)
