import os
import resource
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from portrayers import Measured, Portrayer

from gazebench.curation import workers
from gazebench.curation.portraitist import BuildOutcome
from gazebench.errors import GazebenchError, MissingPartError
from gazebench.sources import SourceFace

FACES = [SourceFace(id=f"{n:03}", name=f"{n:03}.jpg", path=Path(f"{n:03}.jpg")) for n in range(40)]


def outcomes(
    portraying: workers.Portraying, faces: Sequence[SourceFace], crew: int, **options: Any
) -> Iterator[BuildOutcome]:
    return workers.outcomes(portraying, iter(faces), len(faces), crew, **options)


def fates(portrayer: Portrayer, faces: list[SourceFace], crew: int = 2) -> dict[str, str]:
    found = list(outcomes(portrayer, faces, crew, seconds=1.0))
    assert sorted(o.id for o in found) == [face.id for face in faces]  # none lost, none doubled
    return {o.id: o.reason for o in found if o.reason}


@pytest.mark.parametrize("fate", ["exits", "is killed", "is killed while answering"])
@pytest.mark.parametrize("crew", [1, 3])
def test_a_picture_that_kills_its_worker_costs_only_itself(fate: str, crew: int) -> None:
    found = fates(Portrayer(fate, ("003", "004", "011")), FACES[:12], crew)
    assert found == dict.fromkeys(("003", "004", "011"), "worker_crash")


def test_a_picture_that_hangs_costs_only_itself() -> None:
    assert fates(Portrayer("hangs", ("002",)), FACES[:6]) == {"002": "timeout"}


@pytest.mark.parametrize(
    ("fate", "sentence"),
    [("raises", "RuntimeError: a decoder's own mistake"), ("takes all memory", "MemoryError: ")],
)
def test_an_error_nobody_foresaw_costs_one_picture(fate: str, sentence: str) -> None:
    found = {o.id: o for o in outcomes(Portrayer(fate, ("002",)), FACES[:6], 2)}
    assert found["002"].reason == "worker_crash"
    assert found["002"].sentence == sentence
    assert sum(bool(o.reason) for o in found.values()) == 1


def test_an_error_of_ours_ends_the_run_with_its_sentence() -> None:
    with pytest.raises(MissingPartError, match="weights fetch x"):
        list(outcomes(Portrayer("lacks its model", ("002",)), FACES, 2))


def test_many_crashes_end_the_run() -> None:
    bad = tuple(face.id for face in FACES[:11])
    with pytest.raises(GazebenchError, match="11 pictures killed or hung their worker process"):
        list(outcomes(Portrayer("exits", bad), FACES, 2))


def test_workers_killed_from_outside_lose_nothing() -> None:
    seen: list[str] = []
    for outcome in outcomes(Portrayer(), FACES, 2):
        seen.append(outcome.id)
        if len(seen) in (1, 2, 9):
            os.kill(int(outcome.sentence), signal.SIGKILL)
    assert sorted(seen) == [face.id for face in FACES]


def test_no_worker_outlives_a_stop() -> None:
    stopped: list[int] = []
    pids = set()
    for outcome in outcomes(Portrayer("hangs", ("005",)), FACES, 2, stopped=stopped):
        pids.add(int(outcome.sentence))
        if len(pids) == 2:
            stopped.append(signal.SIGINT)
    assert len(pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_stop_does_not_wait_for_a_picture_that_hangs() -> None:
    seen: list[str] = []
    for outcome in outcomes(Portrayer("hangs", ("001",)), FACES[:2], 1, stopped=seen):
        seen.append(outcome.id)
    assert seen == ["000"]


def test_no_faces_need_no_workers() -> None:
    assert list(outcomes(Portrayer(), [], 2)) == []


def test_a_worker_leaves_no_handle_behind() -> None:
    list(outcomes(Portrayer(), FACES[:4], 2))
    before = len(list(Path("/proc/self/fd").iterdir()))
    list(outcomes(Portrayer("exits", ("002",)), FACES[:4], 2))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("memory", [6 << 30, None])
def test_a_finder_may_ask_for_more_memory(memory: int | None) -> None:
    (told,) = outcomes(Measured(), FACES[:1], 1, memory_bytes=memory)
    here = resource.getrlimit(resource.RLIMIT_AS)[0]
    assert int(told.sentence) == (memory or here)
