"""Where the time of a build goes, stage by stage: its functions, timed where they are called."""

import contextlib
import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gazebench.curation import align, building, portraitist
from gazebench.curation.journal import Journal
from gazebench.curation.portraitist import BuildOutcome
from gazebench.landmarks.dlib import Dlib
from gazebench.sources import SourceFace

PLACES: dict[str, tuple[Any, str]] = {
    "read": (portraitist, "read_bytes"),
    "decode": (portraitist, "original"),
    "detect": (Dlib, "_search"),
    "landmarks": (Dlib, "_landmarks"),
    "cut": (align, "cut"),
    "measures": (portraitist, "of_portrait"),
    "perceptual hash": (portraitist, "perceptual_hash"),
    "encode": (portraitist, "encode"),
}
BARE = ("decode", "detect", "landmarks", "cut", "encode")  # what nobody can do without
ROUND = 8  # faces whose files are written together, as in a build


@contextlib.contextmanager
def stopwatch(seconds: list[float]) -> Iterator[None]:
    """Append how long the block took."""
    began = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - began)


class Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def timed_places(self) -> Iterator[None]:
        """Within the block, each function of ``PLACES`` is timed."""
        before = {stage: getattr(*place) for stage, place in PLACES.items()}
        try:
            for stage, place in PLACES.items():
                setattr(*place, self._timed(stage, before[stage]))
            yield
        finally:
            for stage, place in PLACES.items():
                setattr(*place, before[stage])

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*words: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*words, **named)
            finally:
                self.seconds[stage] += time.perf_counter() - began

        return timed

    def hash(self, face: SourceFace, outcome: BuildOutcome) -> None:
        """Hash source and files once more, to know what it costs."""
        data = [face.path.read_bytes(), *(content for _, content in outcome.files)]
        began = time.perf_counter()
        for content in data:
            hashlib.sha256(content).digest()
        self.seconds["hash"] += time.perf_counter() - began

    def files(self, outcomes: Sequence[BuildOutcome], out: Path) -> None:
        """Write files and journal as the parent of a build does, beside its workers."""
        out.mkdir()
        with Journal.open(out / "build.sqlite", {}) as journal:
            began = time.perf_counter()
            for first in range(0, len(outcomes), ROUND):
                building._keep(outcomes[first : first + ROUND], journal, out)
            self.seconds["files"] += time.perf_counter() - began

    def table(self, faces: int) -> str:
        """One line for each stage: milliseconds per face and share of all."""
        total = sum(self.seconds.values())
        return "\n".join(
            f"    {stage:16} {1e3 * self.seconds[stage] / faces:6.2f} ms "
            f"{100 * self.seconds[stage] / total:5.1f} %"
            for stage in (*PLACES, "hash", "files")
        )
