"""Shares of a user study as one more score of Table I.

They stand in the ``study.json`` that ``gazebench study analyse`` leaves in a folder of runs.
"""

from collections.abc import Sequence
from dataclasses import replace

from gazebench.cards import MetricCard
from gazebench.errors import InputError
from gazebench.reports.measured import Measured
from gazebench.reports.page import study
from gazebench.reports.page.study import StudyRow
from gazebench.results import RunResult, Score

KEY = "user_study_percent"
CARD = MetricCard(
    title="User study",
    higher_is_better=True,
    unit="%",
    digits=1,
    help="How often people chose the method's picture among those of all methods for realism and "
    "precision; n counts respondents.",
    region="whole portrait, as people saw it",
    bounds=(0.0, 100.0),
    group="other",
    order=10,
)


def read(measured: Measured) -> list[StudyRow]:
    """Rows of the study of these runs; none without one, and none of a damaged file.

    Whoever shows the study itself names what is damaged.
    """
    try:
        return [row for row in study.read(measured.root) if row.kind == "best"]
    except InputError:
        return []


def with_study(result: RunResult, rows: Sequence[StudyRow]) -> RunResult:
    """The result with the share of its run, else of its method, as one more score."""
    fingerprint = result.dataset.fingerprint
    here = [row for row in rows if row.fingerprint in ("", fingerprint)]
    if not here:
        return result
    of_run = [row for row in here if row.run == result.run]
    of_method = [row for row in here if not row.run and row.method == result.name]
    metrics = {**result.metrics, KEY: CARD}
    if not (of_run or of_method):
        skipped = {**result.skipped, KEY: "was not in the user study"}
        return replace(result, metrics=metrics, skipped=skipped)
    scores = {**result.scores, KEY: _score((of_run or of_method)[0])}
    return replace(result, scores=scores, metrics=metrics)


def _score(row: StudyRow) -> Score:
    """The share in percent."""
    note = "Simulated answers, not of people." if row.simulated else ""
    interval = (100 * row.low, 100 * row.high)
    return Score(value=100 * row.share, n=row.respondents, interval=interval, note=note)
