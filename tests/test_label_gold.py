"""Labels that are known, as ``label prepare --gold`` reads them."""

from pathlib import Path

import pytest
from build_runs import gazebench
from labelling import event

from gazebench.annotation.exporting import export
from gazebench.annotation.session import Session
from gazebench.annotation.votes import UNDO, Event, Round, Votes
from gazebench.dataset import Manifest


def ids(dataset: Path) -> list[str]:
    return [p.id for p in Manifest.load(dataset).portraits]


def prepared(dataset: Path, path: Path, code: int = 0) -> str:
    words = ("label", "prepare", dataset, "--annotators", "ana", "--no-app", "--gold", path)
    done = gazebench(*words)
    assert done.exit_code == code, done.output
    return done.output


def exported(dataset: Path, *events: Event) -> Path:
    with Votes.open(dataset) as votes:
        votes.add(events)
    export(dataset, out := dataset.with_name("gold.csv"), "csv")
    return out


def test_of_the_votes_of_a_person_the_last_that_stands_is_gold(dataset: Path) -> None:
    a, b, c, d = ids(dataset)[:4]
    path = exported(
        dataset,
        *(event(a, "X"), event(a, "Y")),  # corrected
        *(event(b, "X"), event(b, UNDO)),  # taken back
        *(event(c, "X"), event(c, UNDO), event(c, "reject"), event(c, "reject", "bo")),
        *(event(d, "Y"), event(d, "X", round_=Round.REPEAT)),
        event("example-00525", "X", round_=Round.TRAINING),
    )
    prepared(dataset, path)
    assert Session.load(dataset).plan.gold == {a: "Y", c: "reject", d: "Y"}


def test_what_people_differ_on_is_no_gold(dataset: Path) -> None:
    a, b = ids(dataset)[:2]
    path = exported(dataset, event(a, "X"), event(b, "X"), event(a, "Y", "bo"))
    said = prepared(dataset, path, code=3)
    assert f"line 4: {a!r} is Y here and X in line 2; gold is one label for a portrait" in said
    assert "--annotator NAME" not in said
    assert not (dataset / "labelling" / "session.json").exists()


@pytest.mark.parametrize("first", ["X", "ambiguous"])
def test_a_table_that_contradicts_itself_is_no_gold(dataset: Path, first: str) -> None:
    a = ids(dataset)[0]
    path = dataset.with_name("gold.csv")
    path.write_text(f"id,label\n{a},{first}\n{a}.jpg,Y\n")
    said = prepared(dataset, path, code=3)
    assert f"line 3: '{a}.jpg' is Y here and {first} in line 2" in said
