"""The desk behind a volunteer's screen, the gate in front of it, and preparing."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from build_runs import gazebench
from labelling import event

from gazebench.annotation import app_page, server
from gazebench.annotation.desk import Adjudication, Desk
from gazebench.annotation.guard import Guard
from gazebench.annotation.session import ADJUDICATOR, Session, secret
from gazebench.annotation.votes import FILE, UNDO, RefusedVoteError, Round, Votes, now
from gazebench.errors import GazebenchError, InputError


@pytest.fixture
def ready(dataset: Path) -> Path:
    """A dataset that ana and bo may label."""
    words = ("label", "prepare", dataset, "--annotators", "ana,bo", "--no-app")
    assert gazebench(*words).exit_code == 0
    return dataset


@pytest.fixture
def desk(ready: Path) -> Iterator[Desk]:
    with Desk.open(ready, "ana") as desk:
        yield desk


def sent(desk: Desk, face: dict[str, Any], vote: str = "X", **changes: Any) -> dict[str, Any]:
    made = event(face["id"], vote, desk.annotator, face["round"])
    names = ("event", "annotator", "portrait", "vote", "milliseconds", "time", "round")
    return {**{name: getattr(made, name) for name in names}, **changes}


def test_a_face_is_voted_on_and_the_next_one_comes(desk: Desk) -> None:
    first, second = desk.next([], 2)["faces"]
    message = sent(desk, first)
    assert desk.vote([message]) == [message["event"]]
    answer = desk.next([], 1)
    assert answer["faces"][0] == second
    assert (answer["done"], answer["total"]) == (1, 24)
    assert len(first["eyes"]) == 2
    assert all(0 < value < 1 for box in first["eyes"] for value in box)


def test_a_face_tells_nothing_of_labels_or_votes(ready: Path, desk: Desk) -> None:
    with Desk.open(ready, "bo") as other:
        other.vote([sent(other, face, "Y") for face in other.next([], 20)["faces"]])
    for face in desk.next([], 40)["faces"]:
        assert face.keys() == {"id", "round", "eyes"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"annotator": "bo"}, "this is the screen of ana, not of 'bo'"),
        ({"annotator": None}, "not of None"),
        ({"portrait": "../../etc"}, "no face is called"),
        ({"portrait": "example-00525"}, "no face is called"),
        ({"vote": "ambiguous"}, "an event with vote"),
        ({"round": "adjudicate"}, "is not for this screen"),
        ({"event": ""}, "an event with event"),
        ({"milliseconds": "1"}, "an event with milliseconds"),
        ({"time": None}, "an event with time"),
    ],
)
def test_what_cannot_be_is_refused_with_all_that_came_along(desk, changes, sentence) -> None:
    first, second = desk.next([], 2)["faces"]
    with pytest.raises(RefusedVoteError, match=sentence):
        desk.vote([sent(desk, first), sent(desk, second, **changes)])
    assert desk.next([], 0)["done"] == 0


def test_a_damaged_file_refuses_no_vote(ready: Path, desk: Desk) -> None:
    """The screen sets a refused vote aside; it keeps and sends again what fails otherwise."""
    [face] = desk.next([], 1)["faces"]
    for name in (FILE, f"{FILE}-wal"):
        (ready / name).write_bytes(b"\xff" * 8192)
    with pytest.raises(GazebenchError) as failed:
        desk.vote([sent(desk, face)])
    assert not isinstance(failed.value, RefusedVoteError)


def test_undo_takes_back_the_newest_vote(desk: Desk) -> None:
    first, second = desk.next([], 2)["faces"]
    desk.vote([sent(desk, first), sent(desk, second)])
    assert desk.undo() == second
    assert desk.undo() == first
    assert desk.undo() is None
    assert desk.next([], 2)["faces"] == [first, second]


def test_practice_is_remembered_and_never_undone(ready: Path, desk: Desk) -> None:
    lessons = desk.start()["training"]
    assert len(lessons) == 20
    message = sent(desk, {**lessons[0], "round": "training"})
    desk.vote([message])
    assert len(desk.start()["training"]) == 19  # the page is loaded again
    with Desk.open(ready, "ana") as again:
        assert len(again.start()["training"]) == 19
        assert again.undo() is None


def test_the_organiser_sees_what_is_disputed_with_the_votes(ready: Path) -> None:
    ids = Desk.open
    with ids(ready, "ana") as ana, Desk.open(ready, "bo") as bo:
        shown = [face["id"] for face in ana.next([], 40)["faces"]]
        for n, id_ in enumerate(shown[:6]):
            ana.vote([sent(ana, {"id": id_, "round": "label"})])
            bo.vote([sent(bo, {"id": id_, "round": "label"}, "X" if n else "Y")])
    with Adjudication.open(ready, ADJUDICATOR) as desk:
        [face] = desk.next([], 10)["faces"]
        assert (face["id"], face["votes"]) == (shown[0], {"ana": "X", "bo": "Y"})
        desk.vote([sent(desk, face, "Y")])
        assert desk.next([], 10) == {"faces": [], "done": 1, "total": 1}
        assert desk.undo() == face


def test_preparing_again_adds_people_and_keeps_the_plan(ready: Path) -> None:
    before = secret(ready, "ana")
    words = ("label", "prepare", ready, "--annotators", "chen", "--no-app", "--votes", 3)
    done = gazebench(*words)
    assert "for ana, bo, chen; about 24 faces each" in done.output
    session = Session.load(ready)
    assert session.annotators == ("ana", "bo", "chen")
    assert session.plan.votes == 3
    assert secret(ready, "ana") == before != secret(ready, "bo")
    assert (ready / "labelling" / "key").stat().st_mode & 0o777 == 0o600


def test_votes_that_too_few_people_could_give_are_noted(ready: Path) -> None:
    words = ("label", "prepare", ready, "--annotators", "ana", "--no-app")
    assert "note:" not in gazebench(*words).output
    done = gazebench(*words, "--votes", 3, "--test-votes", 4)
    assert "note: 3 votes a train portrait need 3 annotators, not 2" in done.output
    assert "note: 4 votes a test portrait need 4 annotators, not 2" in done.output


def test_without_the_app_a_page_for_a_volunteer_comes_next(ready: Path) -> None:
    done = gazebench("label", "prepare", ready, "--annotators", "chen", "--no-app")
    [words] = [line for line in done.output.splitlines() if line.startswith("next: gazebench ")]
    assert words.endswith(f"label pack {ready} --annotator chen")
    out = ("--out", ready.with_name("p.html"))
    assert gazebench(*words.removeprefix("next: gazebench ").split(), *out).exit_code == 0


def test_known_labels_are_slipped_in(ready: Path, demo_portraits: Path) -> None:
    words = ("label", "prepare", ready, "--annotators", "ana", "--no-app", "--gold")
    done = gazebench(*words, ready / "labels.csv")
    assert "10 faces with a known label" in done.output
    assert gazebench(*words, demo_portraits / "labels.csv").exit_code == 3  # others' portraits


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("Ana", "letters a-z"),
        ("a b", "letters a-z"),
        ("ana,ana", "twice"),
        (",", "no annotator"),
        ("organiser", "who adjudicates"),
    ],
)
def test_names_that_would_not_do_are_refused(dataset: Path, names: str, sentence: str) -> None:
    done = gazebench("label", "prepare", dataset, "--annotators", names, "--no-app")
    assert done.exit_code == 3
    assert sentence in done.output


def test_before_preparing_everything_says_so(dataset: Path) -> None:
    for words in (["serve"], ["status"], ["adjudicate"], ["pack", "--annotator", "ana"]):
        done = gazebench("label", words[0], dataset, *words[1:])
        assert done.exit_code in (3, 8), done.output
        assert "gazebench label prepare" in done.output or "fiftyone" in done.output.lower()
    done = gazebench("label", "status", dataset)
    assert f"gazebench label prepare {dataset} --annotators" in done.output


@pytest.mark.long
def test_watching_without_a_terminal_writes_a_line_whenever_votes_came(ready: Path) -> None:
    words = [sys.executable, "-m", "gazebench", "label", "status", str(ready), "--watch"]
    watch = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored in a background job
    )
    assert watch.stdout is not None
    with watch, Desk.open(ready, "ana") as ana, Desk.open(ready, "bo") as bo:
        try:
            said = [watch.stdout.readline()]
            faces = ana.next([], 9)["faces"]
            ana.vote([sent(ana, face, "XY"[n % 2]) for n, face in enumerate(faces)])
            said.append(watch.stdout.readline())
            time.sleep(4)  # looked again, nothing new: no line
            bo.vote([sent(bo, face, "XY"[n % 2]) for n, face in enumerate(faces)])
            said.append(watch.stdout.readline())
            watch.send_signal(signal.SIGINT)
            rest, errors = watch.communicate(timeout=60)
        finally:
            watch.kill()
    assert watch.returncode == 130
    assert (rest, "Traceback" in errors) == ("", False)
    told = [re.fullmatch(r"[-\d]{10} [:\d]{8}  (.*)\n", line) for line in said]
    assert [line and line[1] for line in told] == [
        "ana 0 of 24, bo 0 of 24, 0 events",
        "ana 9 of 24, bo 0 of 24, 9 events",
        "ana 9 of 24, bo 9 of 24, 18 events, alpha 1.000 on 9 portraits",
    ]


def test_a_damaged_session_is_a_sentence_with_the_way_out(ready: Path) -> None:
    path = ready / "labelling" / "session.json"
    for text in ('{"annotators": ["ana"], "plan": {"votes": 0}}', "{", "[]"):
        path.write_text(text)
        done = gazebench("label", "status", ready)
        assert done.exit_code == 3
        assert "damaged" in done.output
        assert f"remove it and run `gazebench label prepare {ready}" in done.output


def test_another_address_is_refused_in_words(ready: Path) -> None:
    for address in ("0.0.0.0", "192.168.1.4", "::"):
        done = gazebench("label", "serve", ready, "--address", address)
        assert done.exit_code == 3
        assert "ssh -N -L" in done.output


def test_a_link_keeps_its_port_whoever_is_served(ready: Path) -> None:
    said: list[str] = []

    def ports(names: list[str], port: int | None) -> dict[str, int]:
        return dict(server.places(ready, names, port, said.append))

    assert ports(["ana", "bo"], None) == {"ana": 5151, "bo": 5152}
    assert ports(["bo"], None) == {"bo": 5152}
    assert ports([ADJUDICATOR], 5141) == {ADJUDICATOR: 5141}
    assert said == []
    assert ports(["bo"], 6000) == {"bo": 6001}
    assert ports(["ana"], None) == {"ana": 6000}
    [note] = said
    assert "last time --port 5151" in note
    with pytest.raises(InputError, match="'chen' is not an annotator here"):
        ports(["chen"], None)


def test_a_person_and_a_session_have_a_place_of_their_own_in_a_browser(ready, tmp_path) -> None:
    """So that what a browser could not send yet never comes in as somebody else's."""
    other = Path(shutil.copytree(ready, tmp_path / "another dataset"))
    (other / "labelling" / "key").unlink()
    words = ("label", "prepare", other, "--annotators", "ana", "--no-app")
    assert gazebench(*words).exit_code == 0

    def place(dataset: Path, name: str) -> str:
        with Desk.open(dataset, name) as desk:
            return desk.start()["place"]

    places = [place(ready, "ana"), place(ready, "bo"), place(other, "ana")]
    assert len(set(places)) == 3
    assert place(ready, "ana") == places[0]
    assert secret(ready, "ana")[:12] not in places


