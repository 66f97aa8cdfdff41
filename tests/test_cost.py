"""How the speed of a method is measured."""

import time
from dataclasses import replace

import torch

from gazebench.dataset.batches import Batch
from gazebench.evaluation.cost import RUNS, frames_per_second


def one_portrait() -> Batch:
    boxes = torch.tensor([[[0, 0, 2, 2], [4, 0, 6, 2]]])
    return Batch(("a",), torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8), boxes)


def test_a_slow_first_call_is_left_out():
    calls = []

    def correct(batch: Batch) -> torch.Tensor:
        time.sleep(0.0 if calls else 0.3)
        calls.append(batch)
        return batch.image

    score = frames_per_second(correct, [one_portrait()])
    assert score.n == len(calls) - 1 >= RUNS
    assert score.value > 100


def test_a_method_of_microseconds_is_measured_for_half_a_second():
    assert frames_per_second(lambda batch: batch.image, [one_portrait()]).n > 50 * RUNS


def test_a_slow_method_is_measured_for_three_seconds_and_says_how_often():
    def correct(batch: Batch) -> torch.Tensor:
        time.sleep(0.8)
        return batch.image

    score = frames_per_second(correct, [one_portrait()])
    assert score.n == 4
    assert 0.5 < score.value <= 1.25


def test_portraits_take_turns_and_none_is_remembered():
    known: set[float] = set()
    seen: list[float] = []

    def correct(batch: Batch) -> torch.Tensor:
        key = float(batch.image[0, 0, 0, 0])
        time.sleep(0 if key in known else 0.004)
        known.add(key)
        seen.append(key)
        return batch.image

    portraits = [replace(one_portrait(), image=torch.full((1, 3, 8, 8), n / 2)) for n in range(2)]
    assert frames_per_second(correct, portraits, known.clear).value < 250
    assert seen[:4] == [0, 0.5, 0, 0.5]
