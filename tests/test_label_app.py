"""The labelling server, the real FiftyOne and the real mongod, without and with a browser."""

import http.client
import itertools
import json
import os
import random
import resource
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from build_runs import build
from labelling import needs_fiftyone

from benchmarks.label_servers import (
    Client,
    RefusedError,
    Served,
    press,
    run,
    serving,
    status_of,
    status_or_none,
    until_saved,
)
from gazebench.annotation.app_dataset import name_of
from gazebench.annotation.faces import Faces
from gazebench.annotation.processes import wait
from gazebench.annotation.votes import UNDO, Event, Votes

pytestmark = [needs_fiftyone, pytest.mark.long]


# of source pictures; and the dataset's folder has them all
ODD = ("it's me", "中文 数据", 'a "quoted" one', "100% #1 &", "ünï", "a+b=c;d", "one, two", "?what")


@pytest.fixture(scope="module")
def prepared(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that two people may label, whose folder and pictures have odd names."""
    pictures = tmp_path_factory.mktemp("app") / "pictures of 'people'"
    pictures.mkdir()
    for path, name in zip(sorted(demo_portraits.glob("*.jpg")), ODD, strict=False):
        shutil.copy(path, pictures / f"{name}.jpg")
    root = pictures.with_name(" ".join(ODD))
    assert build(pictures, root).exit_code == 0
    done = run("label", "prepare", root, "--annotators", "ana,bo", "--repeats", "0")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def served(prepared: Path) -> Iterator[Served]:
    with serving(prepared, "--allow-host", "label.example.org", number=2) as served:
        yield served


def stored(dataset: Path, annotator: str) -> list[Event]:
    with Votes.open(dataset) as votes:
        return [e for _, e in votes.events() if e.annotator == annotator]


def test_votes_are_stored_and_nobody_forges_them(served: Served) -> None:
    """The short one: all of it on one pair of servers, as starting them takes a while."""
    ana, bo = (Client(served.links[name]) for name in ("ana", "bo"))
    faces = ana.ask("next_faces", held=[], count=6)["faces"]
    events = [press("ana", face, "Y") for face in faces]
    assert ana.ask("vote", events=events)["saved"] == [e["event"] for e in events]
    assert ana.ask("vote", events=events)["saved"] == [e["event"] for e in events]  # sent twice
    assert [e.event for e in stored(served.dataset, "ana")] == [e["event"] for e in events]
    assert ana.ask("undo")["face"]["id"] == faces[-1]["id"]
    assert stored(served.dataset, "ana")[-1].vote == UNDO
    assert ana.ask("progress")["done"] == 5
    assert ana.get(f"/gazebench/faces/{faces[0]['id']}")[:4] == b"\x89PNG"

    assert "not of 'ana'" in bo.ask("vote", events=[press("ana", faces[0])])["refused"]
    assert (
        "no face is called"
        in bo.ask("vote", events=[press("bo", {**faces[0], "id": "../x"})])["refused"]
    )
    assert bo.ask("next_faces", held=[], count=40).keys() == {"faces", "done", "total"}
    assert all(f.keys() == {"id", "round", "eyes"} for f in bo.ask("next_faces", count=40)["faces"])

    link, key = served.links["ana"], served.links["bo"].split("key=")[1]
    assert status_of(link, f"/label?key={key}") == 403  # another volunteer's
    assert status_of(link, "/label?key=") == 403
    for path in ("/", "/datasets/x", "/media?filepath=/etc/passwd", "/gazebench/faces/00000"):
        assert status_of(link, path) == 403
    assert status_of(link, "/gazebench/health", Host="evil.example") == 403
    assert status_of(link, "/gazebench/health", Host="label.example.org") == 200
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        with pytest.raises(RefusedError, match="403"):
            ana.post("progress", {}, **headers)
    for path in ("/etc/passwd", str(served.dataset / "images/../votes.sqlite")):
        with pytest.raises(RefusedError, match="404"):
            ana.get(f"/media?filepath={quote(path)}")


def post(client: Client, path: str, **content: object) -> Any:
    """What an address of FiftyOne's own answers."""
    body = json.dumps(content).encode()
    kind = {"content-type": "application/json"}
    return json.loads(client._open(urllib.request.Request(client.base + path, body, kind)))


def made(name: str, **words: object) -> dict[str, object]:
    """An object that FiftyOne is asked to make."""
    return {"_cls": name, "kwargs": list(words.items())}


def test_fiftyone_runs_nothing_else_and_shows_no_file(served: Served, tmp_path: Path) -> None:
    ana = Client(served.links["ana"])
    ours = next((served.dataset / "images").iterdir())
    key = quote(str(served.dataset / "labelling" / "key"))
    for path in (f"/media?filepath={quote(str(ours))}&filepath={key}", f"/media%0A?filepath={key}"):
        with pytest.raises(RefusedError, match="404"):
            ana.get(path)
    for path in ("execute", "execute/generator", "resolve-type"):
        with pytest.raises(RefusedError, match="403"):
            post(ana, f"/operators/{path}", operator_uri="@voxel51/operators/list_files")
    uri = "@voxel51/operators/list_workspaces"
    name = name_of(Faces.read(served.dataset))
    assert post(ana, "/operators/execute", operator_uri=uri, dataset_name=name)["result"]

    count = made("fiftyone.core.aggregations.Count")
    limited = made("fiftyone.core.stages.Limit", limit=3)
    found = post(ana, "/aggregate", dataset=name, view=[limited], aggregations=[count])
    assert found == {"aggregate": [3]}
    mark = tmp_path / "mark"
    touch = made("subprocess.Popen", args=["touch", str(mark)])
    copied = made("fiftyone.core.stages.Mongo", pipeline=[{"$out": "copied"}])
    for view, asked in (([touch], count), ([copied], count), ([], touch)):
        with pytest.raises(RefusedError, match="500"):
            post(ana, "/aggregate", dataset=name, view=view, aggregations=[asked])
    assert not wait(mark.exists, 2)


def test_pictures_with_odd_names_are_served(served: Served) -> None:
    bo = Client(served.links["bo"])
    faces = bo.ask("next_faces", held=[], count=40)["faces"]
    assert len(faces) == len(ODD)
    for face in faces:
        content = (served.dataset / "images" / f"{face['id']}.png").read_bytes()
        assert bo.get(f"/gazebench/faces/{quote(face['id'])}") == content
        file = quote(str(served.dataset / "images" / f"{face['id']}.png"), safe="")
        assert bo.get(f"/media?filepath={file}") == content  # as FiftyOne's own grid asks


def test_a_full_disk_is_trouble_that_passes_and_no_refusal(served: Served) -> None:
    bo = Client(served.links["bo"])
    [face] = bo.ask("next_faces", held=[], count=1)["faces"]
    events = [press("bo", face)]
    [pid] = served.children("bo")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))  # the server can write no byte
    try:
        answer = bo.ask("vote", events=events)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.keys() == {"trouble"}
    assert "votes.sqlite" in answer["trouble"]
    assert bo.ask("vote", events=events)["saved"] == [events[0]["event"]]


