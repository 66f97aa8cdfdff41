"""How the speed of a method is measured."""

from dataclasses import replace

import pytest
import torch

from gazebench.dataset.batches import Batch
from gazebench.evaluation import cost
from gazebench.evaluation.cost import RUNS, frames_per_second


class Clock:
    """Stands still but where a method takes its time."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cost, "time", clock)
    return clock


def one_portrait() -> Batch:
    boxes = torch.tensor([[[0, 0, 2, 2], [4, 0, 6, 2]]])
    return Batch(("a",), torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8), boxes)


def test_a_slow_first_call_is_left_out(clock: Clock):
    calls = []

    def correct(batch: Batch) -> torch.Tensor:
        clock.now += 0.25 if calls else 9.0
        calls.append(batch)
        return batch.image

    score = frames_per_second(correct, [one_portrait()])
    assert (score.value, score.n) == (4.0, 12)  # three seconds
    assert len(calls) == 13


def test_a_method_of_microseconds_is_measured_for_half_a_second(clock: Clock):
    def correct(batch: Batch) -> torch.Tensor:
        clock.now += 2.0**-10
        return batch.image

    score = frames_per_second(correct, [one_portrait()])
    assert (score.value, score.n) == (1024.0, 512)


def test_a_quick_method_is_measured_often_enough(clock: Clock):
    def correct(batch: Batch) -> torch.Tensor:
        clock.now += 2.0**-5
        return batch.image

    score = frames_per_second(correct, [one_portrait()])
    assert (score.value, score.n) == (32.0, RUNS)


def test_a_slow_method_is_measured_for_three_seconds_and_says_how_often(clock: Clock):
    def correct(batch: Batch) -> torch.Tensor:
        clock.now += 1.25
        return batch.image

    score = frames_per_second(correct, [one_portrait()])
    assert (score.value, score.n) == (0.8, 3)


def test_portraits_take_turns_and_none_is_remembered(clock: Clock):
    known: set[float] = set()
    seen: list[float] = []

    def correct(batch: Batch) -> torch.Tensor:
        key = float(batch.image[0, 0, 0, 0])
        clock.now += 0.0 if key in known else 0.25
        known.add(key)
        seen.append(key)
        return batch.image

    portraits = [replace(one_portrait(), image=torch.full((1, 3, 8, 8), n / 2)) for n in range(2)]
    assert frames_per_second(correct, portraits, known.clear).value == 4.0
    assert seen[:4] == [0, 0.5, 0, 0.5]


def test_time_is_real_outside_of_these_tests():
    assert frames_per_second(lambda batch: batch.image, [one_portrait()]).n > RUNS
