"""The leaderboard page, mostly as a browser sees it."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from report_runs import (
    add_upsampling,
    make_dataset,
    make_result,
    make_runs,
    make_runs_with_figures,
)

from gazebench.cards import MethodCard
from gazebench.reports.page.methods import openings, timings
from gazebench.reports.report import write_report
from gazebench.reports.sanitising import public_text
from gazebench.results import RunResult

GOLDEN = Path(__file__).parent / "golden" / "leaderboard.html"
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
HOSTILE = "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>=cmd"


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
def report(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("report")
    return write_report(make_runs(root), root / "out").page


@pytest.fixture
def page(browser, report) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(report.as_uri())
    yield page
    page.close()


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A report of ten rows on one dataset and five on another one."""
    root = tmp_path_factory.mktemp("wide")
    for name, portraits in (("one", 12), ("two", 8)):
        make_runs(root / name, portraits)
    runs = root / "one" / "runs"
    for number in range(5):
        shutil.copytree(runs / "star", runs / f"more-{number}")
        title, code = f"Method {number}", "https://example.org/code" if number == 3 else ""
        change(runs, f"more-{number}", method=MethodCard(title=title, code=code, year=2001))
    return write_report(root, root / "out").page


@pytest.fixture
def wide_page(browser, wide) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(wide.as_uri())
    yield page
    page.close()


def top_of(place: Locator) -> float:
    """Pixels from the upper edge of the window."""
    box = place.bounding_box()
    assert box is not None
    return box["y"]


def change(runs: Path, run: str, **changes) -> None:
    path = runs / run / "scores.json"
    replace(RunResult.load(path), **changes).save(path)


def methods(page: Page) -> list[str]:
    """Labels of the ranked part of the table from top to bottom, in lower case."""
    heads = "[...document.querySelectorAll('#b1-scores [data-group=method] th[data-text]')]"
    return page.evaluate(f"{heads}.map((head) => head.dataset.text)")


def skeleton(page: str) -> str:
    """The page without what is reviewed elsewhere: style, script, pictures, downloads."""
    page = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", page, flags=re.DOTALL)
    page = re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-", page)
    page = re.sub(r"data:([a-z/-]+)[^\"]*;base64,[^\"]+", r"data:\1", page)
    page = re.sub(r"Made by gazebench [\d.]+", "Made by gazebench", page)
    return re.sub(r"\n\s*\n+", "\n", page)