def test_a_port_in_use_is_named() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is in use; .*--port"):
            server.check_ports([port])


def ask(
    gate: Guard, path: str, body: bytes = b"", /, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """What the gate answers; an application behind it says 299 and the body that it got."""
    sent: list[dict[str, Any]] = []
    parts = [body[:20], body[20:]]

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    where, _, query = path.partition("?")
    every = {"host": "127.0.0.1:5151", **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http",
        "method": every.pop("method", "GET"),
        "path": where,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in every.items()],
    }
    asyncio.run(gate(scope, receive, send))
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"]


async def behind(scope: Any, receive: Any, send: Any) -> None:
    body, message = b"", {"more_body": True}
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def gate(desk: Desk) -> Guard:
    return Guard(
        behind,
        desk,
        "s" * 32,
        home="/datasets/d?workspace=label",
        index="<html><head><script src=app.js></script></head><body></body></html>",
        hosts=["labels.example.org"],
    )


COOKIE = f"gazebench_ana={'s' * 32}"


def test_the_link_opens_the_gate(gate: Guard) -> None:
    status, headers, _ = ask(gate, f"/label?key={'s' * 32}")
    assert (status, headers["location"]) == (303, "/datasets/d?workspace=label")
    assert headers["set-cookie"].startswith(COOKIE)
    assert "HttpOnly; SameSite=Lax" in headers["set-cookie"]
    status, headers, _ = ask(gate, "/graphql", cookie=f"other=1; {COOKIE}")
    assert status == 299
    assert b"default-src 'self'" in headers["content-security-policy"].encode()


