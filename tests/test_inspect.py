"""The page about a dataset says what is in it, and nothing on it runs or loads."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from gazebench.cli import main
from gazebench.dataset import LABELS, Manifest
from gazebench.errors import InputError
from gazebench.reports.inspection import halves, render, short


@pytest.fixture(scope="module")
def page(small_dataset: Path) -> str:
    return render(small_dataset)


def test_the_page_names_every_part(page: str) -> None:
    for words in ("Split and labels", "Head yaw", "Quarantine", "Inter-ocular distance"):
        assert words in page


def test_the_page_shows_pictures_and_loads_none(page: str) -> None:
    assert page.count("data:image/webp;base64,") > 50
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src &#39;none&#39;" in page


def test_two_renderings_are_equal(page: str, small_dataset: Path) -> None:
    assert render(small_dataset) == page


def test_halves_count_labels(small_dataset: Path) -> None:
    manifest = Manifest.load(small_dataset)
    rows = halves(manifest)
    assert sum(int(str(row["portraits"])) for row in rows) == len(manifest.portraits)
    for row in rows:
        portraits = [p for p in manifest.portraits if p.split == row["split"]]
        counts = row["labels"]
        assert counts["X"] == sum(p.domain == "X" for p in portraits)
        assert list(counts) == [*LABELS, "unlabelled"]


def test_the_table_has_every_label_and_adds_up(dataset: Path) -> None:
    ids = sorted(p.id for p in Manifest.load(dataset).portraits if p.split == "train")
    labels = [*LABELS[2:], "ambiguous"]  # the last portraits of the half have none
    rows = "".join(f"{id_},{label}\n" for id_, label in zip(ids, labels, strict=False))
    (dataset / "labels.csv").write_text(f"id,label\n{rows}")
    page = render(dataset)
    heads = re.findall(r'<th scope="col">([^<]+)</th>', page)
    names = ["half", "portraits", "known people", "X", "Y", "unsure", "reject", "ambiguous"]
    assert heads[:9] == [*names, "unlabelled"]
    [train] = re.findall(r'<tr><th scope="row">train</th>(.+)</tr>', page)
    portraits, _, *counts = map(int, re.findall(r"<td>(\d+)</td>", train))
    assert counts == [0, 0, 1, 1, 2, 8]
    assert portraits == sum(counts)


def test_a_quarantined_picture_shows_where_the_source_is_given(faces: Path, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "teal").save(faces / "blank <b>.png")
    words = ["build-dataset", str(faces), str(tmp_path / "out"), "--res", "256", "--align", "none"]
    assert CliRunner().invoke(main, [*words, "--quiet"]).exit_code == 0
    without, shown = render(tmp_path / "out"), render(tmp_path / "out", source=faces)
    assert without.count("not shown") == 1
    assert "not shown" not in shown
    assert "blank &lt;b&gt;.png" in shown


def test_names_of_the_list_cannot_leave_the_source(dataset: Path, tmp_path: Path) -> None:
    shutil.copy(next((dataset / "images").glob("*.png")), tmp_path / "secret.png")
    (tmp_path / "source").mkdir()
    quarantine = dataset / "quarantine.csv"
    quarantine.write_text(quarantine.read_text() + "x,../secret.png,no_face,none\n")
    assert render(dataset, source=tmp_path / "source").count("not shown") == 1


def test_the_command_writes_beside_the_dataset(dataset: Path) -> None:
    result = CliRunner().invoke(main, ["inspect", str(dataset)])
    assert result.exit_code == 0
    assert (dataset / "inspect.html").stat().st_size > 10_000


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished dataset"):
        render(tmp_path)


def test_numbers_are_short() -> None:
    assert [short(v) for v in (0.1371, 12.46, 1490.2, -23.61)] == [
        "0.137",
        "12.5",
        "1,490",
        "-23.6",
    ]
