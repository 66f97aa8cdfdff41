"""What people did on the shards of a dataset, for the dataset that is merged of them.

Portraits are called as in their shard, so events, labels and gold come along as they are. All is
read and compared before a merge begins, and written after it; a second time adds what is new.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gazebench import store
from gazebench.annotation.labels import Label, read_rows, write_rows
from gazebench.annotation.proposals import Proposals
from gazebench.annotation.session import ADJUDICATOR, FOLDER, Session
from gazebench.annotation.votes import FILE, UNDO, Event, Votes, said
from gazebench.errors import InputError, RefusedError

_Shard = tuple[Path, list[Event]]


@dataclass(frozen=True, kw_only=True)
class Work:
    """Votes, labels and sessions of shards."""

    events: Sequence[Event]  # by time; those of one shard in their order
    labels: Mapping[str, Label]
    session: Session | None  # None: they have none, or several that differ
    differ: tuple[str, ...]  # why there is none, where they differ
    notes: tuple[str, ...]  # what else should be known before


@dataclass(frozen=True, kw_only=True)
class Brought:
    """What a merged dataset got of its shards' work."""

    events: int  # of the shards
    new: int  # of these, those that were added
    older: int  # of these, those left out as their person said something later in the dataset
    labels: int  # that were written
    session: Session | None  # that was written
    left: tuple[str, ...]  # sentences on what the shards have and the dataset has not


def gather(out: Path, shards: Sequence[Path]) -> Work:
    """The work on ``shards``, compared with each other and with what is at ``out`` already.

    Raises:
        RefusedError: events of two of them have the same id, and are not the same.
        InputError: damaged, or labels that contradict.
    """
    voted = [(shard, _events(shard)) for shard in shards]
    _check_ids([*voted, (out, _events(out))])
    sessions = {root: Session.load(root) for root in shards if _has_session(root)}
    session, differ = _joined(out, sessions)
    if _has_session(out):
        differ = []
    return Work(
        events=list(heapq.merge(*(events for _, events in voted), key=_moment)),
        labels=_labels(shards),
        session=session,
        differ=tuple(differ),
        notes=tuple(_namesakes(voted)),
    )


def bring(out: Path, work: Work) -> Brought:
    """Add ``work`` to the merged dataset at ``out``. What people did there stays as it is.

    An event is left out where its person said something later of that face in the dataset itself.

    Raises:
        BusyError: another process writes there.
        DiskError: no space or not writable; the same again goes on.
    """
    new: list[Event] = []
    older: list[Event] = []
    if work.events:
        with Votes.open(out) as votes:
            older = _older(work.events, [event for _, event in votes.events()])
            left_out = {event.event for event in older}
            new = votes.add([event for event in work.events if event.event not in left_out])
    with store.locked(out):
        before = read_rows(out)
        written = work.labels if not (out / "labels.csv").exists() else {}
        if written:
            write_rows(out, written)
    left = [] if written else _other_labels(out, before, work.labels)
    session = work.session if not _has_session(out) else None
    if session:
        with store.locked(out / FOLDER):
            session.save(out)
    elif work.session:
        left += _other_session(out, Session.load(out), work.session)
    elif not _has_session(out):
        left += [f"{out} has no labelling session, see above"] if work.differ else []
    if work.session and work.session.plan.order == "active" and not Proposals.of(out):
        names = ",".join(work.session.annotators)
        way = f"`gazebench label prepare {out} --annotators {names} --order active`"
        left.append(f"the order that was learned stays in the shards: {way} learns one")
    return Brought(
        events=len(work.events),
        new=len(new),
        older=len(older),
        labels=len(written),
        session=session,
        left=tuple(left),
    )


def _events(dataset: Path) -> list[Event]:
    if not (dataset / FILE).exists():
        return []
    with Votes.open(dataset) as votes:
        return [event for _, event in votes.events()]


def _moment(event: Event) -> datetime:
    return datetime.fromisoformat(event.time)


def _older(events: Sequence[Event], there: Sequence[Event]) -> list[Event]:
    """Those of ``events`` that are not ``there``, and older than what was said there alone."""
    known, of_shards = {e.event for e in there}, {e.event for e in events}
    last = {_about(e): _moment(e) for e in there if e.event not in of_shards}
    new = [e for e in events if e.event not in known]
    return [e for e in new if _about(e) in last and _moment(e) < last[_about(e)]]


def _about(event: Event) -> tuple[str, str, str]:
    return event.annotator, event.portrait, event.round