def test_the_first_faces_come_with_the_page_and_the_app_waits_in_a_template(gate, desk) -> None:
    status, headers, body = ask(gate, "/datasets/d?workspace=label", cookie=COOKIE)
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert "default-src 'self'" in headers["content-security-policy"]
    text = body.decode()
    assert '<template id="gazebench-app"><script src=app.js></script></template>' in text
    facts = json.loads(text.split('id="gazebench-start">')[1].split("</script>")[0])
    assert facts == desk.start()
    assert facts["first"]["faces"] == desk.next([], 24)["faces"]
    assert ask(gate, "/gazebench/screen.js", cookie=COOKIE)[2] == app_page.SCREEN.read_bytes()
    assert ask(gate, "/datasets/d")[0] == ask(gate, "/gazebench/screen.js")[0] == 403


@pytest.mark.parametrize("index", ["", "<html><HEAD></HEAD></html>", "<head></head>no body"])
def test_an_app_whose_page_is_another_is_served_as_it_is(desk: Desk, index: str) -> None:
    assert app_page.page(index, desk.start()) == index


def test_files_of_the_app_whose_name_has_a_digest_are_kept_by_the_browser(gate: Guard) -> None:
    for path in ("/assets/a-1.js", "/datasets/assets/a-1.js"):
        assert "immutable" in ask(gate, path, cookie=COOKIE)[1]["cache-control"]
    assert "cache-control" not in ask(gate, "/graphql", cookie=COOKIE)[1]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/label?key=wrong", {}),
        ("/label", {}),
        ("/graphql", {}),
        ("/graphql", {"cookie": "gazebench_ana=wrong"}),
        ("/graphql", {"cookie": f"gazebench_bo={'s' * 32}"}),
        ("/graphql", {"cookie": COOKIE, "origin": "https://evil.example"}),
        ("/graphql", {"cookie": COOKIE, "origin": "http://127.0.0.1:5152"}),
        ("/graphql", {"cookie": COOKIE, "origin": "null"}),
        ("/graphql", {"cookie": COOKIE, "host": "evil.example"}),
        ("/graphql", {"cookie": COOKIE, "host": ""}),
        ("/media?filepath=x", {"cookie": COOKIE, "sec_fetch_site": "cross-site"}),
        ("/gazebench/health", {"host": "evil.example:5151"}),
    ],
)
def test_who_has_no_business_here_is_refused(gate, path, headers) -> None:
    assert ask(gate, path, **headers)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:5151"},
        {"host": "localhost:8000", "origin": "http://localhost:8000"},
        {"host": "labels.example.org"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
    ],
)
def test_who_came_by_the_link_may_ask(gate: Guard, headers: dict[str, str]) -> None:
    assert ask(gate, "/graphql", cookie=COOKIE, **headers)[0] == 299


