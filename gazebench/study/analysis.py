"""The answers of a study in numbers: shares, intervals, tests, agreement. All in ``study.json``."""

import itertools
import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gazebench import store
from gazebench.annotation import agreement
from gazebench.errors import InputError
from gazebench.reports.statistics import holm, paired_p_values
from gazebench.study.answers import Answer, Answers
from gazebench.study.counting import REASONS, Respondent, counted, passes, respondents
from gazebench.study.design import OTHER, Contender, Design
from gazebench.study.plan import Trial
from gazebench.study.statistics import (
    Floats,
    bradley_terry,
    interval,
    letters,
    unanimous,
)

FILE = "study.json"  # in the study's folder, and in the folder of runs
FORMAT = 1


def analyse(study: Path) -> dict[str, Any]:
    """All numbers of the study at ``study``; a pure function of its design and answers.

    Raises:
        InputError: no study, damaged, or nobody whose answers count.
    """
    design = Design.load(study)
    with Answers.open(study) as answers:
        people = respondents(answers.events(), design)
    kept = counted(people)
    simulated = {person.is_simulated for person in people}
    if not kept:
        raise InputError(
            f"{study}: nobody's answers count yet ({_why(people)}); "
            f"`gazebench study status {study}` says how far it is"
        )
    names = design.choices
    tests, strengths = _tests(design, kept), _strengths(design, kept)
    order = sorted(names, key=lambda name: -strengths[name][0])
    told = letters(names, order, np.array([test["p_holm"] for test in tests]))
    facts = _facts(design, people, is_simulated=True in simulated)
    return {
        **facts,
        "rows": [_row(design, name, strengths[name], told[name], facts) for name in order],
        "tests": tests,
        "wins": _wins(design, kept).sum(axis=0).tolist() if design.kind == "pairs" else None,
        "agreement": _agreement(design, kept),
        "consistency": _consistency(kept),
        "catches": _catch_rate(people),
        "seconds": _seconds(kept),
    }


def publish(facts: Mapping[str, Any], study: Path, runs: Path | None) -> list[Path]:
    """Write ``study.json`` into the study's folder, and its rows into the folder of runs.

    Worths from pairs are not what the last column of Table I counts, and stay in the study.

    Raises:
        InputError: ``runs`` is not a folder.
        DiskError: no space or not writable.
    """
    written = [study / FILE]
    store.write(study / FILE, _json(facts))
    if runs is not None and facts["kind"] == "best":
        if not runs.is_dir():
            raise InputError(f"{runs}: no such folder of runs; name it with --into RUNS")
        written.append(runs / FILE)
        store.write(runs / FILE, _json(facts["rows"]))
    return written


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _why(people: Sequence[Respondent]) -> str:
    counts = Counter(person.excluded for person in people)
    texts = [f"{count} {REASONS[reason]}" for reason, count in counts.items() if reason]
    return ", ".join(texts) or "nobody has started"


def _facts(design: Design, people: Sequence[Respondent], *, is_simulated: bool) -> dict[str, Any]:
    excluded = Counter(person.excluded for person in people if person.excluded)
    days = sorted(person.consented[:10] for person in people if person.consented)
    return {
        "format": FORMAT,
        "design": design.id,
        "kind": design.kind,
        "title": design.title,
        "simulated": is_simulated,
        "dataset": design.dataset,
        "fingerprint": design.fingerprint,
        "resolution": design.side,
        "questions": design.questions,
        "faces": len(design.faces),
        "planned": design.respondents,
        "started": len(people),
        "respondents": len(counted(people)),
        "excluded": {words: excluded.get(reason, 0) for reason, words in REASONS.items()},
        "contenders": list(design.names),
        "rules": design.rules.model_dump(),
        "consent": design.consent_version,
        "from": days[0] if days else "",
        "to": days[-1] if days else "",
    }


