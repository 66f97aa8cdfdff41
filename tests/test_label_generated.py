"""The votes of three people on 2,400 faces, from the file to the labels: the worked example."""

import csv
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build_runs import gazebench
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from test_agreement import alpha_by_pairs

from benchmarks.made_datasets import make_dataset
from gazebench.annotation.agreement import MISSING
from gazebench.annotation.labels import read_rows
from gazebench.annotation.votes import VOTES

ROOT = Path(__file__).parents[1]
FILE = ROOT.parent / "shared" / "data" / "generated" / "votes.csv"
PUBLISHED = ROOT / "benchmarks" / "results" / "generated-256-labels.csv"
README = (ROOT / "annotation" / "README.md").read_text()
MEANT = {"X": "X", "Y": "Y", "U": "unsure", "R": "reject"}

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE} is not here")


@pytest.fixture(scope="module")
def said() -> np.ndarray:
    """Their votes as the file has them: (2400, 3) places in ``VOTES``."""
    rows = list(csv.DictReader(FILE.read_text().splitlines()))
    ids, people = (sorted({row[name] for row in rows}) for name in ("id", "annotator"))
    found = np.full((len(ids), len(people)), MISSING, np.int8)
    for row in rows:
        choice = VOTES.index(MEANT[row["vote"]])
        found[ids.index(row["id"]), people.index(row["annotator"])] = choice
    assert (found != MISSING).all()
    return found


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with portraits of their names, their votes imported and counted."""
    root = make_dataset(tmp_path_factory.mktemp("generated") / "dataset", 2400, prefix="")
    words = ("--annotators", "ana", "--no-app")
    assert gazebench("label", "prepare", root, *words).exit_code == 0
    for new in ("7,200 new", "0 new"):  # the second time, nothing is
        done = gazebench("label", "import", root, FILE)
        assert done.exit_code == 0, done.output
        assert f"7,200 votes of a1, a2, a3 read, {new}" in done.output
    done = gazebench("label", "finalize", root)
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture(scope="module")
def facts(dataset: Path) -> dict[str, Any]:
    return json.loads((dataset / "agreement.json").read_text())


def test_alpha_and_its_interval(said: np.ndarray, facts: dict[str, Any]) -> None:
    domains = np.where(said < 2, said, MISSING)
    for name, values, words in (
        ("alpha", said, "over X, Y, unsure, reject"),
        ("alpha_domains", domains, "the same over X and Y alone"),
    ):
        found = facts[name]
        assert found["value"] == pytest.approx(alpha_by_pairs(values))
        assert found["low"] < found["value"] < found["high"]
        interval = f"{found['low']:.3f} to {found['high']:.3f}"
        row = next(line for line in README.splitlines() if words in line)
        assert f"{found['value']:.3f}" in row
        assert interval in row


def test_kappas(said: np.ndarray, facts: dict[str, Any]) -> None:
    expected = [cohen_kappa_score(said[:, a], said[:, b]) for a, b in combinations(range(3), 2)]
    assert [k["value"] for k in facts["kappas"]] == pytest.approx(expected)
    assert ", ".join(f"{k:.3f}" for k in expected) in README


def test_labels_follow_the_votes(said: np.ndarray, dataset: Path, facts: dict[str, Any]) -> None:
    rows = read_rows(dataset)
    labels = np.array([rows[f"{n:05}"].label for n in range(2400)])
    for place, vote in enumerate(VOTES):
        votes = (said == place).sum(axis=1)
        assert (labels[votes == 3] == vote).all()
        assert (votes[labels == vote] > 0).all()
    assert all(float(row.posterior) >= 0.9 for row in rows.values() if row.label in VOTES)
    counts = {name: int((labels == name).sum()) for name in (*VOTES, "ambiguous")}
    assert ", ".join(f"{name} {n:,}" for name, n in counts.items()) in README
    assert f"{facts['disputed']} ({facts['disputed'] / 2400:.0%}" in README.replace(" %", "%")


def test_the_labels_of_the_published_results_are_the_majoritys(said: np.ndarray) -> None:
    rows = list(csv.DictReader(PUBLISHED.read_text().splitlines()))
    assert len(rows) == 2284
    for row in rows:
        votes = np.bincount(said[int(row["id"])], minlength=len(VOTES))
        assert row["label"] == (VOTES[votes.argmax()] if votes.max() >= 2 else "ambiguous"), row


def test_each_persons_confusion(said: np.ndarray, dataset: Path, facts: dict[str, Any]) -> None:
    rows = read_rows(dataset)
    labels = [rows[f"{n:05}"].label for n in range(2400)]
    kept = [n for n, label in enumerate(labels) if label in VOTES]
    truth = [VOTES.index(labels[n]) for n in kept]
    tables = [confusion_matrix(truth, said[kept, person], labels=range(4)) for person in range(3)]
    assert [p["confusion"] for p in facts["people"]] == [table.tolist() for table in tables]
    for place, vote in enumerate(VOTES):
        cells = (" ".join(f"{n:,}" for n in table[place]) for table in tables)
        assert f"| {vote} | {' | '.join(cells)} |" in README


def test_status_says_the_same(dataset: Path, facts: dict[str, Any], tmp_path: Path) -> None:
    done = gazebench("label", "status", dataset, "--page", tmp_path / "status.html")
    assert done.exit_code == 0, done.output
    alpha = facts["alpha"]
    assert f"{alpha['value']:.3f}  [{alpha['low']:.3f}, {alpha['high']:.3f}]" in done.output
    assert [line.split()[:2] for line in done.output.splitlines()[2:5]] == [
        [name, "2,400"] for name in ("a1", "a2", "a3")
    ]
    assert "a3" in (tmp_path / "status.html").read_text()
