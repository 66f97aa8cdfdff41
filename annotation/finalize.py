"""From votes to ``labels.csv``, and to ``agreement.json``, which says how it came about."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gazebench import dataset_card, store
from gazebench.annotation.faces import Faces
from gazebench.annotation.labels import Label, read_rows, write_rows
from gazebench.annotation.proposals import Proposals
from gazebench.annotation.session import FOLDER, Session
from gazebench.annotation.summary import (
    AMBIGUOUS,
    PEOPLE_FOR_RATES,
    SURE,
    VOTES_FOR_RATES,
    Summary,
    most_disputed,
    summarise,
)
from gazebench.annotation.votes import VOTES, Votes
from gazebench.errors import InputError

FILE = "agreement.json"
DISPUTED = 24  # faces shown in the report


@dataclass(frozen=True, kw_only=True)
class Finalized:
    """What counting the votes gave."""

    summary: Summary
    changed: tuple[tuple[str, str, str], ...]  # portrait, label before, label now ("" for none)
    new: int  # labels of portraits that had none
    counts: Mapping[tuple[str, str], int]  # (label, half) → portraits


def summary_of(dataset: Path, min_votes: int, faces: Faces | None = None) -> Summary:
    """The votes of a dataset in numbers.

    Raises:
        InputError: no finished dataset, or damaged votes.
    """
    faces = faces or Faces.read(dataset)
    gold = Session.load(dataset).plan.gold if (dataset / FOLDER / "session.json").exists() else {}
    with Votes.open(dataset) as votes:
        events = [event for _, event in votes.events()]
    return summarise(events, portraits=faces.ids, min_votes=min_votes, gold=gold)


def finalize(dataset: Path, *, min_votes: int = 2) -> Finalized:
    """Count the votes of ``dataset`` and write ``labels.csv``, ``agreement.json`` and the card.

    Labels that were imported stay where there are no votes enough; labels of an earlier count are
    replaced. It may be run again at any time.

    Raises:
        InputError: no finished dataset, damaged votes, or none that count.
        BusyError: another process writes labels there.
    """
    faces = Faces.read(dataset)
    summary = summary_of(dataset, min_votes, faces)
    if not summary.decisions:
        raise InputError(_nothing(dataset, summary, min_votes))
    with store.locked(dataset):
        before = read_rows(dataset)
        rows = _rows(before, summary)
        write_rows(dataset, rows)
        counts = _counts(faces, rows)
        text = json.dumps(facts_of(dataset, summary, min_votes, counts), indent=1, allow_nan=False)
        store.write(dataset / FILE, text + "\n")
        dataset_card.write(dataset)  # now with the paragraph on how labels were made
    return Finalized(
        summary=summary,
        changed=tuple(_changes(before, rows)),
        new=len(rows.keys() - before.keys()),
        counts=counts,
    )


def _rows(before: Mapping[str, Label], summary: Summary) -> dict[str, Label]:
    """What ``labels.csv`` comes to: what was imported ``before`` stays where votes are lacking."""
    kept = {id_: row for id_, row in before.items() if not row.is_counted}
    counted = {
        d.portrait: Label(
            label=d.label,
            posterior=f"{d.posterior:.4f}",
            votes=str(len(d.votes)),
            origin="adjudicated" if d.is_adjudicated else "votes",
        )
        for d in summary.decisions
    }
    return {**kept, **counted}


def _nothing(dataset: Path, summary: Summary, min_votes: int) -> str:
    if not summary.events:
        return f"{dataset}: has no votes yet; run `gazebench label serve {dataset}`"
    return (
        f"{dataset}: no portrait has {min_votes} votes yet; label on, or count single votes with "
        "--min-votes 1"
    )


def _changes(before: Mapping[str, Label], after: Mapping[str, Label]) -> list[tuple[str, str, str]]:
    none = Label(label="")
    return [
        (id_, row.label, after.get(id_, none).label)
        for id_, row in sorted(before.items())
        if after.get(id_, none).label != row.label
    ]


def would_be(dataset: Path, summary: Summary) -> dict[tuple[str, str], int]:
    """(label, half) → portraits, were the votes counted now.

    Raises:
        InputError: a damaged manifest or ``labels.csv``.
    """
    return _counts(Faces.read(dataset), _rows(read_rows(dataset), summary))


def _counts(faces: Faces, rows: Mapping[str, Label]) -> dict[tuple[str, str], int]:
    found = {(name, half): 0 for name in (*VOTES, AMBIGUOUS) for half in ("train", "test")}
    for id_, row in rows.items():
        if id_ in faces.index:
            found[row.label, "test" if faces.is_test[faces.index[id_]] else "train"] += 1
    return found


def facts_of(
    dataset: Path, summary: Summary, min_votes: int, counts: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    """What ``agreement.json`` says: no clock, no path, so the same for the same votes.

    ``counts``: (label, half) → portraits.
    """
    disputed = most_disputed(summary.decisions, DISPUTED)
    facts = {
        "format": 1,
        "labels_sha256": dataset_card.labels_digest(dataset),
        "min_votes": min_votes,
        "sure": SURE,
        "events": summary.events,
        "choices": VOTES,
        "decided": len(summary.decisions),
        "disputed": sum(d.is_disputed for d in summary.decisions),
        "adjudicated": sum(d.is_adjudicated for d in summary.decisions),
        "adjudicator": summary.adjudicator,
        "waiting": summary.waiting,
        "by_number": {str(number): n for number, n in summary.by_number.items()},
        "alpha": asdict(summary.alpha),
        "alpha_domains": asdict(summary.alpha_domains),
        "kappas": [asdict(kappa) for kappa in summary.kappas],
        "people": [asdict(person) for person in summary.people],
        "counts": {f"{label}/{half}": n for (label, half), n in counts.items()},
        "majority": summary.majority,
        "most_disputed": [asdict(d) for d in disputed],
    }
    learned = Proposals.of(dataset)
    order = learned and learned.model_dump(include={"x", "y", "auc"})
    return {**_without_nan(facts), "order": order, "card": paragraph(summary, min_votes, learned)}


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def paragraph(summary: Summary, min_votes: int, learned: Proposals | None = None) -> str:
    """How the labels were made, for the dataset's card; ``learned``: what the order followed."""
    people, decided = summary.people, len(summary.decisions)
    votes = sum(person.votes for person in people)
    several = ", ".join(f"{n:,} portraits have {k}" for k, n in summary.by_number.items())
    alpha, domains = summary.alpha, summary.alpha_domains
    said = [
        f"{len(people)} annotators gave {votes:,} votes ({several}), none seeing what another said "
        f"or any proposal. A portrait with at least {min_votes} votes has the label that Dawid and "
        f"Skene's estimate (1979) gives a probability of at least {SURE:g}, else it is ambiguous "
        f"and in neither domain: {decided:,} portraits were decided so. Where fewer than "
        f"{PEOPLE_FOR_RATES} annotators gave {VOTES_FOR_RATES} votes or more (here {summary.rated} "
        "did), nobody's errors can be estimated, and a label needs all its votes to be equal."
    ]
    if not math.isnan(alpha.value):
        said.append(
            f"Krippendorff's alpha over X, Y, unsure and reject is {alpha.value:.3f} (95 % "
            f"interval {alpha.low:.3f} to {alpha.high:.3f}, {alpha.portraits:,} portraits)"
            + ("." if math.isnan(domains.value) else f"; over X and Y alone {domains.value:.3f}.")
        )
    if adjudicated := sum(d.is_adjudicated for d in summary.decisions):
        said.append(
            f"{adjudicated:,} disputed portraits were decided by {summary.adjudicator}, who saw "
            "the votes."
        )
    if learned:
        said.append(
            "Portraits of the train half came in a random order weighted by the odds of Y "
            f"that a logistic regression on eye patches learned from {learned.x:,} X and "
            f"{learned.y:,} Y of that half; nobody saw it. The test half came in random order."
        )
    return " ".join(said)
