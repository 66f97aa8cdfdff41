"""Labels and votes in the shapes that other tools and spreadsheets write."""

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from build_runs import gazebench
from labelling import event, ids

from gazebench.annotation import imports
from gazebench.annotation.exporting import export
from gazebench.annotation.importing import has_annotators, import_votes
from gazebench.annotation.votes import UNDO, Votes
from gazebench.dataset import LABELS, read_labels
from gazebench.errors import InputError


def said(path: Path, **words: str) -> list[tuple[str, str, str]]:
    return [(line.name, line.vote, line.annotator) for line in imports.read(path, words)]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfid;label\r\na;x\r\nb;Y\r\n",
        b"ID\tLabel\r\na\tX\r\n\r\nb\ty\r\n",
        "id,label\na,X\nb,Y\n".encode("utf-16"),
        b'"id","note","label"\n"a","1;2;3","X"\n"b","","Y"\n',
    ],
)
def test_spreadsheets_write_tables_in_many_ways(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    assert said(path) == [("a", "X", ""), ("b", "Y", "")]


def test_words_mean_what_one_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,label\na,1\nb,0\nc,U\n")
    assert [vote for _, vote, _ in said(path, **{"1": "x", "0": "Y"})] == ["X", "Y", "unsure"]
    with pytest.raises(InputError, match=r"line 2: label '1'; it must be .*--map 1=X,0=Y"):
        said(path)
    with pytest.raises(InputError, match="--map 1=Q: 'Q' is not X"):
        said(path, **{"1": "Q"})


def test_two_words_may_be_exchanged(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,label\na,X\nb,Y\nc,r\n")
    assert [vote for _, vote, _ in said(path, X="Y", y="X")] == ["Y", "X", "reject"]
    assert [vote for _, vote, _ in said(path, u="R", R="u")] == ["X", "Y", "unsure"]
    with pytest.raises(InputError, match="--map Q=camera: 'camera' is not X"):
        said(path, camera="X", Q="camera")


def test_the_lists_of_celebgaze_are_labels(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("a-1 10 20 30 40\r\n\r\nb-2 10 20 30 40\r\n")
    (tmp_path / "0.txt").write_text("c-3 10 20 30 40\n")
    both = [("a-1", "X", ""), ("b-2", "X", ""), ("c-3", "Y", "")]
    assert said(tmp_path) == both
    assert said(tmp_path / "0.txt") == both[2:]
    (tmp_path / "0.txt").unlink()
    with pytest.raises(InputError, match=r"has no 0\.txt"):
        said(tmp_path)


STUDIO = [
    {
        "id": 1,
        "data": {"image": "/data/upload/3/0a1b2c3d-face%201.jpg"},
        "annotations": [
            {
                "completed_by": 7,
                "lead_time": 2.5,
                "created_at": "2026-01-02T03:04:05.6Z",
                "result": [{"type": "choices", "value": {"choices": ["camera"]}}],
            },
            {
                "completed_by": {"id": 8, "email": "b@example.org"},
                "result": [{"type": "choices", "value": {"choices": ["away"]}}],
            },
            {"completed_by": 9, "was_cancelled": True, "result": []},
        ],
    },
    {
        "id": 2,
        "data": {"image": "/data/local-files/?d=faces%2Fface2.jpg"},
        "annotations": [
            {
                "completed_by": 7,
                "result": [{"type": "choices", "value": {"choices": ["X"]}}],
            }
        ],
    },
]


def test_label_studio(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(STUDIO))
    assert said(path, camera="X", away="Y") == [
        ("face 1.jpg", "X", "7"),
        ("face 1.jpg", "Y", "b@example.org"),
        ("face2.jpg", "X", "7"),
    ]
    first = imports.read(path, {"camera": "X", "away": "Y"})[0]
    assert first.milliseconds == 2500
    with pytest.raises(InputError, match="task 1: label 'camera'"):
        said(path)


def test_label_studio_min(tmp_path: Path) -> None:
    path = tmp_path / "min.json"
    path.write_text(json.dumps([{"image": "x/a.png", "choice": "Y", "annotator": 3, "id": 1}]))
    assert said(path) == [("a.png", "Y", "3")]
    path.write_text(json.dumps([{"image": "x/a.png", "choice": {"choices": ["X", "Y"]}}]))
    with pytest.raises(InputError, match="2 choices at once"):
        said(path)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
  <image id="0" name="sub/a.png" width="256" height="256"><tag label="X" source="manual"/></image>
  <image id="1" name="b.png" width="256" height="256">
    <tag label="gaze" source="manual"><attribute name="domain">Y</attribute></tag></image>
  <image id="2" name="c.png" width="256" height="256"></image>
</annotations>"""


def test_cvat(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(CVAT)
    assert said(path) == [("a.png", "X", ""), ("b.png", "Y", "")]
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]>' + CVAT.split("\n", 1)[1])
    with pytest.raises(InputError, match="document type"):
        said(path)
    path.write_text("<annotations><image")
    with pytest.raises(InputError, match="damaged XML"):
        said(path)


@pytest.mark.parametrize("text", ["[1]", "[[]]", "[", "{", '{"a": 1}', "[{}]", "[" * 100_000])
def test_damaged_json_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError):
        said(path)


DEEP = '{"a":' * 60 + "1" + "}" * 60


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"[{DEEP}]", r"x\.json: damaged \(over 40 lists"),
        ("[" + "9" * 30 + "]", r"x\.json: damaged \(a whole number of over 20 digits"),
        ('["\\ud800"]', r"x\.json: damaged \(.*surrogates"),
        ('\n{"a": ' + "9" * 30 + "}", r"x\.json, line 2: damaged \(a whole number"),
        (DEEP, r"x\.json, line 1: damaged \(over 40 lists"),
    ],
)
def test_json_of_others_is_held_to_the_same_limits(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        said(path)


def choice(**other: object) -> dict[str, object]:
    """An annotation of Label Studio that says X."""
    result = [{"type": "choices", "value": {"choices": ["X"]}}]
    return {"completed_by": 7, "result": result, **other}


def task(*annotations: object, image: str = "a.jpg") -> dict[str, object]:
    return {"data": {"image": image}, "annotations": list(annotations)}


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"data": "x", "annotations": []}, "data is not an object"),
        ({**task(), "annotations": 5}, "annotations is not a list of objects"),
        (task("x"), "annotations is not a list of objects"),
        (task(choice(result=None)), "result is not a list of objects"),
        (task(choice(result=[5])), "result is not a list of objects"),
        (task(choice(result=[{"type": "choices"}])), "value is not an object"),
        (task(choice(completed_by=[1])), r"annotated by \[1\]"),
        (task(choice(completed_by={"id": [1]})), r"annotated by \[1\]"),
        (task(choice(lead_time=float("inf"))), "lead_time inf"),
        (task(choice(lead_time=float("nan"))), "lead_time nan"),
        (task(choice(lead_time=1e308)), r"lead_time 1e\+308"),
        (task(choice(), image="http://[bad"), r"address 'http://\[bad'"),
    ],
)
def test_a_malformed_task_of_label_studio_is_named(
    bare: Path, second: dict[str, object], sentence: str
) -> None:
    path = bare.with_name("export.json")
    path.write_text(json.dumps([task(choice(), image=ids(bare)[0]), second]))
    with pytest.raises(InputError, match=rf"export\.json, task 2: .*{sentence}"):
        said(path)
    assert gazebench("label", "import", bare, path).exit_code == 3
    assert not (bare / "labels.csv").exists()


ODD = (None, True, -1, 5, 1e999, float("nan"), "", "x", "http://[x", [], [[]], [5], {}, {"a": []})


def changed(content: Any) -> Iterator[Any]:
    """The same with one value, at any depth, left out or of another kind."""
    yield from ODD
    if not isinstance(content, dict | list):
        return
    for place in content if isinstance(content, dict) else range(len(content)):
        for value in changed(content[place]):
            other = copy.copy(content)
            other[place] = value
            yield other
        other = copy.copy(content)
        del other[place]
        yield other


@pytest.mark.parametrize(
    "content",
    [
        STUDIO,
        [{"image": "x/a.png", "choice": {"choices": ["X"]}, "annotator": {"id": 3}}],
        {"format": imports.FORMAT, "events": [asdict(event("a", "X"))]},
        asdict(event("a", "X")),
    ],
    ids=["Label Studio", "JSON_MIN", "page", "event"],
)
def test_any_value_of_another_kind_is_a_sentence_or_a_vote(tmp_path: Path, content: Any) -> None:
    path, refused, read = tmp_path / "x.json", 0, 0
    for other in changed(content):
        path.write_text(json.dumps(other))
        try:
            found = said(path, camera="X", away="Y")
        except InputError:
            refused += 1
        else:
            read += 1
            assert all(vote in (*LABELS, UNDO) for _, vote, _ in found)
    assert refused > 50
    assert read > 10


def line_of(portrait: str, **other: object) -> str:
    """An event as ``label export --to jsonl`` writes it."""
    return json.dumps(asdict(event(portrait, "X")) | other) + "\n"


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"vote": "banana"}, "vote 'banana'; it must be X, Y, unsure, reject or undo"),
        ({"vote": "ambiguous"}, "vote 'ambiguous'"),
        ({"vote": ""}, "vote ''"),
        ({"annotator": ""}, "nobody said this"),
        ({"annotator": " "}, "nobody said this"),
    ],
)
@pytest.mark.parametrize("words", [(), ("--annotator", "chen")])
def test_an_event_without_a_vote_or_a_person_is_named(
    bare: Path, second: dict[str, str], sentence: str, words: tuple[str, ...]
) -> None:
    path = bare.with_name("x.jsonl")
    path.write_text(line_of(ids(bare)[0]) + line_of(ids(bare)[1], **second))
    done = gazebench("label", "import", bare, path, *words)
    assert done.exit_code == 3
    assert f"{path}, line 2: {sentence}" in done.output
    assert not (bare / "labels.csv").exists()
    assert not (bare / "votes.sqlite").exists()


def test_one_event_of_nobody_is_no_label(bare: Path) -> None:
    path = bare.with_name("x.jsonl")
    path.write_text(line_of(ids(bare)[0], vote="banana", annotator=""))
    assert gazebench("label", "import", bare, path).exit_code == 3
    assert not (bare / "labels.csv").exists()


def test_an_undo_of_nobody_is_no_label(bare: Path) -> None:
    a, b = ids(bare)[:2]
    path = bare.with_name("t.csv")
    path.write_text(f"id,vote,event\n{a},X,1\n{b},undo,2\n")
    assert not has_annotators(path)
    done = gazebench("label", "import", bare, path)
    assert done.exit_code == 3
    assert f"{path}, line 3: 'undo' is not a label of {b!r}" in done.output
    assert not (bare / "labels.csv").exists()
    assert import_votes(bare, path, annotator="chen").new == 2


@pytest.mark.parametrize("events", [5, "x", None, {"a": 1}])
def test_a_page_whose_events_are_no_list_is_a_sentence(bare: Path, events: object) -> None:
    path = bare.with_name("votes.json")
    path.write_text(json.dumps({"format": imports.FORMAT, "events": events}))
    done = gazebench("label", "import", bare, path)
    assert done.exit_code == 3
    assert f"{path}, line 1: events is not a list" in done.output


def test_an_event_of_a_page_is_named_by_its_number(bare: Path) -> None:
    path = bare.with_name("votes.json")
    events = [asdict(event(ids(bare)[0], "X")), asdict(event(ids(bare)[1], "X")) | {"vote": "Z"}]
    path.write_text(json.dumps({"format": imports.FORMAT, "events": events}))
    with pytest.raises(InputError, match=r"votes\.json, event 2: vote 'Z'"):
        said(path)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_no_votes_are_no_file(bare: Path, form: str) -> None:
    out = bare.with_name("out")
    for _ in range(2):
        done = gazebench("label", "export", bare, out, "--to", form)
        assert done.exit_code == 3
        assert f"{bare}: has no votes" in done.output
        assert not out.exists()
        with Votes.open(bare):  # makes votes.sqlite, as `label finalize` does
            pass


def votes_file(dataset: Path, name: str = "votes.csv") -> Path:
    a, b = ids(dataset)[:2]
    path = dataset.with_name(name)
    path.write_text(f"id,annotator,vote\n{a},p,X\n{b}.jpg,p,Y\n{a},q,R\n")
    return path


def test_lines_with_annotators_are_votes(bare: Path) -> None:
    path = votes_file(bare)
    assert has_annotators(path)
    report = import_votes(bare, path)
    assert (report.read, report.new, report.annotators) == (3, 3, ("p", "q"))
    assert import_votes(bare, path).new == 0
    assert not (bare / "labels.csv").exists()


def test_lines_of_nobody_beside_lines_of_somebody_are_refused(bare: Path) -> None:
    a = ids(bare)[0]
    path = bare.with_name("t.csv")
    path.write_text(f"id,annotator,vote\n{a},,X\n{a},p,X\n")
    done = gazebench("label", "import", bare, path)
    assert done.exit_code == 3
    assert "line 2: the column annotator is empty" in done.output


def test_one_person_who_says_two_things_is_named_with_both_lines(bare: Path) -> None:
    a = ids(bare)[0]
    path = bare.with_name("t.csv")
    path.write_text(f"id,annotator,vote\n{a},p,X\n{a},q,Y\n{a}.jpg,p,Y\n")
    with pytest.raises(InputError, match=f"line 4: p says Y of '{a}.jpg' here and X in line 2"):
        import_votes(bare, path)
    with Votes.open(bare) as votes:
        assert len(votes) == 0


def test_the_command_tells_votes_from_labels(bare: Path) -> None:
    done = gazebench("label", "import", bare, votes_file(bare))
    assert done.exit_code == 0, done.output
    assert "3 votes of p, q read, 3 new" in done.output
    path = bare.with_name("l.csv")
    path.write_text(f"name;gaze;label\n{ids(bare)[2]};;0\n")
    done = gazebench("label", "import", bare, path, "--map", "1=X,0=Y")
    assert "1 label read, 1 new" in done.output
    assert read_labels(bare / "labels.csv") == {ids(bare)[2]: "Y"}
    done = gazebench("label", "import", bare, path, "--map", "0=Y", "--annotator", "chen")
    assert "1 vote of chen read, 1 new" in done.output


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_exported_can_be_imported_elsewhere(bare: Path, small_dataset, form: str) -> None:
    import_votes(bare, votes_file(bare))
    with Votes.open(bare) as votes:
        before = list(votes.events())
    out = bare.with_name(f"out.{form}")
    assert export(bare, out, form) == 3
    assert import_votes(bare, out).new == 0
    (bare / "votes.sqlite").unlink()
    assert import_votes(bare, out).new == 3
    with Votes.open(bare) as votes:
        assert list(votes.events()) == before


def test_a_table_of_events_that_somebody_sorted_gives_the_same_votes(bare: Path) -> None:
    a, b = ids(bare)[:2]
    said = [event(a, "X"), event(b, "Y"), event(a, UNDO), event(a, "Y"), event(b, UNDO)]
    with Votes.open(bare) as votes:
        votes.add(said)
    out = bare.with_name("out.csv")
    export(bare, out, "csv")
    header, *lines = out.read_text().splitlines()
    out.write_text("\n".join([header, *sorted(lines, reverse=True)]))
    assert import_votes(bare, out).new == 0
    (bare / "votes.sqlite").unlink()
    assert import_votes(bare, out).new == 5
    assert import_votes(bare, out).new == 0
    with Votes.open(bare) as votes:
        assert [e for _, e in votes.events()] == said
        assert {e.portrait: e.vote for e in votes.current()} == {a: "Y"}


def test_two_files_give_the_same_votes_in_either_order_and_again(bare: Path) -> None:
    a, b = (bare.with_name(f"{name}.csv") for name in ("ana", "bo"))
    for path, vote in ((a, "X"), (b, "Y")):
        path.write_text(
            "id,label,annotator\n" + "".join(f"{id_},{vote},{path.stem}\n" for id_ in ids(bare))
        )
    held = []
    for order in ((a, b, a), (b, a, b)):
        (bare / "votes.sqlite").unlink(missing_ok=True)
        assert [import_votes(bare, path).new for path in order] == [24, 24, 0]
        with Votes.open(bare) as votes:
            held.append({(e.annotator, e.portrait): e.vote for e in votes.current()})
    assert held[0] == held[1]
