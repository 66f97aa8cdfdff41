"""The labelling page without a server, in Chromium: keys, thumbs, undo, and the way back."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from build_runs import gazebench
from playwright.sync_api import Browser, Page, sync_playwright

from gazebench.annotation.importing import import_votes
from gazebench.annotation.pack import write_pack
from gazebench.annotation.votes import Round, Votes

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
KEYS = {"X": "f", "Y": "2", "unsure": "u", "reject": "4"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.fail("the page is tested in Chromium; run `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def packed(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset whose folder has an odd name, and ana's page of 12 faces."""
    root = tmp_path_factory.mktemp("pack") / "it's 数据"
    shutil.copytree(small_dataset, root)
    assert gazebench("label", "prepare", root, "--annotators", "ana", "--no-app").exit_code == 0
    page = root.with_name("ana's page.html")
    assert write_pack(root, "ana", page, faces=12).faces == 12
    return root, page


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture(params=[(1400, 900), (390, 844)], ids=["keys", "thumbs"])
def screen(browser: Browser, packed, request, errors: list[str]) -> Iterator[Page]:
    width, height = request.param
    is_phone = width < 700
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=is_phone, is_mobile=is_phone
    )
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: errors.append(r.url) if r.url.startswith("http") else None)
    page.goto(packed[1].as_uri())
    yield page
    context.close()


def say(page: Page, vote: str) -> None:
    """Press the key, or the button where there are thumbs; the face must be on the screen."""
    page.wait_for_selector("[data-part=portrait] img")
    viewport = page.viewport_size
    assert viewport is not None
    if viewport["width"] < 700:
        page.locator(f"[data-vote={vote}]").tap()
    else:
        page.keyboard.press(KEYS[vote])


def shown(page: Page) -> str:
    page.wait_for_selector("[data-part=portrait] img")
    return str(page.locator("[data-part=portrait]").get_attribute("data-id"))


def where(page: Page) -> str:
    return page.locator("[data-part=where]").inner_text()


def practise(page: Page) -> None:
    """Start, and go through the twenty faces with their answers."""
    page.locator("[data-part=start]").click()
    for number in range(20):
        assert where(page) == f"practice {number + 1} of 20"
        say(page, "X")
        page.wait_for_selector("[data-part=feedback]:not([hidden])")
        say(page, "X")


def skip_practice(page: Page) -> None:
    """As if the twenty faces had been seen on an earlier visit."""
    page.evaluate("""() => {
        const pack = JSON.parse(document.getElementById("pack").textContent);
        const events = pack.training.map((face) => ({ event: `e ${face.id}`, annotator: "ana",
            portrait: face.id, vote: "X", milliseconds: 1, time: "2026-01-01T00:00:00Z",
            round: "training", client: "pack" }));
        localStorage.setItem(`gazebench/votes/${pack.id}`, JSON.stringify(events));
    }""")
    page.reload()


def download(page: Page, path: Path) -> dict:
    with page.expect_download() as waited:
        page.locator("[data-part=download]").first.click()
    waited.value.save_as(path)
    return json.loads(path.read_text())


def test_a_page_is_voted_through_and_its_votes_come_back(screen, packed, errors, tmp_path) -> None:
    root = Path(shutil.copytree(packed[0], tmp_path / "dataset"))
    practise(screen)
    said: dict[str, str] = {}
    for vote in ("X", "Y", "unsure", "reject", "X"):
        said[shown(screen)] = vote
        say(screen, vote)
    assert where(screen) == "5 of 12"
    for _ in range(2):
        screen.locator("[data-part=undo]").click()
        said.pop(shown(screen))
    screen.reload()
    assert shown(screen)
    assert where(screen) == "3 of 12"
    for _ in range(9):
        said[shown(screen)] = "Y"
        say(screen, "Y")
    screen.wait_for_selector("text=All done")
    path = tmp_path / "votes.json"
    assert len(download(screen, path)["events"]) == 20 + 5 + 2 + 9
    assert import_votes(root, path).new == 36
    assert import_votes(root, path).new == 0
    with Votes.open(root) as votes:
        assert {e.portrait: e.vote for e in votes.current()} == said
        assert len(list(votes.current(Round.TRAINING))) == 20
        times = [e.time for _, e in votes.events()]
    assert times == sorted(times)
    assert errors == []
    assert screen.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("screen", [(1400, 900)], indirect=True)
