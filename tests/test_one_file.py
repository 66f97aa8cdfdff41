"""A method, metric, source, table and figure of the report are one file each and nothing else.

All but the source are the examples of CONTRIBUTING.md and reports/README.md. They are added to a
copy of the project, whose own tests of the contract and of the documents are then run there.
"""

import re
from pathlib import Path

import pytest
from report_runs import make_runs
from test_add_method import ROOT, copy_of_project, python

SOURCE = '''
"""Pictures that a list names, one a line."""

from collections.abc import Iterator
from pathlib import Path

from gazebench.sources import Source, SourceFace, safe_ids


class Listed(Source):
    """A folder with ``pictures.txt``."""

    title = "listed pictures"
    license = "unknown: see the terms of the pictures"
    alignment = "none"
    order = 5

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder with the list."""
        return (root / "pictures.txt").is_file()

    def faces(self) -> Iterator[SourceFace]:
        """One face per line."""
        names = (self._root / "pictures.txt").read_text().split()
        for name, id_ in safe_ids(names).items():
            yield SourceFace(id=id_, name=name, path=self._root / name)

    def remarks(self) -> list[str]:
        """Nothing."""
        return []
'''


def shown(document: str, path: str) -> str:
    """The file ``path`` as a document prints it."""
    text = (ROOT / document).read_text()
    found = re.search(rf"<!-- example: {path} -->\n```python\n(.*?)```", text, re.S)
    assert found, f"{document} has no example {path}"
    return found[1]


FIGURE = '''
"""Figure 99: nothing but a title."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import Group

NUMBER = "99"


def draw(group: Group) -> Iterator[Drawing]:
    """One picture."""
    figure = Figure(figsize=(2, 1))
    figure.text(0.1, 0.5, f"{len(group.runs)} runs")
    yield Drawing(figure=figure, title="Counted", caption="How many runs.", alt="A number of runs.")
'''

MAKE_DOCS = ("-m", "docs.generate")  # as `make docs`, of the copy and not of what is installed
FILES = {
    "baselines/added_method.py": shown("CONTRIBUTING.md", "baselines/eye_painter.py"),
    "gazebench/metrics/added_metric.py": shown("CONTRIBUTING.md", "gazebench/metrics/darkness.py"),
    "gazebench/sources/added_source.py": SOURCE,
    "reports/tables/table_9.py": shown("reports/README.md", "reports/tables/table_9.py"),
    "reports/figures/figure_99.py": FIGURE,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one more file of each kind, and documents written anew."""
    folder = copy_of_project(tmp_path_factory.mktemp("project"))
    for name, text in FILES.items():
        (folder / name).write_text(text)
    made = python(folder, *MAKE_DOCS)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.mark.long
def test_the_contract_and_the_documents_hold(project: Path) -> None:
    tests = [f"tests/test_{name}.py" for name in ("methods", "metrics", "sources", "docs")]
    chosen = "added_method or added_metric or added_source or generated"
    done = python(project, "-m", "pytest", "-v", "-k", chosen, *tests)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = [line.split("[")[0] for line in done.stdout.splitlines() if " PASSED" in line]
    assert {line.split("::")[0] for line in passed} == set(tests), done.stdout


@pytest.mark.parametrize("kind", ["method", "metric", "source"])
@pytest.mark.long
def test_a_listing_names_it(project: Path, kind: str) -> None:
    assert f"added_{kind}" in python(project, "-m", "gazebench", f"{kind}s").stdout


@pytest.mark.long
def test_a_report_shows_the_table_and_the_figure(project: Path, tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    done = python(project, "-m", "gazebench", "report", str(runs), str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "tables" / "table-9.md").read_text()
    assert "| prgan | **12** |" in text
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Table IX. Portraits" in page
    assert (tmp_path / "out" / "figures" / "figure-99.svg").exists()
    assert "Figure 99. Counted" in page
