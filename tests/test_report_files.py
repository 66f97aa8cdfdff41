"""The files of a report: formats, hostile text, damaged runs, several datasets."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_runs import (
    METRICS,
    PORTRAITS,
    add_upsampling,
    facts,
    make_dataset,
    make_result,
    make_runs,
    saved,
    some_facts,
    some_results,
    v2,
)

from gazebench.cards import MethodCard
from gazebench.cli import main
from gazebench.errors import InputError
from gazebench.reports import catalogue, tables
from gazebench.reports.measured import Measured
from gazebench.reports.report import _grids as tables_of
from gazebench.reports.report import write_report
from gazebench.reports.sanitising import public_text
from gazebench.reports.tables.table_1 import grid
from gazebench.reports.writers import (
    FORMATS,
    latex,
    markdown,
)
from gazebench.reports.writers import (
    csv as csv_writer,
)
from gazebench.reports.writers import (
    json as json_writer,
)
from gazebench.results import BENCHMARK, RunResult

GOLDEN = Path(__file__).parent / "golden"
WRITERS = {form.suffix: form.write for form in FORMATS}
HOSTILE = (
    r"=cmd|' /C calc'!A0 <script>alert(1)</script> \write18{x} a_b & $x$ %~^#{ [l](j) | `c` 中é"
    '"'
)


@pytest.fixture
def runs(tmp_path) -> Path:
    return make_runs(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def typeset(tmp_path: Path, *tables: str) -> str:
    """The log of a run of pdfLaTeX, in two columns; skips where there is none, but not with CI."""
    if not shutil.which("pdflatex") and "CI" not in os.environ:
        pytest.skip("no pdflatex here")
    head = r"\documentclass[twocolumn]{article}\usepackage{booktabs,xcolor}\begin{document}"
    (tmp_path / "t.tex").write_text("\n".join([head, *tables, r"\end{document}"]))
    line = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    return (tmp_path / "t.log").read_text(errors="replace")


@pytest.mark.parametrize("suffix", WRITERS)
def test_table_looks_as_reviewed(suffix, request):
    text = WRITERS[suffix](grid(some_results()))
    path = GOLDEN / f"table-1.{suffix}"
    if request.config.getoption("--update-golden", default=False):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_table_compiles_and_is_no_wider_than_a_page(tmp_path):
    runs, yaw = tmp_path / "runs", {f"face-{i:03d}": 2.5 * i for i in range(PORTRAITS)}
    ablations = ({}, {"content_code": False}, {"weight_fp": 0}, {"coarse_to_fine": False})
    full = [v2(f"v2_{place}", **settings) for place, settings in enumerate(ablations)]
    saved(runs, *some_results(), *(replace(one, traits={"yaw_deg": yaw}) for one in full))
    add_upsampling(runs, "v2_0", some_facts())
    write_report(runs, tmp_path / "out", slices=["yaw"], pictures=False)
    found = sorted((tmp_path / "out" / "tables").glob("*.tex"))
    names = {path.stem.rpartition("-")[0] if "slices" in path.stem else path.stem for path in found}
    numbers = {f"table-{number}" for number in range(1, 7)}
    assert names == numbers | {"table-1-stability", "table-1-slices"}
    log = typeset(tmp_path, *(path.read_text(encoding="utf-8") for path in found))
    assert "Undefined" not in log
    assert "Overfull" not in log
    assert "Float too large" not in log


def test_a_table_of_many_columns_is_several_under_one_number(tmp_path):
    card = METRICS["seam"]
    full = make_result(skipped={"more_01": "no light"}, notes=("a note",))
    more = {f"more_{place:02d}": replace(card, title=f"More {place}") for place in range(2, 20)}
    cards = {**METRICS, **more, "more_01": card}
    other = replace(full, run="b", notes=(), metrics=cards)
    scores = {**full.scores, **dict.fromkeys(["more_01", *more], full.scores["seam"])}
    table = grid([full, replace(other, scores=scores)])
    text = latex.write(table)
    assert text.count(r"\begin{table*}") == 4 == text.count(r"\addtocounter{table}{-1}") + 1
    assert [text.count(rf"\\ {place} $\downarrow$") for place in range(2, 20)] == [1] * 18
    assert text.count("a note") == 4  # it is about a row, and rows are in every part
    assert text.count("no light") == 1


def test_hostile_latex_compiles_and_runs_nothing(tmp_path):
    card = MethodCard(title=HOSTILE)
    text = latex.write(grid([make_result(method=card, notes=(HOSTILE, "[x] \\input{t.log}"))]))
    assert not {"\\write18", "\\input"} & set(re.findall(r"\\\w+", text))
    assert "Undefined" not in typeset(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "typeset"),
    [
        ("50 % of a_b & c#1 {x} $5", r"50 \% of a\_b \& c\#1 \{x\} \$5"),
        ("\\end{table}", r"\textbackslash{}end\{table\}"),
        ("a~b^c<d>", r"a\textasciitilde{}b\textasciicircum{}c\textless{}d\textgreater{}"),
        ("Čapek, Łódź, naïve", r"\v{C}apek, \L{}\'{o}d\'{z}, na\"{\i}ve".replace(r"{\i}", "{i}")),
        ("a--b 中", "a-{}-b [U+4E2D]"),
    ],
)
def test_latex_is_escaped(text, typeset):
    assert latex.escape(text) == typeset


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_text_never_starts_a_formula(lead):
    card = MethodCard(title=f"{lead}cmd")
    (line,) = csv.DictReader(io.StringIO(csv_writer.write(grid([make_result(method=card)]))))
    assert line["title"] == f"'{lead}cmd" == csv_writer.escape(f"{lead}cmd")


def test_csv_numbers_stay_numbers():
    lines = csv.DictReader(io.StringIO(csv_writer.write(grid(some_results()))))
    values = {line["run"]: line["kid_eyes"] for line in lines}
    assert float(values["v2"]) == -0.001
    assert values["part"] == ""


def test_markdown_shows_hostile_text_as_text():
    shown = markdown.escape("<b>|x|</b> `c` [l](j)\n# *h*")
    assert shown == r"&lt;b&gt;\|x\|&lt;/b&gt; \`c\` \[l\](j) \# \*h\*"


def test_json_holds_values_intervals_reasons_and_provenance():
    rows = {row["run"]: row for row in json.loads(json_writer.write(grid(some_results())))["rows"]}
    assert rows["v2"]["scores"]["fid_eyes"]["interval"] == [54.37, 61.37]
    assert rows["star"]["skipped"] == {"lpips_outside": "weights lpips_alex are missing"}
    assert rows["v2"]["provenance"]["weights"] == {"inception_fid": "a" * 64}
    assert "per_portrait" not in rows["v2"]["scores"]["seam"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gazebench eval /home/me/data --out=/tmp/x", "gazebench eval …/data --out=…/x"),
        ("'/home/My Name/a b.png': no such file", "'…/a b.png': no such file"),
        (r"/home/My\ Name/runs, again", "…/runs, again"),
        (r"C:\Users\me\runs and \\host\share\x", "…/runs and …/x"),
        ("error:/home/ana/.cache/w.pth; file:///home/ana/x", "error:…/w.pth; …/x"),
        ("https://arxiv.org/abs/1 and/or 1/s, ./x ../y a / b <b>c</b>", None),
        ("two\nlines\tand \u202eright to left\u202c", "two lines and right to left"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        (
            "weights x2 (RRDBNet: twice) cannot be obtained: https://h/x.pth: [Errno -2] none",
            "weights x2 (RRDBNet: twice) cannot be obtained",
        ),
    ],
)
def test_private_paths_and_invisible_letters_are_not_published(text, shown):
    assert public_text(text) == (text if shown is None else shown)
    assert public_text(public_text(text)) == public_text(text)


def test_report_is_the_same_bytes_every_time(runs, tmp_path):
    write_report(runs, tmp_path / "a")
    write_report(runs, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert sorted(files(tmp_path / "a")) == [
        "figures/drawn.json",
        *(f"figures/figure-{n}.{s}" for n in (6, 8) for s in ("png", "svg")),
        "index.html",
        *("tables/reproduction.csv", "tables/reproduction.md"),
        *(f"tables/table-1-stability.{s}" for s in sorted(WRITERS)),
        *(f"tables/table-1.{s}" for s in sorted(WRITERS)),
    ]


def test_no_absolute_path_is_published(runs, tmp_path):
    folder = runs / "prgan"
    provenance = {"command": f"gazebench eval {folder}", "settings": {"cache": str(tmp_path)}}
    notes = (f"{folder}/predictions/x.png: no such file",)
    changed = replace(Measured(runs).runs[2].result, provenance=provenance, notes=notes)
    changed.save(folder / "scores.json")
    write_report(runs, tmp_path / "out")
    assert not any(str(tmp_path).encode() in data for data in files(tmp_path / "out").values())


def test_another_dataset_is_another_table(runs, tmp_path):
    other = make_dataset(tmp_path / "other", name="other")
    make_result(dataset=facts(other)).save(runs / "deep" / "er" / "scores.json")
    report = write_report(runs, tmp_path / "out", pictures=False)
    assert (report.runs, report.tables) == (6, 3)  # one of them on the stability of the five
    form = re.compile(r"tables/table-1-[0-9a-f]{8}\.csv")
    names = [name for name in files(tmp_path / "out") if form.fullmatch(name)]
    assert sorted((tmp_path / "out" / name).read_text().count("\n") for name in names) == [2, 6]


def test_results_of_an_earlier_benchmark_version_are_read_and_stand_apart(runs, tmp_path):
    older = replace(Measured(runs).runs[2].result, benchmark="1")
    older.save(runs / "before" / "scores.json")
    write_report(runs, tmp_path / "out", pictures=False)
    both = sorted((tmp_path / "out" / "tables").glob("table-1-????????.md"))
    texts = [path.read_text() for path in both]
    versions = [re.findall(r"benchmark version (\w+)", text) for text in texts]
    assert sorted(versions) == [["1"], [BENCHMARK]]


def test_tables_of_an_earlier_report_do_not_stay(runs, tmp_path):
    old = tmp_path / "out" / "tables" / "table-1-0123abcd.md"
    kept = tmp_path / "out" / "tables" / "mine.md"
    for path in (old, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    write_report(runs, tmp_path / "out", pictures=False)
    assert (old.exists(), kept.exists()) == (False, True)


@pytest.mark.parametrize("key", ["format", "scores", "dataset", "provenance"])
def test_damaged_scores_are_named_and_the_others_go_on(runs, tmp_path, key):
    path = runs / "star" / "scores.json"
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {key: 7}))
    report = write_report(runs, tmp_path / "out", pictures=False)
    assert report.runs == 4
    assert len(report.damaged) == 1
    assert str(path) in report.damaged[0]


WRONG_FACTS = ({"step": None}, {"step": "12"}, {"images": [1]}, {"parts": {"E_c": {"step": 3}}})


@pytest.mark.parametrize("facts", [*WRONG_FACTS, {"training_seconds": "long"}], ids=str)
def test_a_provenance_that_no_table_can_show_is_damage_of_that_file(runs, tmp_path, facts):
    path = runs / "star" / "scores.json"
    row = json.loads(path.read_text())
    path.write_text(json.dumps(row | {"provenance": row["provenance"] | facts}))
    report = write_report(runs, tmp_path / "out", pictures=False)
    assert report.runs == 4
    (damage,) = report.damaged
    assert f"{path}: damaged (provenance.{next(iter(facts))}" in damage


def test_a_share_of_other_values_than_0_and_1_is_damage(runs):
    path = runs / "star" / "scores.json"
    row = json.loads(path.read_text())
    row["metrics"]["ms_ssim_outside"]["share"] = True
    path.write_text(json.dumps(row))
    with pytest.raises(InputError, match="ms_ssim_outside is a share, and has values other than"):
        RunResult.load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "many", None])
def test_a_score_that_is_no_number_is_damage(runs, value):
    path = runs / "star" / "scores.json"
    row = json.loads(path.read_text())
    row["scores"]["fps"]["value"] = value
    path.write_text(json.dumps(row))
    assert "damaged" in Measured(runs).damaged[0]


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_no_runs_is_an_error_that_names_the_command(tmp_path, place):
    with pytest.raises(InputError, match="run `gazebench eval` first"):
        write_report(tmp_path / place, tmp_path / "out")


def test_command_prints_the_page_and_what_it_holds(runs, tmp_path):
    result = CliRunner().invoke(main, ["report", str(runs), str(tmp_path / "out")])
    assert result.exit_code == 0
    assert f"{tmp_path / 'out' / 'index.html'}: 5 runs in 2 tables and 2 figures;" in result.output


def test_command_ends_incomplete_after_a_damaged_run(runs, tmp_path):
    (runs / "star" / "scores.json").write_text("{")
    result = CliRunner().invoke(main, ["report", str(runs), str(tmp_path / "out"), "--no-pictures"])
    assert result.exit_code == 4
    assert str(runs / "star") in result.output
    assert (tmp_path / "out" / "index.html").exists()


def test_command_can_leave_pictures_out(runs, tmp_path):
    CliRunner().invoke(main, ["report", str(runs), str(tmp_path / "out"), "--no-pictures"])
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert "Pictures were left out when this page was made." in page


def test_report_is_made_without_torch():
    line = "import sys, gazebench.reports.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0


def test_methods_are_listed_for_a_readme():
    cards = {"prgan": MethodCard(title="PRGAN", paper="He 2019", url="https://x.org/1", year=2019)}
    text = catalogue.methods_table(cards | {"no": MethodCard(title="No|ne", kind="control")})
    assert "| `prgan` | PRGAN | method | [He 2019](https://x.org/1) | 2019 | – |" in text
    assert r"| `no` | No\|ne | control | – |" in text


def test_metrics_are_listed_for_a_readme():
    text = catalogue.metrics_table(METRICS)
    assert "| cost | FPS | `fps` | ↑ higher | – |" in text
    assert text.index("| quality |") < text.index("| cost |")
    text = catalogue.metrics_text(METRICS)
    assert "### FPS\n\n`fps` · ↑ higher is better, in 1/s\n\nPortraits per second" in text


@pytest.mark.parametrize("body", ["def grids(measured):\n    return 1 // 0\n", "def grids(:\n"])
def test_a_mistake_in_the_file_of_a_table_is_a_sentence(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table_77.py").write_text(body)
    monkeypatch.setattr(tables, "__path__", [*tables.__path__, str(tmp_path)])
    with pytest.raises(InputError, match=r"table_77\.py.*(ZeroDivision|Syntax)Error"):
        tables_of("table_77", Measured.__new__(Measured))
