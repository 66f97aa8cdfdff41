"""The sheet of eyes to look at: by lot, the worst first, and what cannot be shown."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from report_runs import make_runs

from benchmarks import contact_sheet
from gazebench.dataset import Manifest
from gazebench.dataset.pictures import read_picture
from gazebench.results import RunResult


def sheet(monkeypatch: pytest.MonkeyPatch, root: Path, *words: str) -> NDArray[np.uint8]:
    path = root / "sheet.jpg"
    places = [str(root / "dataset"), str(root / "runs"), str(path)]
    monkeypatch.setattr(sys, "argv", ["contact_sheet.py", *places, *words])
    contact_sheet.main()
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_row_for_each_portrait_and_a_column_for_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_runs(tmp_path)
    one = sheet(monkeypatch, tmp_path, "--count", "2", "--run", "prgan")
    two = sheet(monkeypatch, tmp_path, "--count", "2", "--run", "prgan", "star")
    assert two.shape[1] == one.shape[1] * 3 / 2
    assert two.shape[0] == one.shape[0]
    longer = sheet(monkeypatch, tmp_path, "--count", "4", "--run", "prgan")
    assert longer.shape[0] > one.shape[0]


def test_the_worst_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = make_runs(tmp_path)
    score = RunResult.load(runs / "prgan" / "scores.json").scores["lpips_outside"]
    worst = max(score.per_portrait or {}, key=(score.per_portrait or {}).__getitem__)
    words = ("--run", "prgan", "--worst", "lpips_outside", "--count", "1", "--quality", "100")
    shown = sheet(monkeypatch, tmp_path, *words)
    manifest = Manifest.load(tmp_path / "dataset")
    left = manifest.by_id[worst].eyes[0]
    source = np.asarray(read_picture(manifest.path(manifest.by_id[worst])))
    eye = source[left.top : left.bottom, left.left : left.right]
    top = shown.shape[0] - 2 * eye.shape[0] - contact_sheet._GAP
    again = shown[top : top + 2 * eye.shape[0] : 2, : 2 * eye.shape[1] : 2]
    assert np.abs(again.astype(int) - eye).mean() < 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "nobody"], "no such folder"),
        (["--run", "prgan", "--worst", "fid_eyes"], "scores by fid_eyes"),
        (["--run", "prgan", "--split", "train"], "no such portrait"),
        (["--domain", "X"], "no such folder"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    make_runs(tmp_path)
    with pytest.raises(SystemExit, match=said):
        sheet(monkeypatch, tmp_path, *words)