@pytest.mark.slow
def test_five_volunteers_at_once(many_faces: Path) -> None:
    names = ("ana", "bo", "chen", "dora", "emil")
    done = run("label", "prepare", many_faces, "--annotators", ",".join(names), "--votes", 5)
    assert done.returncode == 0, done.stderr
    errors: list[Exception] = []

    def label(name: str, client: Client) -> None:
        try:
            for _ in range(300):
                face = client.ask("next_faces", held=[], count=1)["faces"][0]
                assert len(client.ask("vote", events=[press(name, face)])["saved"]) == 1
        except Exception as error:
            errors.append(error)

    with serving(many_faces, number=5) as served:
        clients = {name: Client(link) for name, link in served.links.items()}
        threads = [threading.Thread(target=label, args=pair) for pair in clients.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
    for name in names:
        assert len(stored(many_faces, name)) == 300


@pytest.fixture
def many_faces(demo_portraits: Path, tmp_path: Path) -> Path:
    """A dataset of 400 small portraits, built from lists alone: the same picture many times."""
    from benchmarks.made_datasets import make_dataset

    return make_dataset(tmp_path / "many", 400)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_processes_are_killed(many_faces: Path) -> None:
    """`kill -9` of mongod and of the volunteer's server, twenty times, while she labels."""
    done = run("label", "prepare", many_faces, "--annotators", "ana", "--repeats", "0")
    assert done.returncode == 0, done.stderr
    sent: list[str] = []
    with serving(many_faces) as served:
        client = Client(served.links["ana"])
        killer = threading.Thread(target=_kill_often, args=(served, 20))
        killer.start()
        faces = ({"id": f"p{n % 400:06}", "round": "label"} for n in itertools.count())
        while killer.is_alive():
            sent += until_saved(client, [press("ana", next(faces))])
            time.sleep(0.05)
    assert [e.event for e in stored(many_faces, "ana")] == sent
    assert len(sent) > 100


def _kill_often(served: Served, times: int) -> None:
    """Kill mongod and the server in turn, each when it is up, in the midst of the votes."""
    chosen = random.Random(0)
    for number in range(times):
        words = ("mongod", "ana")[number % 2]
        assert wait(lambda: status_or_none(served.links["ana"]) == 200, 300)
        assert wait(lambda words=words: bool(served.children(words)), 300)
        time.sleep(chosen.uniform(0.5, 2))
        for pid in served.children(words):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_dataset_is_built_again_while_it_is_served(demo_portraits: Path, tmp_path: Path) -> None:
    pictures, root = tmp_path / "pictures", tmp_path / "dataset"
    pictures.mkdir()
    faces = sorted(demo_portraits.glob("*.jpg"))[:12]
    for path in faces[:8]:
        shutil.copy(path, pictures)
    assert build(pictures, root).exit_code == 0
    done = run("label", "prepare", root, "--annotators", "ana", "--repeats", "0")
    assert done.returncode == 0, done.stderr
    with serving(root) as served:
        client = Client(served.links["ana"])
        first, second, *_ = client.ask("next_faces", held=[], count=8)["faces"]
        assert (
            len(client.ask("vote", events=[press("ana", f) for f in (first, second)])["saved"]) == 2
        )
        for path in faces[8:]:
            shutil.copy(path, pictures)
        (pictures / f"{first['id']}.jpg").unlink()
        assert build(pictures, root, "--overwrite").exit_code == 0

        def is_new() -> bool:
            try:
                return client.ask("progress")["total"] == 11
            except (OSError, http.client.HTTPException, RefusedError):
                return False

        assert wait(is_new, 120)
        assert client.ask("progress")["done"] == 1  # the other vote is on a portrait that is gone
        found = client.ask("next_faces", held=[], count=40)["faces"]
        assert {f["id"] for f in found} == {p.stem for p in faces} - {first["id"], second["id"]}
        assert client.get(f"/gazebench/faces/{found[0]['id']}")[:4] == b"\x89PNG"
        assert client.ask("vote", events=[press("ana", first)]).keys() == {"refused"}
        assert len(client.ask("vote", events=[press("ana", f) for f in found])["saved"]) == 10
    assert len(stored(root, "ana")) == 12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["with spaces", "中文 数据", 'quote\'s "two" 100% #1 &'])
def test_odd_folder_names_are_served(small_dataset: Path, tmp_path: Path, name: str) -> None:
    root = Path(shutil.copytree(small_dataset, tmp_path / name))
    assert run("label", "prepare", root, "--annotators", "ana").returncode == 0
    with serving(root) as served:
        client = Client(served.links["ana"])
        [face] = client.ask("next_faces", held=[], count=1)["faces"]
        assert client.get(f"/gazebench/faces/{face['id']}")[:4] == b"\x89PNG"
        assert len(client.ask("vote", events=[press("ana", face)])["saved"]) == 1
    assert len(stored(root, "ana")) == 1
