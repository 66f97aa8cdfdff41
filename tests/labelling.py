"""Sessions and votes for the tests of labelling."""

import itertools
import os
import uuid
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from gazebench.annotation.faces import Faces
from gazebench.annotation.queue import Queue, Task
from gazebench.annotation.session import Plan, Session
from gazebench.annotation.votes import Event, Round, now
from gazebench.dataset import Heading, Manifest


def ids(dataset: Path) -> list[str]:
    return [portrait.id for portrait in Manifest.load(dataset).portraits]


def has_fiftyone() -> bool:
    try:
        return bool(metadata.version("fiftyone"))
    except metadata.PackageNotFoundError:
        return False


needs_fiftyone = pytest.mark.skipif(
    not has_fiftyone() and not os.environ.get("CI"),  # there it must not be skipped
    reason="no FiftyOne here; run: pip install 'gazebench[label]'",
)


def faces(number: int, test: int = 0) -> Faces:
    """Faces that are nowhere on the disk; the first ``test`` are of the test half."""
    heading = Heading(
        root=Path("nowhere"),
        name="n",
        source="folder",
        resolution=256,
        window=(30, 50),
        tree_hash="0" * 64,
    )
    return Faces(
        heading=heading,
        ids=[f"p{n:05}" for n in range(number)],
        is_test=np.arange(number) < test,
        eyes=np.zeros((number, 2, 4), np.int16),
    )


def session(*annotators: str, **plan) -> Session:
    return Session(annotators=annotators, plan=Plan(**{"repeats": 0.0, **plan}))


def event(portrait: str, vote: str, annotator: str = "ana", round_: str = Round.LABEL) -> Event:
    return Event(
        event=str(uuid.uuid4()),
        annotator=annotator,
        portrait=portrait,
        vote=vote,
        milliseconds=800,
        time=now(),
        round=round_,
    )


def label_all(
    queues: Iterable[Queue], say: Callable[[str, Task], str], most: int = 10_000
) -> list[Event]:
    """Everybody labels in turn until nothing is left; the events in their order."""
    queues, events = list(queues), []
    waiting = itertools.cycle(queues)
    idle = 0
    while idle < len(queues) and len(events) < most:
        queue = next(waiting)
        tasks = queue.next(1)
        idle = 0 if tasks else idle + 1
        for task in tasks:
            made = event(task.portrait, say(queue.annotator, task), queue.annotator, task.round)
            events.append(made)
            for other in queues:
                other.apply(made)
    return events
