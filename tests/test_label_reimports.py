"""Votes that come once more: tables that were corrected, exports of a dataset that changed."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from build_runs import build, gazebench
from labelling import event, ids
from PIL import Image

from gazebench.annotation import imports
from gazebench.annotation.exporting import export
from gazebench.annotation.importing import import_votes
from gazebench.annotation.votes import UNDO, Event, Round, Votes
from gazebench.dataset import Manifest
from gazebench.errors import InputError


def table(dataset: Path, vote: str, name: str = "ana") -> Path:
    path = dataset.with_name(f"{name}-{vote}.csv")
    path.write_text("id,label,annotator\n" + "".join(f"{i},{vote},{name}\n" for i in ids(dataset)))
    return path


def standing(dataset: Path) -> set[str]:
    with Votes.open(dataset) as votes:
        return {e.vote for e in votes.current()}


def test_a_table_is_what_its_people_hold_now_whenever_it_comes(bare: Path) -> None:
    x, y = table(bare, "X"), table(bare, "Y")
    for path, new in ((x, 24), (x, 0), (y, 24), (y, 0), (x, 24), (x, 0), (y, 24)):
        assert import_votes(bare, path).new == new
    assert standing(bare) == {"Y"}
    for form in ("csv", "jsonl"):
        export(bare, out := bare.with_name(f"all.{form}"), form)
        assert import_votes(bare, out).new == 0
    assert standing(bare) == {"Y"}


def test_a_vote_taken_back_is_there_again_with_its_table(bare: Path) -> None:
    path = table(bare, "X")
    import_votes(bare, path)
    with Votes.open(bare) as votes:
        votes.add([event(id_, UNDO) for id_ in ids(bare)])
    assert [import_votes(bare, path).new for _ in range(2)] == [24, 0]
    assert standing(bare) == {"X"}


def test_lines_that_were_added_to_an_export_come_after_it(bare: Path) -> None:
    a, b = ids(bare)[:2]
    with Votes.open(bare) as votes:
        votes.add([event(a, "X"), event(b, "X")])
    export(bare, out := bare.with_name("out.csv"), "csv")
    columns = out.read_text().splitlines()[0].split(",")
    cells = {"id": a, "annotator": "ana", "vote": "Y"}
    with out.open("a") as file:
        file.write(",".join(cells.get(column, "") for column in columns) + "\n")
    (bare / "votes.sqlite").unlink()
    assert [import_votes(bare, out).new for _ in range(2)] == [3, 0]
    with Votes.open(bare) as votes:
        assert {e.portrait: e.vote for e in votes.current()} == {a: "Y", b: "X"}


@pytest.fixture
def fewer(faces: Path, tmp_path: Path) -> tuple[Path, list[Event]]:
    """A dataset, and votes on a face in quarantine, on one that is gone and on one there."""
    Image.new("RGB", (256, 256)).save(faces / "blank.png")
    build(faces, root := tmp_path / "dataset", "--limit", 13)
    there = ids(root)[0]
    said = [event("blank", "X"), event(there, "Y"), event("gone", "X"), event("gone", UNDO)]
    return root, [*said, event(there, "X", "bo")]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_votes_on_faces_that_are_gone_come_with_an_export(fewer, form: str) -> None:
    root, said = fewer
    with Votes.open(root) as votes:
        votes.add(said)
    export(root, out := root.with_name(f"out.{form}"), form)
    (root / "votes.sqlite").unlink()
    done = gazebench("label", "import", root, out)
    assert done.exit_code == 0, done.output
    assert "5 votes of ana, bo read, 5 new; 0 on quarantined faces left out" in done.output
    assert (
        "3 of the votes read are on faces that are in quarantine or gone; they are" in done.output
    )
    with Votes.open(root) as votes:
        assert [e for _, e in votes.events()] == said
    assert import_votes(root, out).new == 0


def test_votes_that_are_all_on_quarantined_faces_or_practice_are_kept(fewer) -> None:
    root, (blank, *_) = fewer
    practice = event("example-00525", "X", round_=Round.TRAINING)
    for made, gone in ((blank, 1), (practice, 0)):
        path = root.with_name("page.json")
        path.write_text(json.dumps({"format": imports.FORMAT, "events": [asdict(made)]}))
        report = import_votes(root, path)
        assert (report.read, report.new, report.gone, report.quarantined) == (1, 1, gone, 0)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_votes_on_faces_that_are_gone_go_to_no_face_of_a_similar_name(bare, form: str) -> None:
    there = ids(bare)[0]
    assert there.isdigit()
    similar = [f"0{there}", f"sub/{there}", f"{there}.png", f"{there}.JPG", there.lstrip("0")]
    said = [event(there, "Y"), *(event(name, "X") for name in similar)]
    with Votes.open(bare) as votes:
        votes.add(said)
    export(bare, out := bare.with_name(f"out.{form}"), form)
    (bare / "votes.sqlite").unlink()
    report = import_votes(bare, out)
    assert (report.new, report.gone) == (6, 5)
    assert import_votes(bare, out).new == 0
    with Votes.open(bare) as votes:
        assert [e for _, e in votes.events()] == said
    words = ("label", "prepare", bare, "--annotators", "ana", "--no-app", "--gold", out)
    refused = gazebench(*words)  # nor as known labels
    assert refused.exit_code == 3
    assert f"names that no portrait of {bare} has: " in refused.output


def test_an_event_is_on_the_portrait_of_its_id(bare: Path) -> None:
    a, b = ids(bare)[:2]
    path = bare / "manifest.csv"
    source = Manifest.load(bare).portraits[1].source_name
    path.write_text(path.read_text().replace(f",{source},", f",{a},"))
    with Votes.open(bare) as votes:
        votes.add([event(a, "X")])
    export(bare, out := bare.with_name("out.csv"), "csv")
    (bare / "votes.sqlite").unlink()
    assert import_votes(bare, out).gone == 0
    with Votes.open(bare) as votes:
        assert [e.portrait for _, e in votes.events()] == [a]
    out.write_text(f"id,annotator,vote\n{a},ana,X\n")
    with pytest.raises(InputError, match=f"'{a}' may mean {a} and {b}"):
        import_votes(bare, out)


def test_an_export_whose_names_lost_their_zeros_is_refused(bare: Path) -> None:
    said = [event(id_, "X") for id_ in ids(bare)]
    with Votes.open(bare) as votes:
        votes.add(said)
    export(bare, out := bare.with_name("out.csv"), "csv")
    (bare / "votes.sqlite").unlink()
    a, short = ids(bare)[0], ids(bare)[0].lstrip("0")
    text = out.read_text()
    for id_ in ids(bare):
        text = text.replace(f",{id_},", f",{id_.lstrip('0')},")
    out.write_text(text)
    sentence = f"line 2: no portrait is called '{short}' and one is '{a}': a spreadsheet took"
    with pytest.raises(InputError, match=sentence):
        import_votes(bare, out)
    assert not (bare / "votes.sqlite").exists()


def test_a_number_of_zeros_alone_shows_no_zeros_that_were_kept(bare: Path) -> None:
    first = ids(bare)[0]
    for name in ("manifest.csv", "labels.csv"):
        if (bare / name).exists():
            text = (bare / name).read_text()
            (bare / name).write_text(text.replace(f"{first},", f"{'0' * len(first)},"))
    with Votes.open(bare) as votes:
        votes.add([event(id_, "X") for id_ in ids(bare)])
    export(bare, out := bare.with_name("out.csv"), "csv")
    (bare / "votes.sqlite").unlink()
    text = out.read_text()
    for id_ in ids(bare):
        text = text.replace(f",{id_},", f",{int(id_)},")
    out.write_text(text)
    with pytest.raises(InputError, match="a spreadsheet took the zeros away"):
        import_votes(bare, out)


def test_lines_below_events_are_what_is_said_last(bare: Path) -> None:
    a = ids(bare)[0]
    path = bare.with_name("t.csv")
    line = f"id,annotator,vote,event\n{a},ana,X,\n"
    path.write_text(line)
    assert import_votes(bare, path).new == 1
    path.write_text(f"{line}{a},ana,Y,later\n")
    assert [import_votes(bare, path).new for _ in range(2)] == [2, 0]
    assert standing(bare) == {"X"}
    path.write_text(f"{line}{a},ana,undo,taken\n")
    assert [import_votes(bare, path).new for _ in range(2)] == [2, 0]
    assert standing(bare) == {"X"}
    (bare / "votes.sqlite").unlink()
    path.write_text(f"{line}{a},ana,X,same\n")  # says what the event says
    assert [import_votes(bare, path).new for _ in range(2)] == [1, 0]
    assert standing(bare) == {"X"}


def test_tables_that_people_type_are_held_to_their_names(fewer) -> None:
    root, _ = fewer
    there = ids(root)[0]
    path = root.with_name("t.csv")
    path.write_text(f"id,annotator,vote\n{there},ana,X\nblank,ana,X\n")
    report = import_votes(root, path)
    assert (report.read, report.gone, report.quarantined) == (1, 0, 1)
    path.write_text(f"id,annotator,vote\n{there},ana,X\nstranger,ana,X\n")
    with pytest.raises(InputError, match=r"names that no portrait .* has: line 3: 'stranger'"):
        import_votes(root, path)


def test_votes_of_another_dataset_are_known_as_such(bare: Path) -> None:
    path = bare.with_name("x.jsonl")
    path.write_text("".join(json.dumps(asdict(event(n, "X"))) + "\n" for n in ("one", "another")))
    with pytest.raises(InputError, match="'another'; these are labels for another dataset"):
        import_votes(bare, path)
    assert not (bare / "votes.sqlite").exists()


def test_labels_of_events_are_on_portraits_that_are_there(bare: Path) -> None:
    path = bare.with_name("t.csv")
    path.write_text(f"id,vote,event\n{ids(bare)[0]},X,1\nstranger,X,2\n")
    assert "line 3: 'stranger'" in gazebench("label", "import", bare, path).output
    assert not (bare / "labels.csv").exists()
