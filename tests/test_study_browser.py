"""A respondent in Chromium: the served pages with and without JavaScript, the offline page, axe."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from report_runs import make_runs

from benchmarks.made_study import made_study
from benchmarks.study_server import free_port, serving, start, stored_answers
from gazebench import store
from gazebench.reports.page.study import render
from gazebench.reports.report import write_report
from gazebench.results import RunResult
from gazebench.study.analysis import analyse, publish
from gazebench.study.design import Design
from gazebench.study.pack import FORMAT, import_answers, write_packs
from gazebench.study.respondents import Keyring
from gazebench.study.simulation import simulate

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
WIDTHS = [1400, 390]
ASKED = 6
pytestmark = pytest.mark.long  # a minute of a browser; the server alone is in test_study_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "run `apt-get install chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    return made_study(folder, questions=4, catches=1, repeats=1)


@pytest.fixture(scope="module")
def port(study: Path) -> Iterator[int]:
    port = free_port()
    with serving(study, port):
        yield port


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page of a browser of its own; what it says on its console fails the test."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def open_(width: int, *, script: bool = True) -> Page:
        size = {"width": width, "height": 844}
        context = browser.new_context(viewport=size, java_script_enabled=script)  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def begin(page: Page, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Start").click()


def until(page: Page, number: int) -> None:
    page.get_by_text(f"Question {number + 1} of {ASKED}").wait_for()


def fits(page: Page, width: int) -> bool:
    return page.evaluate("document.documentElement.scrollWidth") <= width


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("script", [True, False], ids=["js", "no-js"])
def test_a_whole_study_is_played(
    opened: Callable[..., Page], study: Path, port: int, width: int, script: bool
) -> None:
    page = opened(width, script=script)
    begin(page, port)
    name = page.context.cookies()[0]["value"][:10]  # type: ignore[typeddict-item]
    places = [1, 0, 5, 2, 3, 4]
    for number, place in enumerate(places):
        until(page, number)
        if script and number % 2 == 0:
            page.locator("form.ask img").last.wait_for()
            page.keyboard.press(str(place))
        else:
            page.locator(f"button[value='{place}']").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert page.locator(".big.code").inner_text().count("-") == 1
    stored = {key[1]: value for key, value in stored_answers(study).items() if key[0] == name}
    assert stored == dict(enumerate(places))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_axe_finds_nothing(
    opened: Callable[..., Page], port: int, width: int
) -> None:
    page = opened(width)
    found = {}
    for path in ("/", "/resume", "/withdraw"):
        page.goto(f"http://127.0.0.1:{port}{path}")
        found[path] = violations(page)
        assert fits(page, width)
    begin(page, port)
    for number in range(ASKED):
        until(page, number)
        found[f"question {number}"] = violations(page)
        assert fits(page, width)
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth)")
        page.keyboard.press("1")
    page.get_by_role("heading", name="Thank you").wait_for()
    found["done"] = violations(page)
    assert [one for some in found.values() for one in some] == []


def test_all_choices_are_in_view_on_a_phone(opened: Callable[..., Page], port: int) -> None:
    page = opened(390)
    begin(page, port)
    until(page, 0)
    page.locator("button[value='1']").click()
    until(page, 1)
    other = page.locator("button.other").bounding_box()
    assert other is not None
    assert other["y"] + other["height"] <= 844


def test_an_answer_given_while_the_server_is_away_arrives_once(
    opened: Callable[..., Page], tmp_path: Path, browser: Browser
) -> None:
    study, port = made_study(tmp_path, questions=4, catches=1, repeats=1), free_port()
    server = start(study, port)
    context = browser.new_context(viewport={"width": 1400, "height": 844})
    page = context.new_page()  # its console reports the failed requests, which is right
    page.set_default_timeout(60_000)
    begin(page, port)
    until(page, 0)
    server.kill()
    server.wait()
    page.keyboard.press("3")
    page.get_by_text("Not saved yet").wait_for()
    page.keyboard.press("4")  # too late: a choice is made
    server = start(study, port)
    until(page, 1)
    server.terminate()
    server.wait()
    context.close()
    assert list(stored_answers(study).values()) == [3]


@pytest.mark.parametrize("width", WIDTHS)
def test_an_offline_page_is_played_closed_and_sent_back(
    opened: Callable[..., Page], study: Path, tmp_path: Path, width: int
) -> None:
    (path,) = write_packs(study, tmp_path, 1, quiet=True)
    page = opened(width)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert violations(page) == []
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Start").click()
    for number in range(ASKED):
        page.locator("section:not([hidden])", has_text=f"Question {number + 1} of").wait_for()
        assert fits(page, width)
        if number == 3:
            page.reload()  # nothing is lost
            assert violations(page) == []
        page.keyboard.press("2")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save my answers").click()
    file = tmp_path / "answers.json"
    download.value.save_as(file)
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [path.as_uri()] * 2
    name = path.stem.removeprefix("study-")
    for new in (ASKED + 1, 0):  # twice changes nothing
        assert import_answers(study, [file]) == (new, [])
    stored = [value for key, value in stored_answers(study).items() if key[0] == name]
    assert stored == [2] * ASKED


def test_forged_files_of_answers_are_refused(study: Path, tmp_path: Path) -> None:
    good = {
        "format": FORMAT,
        "study": Design.load(study).id,
        "code": Keyring.of(study).new_token(),
        "consented": "2026-01-01T00:00:00.000Z",
        "answers": [{"question": "0", "choice": "1", "time": "2026-01-01T00:00:09.000Z"}],
    }
    wrong = [
        {**good, "study": "0" * 12},
        {**good, "code": "a" * 20},
        {**good, "consented": None},
        {**good, "answers": [{**good["answers"][0], "choice": "9"}]},  # type: ignore[dict-item]
        {**good, "answers": [{**good["answers"][0], "time": "yesterday"}]},  # type: ignore[dict-item]
        {**good, "answers": 7},
        [],
    ]
    for content in wrong:
        (tmp_path / "a.json").write_text(json.dumps(content))
        new, problems = import_answers(study, [tmp_path / "a.json"])
        assert (new, len(problems)) == (0, 1), content
    (tmp_path / "a.json").write_text(json.dumps(good))
    assert import_answers(study, [tmp_path / "a.json"]) == (2, [])


@pytest.mark.parametrize("kind", ["best", "pairs"])
def test_the_report_fits_and_axe_finds_nothing(
    opened: Callable[..., Page], tmp_path: Path, kind: str
) -> None:
    study = made_study(tmp_path, questions=10, catches=1, repeats=1, kind=kind)
    simulate(study, 12)
    store.write(study / "report.html", render(analyse(study)))
    for width in WIDTHS:
        page = opened(width)
        page.goto((study / "report.html").as_uri())
        assert violations(page) == []
        assert fits(page, width)
        assert "simulated" in page.locator("h1 + .lede").inner_text()


def test_the_leaderboard_shows_the_study_of_its_runs(
    opened: Callable[..., Page], study: Path, tmp_path: Path
) -> None:
    runs = make_runs(tmp_path)
    fingerprint = RunResult.load(runs / "star" / "scores.json").dataset.fingerprint
    other = made_study(tmp_path / "other", questions=4, catches=1, repeats=0)
    simulate(other, 10)
    facts = analyse(other)
    rows = [{**row, "fingerprint": fingerprint} for row in facts["rows"]]
    publish({**facts, "rows": rows}, other, runs)
    page = opened(1400)
    page.goto(write_report(runs, tmp_path / "out").page.as_uri())
    section = page.locator("#b1-study")
    shown = section.locator("tbody td:nth-child(2)").all_inner_texts()
    assert sum(float(text.rstrip("abcdef")) for text in shown) == pytest.approx(100)
    assert "simulated" in section.locator("h3").inner_text()
    assert violations_in(page, "#b1-study") == []
    store.write(runs / "study.json", "{")
    report = write_report(runs, tmp_path / "out")
    assert "study.json: damaged" in report.damaged[-1]
    assert "User study</h3>" not in report.page.read_text(encoding="utf-8")


def violations_in(page: Page, place: str) -> list[str]:
    found = Axe().run(page, context=place).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]
