"""A study's server under load and under kill -9: what was acknowledged is stored, once."""

import asyncio
import random
from pathlib import Path

import pytest

from benchmarks.crowd import Seen, crowd
from benchmarks.made_study import made_study
from benchmarks.study_server import doubled_answers, free_port, serving, start, stored_answers


def check(study: Path, seen: Seen, people: int, asked: int) -> None:
    stored = stored_answers(study)
    assert doubled_answers(study) == 0
    assert seen.finished == people
    assert seen.acknowledged.keys() <= stored.keys()
    assert len(stored) == people * asked
    wrong = [key for key, place in seen.acknowledged.items() if stored[key] != place]
    assert wrong == []  # the first choice stands
    assert not [status for status in seen.statuses if status >= 500]


@pytest.mark.long
def test_twenty_at_once_lose_nothing(tmp_path: Path) -> None:
    study, port = made_study(tmp_path, questions=4, catches=1, repeats=1), free_port()
    with serving(study, port):
        seen = asyncio.run(crowd(port, 40, at_once=20, pictures=True))
    check(study, seen, 40, 6)


@pytest.mark.slow
def test_a_thousand_respondents_and_ten_kills_lose_no_answer(tmp_path: Path) -> None:
    study, port = made_study(tmp_path, questions=5), free_port()
    people, kills = 1000, 10

    async def scene() -> Seen:
        process = start(study, port)
        task = asyncio.create_task(crowd(port, people, at_once=50, think=0.1))
        rng = random.Random(0)
        for _ in range(kills):
            await asyncio.sleep(rng.uniform(0.5, 3))
            assert not task.done(), "the crowd was too quick for all kills"
            process.kill()
            process.wait()
            process = await asyncio.to_thread(start, study, port)
        seen = await task
        process.terminate()
        process.wait()
        return seen

    seen = asyncio.run(scene())
    assert seen.away > 0
    check(study, seen, people, 10)
