"""The study's server, over real sockets: blinding, single counting, attacks."""

import contextlib
import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from benchmarks.made_study import METHODS, made_study
from benchmarks.study_server import free_port, serving, stored_answers
from gazebench.annotation.processes import wait
from gazebench.study.answers import Answers
from gazebench.study.counting import respondents
from gazebench.study.design import Design
from gazebench.study.plan import Plan, Trial
from gazebench.study.respondents import Keyring

HOST = "127.0.0.1"


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Browser:
    """A respondent's browser without JavaScript."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""

    def ask(self, path: str, form: object = None, /, method: str = "", **headers: str) -> Reply:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        sent = {"Cookie": self.cookie} if self.cookie else {}
        body = form if isinstance(form, bytes | None) else urlencode(form).encode()  # type: ignore[arg-type]
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            if "set-cookie" in found:
                self.cookie = found["set-cookie"].partition(";")[0]
            return Reply(answer.status, found, answer.read())

    def begin(self) -> "Browser":
        assert self.ask("/start", {"agree": "yes"}).headers["location"] == "/question"
        return self

    @property
    def name(self) -> str:
        return self.token[:10]

    @property
    def token(self) -> str:
        return self.cookie.partition("=")[2]


@dataclass
class Served:
    study: Path
    port: int

    def browser(self) -> Browser:
        return Browser(self.port)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    study = made_study(tmp_path_factory.mktemp("served"), questions=4, catches=1, repeats=1)
    port, browser = free_port(), study.with_name("browser")
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{study}.opened'\n")
    browser.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER", str(browser))
        with serving(study, port, "--allow-host", "study.example.org", "--open"):
            yield Served(study, port)


def number_of(page: Reply) -> int:
    found = re.search(r'name="question" value="(\d+)"', page.text)
    assert found, page.text
    return int(found[1])


def pictures_of(page: Reply) -> list[str]:
    return re.findall(r'src="(/picture/\w+)"', page.text)


def events(served: Served, name: str) -> list[str]:
    with Answers.open(served.study) as answers:
        return [e.event.rpartition("/")[2] for e in answers.events() if e.respondent == name]


def test_a_whole_study_from_consent_to_the_completion_code(served: Served) -> None:
    browser = served.browser().begin()
    seen = []
    while (page := browser.ask("/question")).status == 200:
        seen.append(number_of(page))
        browser.ask("/answer", {"question": seen[-1], "choice": 1, "milliseconds": 2500})
    assert page.headers["location"] == "/done"
    assert seen == list(range(6))
    done = browser.ask("/done").text
    assert Keyring.of(served.study).completion(browser.name) in done
    assert events(served, browser.name) == ["consent", *map(str, range(6))]
    with Answers.open(served.study) as answers:
        mine = [e for e in answers.events() if e.respondent == browser.name]
    assert {e.milliseconds for e in mine[1:]} == {2500}
    assert mine[0].choice == Design.load(served.study).consent_version
    assert [e.choice for e in mine[1:]] == [e.options[0] for e in mine[1:]]


def test_nothing_sent_tells_the_methods_apart(served: Served) -> None:
    browser = served.browser().begin()
    page = browser.ask("/question")
    replies = [browser.ask(path) for path in pictures_of(page)]
    assert len(replies) == 1 + len(METHODS)
    for reply in (page, *replies):
        everything = str(reply.headers) + reply.body.decode("latin-1")
        assert not [word for word in (*METHODS, "broken") if word in everything.lower()]
    varying = [{**r.headers, "date": ""} for r in replies]
    assert all(headers == varying[0] for headers in varying)  # the same length too
    assert len({r.body for r in replies}) == len(replies)
    for reply in replies:
        assert reply.body.startswith(b"\xff\xd8")
        assert b"Exif" not in reply.body


def test_consent_comes_first(served: Served) -> None:
    browser = served.browser()
    assert browser.ask("/question").headers["location"] == "/"
    refused = browser.ask("/start", {"agree": ""})
    assert refused.status == 400
    assert "please tick the box" in refused.text
    assert browser.cookie == ""
    assert browser.ask("/answer", {"question": 0, "choice": 1}).status == 403


def test_a_double_click_a_replay_and_the_back_button_count_once(served: Served) -> None:
    browser = served.browser().begin()
    for choice in (2, 2, 5, 0):
        reply = browser.ask("/answer", {"question": 0, "choice": choice})
        assert (reply.status, reply.headers["location"]) == (303, "/question")
    browser.ask("/answer", {"question": 1, "choice": 1})
    browser.ask("/answer", {"question": 0, "choice": 1})
    assert {k: v for k, v in stored_answers(served.study).items() if k[0] == browser.name} == {
        (browser.name, 0): 2,
        (browser.name, 1): 1,
    }
    assert number_of(browser.ask("/question")) == 2


def test_a_second_start_is_the_same_respondent(served: Served) -> None:
    browser = served.browser().begin()
    browser.ask("/answer", {"question": 0, "choice": 1})
    before = browser.cookie
    browser.begin()
    assert browser.cookie == before
    assert number_of(browser.ask("/question")) == 1
    assert "You have begun already" in browser.ask("/").text


def test_the_personal_code_resumes_elsewhere(served: Served) -> None:
    first, second = served.browser().begin(), served.browser()
    page = first.ask("/question")
    code = re.search(r'class="code">([a-z2-7-]+)<', page.text)
    assert code
    first.ask("/answer", {"question": 0, "choice": 3})
    assert second.ask("/resume", {"code": code[1].upper()}).headers["location"] == "/question"
    assert second.cookie == first.cookie
    assert number_of(second.ask("/question")) == 1


def test_who_withdraws_is_left_out_and_stays_out(served: Served) -> None:
    browser = served.browser().begin()
    browser.ask("/answer", {"question": 0, "choice": 1})
    code, cookie = browser.token, browser.cookie
    assert browser.ask("/withdraw", {"code": code}).status == 200
    browser.cookie = cookie
    assert browser.ask("/question").status == 410
    assert browser.ask("/answer", {"question": 1, "choice": 1}).status == 403
    with Answers.open(served.study) as answers:
        people = respondents(answers.events(), Design.load(served.study))
    mine = next(p for p in people if p.name == browser.name)
    assert (mine.excluded, mine.answers) == ("withdrawn", [])
    assert served.browser().ask("/withdraw", {"code": "a" * 20}).status == 403


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"question": 3, "choice": 1}, 409),
        ({"question": 6, "choice": 1}, 400),
        ({"question": -1, "choice": 1}, 400),
        ({"question": "٣", "choice": 1}, 400),
        ({"question": 0, "choice": 6}, 400),
        ({"question": 0, "choice": "alpha"}, 400),
        ({"question": 0}, 400),
        ({"choice": 1}, 400),
        ({"question": 0, "choice": 1, "milliseconds": "1e9"}, 400),
        ({"question": 0, "choice": 1, "milliseconds": 10**11}, 400),
        ({str(n): n for n in range(50)}, 400),
        (b"\xff\xfe=\xff", 400),
    ],
)
def test_odd_answers_are_refused_and_nothing_is_stored(
    served: Served, form: object, status: int
) -> None:
    browser = served.browser().begin()
    assert browser.ask("/answer", form).status == status
    assert events(served, browser.name) == ["consent"]


def test_forged_and_swapped_tokens_are_refused(served: Served) -> None:
    ana, bo = served.browser().begin(), served.browser().begin()
    swapped = ana.token[:10] + bo.token[10:]
    changed = ana.token[:-1] + ("a" if ana.token[-1] != "a" else "b")
    for token in (swapped, changed, ana.token[:10], "", "../../etc/passwd", "a" * 20, "ä" * 20):
        forger, answer = served.browser(), {"question": 0, "choice": 1}
        for path, form in (("/question", None), ("/answer", answer), ("/done", None)):
            name = ana.cookie.partition("=")[0]
            forger.cookie = f"{name}={token}".encode().decode("latin-1")
            assert forger.ask(path, form).status in (303, 403)
            assert "/picture/" not in forger.ask(path, form).text
    assert events(served, ana.name) == events(served, bo.name) == ["consent"]


def test_pictures_of_one_respondent_are_not_those_of_another(served: Served) -> None:
    ana, bo = served.browser().begin(), served.browser().begin()
    path = pictures_of(ana.ask("/question"))[0]
    assert ana.ask(path).status == 200
    assert bo.ask(path).status == 404
    assert served.browser().ask(path).status == 403


TRAVERSALS = [
    *("/picture/..%2f..%2fkey", "/picture/%2e%2e/%2e%2e/key", "/../key", "/..%2fkey"),
    *("/picture/....//key", "/picture/00000.jpg", "/picture/%00", "//etc/passwd", "/key"),
    *("/design.json", "/answers.sqlite", "/pictures/00000.jpg", "/picture/..%5c..%5ckey"),
    *("/picture/%252e%252e%252fkey", "/study.css/../key", "/.git/config", "/picture/"),
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_to_a_file(served: Served, path: str) -> None:
    browser = served.browser().begin()
    reply = browser.ask(path)
    assert 400 <= reply.status < 500
    assert (served.study / "key").read_bytes() not in reply.body
    assert str(served.study) not in reply.text
    assert b"Traceback" not in reply.body


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80@127.0.0.1"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://[broken"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=str,
)
def test_foreign_hosts_and_origins_are_refused(served: Served, headers: dict[str, str]) -> None:
    browser = served.browser().begin()
    reply = browser.ask("/answer", {"question": 0, "choice": 1}, **headers)
    assert 400 <= reply.status < 500
    assert events(served, browser.name) == ["consent"]


def test_the_page_is_opened_where_that_was_asked(served: Served) -> None:
    opened = served.study.with_name(f"{served.study.name}.opened")
    assert wait(opened.exists, 30)
    assert opened.read_text() == f"http://{HOST}:{served.port}/\n"


def test_a_host_that_was_allowed_is_let_through(served: Served) -> None:
    assert served.browser().ask("/", Host="study.example.org").status == 200


def test_the_pages_own_origin_is_let_through(served: Served) -> None:
    browser = served.browser().begin()
    origin = f"http://{HOST}:{served.port}"
    reply = browser.ask("/answer", {"question": 0, "choice": 1}, Origin=origin)
    assert reply.status == 303


def test_every_answer_carries_the_security_headers(served: Served) -> None:
    browser = served.browser().begin()
    paths = ("/", "/question", "/study.js", "/study.css", "/nowhere", "/picture/x", "/withdraw")
    for reply in (*(browser.ask(path) for path in paths), browser.ask("/", Host="evil.example")):
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert "server" not in reply.headers


def raw(port: int, head: str, chunks: Iterator[bytes] | list[bytes], pause: float = 0) -> bytes:
    """What comes back, whatever was sent."""
    with socket.create_connection((HOST, port), 30) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(OSError):
            for chunk in chunks:
                connection.sendall(chunk)
                time.sleep(pause)
        found = b""
        with contextlib.suppress(OSError):
            while more := connection.recv(65536):
                found += more
        return found


FORM = f"Host: {HOST}\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize("encoding", ["Content-Length: 10000000", "Transfer-Encoding: chunked"])
def test_bodies_of_ten_megabytes_are_refused(served: Served, encoding: str) -> None:
    chunk = b"x" * 100_000
    framed = chunk if "Length" in encoding else b"%x\r\n%s\r\n" % (len(chunk), chunk)
    answer = raw(served.port, f"POST /answer HTTP/1.1\r\n{FORM}{encoding}\r\n\r\n", [framed] * 100)
    assert answer.startswith(b"HTTP/1.1 413") or answer == b""  # cut off while sending
    assert served.browser().ask("/health").status == 200


def test_a_body_that_does_not_come_is_given_up(served: Served) -> None:
    head = f"POST /answer HTTP/1.1\r\n{FORM}Content-Length: 30\r\n\r\n"
    began = time.monotonic()
    answer = raw(served.port, head, [b"q"] * 3, pause=0.5)
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - began < 20


def test_other_methods_and_types_are_refused(served: Served) -> None:
    browser = served.browser().begin()
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
        assert browser.ask("/answer", method=method).status in (404, 405)
    reply = browser.ask("/answer", b"{}", Content_Type="application/json")
    assert reply.status == 415


def test_a_second_server_of_one_study_is_refused(served: Served) -> None:
    program = ["gazebench", "study", "serve", str(served.study), "--port", str(free_port())]
    done = subprocess.run(
        [sys.executable, "-m", *program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 6, done.stderr


@pytest.mark.long
def test_a_restart_resumes_everybody(tmp_path: Path) -> None:
    study, port = made_study(tmp_path, questions=3, catches=0, repeats=0), free_port()
    with serving(study, port):
        browser = Browser(port).begin()
        browser.ask("/answer", {"question": 0, "choice": 1})
        shown = browser.ask("/question").body
    with serving(study, port):
        assert browser.ask("/question").body == shown


def test_trials_are_where_the_plan_says(served: Served) -> None:
    plan = Plan(Design.load(served.study))
    for name in ("aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"):
        kinds = [question.trial for question in plan.questions(name)]
        assert sorted(kinds) == sorted([Trial.MAIN] * 4 + [Trial.CATCH, Trial.REPEAT])
