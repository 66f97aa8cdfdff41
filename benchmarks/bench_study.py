"""A study's server under load: answers acknowledged, lost, doubled, and how long one takes.

    python benchmarks/bench_study.py [RESPONDENTS] [AT_ONCE] [THINK_SECONDS] [QUESTIONS]

One server process and one process of invented respondents share this machine. Each respondent
fetches every page and picture, thinks for a moment (exponential), and answers. The rival is a
commit for each answer, in turn, which is what a server without a writer of its own does.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from crowd import crowd
from made_study import made_study
from study_server import doubled_answers, free_port, serving, stored_answers

from gazebench.study.answers import Answer, Answers
from gazebench.study.design import Design


def main(people: int = 1000, at_once: int = 50, think: float = 0.5, questions: int = 10) -> None:
    """Run the crowd and print what happened."""
    with tempfile.TemporaryDirectory() as folder:
        study = made_study(Path(folder), questions=questions)
        design = Design.load(study)
        port = free_port()
        with serving(study, port):
            began = time.perf_counter()
            seen = asyncio.run(crowd(port, people, at_once=at_once, pictures=True, think=think))
            seconds = time.perf_counter() - began
        stored, doubled = stored_answers(study), doubled_answers(study)
        asked = design.questions + design.catches + design.repeats
        milliseconds = sorted(1000 * s for s in seen.seconds)
        print(
            f"{people} respondents, {at_once} at once, {think} s to think, {seconds:.0f} s in all"
        )
        print(f"answers: {len(seen.acknowledged):,} acknowledged of {people * asked:,}")
        print(f"lost {len(seen.acknowledged.keys() - stored.keys())}, "
              f"doubled {doubled}, "
              f"5xx {sum(n for status, n in seen.statuses.items() if status >= 500)}")  # fmt: skip
        print(f"an answer: median {statistics.median(milliseconds):.1f} ms, "
              f"99 % below {milliseconds[int(0.99 * len(milliseconds))]:.1f} ms")  # fmt: skip
        print(f"requests: {sum(seen.statuses.values()) / seconds:,.0f} a second")
        one, together = commits(Path(folder))
        print(f"commits: 50 answers one by one {one:.1f} ms, together {together:.1f} ms, "
              f"ratio {one / together:.1f}")  # fmt: skip


def commits(folder: Path) -> tuple[float, float]:
    """Milliseconds for 50 answers with a commit each, and with one for all."""
    with Answers.open(folder) as answers:
        rows = [[_row(f"{way}-{n}") for n in range(50)] for way in ("one", "all")]
        began = time.perf_counter()
        for row in rows[0]:
            answers.add([row])
        middle = time.perf_counter()
        answers.add(rows[1])
        return 1000 * (middle - began), 1000 * (time.perf_counter() - middle)


def _row(event: str) -> Answer:
    return Answer(event=event, respondent=event, question=0, time="2026-01-01T00:00:00+00:00")


if __name__ == "__main__":
    numbers = [float(word) for word in sys.argv[1:]]
    main(*(n if place == 2 else int(n) for place, n in enumerate(numbers)))  # type: ignore[arg-type]