def test_pictures_of_the_dataset_and_no_others(gate: Guard, desk: Desk, ready: Path) -> None:
    id_ = desk.faces.ids[0]
    status, headers, body = ask(gate, f"/gazebench/faces/{id_}", cookie=COOKIE)
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert ask(gate, "/gazebench/examples/example-00525", cookie=COOKIE)[2][:2] == b"\xff\xd8"
    inside = ready / "images" / f"{id_}.png"
    assert ask(gate, f"/media?filepath={inside}", cookie=COOKIE)[0] == 299
    for path in ("/etc/passwd", inside.parent / ".." / FILE, "", "\0", ready / "labelling" / "key"):
        assert ask(gate, f"/media?filepath={path}", cookie=COOKIE)[0] == 404
    for name in ("faces/../../labelling/key", "faces/%2e%2e%2fkey", "examples/x", "other"):
        assert ask(gate, f"/gazebench/{name}", cookie=COOKIE)[0] == 404


def test_of_several_pictures_in_one_address_none_is_shown(gate: Guard, desk: Desk) -> None:
    """FiftyOne would take the last one."""
    ours, key = desk.faces.path(desk.faces.ids[0]), desk.dataset / "labelling" / "key"
    for paths in ((ours, key), (key, ours), (ours, ours), (ours, ""), ()):
        query = "&".join(f"filepath={path}" for path in paths)
        assert ask(gate, f"/media?{query}", cookie=COOKIE)[0] == 404


