"""What a user study found: a section of the leaderboard, and a page of its own.

Both show what ``gazebench study analyse`` wrote: the rows of ``RUNS/study.json``, and all of
``STUDY/study.json``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError

import gazebench
from gazebench.errors import InputError, first_fault
from gazebench.reading import read_json
from gazebench.reports.page.offline import environment, joined, policy
from gazebench.reports.paper import Published, table_1
from gazebench.reports.sanitising import published

FILE = "study.json"
OTHER = "other"
STYLE = "study_section.css"
_PRINTED = "user_study_percent"  # the column in paper.toml


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """A method in a study, or "Other"."""

    method: str  # its file's name; "other"
    share: float  # of all answers, 0 to 1; for pairs, the worth of Bradley and Terry
    low: float  # 95 % interval
    high: float
    respondents: int
    simulated: bool
    run: str = ""
    title: str = ""
    letter: str = ""  # methods that share one are not told apart
    questions: int = 0
    kind: str = "best"
    fingerprint: str = ""  # of the dataset
    resolution: int = 0


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row as it is shown."""

    row: StudyRow
    name: str
    percent: str  # the printed digits of all lines sum to 100
    interval: str
    printed: str  # the paper's number, "" where it has none


@dataclass(frozen=True, kw_only=True)
class StudySection:
    """The shares of one study."""

    lines: tuple[Line, ...]  # best first, "Other" last
    respondents: int
    questions: int
    kind: str
    simulated: bool
    paper: Published

    @property
    def has_printed(self) -> bool:
        """Whether the paper has a number for any line."""
        return any(line.printed for line in self.lines)


_ROWS = TypeAdapter(list[StudyRow])


def read(runs: Path) -> list[StudyRow]:
    """Rows of the study of the runs in a folder; none where there was no study.

    Raises:
        InputError: damaged.
    """
    path = runs / FILE
    if not path.is_file():
        return []
    again = "run `gazebench study analyse` again"
    content = read_json(path, again)
    try:
        return _rows(content)
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error}); {again}") from None


def _rows(content: Any) -> list[StudyRow]:
    try:
        rows = _ROWS.validate_python(published(content))
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None
    for row in rows:
        if not 0 <= row.low <= row.share <= row.high <= 1:
            raise ValueError(f"{row.method}: a share or an interval that is none")
    if rows and not math.isclose(sum(row.share for row in rows), 1, abs_tol=1e-6):
        raise ValueError("the shares do not sum to 1")
    return rows


def section(rows: Sequence[StudyRow]) -> StudySection | None:
    """What is shown of a study; None without one."""
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: (row.method == OTHER and not row.run, -row.share))
    paper = table_1(rows[0].resolution)
    shown = percents([row.share for row in ordered])
    return StudySection(
        lines=tuple(_line(row, text, paper) for row, text in zip(ordered, shown, strict=True)),
        respondents=rows[0].respondents,
        questions=rows[0].questions,
        kind=rows[0].kind,
        simulated=any(row.simulated for row in rows),
        paper=paper,
    )


def _line(row: StudyRow, percent: str, paper: Published) -> Line:
    printed = paper.of(row.method).get(_PRINTED, "") if row.kind == "best" else ""
    return Line(
        row=row,
        name=row.title or row.method,
        percent=percent,
        interval=f"{100 * row.low:.1f} to {100 * row.high:.1f}",
        printed=printed,
    )


def percents(shares: Sequence[float]) -> list[str]:
    """Shares in percent, with a digit after the point, whose sum is 100 (largest remainders)."""
    exact = [share * 1000 for share in shares]
    parts = [math.floor(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda n: parts[n] - exact[n])
    for n in order[: round(sum(exact)) - sum(parts)]:
        parts[n] += 1
    return [f"{value / 10:.1f}" for value in parts]


def render(facts: Mapping[str, Any]) -> str:
    """The page of a study, from its ``study.json``.

    Raises:
        InputError: it has not what the page needs.
    """
    try:
        public: dict[str, Any] = published(dict(facts))
        shown = section(_rows(facts["rows"]))
        names = {row["run"] or OTHER: row["title"] for row in public["rows"]}
        templates = environment()
        style = joined(templates, ("page.css", "table.css", "inspect.css", STYLE))
        return templates.get_template("study.html.j2").render(
            facts=public,
            study=shown,
            names=names,
            style=Markup(style),
            policy=policy(style),
            version=gazebench.__version__,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"study.json is damaged ({error}); run `gazebench study analyse` again"
        ) from None
