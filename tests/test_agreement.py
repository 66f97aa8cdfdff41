"""Alpha, kappa and Dawid-Skene, held to published worked examples and to other formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from gazebench.annotation import agreement, consensus
from gazebench.annotation.agreement import MISSING, Ratings, alpha, kappas, ratings

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers,
# twelve units, nominal values, some missing; alpha is 0.743
KRIPPENDORFF = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
# Dawid and Skene (1979), table 1: what five anaesthetists say of 45 patients, the first of them
# three times: digits in the order 1 1 1 2 3 4 5
ANAESTHESIA = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343
1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222
1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343
2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""


def table(text: str) -> Ratings:
    rows = [line.split() for line in text.split("\n") if line]
    said = {
        (f"observer {o}", f"{u:02}"): value
        for o, row in enumerate(rows)
        for u, value in enumerate(row)
        if value != "."
    }
    return ratings(said, ("1", "2", "3", "4", "5"))


def random_ratings(seed: int, people: int = 4, missing: float = 0.3) -> Ratings:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 3, (40, people)).astype(np.int8)
    values[generator.random(values.shape) < missing] = MISSING
    names = tuple(f"p{n:02}" for n in range(40))
    return Ratings(
        portraits=names, annotators=tuple("abcd")[:people], choices=("X", "Y", "?"), values=values
    )


def alpha_by_pairs(values: np.ndarray) -> float:
    """The definition, pair by pair: 1 - D_o / D_e over the pairable values."""
    units = [row[row != MISSING] for row in values]
    units = [unit for unit in units if len(unit) > 1]
    pooled = np.concatenate(units)
    observed = sum(np.sum(unit[:, None] != unit[None]) / (len(unit) - 1) for unit in units) / len(
        pooled
    )
    expected = np.sum(pooled[:, None] != pooled[None]) / (len(pooled) * (len(pooled) - 1))
    return 1 - observed / expected


def test_alpha_is_that_of_krippendorffs_example() -> None:
    found = alpha(table(KRIPPENDORFF).counts)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.portraits == 11
    assert found.low < found.value < found.high <= 1


@given(seed=st.integers(0, 2**31))
def test_alpha_is_the_definition(seed: int) -> None:
    found = random_ratings(seed)
    assert alpha(found.counts, resamples=2).value == pytest.approx(alpha_by_pairs(found.values))


def test_the_interval_is_that_of_a_bootstrap_over_portraits() -> None:
    found = random_ratings(5, missing=0.0)
    generator = np.random.default_rng(1)
    draws = [alpha_by_pairs(found.values[generator.integers(0, 40, 40)]) for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    assert alpha(found.counts).low == pytest.approx(low, abs=0.015)
    assert alpha(found.counts).high == pytest.approx(high, abs=0.015)


def test_alpha_needs_two_votes_and_two_choices() -> None:
    assert math.isnan(alpha(np.zeros((0, 4), np.int64)).value)
    assert math.isnan(alpha(np.array([[1, 0], [0, 1]])).value)
    assert math.isnan(alpha(np.array([[2, 0], [3, 0]])).value)
    assert alpha(np.array([[2, 0], [0, 3]])).value == 1


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    found = random_ratings(seed, people=2)
    both = found.values[(found.values != MISSING).all(axis=1)]
    [kappa] = kappas(found)
    assert kappa.value == pytest.approx(cohen_kappa_score(both[:, 0], both[:, 1]))
    assert kappa.portraits == len(both)


def test_only_some_choices_leaves_the_others_out() -> None:
    found = random_ratings(3)
    kept = found.only("Y")
    assert ((kept.values == 0) == (found.values == 1)).all()
    assert (kept.counts[:, 0] == found.counts[:, 1]).all()


def anaesthesia() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patient, observer and class of each of the 315 ratings."""
    who = (0, 0, 0, 1, 2, 3, 4)
    rows = [
        (patient, observer, int(digit) - 1)
        for patient, digits in enumerate(ANAESTHESIA.split())
        for observer, digit in zip(who, digits, strict=True)
    ]
    patient, observer, said = np.array(rows, np.intp).T
    return patient, observer, said


def test_dawid_skene_gives_the_published_classes() -> None:
    found = consensus.estimate(*anaesthesia(), (45, 5, 4), smoothing=0.0)
    # table 4 of the paper: shares of the classes, and the first observer's error rates
    assert found.prior.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.rates[0].round(2)[:2].tolist() == [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0]]
    assert (found.posterior.max(axis=1) > 0.5).all()


def em_by_loops(rounds: int) -> np.ndarray:
    """Equations 2.3 to 2.5 written out; the posterior after some rounds."""
    counts = np.zeros((45, 5, 4))
    for patient, observer, said in zip(*anaesthesia(), strict=True):
        counts[patient, observer, said] += 1
    posterior = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    for _ in range(rounds):
        rates = np.einsum("ij,ikl->kjl", posterior, counts)
        rates /= np.maximum(rates.sum(axis=2, keepdims=True), 1e-300)
        likely = np.prod(rates[None] ** counts[:, :, None, :], axis=(1, 3))
        posterior = posterior.mean(axis=0) * likely
        posterior /= posterior.sum(axis=1, keepdims=True)
    return posterior


def test_dawid_skene_is_em_written_out() -> None:
    found = consensus.estimate(*anaesthesia(), (45, 5, 4), smoothing=0.0)
    assert np.allclose(found.posterior, em_by_loops(found.rounds), atol=1e-6)


def test_a_careless_annotator_weighs_less() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 600)
    right = generator.random((600, 5)) < [0.95, 0.95, 0.55, 0.55, 0.55]
    values = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    found = Ratings(
        portraits=tuple(map(str, range(600))),
        annotators=tuple("abcde"),
        choices=("X", "Y"),
        values=values,
    )
    estimated = consensus.dawid_skene(found).posterior.argmax(axis=1)
    plain = consensus.majority(found.counts)
    assert (estimated == truth).mean() > (plain == truth).mean() + 0.02


def test_the_majority_of_a_tie_is_open() -> None:
    assert consensus.majority(np.array([[2, 1], [1, 1], [0, 3]])).tolist() == [0, MISSING, 1]


def test_an_annotator_crossed_with_another() -> None:
    a, b = np.array([0, 0, 1, MISSING], np.int8), np.array([0, 1, 1, 1], np.int8)
    assert agreement.confusion(a, b, 2).tolist() == [[1, 1], [0, 1]]
