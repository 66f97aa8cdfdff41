"""The end of a build and of a merge, on journals of portraits that are made up."""

import statistics
import struct
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bookkeeping
from benchmarks.bookkeeping import alone, outcome, synthetic_plan
from gazebench.curation.journal import Journal
from gazebench.curation.merge import merge
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.publish import publish
from gazebench.curation.verify import faults
from gazebench.dataset import Manifest, Split, load_info
from gazebench.dataset.measures import Measures
from gazebench.dataset_card import Overview
from gazebench.errors import GazebenchError, InputError


def made(number: int, **changes: object) -> BuildOutcome:
    """A made-up portrait with some values of its own."""
    found = outcome(synthetic_plan(number + 1).faces[number])
    assert found.portrait
    return replace(found, portrait=replace(found.portrait, **changes))


def published(out: Path, outcomes: Sequence[BuildOutcome], *, found: int | None = None) -> Manifest:
    """The dataset of some outcomes."""
    out.mkdir()
    about = synthetic_plan(1).description()
    with Journal.open(out / "build.sqlite", {}) as journal:
        journal.record(outcomes)
        publish(about, len(outcomes) if found is None else found, journal, out, {})
    return Manifest.load(out)


def test_a_group_has_the_name_of_its_first_portrait(tmp_path: Path) -> None:
    near, far = "0" * 64, "f" * 64
    hashes = [far, near, "8" * 64, f"{near[:-3]}fff", near]
    outcomes = [made(number, phash=text) for number, text in enumerate(hashes)]
    portraits = published(tmp_path / "out", outcomes[::-1]).portraits
    assert [p.near_duplicate[-1:] for p in portraits] == ["", "1", "", "1", "1"]


def test_what_both_halves_share_is_counted_once(tmp_path: Path) -> None:
    shared = {"identity": "someone", "source_sha256": "a", "phash": "7" * 64}
    outcomes = [made(n, split=Split.TEST if n % 2 else Split.TRAIN, **shared) for n in range(4)]
    lone = [made(n, split=Split.TRAIN, identity=None) for n in (5, 6)]
    published(tmp_path / "out", [*outcomes, *lone])
    text = (tmp_path / "out" / "README.md").read_text()
    assert "share: 1 identities, 1 exact duplicates, 1 near-duplicates." in text


def test_a_lost_face_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(GazebenchError, match="3 faces found, but 2 portraits and 0 in quarantine"):
        published(tmp_path / "out", [made(0), made(1)], found=3)
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_a_dataset_that_turned_nothing_needs_no_libvips(tmp_path: Path, monkeypatch) -> None:
    published(tmp_path / "with", [made(0)])
    monkeypatch.setitem(sys.modules, "pyvips", None)
    published(tmp_path / "without", [made(0)])
    known = [load_info(tmp_path / name)["libraries"] for name in ("with", "without")]
    assert known[0].keys() - known[1].keys() == {"libvips"}


def test_verify_names_the_line_of_a_second_id(dataset: Path) -> None:
    path = dataset / "manifest.csv"
    last = path.read_text().splitlines()[-1]
    path.write_text(f"{path.read_text()}{last}\n")
    with pytest.raises(InputError, match="line 26: a second"):
        faults(dataset, quiet=True)


# "+ 0.0" for no -0.0, which sorts before or after 0.0 as it came
NUMBERS = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}") + 0.0)


@given(st.lists(NUMBERS, min_size=2, max_size=50))
def test_percentiles_are_those_of_the_standard_library(values: list[float]) -> None:
    first = made(0).portrait
    assert first
    portraits = tuple(replace(first, measures=Measures(sharpness=value)) for value in values)
    manifest = Manifest(
        root=Path("n"),
        name="n",
        source="n",
        resolution=64,
        window=(8, 12),
        tree_hash="n",
        portraits=portraits,
    )
    found = Overview.of(manifest).spreads
    expected = statistics.quantiles(values, n=20, method="inclusive")
    assert found.keys() == {"sharpness"}
    bits = struct.pack("3d", *found["sharpness"])
    assert bits == struct.pack("3d", expected[0], expected[9], expected[18])


def test_the_overview_of_a_folder_is_that_of_its_manifest(dataset: Path) -> None:
    assert Overview.read(dataset) == Overview.of(Manifest.load(dataset))


def journal_of(folder: Path, items: int) -> Path:
    """A folder as the steps of the benchmark want it, for the last act of a build."""
    for root, number in ((folder / "few", 40), (folder, items)):
        (root / "whole").mkdir(parents=True)
        with Journal.open(root / "whole" / "build.sqlite", {}) as journal:
            journal.record([outcome(face) for face in synthetic_plan(number).faces])
    return folder


@pytest.mark.long
def test_the_memory_of_finishing_is_nearly_flat(tmp_path: Path) -> None:
    few, many = (
        alone(bookkeeping.finished, journal_of(tmp_path / str(items), items)).memory
        for items in (5_000, 20_000)
    )
    assert many - few < 15_000 * 400  # bytes; 8,000 a portrait where they are held as objects


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Four shards of some 500 faces each, which is two rounds of a merge."""
    bookkeeping.prepare(tmp_path, 2000)
    return [tmp_path / f"shard{number}" for number in range(1, bookkeeping.SHARDS + 1)]


def test_a_merge_that_stopped_goes_on_in_the_middle_of_a_shard(shards, tmp_path: Path) -> None:
    image = sorted((shards[1] / "images").iterdir())[-1]
    image.rename(tmp_path / "kept")
    with pytest.raises(InputError, match="is lost; build the shard again"):
        merge(tmp_path / "out", shards, overwrite=False, quiet=True)
    with Journal.read(tmp_path / "out" / "build.sqlite") as journal:
        done = journal.done()
    first, second = (len(synthetic_plan(2000, (n, 4)).chosen) for n in (1, 2))
    assert first < done < first + second  # rounds of the second shard are kept
    (tmp_path / "kept").rename(image)
    report = merge(tmp_path / "out", shards, overwrite=False, quiet=True)
    assert report.built_now == 2000 - done
    bookkeeping.finished(tmp_path)
    expected = (tmp_path / "whole" / "manifest.csv").read_bytes()
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == expected


@pytest.mark.slow
def test_the_memory_of_merging_is_nearly_flat(tmp_path: Path) -> None:
    costs: list[float] = []
    for items in (10_000, 40_000):
        bookkeeping.prepare(tmp_path / str(items), items)
        costs.append(alone(bookkeeping.merged, tmp_path / str(items)).memory)
    assert costs[1] - costs[0] < 30_000 * 400