def test_a_line_break_at_the_end_is_another_path(gate: Guard) -> None:
    """To FiftyOne's routes it is the same one."""
    for path in ("/media\n?filepath=/etc/passwd", "/tag\n", "/operators/execute\n"):
        assert ask(gate, path, cookie=COOKIE, method="POST")[0] == 404


RUNS = ("execute", "execute/generator", "resolve-type", "resolve-execution-options")


@pytest.mark.parametrize("path", [*RUNS, "subscribe-execution-store", "another"])
def test_only_operators_of_the_panel_run(gate: Guard, path: str) -> None:
    def status(body: bytes) -> tuple[int, bytes]:
        answer = ask(gate, f"/operators/{path}", body, cookie=COOKIE, method="POST")
        return answer[0], answer[2]

    for name in ("@gazebench/label/vote", "@voxel51/operators/list_workspaces"):
        body = json.dumps({"operator_uri": name, "params": {"events": ["ü"] * 500}}).encode()
        assert status(body) == (299, body)
    theirs = "@voxel51/operators/list_files"
    for content in (
        {"operator_uri": theirs, "params": {}},
        {"operator_uri": "@voxel51/operators/delete_selected_samples"},
        {"operator_uri": {"$symbol": theirs}},
        {"operator_uri": None},
        {"params": {"operator_uri": "@gazebench/label/vote"}},
        [theirs],
    ):
        assert status(json.dumps(content).encode())[0] == 403
    ours = '"operator_uri": "@gazebench/label/vote"'
    for body in (f'{{{ours}, "operator_uri": "{theirs}"}}', f"{{{ours}", "", "[" * 100_000):
        assert status(body.encode())[0] == 403
    assert status(f"{{{ours}}}".encode())[0] == 299
    assert status(f"{{{ours}}}".encode("utf-16"))[0] == 403
    assert status(b" " * (5 << 20) + b"{}")[0] == 413


def test_nobody_changes_what_others_see(gate: Guard) -> None:
    def status(path: str, content: object) -> int:
        return ask(gate, path, json.dumps(content).encode(), cookie=COOKIE, method="POST")[0]

    for name in ("deleteSavedView", "updateSavedView", "setSidebarGroups"):
        assert status("/graphql", {"query": f"mutation {{ x: {name}(a: 1) }}"}) == 403
    for content in ([{"query": "mutation { setSpaces }"}], {"query": None}, "mutation"):
        assert status("/graphql", content) == 403
    assert status("/graphql", {"query": "mutation { setSpaces(a: 1) }"}) == 299
    assert status("/dataset/1/sample/2/tags", {}) == 403


def test_the_app_may_list_operators_and_their_places(gate: Guard) -> None:
    for path in ("/operators", "/operators/resolve-placements"):
        body = b'{"dataset_name": "d", "view": []}'
        assert ask(gate, path, body, cookie=COOKIE, method="POST")[::2] == (299, body)


def test_a_pipe_is_no_picture_and_no_key(gate: Guard, desk: Desk, ready: Path) -> None:
    for path in (desk.faces.path(desk.faces.ids[0]), ready / "labelling" / "key"):
        path.unlink()
        os.mkfifo(path)
    assert ask(gate, f"/gazebench/faces/{desk.faces.ids[0]}", cookie=COOKIE)[0] == 404
    with pytest.raises(InputError, match="key: cannot be read; run `gazebench label prepare"):
        secret(ready, "ana")


def test_nothing_is_edited_that_others_would_see(gate: Guard) -> None:
    assert ask(gate, "/tag", cookie=COOKIE, method="POST")[0] == 403
    for method in ("PATCH", "PUT", "DELETE"):
        assert ask(gate, "/dataset/d/sample/s", cookie=COOKIE, method=method)[0] == 403
    assert ask(gate, "/graphql", cookie=COOKIE, method="POST")[0] == 299


def test_health_says_whose_server_it_is(gate: Guard) -> None:
    assert json.loads(ask(gate, "/gazebench/health")[2]) == {"annotator": "ana"}


def test_undo_of_a_vote_that_an_import_brought(ready: Path) -> None:
    with Votes.open(ready) as votes, Desk.open(ready, "ana") as desk:
        id_ = desk.faces.ids[3]
        votes.add([event(id_, "X")])
        found = desk.undo()
        assert found is not None
        assert found["id"] == id_
        assert [e.vote for _, e in votes.events()] == ["X", UNDO]
        assert all(e.round == Round.LABEL and e.time <= now() for _, e in votes.events())
