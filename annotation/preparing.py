"""``label prepare``: who labels, by which plan; everything that a session needs is made here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from gazebench import store
from gazebench.annotation import imports, proposals, server
from gazebench.annotation.faces import Faces
from gazebench.annotation.imports import Said
from gazebench.annotation.labels import agreed
from gazebench.annotation.meant import resolve
from gazebench.annotation.proposals import Proposals
from gazebench.annotation.session import FOLDER, Plan, Session, check_gold, check_names
from gazebench.annotation.votes import UNDO, VOTES, Round, Votes
from gazebench.dataset import Manifest, read_heading
from gazebench.errors import InputError

GOLD_SHARE = 0.02  # of the portraits
_LEAST_GOLD = 10
_ADVICE = "; gold is one label for a portrait: leave out those that people differ on"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a session is."""

    session: Session
    portraits: int
    faces_each: float  # about how many faces each annotator sees, before third votes
    proposals: Proposals | None  # learned now


def prepare(
    dataset: Path,
    annotators: tuple[str, ...],
    *,
    votes: int | None = None,
    test_votes: int | None = None,
    repeats: float | None = None,
    gold: Path | None = None,
    order: Literal["random", "active"] | None = None,
    app: bool = True,
    quiet: bool = False,
) -> Prepared:
    """Make or change the labelling session of ``dataset``.

    ``annotators`` join those that are there; what is None stays as it was. ``gold``: a file of
    labels that are known, of which a few are slipped in. ``order`` "active": learn, from the labels
    that are there now, which faces of the train half come earlier. ``app``: also fill FiftyOne's
    database.

    Raises:
        InputError: no finished dataset, a name, plan or gold file that cannot be used, or too few
            labels to learn from.
        MissingPartError: with ``app``, FiftyOne or mongod is missing.
        BusyError: another process serves or prepares this dataset.
    """
    read_heading(dataset)
    check_names(annotators)
    before = _before(dataset)
    faces = Faces.read(dataset)
    plan = before.plan if before else Plan()
    changes = {"votes": votes, "test_votes": test_votes, "repeats": repeats, "order": order}
    changes["gold"] = _gold(dataset, gold, faces) if gold else None
    plan = plan.model_copy(update={k: v for k, v in changes.items() if v is not None})
    there = before.annotators if before else ()
    added = tuple(name for name in annotators if name not in there)
    session = Session(annotators=(*there, *added), plan=plan)
    learned = proposals.learn(dataset, faces, quiet=quiet) if order == "active" else None
    with store.locked(dataset / FOLDER):
        if learned:
            learned.save(dataset)
        session.save(dataset)
    with Votes.open(dataset):  # made, if it is not there
        pass
    if app:
        server.fill_database(dataset, faces)
    return Prepared(
        session=session,
        portraits=len(faces.ids),
        faces_each=_faces_each(session, faces),
        proposals=learned,
    )


def _before(dataset: Path) -> Session | None:
    return Session.load(dataset) if (dataset / FOLDER / "session.json").exists() else None


def _gold(dataset: Path, path: Path, faces: Faces) -> Mapping[str, str]:
    lines = [said for said in imports.read(path) if said.round in (Round.LABEL, Round.ADJUDICATE)]
    found = _standing(resolve(Manifest.load(dataset), path, lines).found)
    known = {id_: label for id_, label in agreed(path, found, _ADVICE).items() if label in VOTES}
    check_gold(known, set(faces.ids))
    if not known:
        raise InputError(f"{path}: has no label that can be gold")
    most = max(_LEAST_GOLD, round(GOLD_SHARE * len(faces.ids)))
    chosen = Random(0).sample(sorted(known), min(most, len(known)))
    return {id_: known[id_] for id_ in sorted(chosen)}


def _standing(found: list[tuple[str, Said]]) -> list[tuple[str, Said]]:
    """Of events, the last of each person on each face, where it took back none; other lines all."""
    held: dict[object, tuple[str, Said]] = {}
    for place, (id_, said) in enumerate(found):
        held[(said.annotator, id_, said.round) if said.event else place] = id_, said
    return [(id_, said) for id_, said in held.values() if said.vote != UNDO]


def _faces_each(session: Session, faces: Faces) -> float:
    people, plan = len(session.annotators), session.plan
    tested = int(faces.is_test.sum())
    trained = len(faces.ids) - tested
    votes = trained * min(plan.votes, people) + tested * min(plan.test_votes, people)
    return votes / people
