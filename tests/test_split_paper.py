"""The split of the paper: of each domain a fixed number, at random, chosen before any work."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from build_runs import build, gazebench, tree_hash
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gazebench import curation as building
from gazebench import sources
from gazebench.curation import paper_split
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Domain, Manifest, Split
from gazebench.errors import InputError
from gazebench.sources import SourceFace

SMALL = ("--split", "paper", "--set", "dataset.test_y=2", "--set", "dataset.test_x=1")


def faces(ids: set[str], label: str | None = "Y") -> list[SourceFace]:
    return [SourceFace(id=id_, name=id_, path=Path(id_), label=label) for id_ in sorted(ids)]


def in_test(chosen: Iterable[SourceFace], label: str) -> set[str]:
    return {f.id for f in chosen if f.partition == "test" and f.label == label}


def settings(y: int, x: int, seed: int = 0) -> DatasetSettings:
    return DatasetSettings(split="paper", test_y=y, test_x=x, split_seed=seed)


@pytest.fixture
def celebgaze(demo_portraits: Path, tmp_path: Path) -> Path:
    """Twelve pictures in the released layout, five of X and seven of Y."""
    root = tmp_path / "CelebAGaze"
    portraits = sorted(demo_portraits.glob("*.jpg"))[:12]
    for folder, paths in (("1", portraits[:5]), ("0", portraits[5:])):
        (root / folder).mkdir(parents=True)
        for path in paths:
            with Image.open(path) as image:
                image.resize((256, 256)).save(root / folder / path.name)
        lines = [f"{path.stem} 80 110 176 110\n" for path in paths]
        (root / f"{folder}.txt").write_text("".join(lines))
    return root


def test_the_default_sizes_are_those_of_the_paper() -> None:
    x, y = faces({f"x{n}" for n in range(150)}, "X"), faces({f"y{n}" for n in range(400)})
    chosen = paper_split.parted([*x, *y], DatasetSettings(split="paper"))
    assert (len(in_test(chosen, "Y")), len(in_test(chosen, "X"))) == (300, 100)
    assert [face.id for face in chosen] == [face.id for face in [*x, *y]]


def test_the_lot_is_the_same_on_every_machine() -> None:
    chosen = paper_split.parted(faces({f"{n:03}" for n in range(100)}), settings(4, 0))
    assert in_test(chosen, "Y") == {"001", "002", "013", "063"}  # of `sha256sum`


def test_another_seed_is_another_lot() -> None:
    there = faces({f"{n:03}" for n in range(100)})
    lots = [in_test(paper_split.parted(there, settings(20, 0, seed)), "Y") for seed in (0, 1)]
    assert lots[0] != lots[1]


@given(st.sets(st.text("abc", min_size=1, max_size=4), min_size=6), st.integers(0, 6), st.data())
def test_an_added_portrait_moves_at_most_one_other(ids: set[str], size: int, data) -> None:
    added = data.draw(st.text("abcd", min_size=1, max_size=5))
    before = in_test(paper_split.parted(faces(ids), settings(size, 0)), "Y")
    after = in_test(paper_split.parted(faces(ids | {added}), settings(size, 0)), "Y")
    assert len(before - after) <= 1
    assert after - before <= {added}


def test_too_few_portraits_are_told_with_numbers() -> None:
    there = [*faces({"a", "b"}), *faces({"c"}, "X")]
    with pytest.raises(InputError, match="takes 300 Y and 100 X, the source has 2 Y and 1 X"):
        paper_split.parted(there, DatasetSettings(split="paper"))
    assert len(in_test(paper_split.parted(there, settings(2, 1)), "Y")) == 2


def test_a_source_without_labels_is_refused_with_what_to_do(faces: Path, tmp_path: Path) -> None:
    done = build(faces, tmp_path / "out", "--split", "paper")
    assert done.exit_code == 3
    for words in ("--split identity", "--labels FILE.csv"):
        assert words in done.output
    assert not (tmp_path / "out").exists()


def test_the_build_keeps_what_was_chosen(celebgaze: Path, tmp_path: Path) -> None:
    done = build(celebgaze, out := tmp_path / "out", *SMALL)
    assert done.exit_code == 0, done.output
    assert "12 portraits (9 train, 3 test)" in done.output
    manifest = Manifest.load(out)
    assert len(manifest.select(split=Split.TEST, domain=Domain.AWAY)) == 2
    assert len(manifest.select(split=Split.TEST, domain=Domain.CAMERA)) == 1
    assert "complete already" in build(celebgaze, out, *SMALL).output
    assert "2 portraits of domain Y and 1 of domain X" in (out / "README.md").read_text()


def test_another_seed_is_refused_to_a_finished_build(celebgaze: Path, tmp_path: Path) -> None:
    build(celebgaze, tmp_path / "out", *SMALL)
    done = build(celebgaze, tmp_path / "out", *SMALL, "--set", "dataset.split_seed=1")
    assert done.exit_code == 7
    assert "split_seed: 0 → 1" in done.output


def test_shards_choose_the_same_halves(celebgaze: Path, tmp_path: Path) -> None:
    build(celebgaze, tmp_path / "whole", *SMALL)
    shards = [tmp_path / f"shard-{n}" for n in (1, 2)]
    for number, shard in enumerate(shards, 1):
        build(celebgaze, shard, *SMALL, "--shard", f"{number}/2")
    gazebench("merge", tmp_path / "merged", *shards, "--quiet")
    assert tree_hash(tmp_path / "merged") == tree_hash(tmp_path / "whole")


def test_a_face_in_quarantine_is_missing_from_its_half(celebgaze: Path, tmp_path: Path) -> None:
    plan = building.plan(sources, celebgaze, settings(2, 1), source=None, limit=None)
    spoilt = next(face for face in plan.faces if face.partition == "test" and face.label == "Y")
    spoilt.path.write_text("<html>")
    build(celebgaze, tmp_path / "out", *SMALL)
    tested = {p.id for p in Manifest.load(tmp_path / "out").select(split=Split.TEST)}
    assert tested == {f.id for f in plan.faces if f.partition == "test"} - {spoilt.id}


def test_a_labelled_dataset_can_be_split_as_in_the_paper(dataset: Path, tmp_path: Path) -> None:
    words = ("--to", "celebgaze", "--with-pixels", "--quiet")
    assert gazebench("export", dataset, tmp_path / "source", *words).exit_code == 0
    done = build(tmp_path / "source", tmp_path / "out", *SMALL)
    assert done.exit_code == 0, done.output
    manifest = Manifest.load(tmp_path / "out")
    assert {p.id for p in manifest.portraits} == {p.id for p in Manifest.load(dataset).portraits}
    assert len(manifest.select(split=Split.TEST)) == 3


def test_an_export_gives_its_halves_back(celebgaze: Path, tmp_path: Path) -> None:
    build(celebgaze, tmp_path / "out", *SMALL)
    words = ("--to", "parquet", "--without-pixels", "--quiet")
    assert gazebench("export", tmp_path / "out", tmp_path / "export", *words).exit_code == 0
    words = ("--from-export", tmp_path / "export", "--quiet")
    done = gazebench("build-dataset", celebgaze, tmp_path / "again", *words)
    assert done.exit_code == 0, done.output
    assert tree_hash(tmp_path / "again") == tree_hash(tmp_path / "out")


def test_given_labels_make_the_split_of_a_plain_folder(faces: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in faces.iterdir())
    given = dict(zip(names, ["X", "y", "Y", "x", "Unsure"], strict=False))
    lines = "".join(f"{name},{label}\n" for name, label in given.items())
    (tmp_path / "labels.csv").write_text(f"id,label\n{lines}")
    flags = ("--split", "paper", "--set", "dataset.test_y=1", "--set", "dataset.test_x=1")
    done = build(faces, tmp_path / "out", *flags, "--labels", tmp_path / "labels.csv")
    assert done.exit_code == 0, done.output
    manifest = Manifest.load(tmp_path / "out")
    half = {d: len(manifest.select(split=Split.TEST, domain=d)) for d in Domain}
    assert half == {Domain.CAMERA: 1, Domain.AWAY: 1}
    assert (tmp_path / "out" / "labels.csv").read_text().count("unsure") == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nobody.jpg,X", "names that no picture has: line 2: 'nobody.jpg'"),
        ("x.jpg,left", "label 'left'"),
    ],
)
def test_a_list_of_labels_is_read_strictly(
    line: str, sentence: str, faces: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text(f"id,label\n{line}\n")
    done = build(faces, tmp_path / "out", "--labels", tmp_path / "labels.csv")
    assert done.exit_code == 3
    assert sentence in done.output