def _has_session(dataset: Path) -> bool:
    return (dataset / FOLDER / "session.json").exists()


def _check_ids(voted: Iterable[_Shard]) -> None:
    known: dict[str, tuple[Path, Event]] = {}
    for root, events in voted:
        for event in events:
            other, earlier = known.setdefault(event.event, (root, event))
            if said(earlier) != said(event):
                raise RefusedError(
                    f"{root / FILE}: event {event.event} is {said(event)}, and in {other} it is "
                    f"{said(earlier)}. Ids that are not unique come from a table with a column "
                    f"event: `gazebench label export {root} votes.csv`, change them there, move "
                    f"{FILE} away, `gazebench label import {root} votes.csv`, merge again"
                )


def _namesakes(voted: Iterable[_Shard]) -> list[str]:
    """A sentence on each name that votes in several shards: nobody can tell whether it is one."""
    where: dict[str, dict[Path, None]] = defaultdict(dict)
    for root, events in voted:
        for event in events:
            if event.vote != UNDO and event.annotator != ADJUDICATOR:
                where[event.annotator][root] = None
    return [
        f"{name} voted in {', '.join(map(str, roots))} and is one person in what is merged"
        for name, roots in sorted(where.items())
        if len(roots) > 1
    ]


def _labels(shards: Sequence[Path]) -> dict[str, Label]:
    """Labels of all, with what was counted beside them."""
    labels: dict[str, Label] = {}
    for shard in shards:
        for id_, row in read_rows(shard).items():
            other = labels.setdefault(id_, row)
            if other.label != row.label:
                path = shard / "labels.csv"
                raise InputError(f"{path}: {id_!r} is {row.label}, in another shard {other.label}")
            if row.is_counted:
                labels[id_] = row
    return labels


def _joined(out: Path, sessions: Mapping[Path, Session]) -> tuple[Session | None, list[str]]:
    """One session of several by the same plan; None, and why, where their plans differ."""
    if not sessions:
        return None, []
    people = tuple(dict.fromkeys(name for s in sessions.values() for name in s.annotators))
    gold: dict[str, str] = {}
    begun, first = next(iter(sessions.items()))
    for root, session in sessions.items():
        gold |= session.plan.gold
        if different := _differences(first, session):
            return None, [
                f"{root} was labelled by another plan than {begun} ({different}): {out} gets all "
                "votes and no labelling session; for one, run `gazebench label prepare "
                f"{out} --annotators {','.join(people)}` with the plan that you want"
            ]
    return Session(annotators=people, plan=first.plan.model_copy(update={"gold": gold})), []


def _differences(one: Session, other: Session) -> str:
    first, second = (s.plan.model_dump(exclude={"gold"}) for s in (one, other))
    pairs = [f"{k}: {first[k]} → {second[k]}" for k in first if first[k] != second[k]]
    return "; ".join(pairs)


def _other_labels(out: Path, before: Mapping[str, Label], labels: Mapping[str, Label]) -> list[str]:
    """What ``labels.csv`` lacks. A label that was counted there is of all votes, and stands."""
    path, left = out / "labels.csv", list[str]()
    counted = [id_ for id_, row in labels.items() if row.is_counted and id_ not in before]
    given = [
        id_
        for id_, row in labels.items()
        if not row.is_counted
        and ((there := before.get(id_)) is None or there != row)
        and not (there and there.is_counted)
    ]
    if counted:
        left.append(
            f"{path} stays as it was; {len(counted):,} labels that were counted in the shards are "
            f"not in it, such as {min(counted)}: `gazebench label finalize {out}` counts them"
        )
    if given:
        left.append(
            f"{path} stays as it was; {len(given):,} labels of the shards are not in it or others "
            f"there, such as {min(given)}: `gazebench label import {out} SHARD/labels.csv` adds "
            "them, with --replace in place of the others"
        )
    return left


def _other_session(out: Path, there: Session, session: Session) -> list[str]:
    found: list[str] = []
    if missing := [name for name in session.annotators if name not in there.annotators]:
        found.append(
            f"the labelling session of {out} stays as it was, without {', '.join(missing)}: "
            f"`gazebench label prepare {out} --annotators {','.join(missing)}` adds them"
        )
    if different := _differences(there, session):
        found.append(f"the labelling session of {out} keeps its plan ({different} in the shards)")
    if missing := session.plan.gold.keys() - there.plan.gold.keys():
        found.append(
            f"{len(missing):,} faces with a known label are not in the session of {out}: give "
            "`gazebench label prepare` a file with --gold"
        )
    return found
