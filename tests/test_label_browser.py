"""A volunteer in Chromium, the real App, the real FiftyOne and the real mongod."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from labelling import event, needs_fiftyone
from playwright.sync_api import BrowserContext, Page, Response, sync_playwright

from benchmarks.label_servers import run, serving
from benchmarks.made_datasets import make_dataset
from gazebench.annotation.votes import UNDO, VOTES, Event, Votes

pytestmark = needs_fiftyone
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
MINUTES = 240_000  # a busy machine takes its time to show the App


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "run `apt-get install chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(MINUTES)
        yield context
        browser.close()


def opened(context: BrowserContext, link: str) -> Page:
    """The page of a link, as soon as there is something to do."""
    page = context.new_page()
    page.goto(link, wait_until="commit")
    page.wait_for_selector("[data-part=start], [data-part=portrait] img")
    return page


def until_the_app_is_there(page: Page) -> None:
    """The screen comes first; the App's panel takes it over."""
    page.wait_for_function("window.gazebenchLabel?.host?.closest('#root')")
    assert page.locator("#gazebench-cover").count() == 0
    found = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    first = next(
        n for n, name in enumerate(found) if re.search("/gazebench/(faces|examples)/", name)
    )
    assert first < next(n for n, name in enumerate(found) if "/assets/index-" in name)


@pytest.mark.long
def test_a_volunteer_labels_by_keys_leaves_and_comes_back(
    context: BrowserContext, small_dataset: Path, tmp_path: Path
) -> None:
    """The short one, on every submission: a few real faces, one undo, the page closed once."""
    dataset = Path(shutil.copytree(small_dataset, tmp_path / "it's 数据 100%"))
    done = run("label", "prepare", dataset, "--annotators", "ana", "--repeats", "0")
    assert done.returncode == 0, done.stderr
    with serving(dataset) as served:
        page = opened(context, served.links["ana"])
        practise(page)
        until(page, "0 of 24")
        label_until(page, 3)
        until_the_app_is_there(page)
        until(page, "3 of 24")  # the same screen
        label_until(page, 5)
        page.keyboard.press("z")
        until(page, "4 of 24")
        page.close()
        page = opened(context, served.links["ana"])
        until(page, "4 of 24")
        label_until(page, 8)
        until(page, "8 of 24")
        until_the_app_is_there(page)
        around = page.locator("body").inner_text()  # the App; the screen is in a shadow of its own
        assert not {"X", "Y", "unsure", "reject"} & set(around.split())  # labels.csv is there
        page.close()
    labels = [e for e in _events(dataset) if e.round == "label"]
    assert [e.vote for e in labels] == [*VOTES, "X", UNDO, *VOTES]
    assert len({e.portrait for e in labels}) == 8
    assert labels[4].portrait == labels[5].portrait == labels[6].portrait


def practise(page: Page) -> None:
    page.locator("[data-part=start]").click()
    for number in range(20):
        page.wait_for_selector(f"[data-part=where]:has-text('practice {number + 1} of 20')")
        page.wait_for_selector("[data-part=portrait] img")
        page.keyboard.press("f")
        page.wait_for_selector("[data-part=feedback]:not([hidden])")
        page.keyboard.press("Enter")


def where(page: Page) -> str:
    return page.locator("[data-part=where]").inner_text()


def until(page: Page, words: str) -> None:
    page.wait_for_selector(f"[data-part=where]:has-text('{words}')")
    page.wait_for_selector("[data-part=saved]:has-text('all saved')")


def label_until(page: Page, done: int) -> None:
    """A key each 80 ms, the four choices in turn, until so many faces are done."""
    while (number := int(where(page).split(" of ")[0])) < done:
        page.keyboard.press("fjur"[number % 4])
        page.wait_for_timeout(80)


@pytest.mark.slow
def test_a_volunteer_labels_undoes_leaves_and_comes_back(context, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "it's 数据 100%", 220)
    done = run("label", "prepare", dataset, "--annotators", "ana", "--repeats", "0")
    assert done.returncode == 0, done.stderr
    with serving(dataset) as served:
        page = opened(context, served.links["ana"])
        practise(page)
        until(page, "0 of 220")
        label_until(page, 120)
        for _ in range(10):
            page.keyboard.press("z")
            page.wait_for_timeout(80)
        until(page, "110 of 220")
        page.close()
        page = opened(context, served.links["ana"])
        until(page, "110 of 220")
        label_until(page, 200)
        until(page, "200 of 220")
        until_the_app_is_there(page)
        text = page.locator("body").inner_text()
        assert not {"unsure", "reject", "bo", "ambiguous"} & set(text.split())
        page.close()
    _check(list(_events(dataset)))


def _events(dataset: Path) -> Iterator[Event]:
    with Votes.open(dataset) as votes:
        yield from (event for _, event in votes.events())


def _check(events: list[Event]) -> None:
    """200 faces are voted on, 10 undos among them, in the order of their times."""
    labels = [e for e in events if e.round == "label"]
    assert Counter(e.vote == UNDO for e in labels) == {False: 210, True: 10}
    assert [e.time for e in events] == sorted(e.time for e in events)
    assert all(e.milliseconds is not None for e in labels if e.vote != UNDO)
    held: dict[str, str] = {}
    for e in labels:
        held.pop(e.portrait, None) if e.vote == UNDO else held.update({e.portrait: e.vote})
    assert len(held) == 200


