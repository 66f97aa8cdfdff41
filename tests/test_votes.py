"""Votes are kept, once each, in order, and never changed."""

import multiprocessing
import resource
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gazebench.annotation.exporting import export
from gazebench.annotation.importing import import_votes
from gazebench.annotation.votes import FILE, UNDO, Event, Round, Votes, now
from gazebench.dataset import Manifest
from gazebench.errors import DiskError, InputError


def event(portrait: str, vote: str, annotator: str = "ana", **changes) -> Event:
    made = Event(
        event=str(uuid.uuid4()),
        annotator=annotator,
        portrait=portrait,
        vote=vote,
        milliseconds=700,
        time=now(),
    )
    return replace(made, **changes)


@pytest.fixture
def votes(tmp_path: Path) -> Iterator[Votes]:
    with Votes.open(tmp_path) as votes:
        yield votes


def held(votes: Votes, round_: Round = Round.LABEL) -> dict[tuple[str, str], str]:
    return {(e.annotator, e.portrait): e.vote for e in votes.current(round_)}


def test_the_last_event_counts_and_undo_takes_it_back(votes: Votes) -> None:
    votes.add([event("a", "X"), event("a", "Y"), event("b", "X"), event("b", UNDO)])
    assert held(votes) == {("ana", "a"): "Y"}
    votes.add([event("b", "unsure")])
    assert held(votes) == {("ana", "a"): "Y", ("ana", "b"): "unsure"}


def test_rounds_and_annotators_are_kept_apart(votes: Votes) -> None:
    votes.add([event("a", "X"), event("a", "Y", "bo"), event("a", "Y", round=Round.REPEAT)])
    assert held(votes) == {("ana", "a"): "X", ("bo", "a"): "Y"}
    assert held(votes, Round.REPEAT) == {("ana", "a"): "Y"}


def test_the_same_event_again_counts_once(votes: Votes) -> None:
    first = event("a", "X")
    assert votes.add([first, first]) == [first]
    assert votes.add([first]) == []
    assert len(votes) == 1


def test_an_event_that_changed_is_refused_with_all_that_came_along(votes: Votes) -> None:
    first = event("a", "X")
    votes.add([first])
    with pytest.raises(InputError, match="an event never changes"):
        votes.add([event("b", "X"), replace(first, vote="Y")])
    assert len(votes) == 1


def test_what_is_stored_cannot_be_changed_or_removed(votes: Votes, tmp_path: Path) -> None:
    votes.add([event("a", "X")])
    connection = sqlite3.connect(tmp_path / FILE)
    for change in ("UPDATE events SET vote = 'Y'", "DELETE FROM events"):
        with pytest.raises(sqlite3.DatabaseError, match="an event is never"):
            connection.execute(change)
    connection.close()


def test_the_newest_vote_that_stands(votes: Votes) -> None:
    assert votes.last("ana") is None
    votes.add([event("a", "X"), event("b", "Y"), event("c", "X", "bo"), event("b", UNDO)])
    last = votes.last("ana")
    assert last is not None
    assert (last.portrait, last.vote) == ("a", "X")


@pytest.mark.parametrize(
    "changes",
    [
        {"vote": "Z"},
        {"round": "other"},
        {"annotator": ""},
        {"annotator": " ana"},
        {"portrait": "a\nb"},
        {"event": "e" * 201},
        {"milliseconds": -1},
        {"milliseconds": 1.5},
        {"milliseconds": True},
        {"time": "yesterday"},
        {"time": "2026-01-01T00:00:00"},
    ],
)
def test_an_event_that_makes_no_sense_is_refused(changes: dict) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        replace(event("a", "X"), **changes)


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match="damaged"), Votes.open(tmp_path):
        pass


def test_a_damaged_file_says_how_votes_are_brought_back(dataset: Path, tmp_path: Path) -> None:
    id_ = Manifest.load(dataset).portraits[0].id
    with Votes.open(dataset) as votes:
        votes.add([event(id_, "X"), event("gone", "Y")])
    export(dataset, copy := tmp_path / "copy.jsonl", "jsonl")
    (dataset / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(InputError) as raised:
        import_votes(dataset, copy)
    assert f"move it away, with {FILE}-wal and {FILE}-shm where they are; then" in str(raised.value)
    for path in dataset.glob(f"{FILE}*"):
        path.rename(tmp_path / path.name)
    assert import_votes(dataset, copy).new == 2


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot be used"), Votes.open(tmp_path / "gone"):
        pass


def test_a_full_disk_stores_nothing_and_the_same_votes_are_stored_later(tmp_path: Path) -> None:
    sent = [event(f"p{n}", "X") for n in range(500)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Votes.open(tmp_path) as votes:
        votes.add(sent[:3])
        size = (tmp_path / f"{FILE}-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # as of here, no file grows beyond
        try:
            with pytest.raises(DiskError, match=FILE):
                votes.add(sent)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [e for _, e in votes.events()] == sent[:3]
        assert votes.add(sent) == sent[3:]
        assert [e for _, e in votes.events()] == sent


def test_a_clock_that_goes_back_changes_no_order(votes: Votes) -> None:
    votes.add([event("a", "X", time="2026-03-01T10:00:00+00:00")])
    votes.add([event("a", "Y", time="2020-01-01T00:00:00+00:00"), event("b", "X")])
    votes.add([event("b", UNDO, time="2020-01-01T00:00:00+00:00")])
    assert held(votes) == {("ana", "a"): "Y"}
    last = votes.last("ana")
    assert last is not None
    assert (last.portrait, last.vote) == ("a", "Y")


def _press(folder: Path, annotator: str, number: int) -> None:
    with Votes.open(folder) as votes:
        for n in range(number):
            votes.add([event(f"p{n}", "X", annotator)])


def test_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_press, args=(tmp_path, name, 40)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with Votes.open(tmp_path) as votes:
        assert len(votes) == 80
        assert len(held(votes)) == 80