def test_a_key_held_down_or_with_ctrl_is_no_vote(screen: Page) -> None:
    skip_practice(screen)
    first = shown(screen)
    screen.keyboard.press("Control+f")
    screen.keyboard.press("Alt+2")
    assert shown(screen) == first
    screen.keyboard.down("f")
    second = shown(screen)
    screen.keyboard.down("f")  # the repetition of a key that is held
    screen.keyboard.down("f")
    assert shown(screen) == second != first
    screen.keyboard.up("f")


@pytest.mark.parametrize("screen", [(1400, 900)], indirect=True)
def test_a_key_pressed_before_a_face_was_there_is_no_vote_on_it(screen: Page) -> None:
    """As on a busy machine: the second key went down while the first face was on the screen."""
    skip_practice(screen)
    shown(screen)
    screen.wait_for_timeout(300)  # the next faces are loaded
    screen.evaluate("""async () => {
        const keys = [1, 2].map(() => new KeyboardEvent("keydown", { key: "f", composed: true }));
        await new Promise((resolve) => setTimeout(resolve, 50));
        keys.forEach((key) => window.dispatchEvent(key));
    }""")
    assert where(screen) == "1 of 12"
    say(screen, "X")
    assert where(screen) == "2 of 12"


@pytest.mark.parametrize("screen", [(1400, 900)], indirect=True)
def test_of_two_tabs_the_newer_one_continues(screen: Page) -> None:
    skip_practice(screen)
    first = shown(screen)
    say(screen, "X")
    other = screen.context.new_page()
    other.goto(screen.url)
    assert where(other) == "1 of 12"
    screen.get_by_text("You continue in another tab").wait_for()
    screen.keyboard.press("f")
    assert shown(other) != first
    say(other, "Y")
    assert where(other) == "2 of 12"
    screen.locator("[data-part=here]").click()
    shown(screen)
    assert where(screen) == "2 of 12"
    other.get_by_text("You continue in another tab").wait_for()
    assert events_of(screen) == ["X", "Y"]


def events_of(page: Page) -> list[str]:
    found = page.evaluate("""() => Object.keys(localStorage).filter((k) => k.includes("/votes/"))
        .flatMap((key) => JSON.parse(localStorage.getItem(key)))""")
    return [event["vote"] for event in found if event["round"] == "label"]


@pytest.mark.parametrize("screen", [(1400, 900)], indirect=True)
def test_what_was_said_is_undone_over_a_reload(screen: Page) -> None:
    skip_practice(screen)
    first = shown(screen)
    say(screen, "X")
    screen.reload()
    shown(screen)
    screen.locator("[data-part=undo]").click()
    assert where(screen) == "0 of 12"
    assert shown(screen) == first


def test_the_page_names_no_label_and_no_place(packed: tuple[Path, Path]) -> None:
    root, page = packed
    text = page.read_text()
    facts = json.loads(text.split('id="pack">')[1].split("</script>")[0])
    assert all(face.keys() == {"id", "round", "eyes"} for face in facts["faces"])
    assert str(root.parent) not in text
    assert "default-src &#39;none&#39;" in text


def test_who_has_nothing_left_gets_no_page(packed, tmp_path: Path) -> None:
    done = gazebench("label", "pack", packed[0], "--annotator", "bo", "--out", tmp_path / "p.html")
    assert done.exit_code == 3
    assert "'bo' is not an annotator here; there are: ana" in done.output