def _row(
    design: Design,
    name: str,
    strength: tuple[float, float, float],
    letter: str,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """One line of Table I's last column."""
    contender = next((c for c in design.contenders if c.run == name), None)
    share, low, high = strength
    method, title = _named(design, contender) if contender else (OTHER, "Other")
    return {
        "method": method,
        "run": contender.run if contender else "",
        "title": title,
        "share": share,
        "low": low,
        "high": high,
        "letter": letter,
        "pictures": contender.sha256 if contender else "",
        "respondents": facts["respondents"],
        "questions": design.questions,
        "simulated": facts["simulated"],
        "kind": design.kind,
        "fingerprint": design.fingerprint,
        "resolution": design.side,
    }


def _named(design: Design, contender: Contender) -> tuple[str, str]:
    """Method and title; where two runs are of one method, the run tells them apart."""
    methods = [c.method for c in design.contenders]
    titles = [c.title for c in design.contenders]
    method = contender.method if methods.count(contender.method) == 1 else contender.run
    alone = titles.count(contender.title) == 1
    return method, contender.title if alone else f"{contender.title} ({contender.run})"


def fractions(design: Design, people: Sequence[Respondent]) -> Floats:
    """(n, k): which share of a person's answers each choice has; rows sum to 1."""
    places = {name: place for place, name in enumerate(design.choices)}
    table = np.zeros((len(people), len(places)))
    for row, person in enumerate(people):
        for answer in person.of(Trial.MAIN):
            table[row, places[answer.choice]] += 1
    return table / table.sum(axis=1, keepdims=True)


def _wins(design: Design, people: Sequence[Respondent]) -> Floats:
    """(n, k, k): how often a person preferred the first to the second."""
    places = {name: place for place, name in enumerate(design.names)}
    table = np.zeros((len(people), len(places), len(places)))
    for row, person in enumerate(people):
        for answer in person.of(Trial.MAIN):
            (loser,) = set(answer.options) - {answer.choice}
            table[row, places[answer.choice], places[loser]] += 1
    return table


def _strengths(
    design: Design, people: Sequence[Respondent]
) -> dict[str, tuple[float, float, float]]:
    """Share of each choice with its 95 % interval; for pairs, Bradley and Terry's worth."""
    if design.kind == "best":
        data = fractions(design, people)
        shares = data.mean(axis=0)
        low, high = unanimous(data, *interval(data, lambda means: means))
    else:
        data = _wins(design, people)
        worth = partial(bradley_terry, half=0.5 / len(people))
        shares = worth(data.mean(axis=0)[None])[0]
        low, high = interval(data, worth, resamples=1000)
    columns = zip(shares.tolist(), low.tolist(), high.tolist(), strict=True)
    return dict(zip(design.choices, columns, strict=True))


def _tests(design: Design, people: Sequence[Respondent]) -> list[dict[str, Any]]:
    """Every pair of choices: mean difference over respondents, and permutation tests."""
    pairs = list(itertools.combinations(design.choices, 2))
    if design.kind == "best":
        data = fractions(design, people)
        places = np.array(list(itertools.combinations(range(data.shape[1]), 2)))
        differences = data[:, places[:, 0]] - data[:, places[:, 1]]
    else:
        wins = _wins(design, people)
        net = wins - wins.transpose(0, 2, 1)
        met = np.maximum(wins + wins.transpose(0, 2, 1), 1)
        rows, columns = np.triu_indices(wins.shape[1], 1)
        differences = (net / met)[:, rows, columns]
    p_values = paired_p_values(differences)
    return [
        {"first": first, "second": second, "difference": difference, "p": p, "p_holm": adjusted}
        for (first, second), difference, p, adjusted in zip(
            pairs,
            differences.mean(axis=0).tolist(),
            p_values.tolist(),
            holm(p_values).tolist(),
            strict=True,
        )
    ]


def _agreement(design: Design, people: Sequence[Respondent]) -> dict[str, Any]:
    """Krippendorff's alpha of respondents over the questions that several of them saw."""
    places = {name: place for place, name in enumerate(design.choices)}
    seen: dict[tuple[str, ...], list[int]] = {}
    for person in people:
        for answer in person.of(Trial.MAIN):
            key = (answer.face, *sorted(answer.options))
            seen.setdefault(key, [0] * len(places))[places[answer.choice]] += 1
    found = asdict(agreement.alpha(np.array([seen[key] for key in sorted(seen)], np.int64)))
    return {key: None if math.isnan(value) else value for key, value in found.items()}


def _consistency(people: Sequence[Respondent]) -> dict[str, int]:
    """How many repeats got the same answer as the first time."""
    pairs = [pair for person in people for pair in _repeats(person)]
    return {"repeats": len(pairs), "same": sum(a.choice == b.choice for a, b in pairs)}


def _repeats(person: Respondent) -> list[tuple[Answer, Answer]]:
    """Each repeat with the question that it repeats: the same face and pictures."""
    firsts = {(a.face, *sorted(a.options)): a for a in person.of(Trial.MAIN)}
    return [(firsts[a.face, *sorted(a.options)], a) for a in person.of(Trial.REPEAT)]


def _catch_rate(people: Sequence[Respondent]) -> dict[str, int]:
    found = [answer for person in people for answer in person.of(Trial.CATCH)]
    return {"shown": len(found), "passed": sum(map(passes, found))}


def _seconds(people: Sequence[Respondent]) -> float:
    """Median over respondents of their median time for an answer."""
    return statistics.median(statistics.median(person.seconds) for person in people)
