"""Distances to the test half: equal sizes, the numbers of FID and KID, a clear refusal."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazebench.dataset import Domain, Manifest, Split
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError
from gazebench.metrics import Instruments
from gazebench.metrics._eyes import EyeFeatures
from gazebench.metrics.fid_eyes import FidEyes
from gazebench.metrics.fid_eyes_test import FidEyesTest
from gazebench.metrics.kid_eyes import KidEyes
from gazebench.metrics.kid_eyes_test import KidEyesTest

FEATURES = 2048


@pytest.fixture(scope="module")
def instruments() -> Instruments:
    return Instruments()


def features(instruments: Instruments, names: str, seed: int) -> EyeFeatures:
    rng = np.random.default_rng(seed)
    rows = {name: rng.normal(size=(2, FEATURES)).astype(np.float32) for name in names}
    return EyeFeatures(instruments, rows)


def measured(kind: type[Any], corrected: EyeFeatures, real: EyeFeatures) -> Any:
    metric = kind(corrected.instruments)
    metric._corrected, metric._real = corrected, real
    return metric


@pytest.mark.parametrize(("kind", "plain"), [(FidEyesTest, FidEyes), (KidEyesTest, KidEyes)])
def test_both_sets_are_cut_to_the_smaller_one(
    instruments: Instruments, kind: type[Any], plain: type[Any]
) -> None:
    few, many = features(instruments, "abcde", 1), features(instruments, "klmnopqrst", 2)
    evenly = EyeFeatures(instruments, {name: many.by_id[name] for name in "kmoqs"})
    for corrected, real, pair in (
        (few, many, (few, evenly)),
        (many, few, (evenly, few)),
        (few, few, (few, few)),
    ):
        found = measured(kind, corrected, real).compute()
        assert found == plain.between(*pair)
        assert found.n == 10


def test_the_reference_is_the_test_half_alone(small_dataset: Path, monkeypatch: Any) -> None:
    pixels = Pixels.open(Manifest.load(small_dataset))
    instruments = Instruments()
    seen = np.zeros((0, FEATURES), np.float32)

    def infer(patches: Any) -> Any:
        nonlocal seen
        seen = np.concatenate([seen, np.zeros((len(patches), FEATURES), np.float32)])
        return seen[-len(patches) :]

    monkeypatch.setattr(instruments, "_infer", infer)
    metrics = [FidEyesTest(instruments) for _ in range(2)]
    for metric in metrics:
        metric.prepare(pixels)
    real, again = (metric._real for metric in metrics)
    assert real
    assert again is real  # a second method looks at nothing
    wanted = pixels.manifest.select(split=Split.TEST, domain=Domain.CAMERA)
    assert set(real.by_id) == {portrait.id for portrait in wanted}
    assert len(seen) == 2 * len(wanted)


def test_nothing_to_compare_is_a_reason(instruments: Instruments) -> None:
    nobody = EyeFeatures(instruments)
    for pair in (
        (nobody, features(instruments, "ab", 1)),
        (features(instruments, "ab", 1), nobody),
    ):
        with pytest.raises(InputError, match="test half"):
            measured(FidEyesTest, *pair).compute()