def test_page_looks_as_reviewed(report, request):
    text = skeleton(report.read_text(encoding="utf-8"))
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [1400, 768, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_is_quiet_alone_and_never_scrolls_sideways(browser, report, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    context.close()


def test_another_table_stands_below_the_first_one_and_sorts_by_itself(browser, tmp_path):
    runs = make_runs(tmp_path)
    add_upsampling(runs, "v2", RunResult.load(runs / "v2" / "scores.json").dataset)
    page, said = browser.new_page(viewport={"width": 390, "height": 844}), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(write_report(runs, tmp_path / "out").page.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("h3", has_text="Table ").all_inner_texts() == [
        "Table I. Gaze correction",
        "Table I (stability). Leading group and stability of ranks",
        "Table VI. Up-sampling",
    ]
    second = page.locator("table.scores").nth(2)
    names = second.locator("tbody[data-group=method] th[data-text]")
    assert names.all_inner_texts() == ["Bilinear", "CFM"]
    second.get_by_role("button", name=re.compile("LPIPS, full")).click()
    assert [name.split()[0] for name in names.all_inner_texts()] == ["CFM", "Bilinear"]
    assert page.locator("table.scores").first.locator("th[aria-sort]").count() == 1
    assert page.get_by_text("ESRGAN was not measured: no weights.").count() == 1
    identifiers = "[...document.querySelectorAll('[id]')].map((one) => one.id)"
    found = page.evaluate(identifiers)
    assert len(found) == len(set(found))
    assert said == []
    page.close()


def test_caption_is_whole_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for box in (c.bounding_box() for c in page.locator(".caption").all()):
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_first_column_stays_in_view_while_the_table_scrolls(page):
    page.set_viewport_size({"width": 390, "height": 844})
    region = page.locator(".scroll").first
    region.evaluate("region => { region.scrollLeft = 400; }")
    assert region.evaluate("region => region.scrollLeft") == 400
    edges = page.evaluate(
        "[document.querySelector('.scores tbody th'), document.querySelector('.scroll')]"
        ".map((element) => Math.round(element.getBoundingClientRect().left))"
    )
    assert edges[0] - edges[1] in (0, 1)


def test_a_click_sorts_best_first_then_worst_first(page):
    header = page.locator("th", has=page.get_by_role("button", name=re.compile("FPS"))).first
    assert page.locator("th[aria-sort=ascending] button").inner_text().startswith("FID eyes")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert page.locator("th[aria-sort]").count() == 1


def test_sorting_works_with_the_keyboard_alone(page):
    page.get_by_role("button", name="Method").first.focus()
    page.keyboard.press("Enter")
    assert methods(page) == ["gazeganv2", "half done", "prgan", "stargan"]
    page.keyboard.press("Space")
    assert methods(page) == ["stargan", "prgan", "half done", "gazeganv2"]
    assert "Sorted by Method" in page.locator("[aria-live]").first.inner_text()


def test_missing_and_unranked_cells_sort_last_in_both_directions(page):
    button = page.get_by_role("button", name=re.compile("LPIPS")).first
    for order in (["prgan", "gazeganv2"], ["gazeganv2", "prgan"]):
        button.click()
        assert methods(page)[:2] == order
        assert set(methods(page)[2:]) == {"stargan", "half done"}
    page.get_by_role("button", name=re.compile("FPS")).click()
    assert methods(page)[-1] == "half done"  # 900 FPS, but of an incomplete run


def test_the_papers_row_travels_with_its_method_and_can_be_hidden(page):
    page.get_by_role("button", name="Method").first.click()
    names = page.locator("tbody.entry", has=page.locator(".paper")).locator("tr:first-child th")
    assert names.first.inner_text().startswith("GazeGANV2")
    page.get_by_label("Show the paper’s numbers").uncheck()
    assert page.locator(".paper").first.is_hidden()


def test_slider_moves_by_keyboard(page):
    page.get_by_role("slider").focus()
    before = page.locator(".before").evaluate("image => getComputedStyle(image).clipPath")
    page.keyboard.press("Home")
    after = page.locator(".before").evaluate("image => getComputedStyle(image).clipPath")
    assert (before, after) == ("inset(0px 50% 0px 0px)", "inset(0px 100% 0px 0px)")
    assert page.get_by_role("slider").get_attribute("aria-valuetext", timeout=1000) is not None


def test_slider_moves_by_touch(browser, report):
    size = {"width": 390, "height": 844}
    with browser.new_context(has_touch=True, viewport=size) as context:
        page = context.new_page()
        page.goto(report.as_uri())
        slider = page.get_by_role("slider")
        slider.tap(position={"x": 40, "y": 100})
        assert int(slider.input_value()) < 25


def test_choosing_a_method_or_a_picture_changes_the_comparison(page):
    page.locator("select[data-method]").select_option(label="StarGAN")
    chosen = page.locator(".compare .after").get_attribute("src")
    assert chosen == page.locator("button[aria-pressed=true] .portrait").get_attribute("src")
    page.locator("button[data-face='1'][data-method='1']").click()
    assert page.locator("select[data-method]").input_value() == "1"
    assert page.locator(".compare .after").get_attribute("src") != chosen


def test_every_picture_has_a_text_and_loads(page):
    images = "[...document.querySelectorAll('.grid img')]"
    assert page.evaluate(f"{images}.every((image) => image.alt && image.naturalWidth)")
    assert page.evaluate(f"{images}.length") > 50


def test_downloads_are_the_files(page, report):
    for link in page.locator("a[download]").all():
        name, address = link.get_attribute("download"), link.get_attribute("href")
        assert name is not None
        assert address is not None
        data = base64.b64decode(address.partition("base64,")[2])
        assert data == (report.parent / "tables" / name).read_bytes()


def test_a_download_arrives(page):
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").first.click()
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["table"] == "I"


def test_hostile_text_is_inert(browser, tmp_path):
    runs = make_runs(tmp_path)
    card = MethodCard(title=HOSTILE, url="javascript:alert(1)", paper=HOSTILE, code=HOSTILE)
    facts = replace(RunResult.load(runs / "star" / "scores.json").dataset, name=HOSTILE)
    change(
        runs, "star", method=card, notes=(HOSTILE,), provenance={HOSTILE: HOSTILE}, dataset=facts
    )
    for run in ("prgan", "v2", "part", "identity"):
        change(runs, run, dataset=facts)
    page, said = browser.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(write_report(runs, tmp_path / "out").page.as_uri())
    assert page.title() == "Gaze correction leaderboard"
    assert page.locator("[onerror], [href^=javascript]").count() == 0
    assert said == []
    assert public_text(HOSTILE) in page.locator(".scores").first.inner_text()
    assert page.get_by_role("heading", name=public_text(HOSTILE)).first.is_visible()
    page.close()


def test_only_the_pages_own_script_may_run(page):
    ran = page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.body.append(s); return window.ran === 1; }"
    )
    assert ran is False


def test_page_without_pictures_says_why(tmp_path):
    runs = make_runs(tmp_path)
    (tmp_path / "dataset").rename(tmp_path / "elsewhere")
    page = write_report(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    assert "run `gazebench report` again with --dataset DATASET" in page
    assert "data:image" not in page
    write_report(runs, tmp_path / "out", dataset=tmp_path / "elsewhere")
    assert "data:image" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_pictures_of_another_dataset_are_not_shown(tmp_path):
    runs = make_runs(tmp_path)
    make_dataset(tmp_path / "other", name="other")
    report = write_report(runs, tmp_path / "out", dataset=tmp_path / "other")
    assert "its pictures would not be the ones that were scored" in report.notes[0]
    assert "data:image" not in report.page.read_text(encoding="utf-8")


def test_a_damaged_picture_costs_its_cell(tmp_path):
    runs = make_runs(tmp_path)
    for path in (runs / "star" / "predictions").iterdir():
        path.write_bytes(b"no picture")
    page = write_report(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    assert "refused: not_a_picture" in page
    assert "data:image" in page


def test_two_runs_of_a_method_are_one_method(tmp_path):
    runs = make_runs(tmp_path)
    alone = write_report(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    (methods,) = re.findall(r'class="count">(\d+) methods', alone)
    longer = RunResult.load(runs / "star" / "scores.json")
    replace(longer, run="star-longer").save(runs / "star-longer" / "scores.json")
    page = write_report(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    assert f'class="count">{int(methods) + 1} runs of {methods} methods' in page


def test_pictures_are_only_read_below_relative_places(tmp_path):
    runs = make_runs(tmp_path)
    for run in ("prgan", "v2", "star", "part", "identity"):
        change(runs, run, pictures=str(runs / run / "predictions"))
    page = write_report(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    assert "data:image" not in page


@pytest.mark.long
def test_figures_have_texts_and_points_have_titles(browser, tmp_path):
    report = write_report(make_runs_with_figures(tmp_path), tmp_path / "out")
    assert report.page.stat().st_size < 3_000_000
    page, said = browser.new_page(viewport={"width": 390, "height": 844}), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.page.as_uri())
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    images = page.locator(".figure img")
    eager = "all.map((one) => { one.loading = 'eager'; return one.decode(); })"
    images.evaluate_all(f"all => Promise.all({eager})")
    assert images.count() == 8 + 4  # figures of faces, curves of four runs
    assert images.evaluate_all("all => all.every((one) => one.naturalWidth && one.alt.length > 20)")
    plots = page.locator(".plot > svg")
    assert plots.count() == 4
    assert plots.first.locator("title").first.text_content() == "face-000, I1 (source)"
    assert plots.first.locator("circle").count() == 60
    fills = "all => new Set(all.map((one) => getComputedStyle(one).fill)).size"
    assert plots.first.locator("circle").evaluate_all(fills) == 5  # the style has every series
    names = page.locator(".figure h4").all_inner_texts()
    assert names[0] == "Figure 6. Gaze correction"
    assert page.get_by_text("Figure 7 needs portraits of 512 pixels").count() == 1
    identifiers = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(identifiers) == len(set(identifiers))
    assert Axe().run(page).response["violations"] == []
    assert said == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
@pytest.mark.long
def test_axe_finds_nothing_in_a_page_of_two_datasets(browser, wide, width, scheme):
    size = {"width": width, "height": 844}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{wide.as_uri()}#all")
        page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert Axe().run(page).response["violations"] == []


def test_one_dataset_is_shown_at_a_time_or_all(wide_page):
    boards = wide_page.locator(".board")
    links = wide_page.get_by_role("navigation", name="Datasets").get_by_role("link")

    def shown() -> tuple[list[bool], list[str | None]]:
        both = boards.evaluate_all("all => all.map((one) => !one.hidden)")
        return both, [link.get_attribute("aria-current") for link in links.all()]

    assert shown() == ([True, False], ["true", None, None])
    links.nth(1).click()
    assert shown() == ([False, True], [None, "true", None])
    links.nth(2).click()
    assert shown() == ([True, True], [None, None, "true"])
    wide_page.goto(wide_page.url.partition("#")[0] + "#b2-faces")
    assert shown() == ([False, True], [None, "true", None])
    assert top_of(wide_page.locator("#b2-faces")) < 100
    wide_page.emulate_media(media="print")
    assert boards.first.is_visible()


def test_rows_are_found_by_words_and_by_what_is_chosen(wide_page):
    found = wide_page.locator("#b1-scores tbody.entry:visible th[data-text]")
    names = "all => all.map((one) => one.dataset.text)"
    search = wide_page.get_by_role("searchbox", name="Find a row").first
    assert wide_page.get_by_role("searchbox").count() == 1  # not for a table of five rows
    assert found.count() == 10
    search.fill("2001  method")
    assert found.evaluate_all(names) == [f"method {n}" for n in range(5)]
    assert not wide_page.locator("#b1-scores .divide").first.is_visible()
    assert wide_page.locator("[data-said='b1-scores']").inner_text() == "5 of 10 rows."
    chosen = wide_page.locator(".filter select")
    chosen.select_option("code")
    assert found.evaluate_all(names) == ["method 3"]
    search.fill("")
    chosen.select_option("complete")
    assert "half done" not in found.evaluate_all(names)
    assert found.count() == 9


def test_a_row_leads_to_the_section_of_its_method(page):
    section = page.locator("details.method", has_text="StarGAN")
    assert section.get_attribute("open") is None
    page.get_by_role("link", name="StarGAN").first.click()
    assert section.get_attribute("open") is not None
    assert top_of(section) < 100


def test_best_and_worst_faces_follow_the_chosen_metric(page, report):
    run = RunResult.load(report.parents[1] / "runs" / "prgan" / "scores.json")
    section = page.locator("details.method", has_text="PRGAN")
    section.locator("summary").first.click()
    faces = section.locator(".extremes li:visible")
    for key, title in (("seam", "Seam"), ("ms_ssim_outside", "MS-SSIM outside")):
        section.get_by_role("combobox").select_option(key)
        values = dict(run.scores[key].per_portrait or {})
        better = sorted(values, key=values.__getitem__, reverse=key == "seam")
        shown = [text.split("\n") for text in faces.all_inner_texts()]
        assert [text[0].strip() for text in shown] == [*better[:2], *better[-2:]]
        assert all(len(text) == 2 and title in text[1] for text in shown)
        assert ["worst" in text[1] for text in shown] == [True, True, False, False]
    eager = "all => Promise.all(all.map((one) => { one.loading = 'eager'; return one.decode(); }))"
    faces.locator("img").evaluate_all(eager)


def test_a_method_is_open_in_as_many_ways_as_its_card_says():
    result = make_result(method=MethodCard(title="A", url="https://a.org", license="MIT"))
    found = {one.name: one.value for one in openings(result)}
    assert [*found] == ["Paper", "Code", "Licence", "Weights", "Training data", "This run"]
    assert [name for name, value in found.items() if value] == ["Paper", "Licence"]
    again = replace(result, provenance={"checkpoint_sha256": ""})
    assert openings(again)[-1].value
    assert openings(replace(result, method=MethodCard(title="No", kind="control"))) == ()


def test_timings_are_those_of_the_phases():
    facts = {"training_seconds": 5400.0, "step": 2000, "timings": {"correct": 3.2, "score": 150}}
    assert dict(timings(facts)) == {
        "Training": "90.0 min, 2,700.0 s for 1,000 steps",
        "Correction": "3.2 s",
        "Scoring": "2.5 min",
    }
    assert dict(timings({"training_seconds": "long", "timings": [1]})) == {}


def test_a_run_whose_pictures_are_gone_has_no_column_of_faces(tmp_path):
    runs = make_runs(tmp_path)
    shutil.rmtree(runs / "prgan" / "predictions")
    text = write_report(runs, tmp_path / "out").page.read_text()
    head = text[text.index('class="grid"') :].partition("</tr>")[0]
    assert "GazeGANV2" in head
    assert "PRGAN" not in head