@pytest.mark.slow
def test_the_grid_and_the_sidebar_show_no_label_and_no_vote_of_others(
    context: BrowserContext, small_dataset: Path, tmp_path: Path
) -> None:
    dataset = Path(shutil.copytree(small_dataset, tmp_path / "dataset"))  # with labels.csv
    done = run("label", "prepare", dataset, "--annotators", "ana,zoe")
    assert done.returncode == 0, done.stderr
    ids = [path.stem for path in (dataset / "images").iterdir()]
    with Votes.open(dataset) as votes:
        votes.add([event(id_, VOTES[n % 4], "zoe") for n, id_ in enumerate(ids)])
    came: list[Response] = []
    with serving(dataset, "--annotators", "ana") as served:
        page = context.new_page()
        page.on("response", lambda response: came.append(response))
        page.goto(served.links["ana"], wait_until="commit")
        until_the_app_is_there(page)
        page.locator("[data-cy=new-panel-btn]").first.click()
        page.get_by_text("Samples", exact=True).first.click()
        page.wait_for_selector("[data-cy=looker]")
        page.locator("[data-cy=action-toggle-sidebar]").click()
        page.wait_for_selector("[data-cy=sidebar]")
        seen = page.locator("body").inner_text()
        page.wait_for_timeout(1000)  # the grid makes room for the sidebar
        open_first_face(page)
        page.wait_for_timeout(2000)
        seen += page.locator("body").inner_text()
        bodies = [r.text() for r in came if "json" in r.headers.get("content-type", "")]
    assert "sample tags" in seen  # the sidebar shows fields
    assert not {"X", "Y", "unsure", "reject", "ambiguous", "zoe"} & set(seen.split())
    assert not any("zoe" in body for body in bodies)
    shown = [sample for body in bodies for sample in _samples(json.loads(body))]
    assert len(shown) >= 24
    assert {key.split(".")[0] for sample in shown for key in sample} <= FIELDS
    assert [sample for sample in shown if sample["tags"]] == []


def open_first_face(page: Page) -> None:
    """By its lower right corner: in a small one, the box that selects it reaches to the middle."""
    face = page.locator("[data-cy=looker]").first
    size = face.bounding_box()
    assert size
    face.click(position={"x": size["width"] - 12, "y": size["height"] - 12})
    page.wait_for_selector("[data-cy=modal]")


FIELDS = {"_id", "id", "_cls", "_media_type", "_rand", "_dataset_id", "filepath", "tags",
          "metadata", "created_at", "last_modified_at"}  # fmt: skip


def _samples(content: object) -> Iterator[dict[str, object]]:
    """All samples in an answer of the App's server."""
    if isinstance(content, dict):
        if isinstance(content.get("filepath"), str) and "tags" in content:  # no schema
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for inner in content:
            yield from _samples(inner)


@pytest.mark.slow
def test_keys_pressed_while_the_server_is_away_arrive_once(context, tmp_path: Path) -> None:
    import os
    import signal

    dataset = make_dataset(tmp_path / "dataset", 60)
    assert run("label", "prepare", dataset, "--annotators", "ana", "--repeats", "0").returncode == 0
    with serving(dataset) as served:
        page = opened(context, served.links["ana"])
        practise(page)
        until(page, "0 of 60")
        label_until(page, 5)
        for pid in served.children("ana"):
            os.kill(pid, signal.SIGKILL)
        for _ in range(6):  # faces that were loaded before
            page.keyboard.press("j")
            page.wait_for_timeout(80)
        until(page, " of 60")
        label_until(page, 20)
        until(page, "20 of 60")
        page.close()
        _leave_unsent(context, served.links["ana"], 2)
        _leave_unsent(context, served.links["ana"], 3)
        page = opened(context, served.links["ana"])
        until(page, "25 of 60")
        page.close()
    labels = [e for e in _events(dataset) if e.round == "label"]
    assert len({e.portrait for e in labels}) == len(labels) == 25


def _leave_unsent(context: BrowserContext, link: str, votes: int) -> None:
    """A tab whose votes do not get through, closed."""
    page = opened(context, link)
    page.route("**/operators/execute", lambda route: route.abort())
    before = int(where(page).split(" of ")[0])
    label_until(page, before + votes)
    page.wait_for_selector("[data-part=saved]:has-text('not saved yet')")
    page.close()


@pytest.mark.slow
def test_the_plain_panel_votes_by_buttons(context, tmp_path: Path) -> None:
    """The way without our JavaScript, from the button beside the tab."""
    dataset = make_dataset(tmp_path / "dataset", 20)
    assert run("label", "prepare", dataset, "--annotators", "ana", "--repeats", "0").returncode == 0
    with serving(dataset) as served:
        page = opened(context, served.links["ana"])
        page.locator("[data-cy=new-panel-btn]").first.click()
        page.get_by_text("Label (plain)").first.click()
        page.get_by_text("0 of 20.").wait_for()
        page.get_by_role("button", name="Looks elsewhere", exact=True).click()
        page.get_by_text("1 of 20.").wait_for()
        page.get_by_role("button", name="Unsure", exact=True).click()
        page.get_by_text("2 of 20.").wait_for()
        page.get_by_role("button", name="Undo", exact=True).click()
        page.get_by_text("1 of 20.").wait_for()
        shown = page.locator("img[src*='/gazebench/faces/']").first.get_attribute("src")
    events = list(_events(dataset))
    assert [e.vote for e in events] == ["Y", "unsure", UNDO]
    assert shown is not None
    assert shown.endswith(events[1].portrait)  # the face comes back
