"""Real portraits in every layout of source pictures, from the tree to the dataset."""

import importlib.util
import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
from build_runs import build, tree_hash

from benchmarks import layouts
from benchmarks.layouts import LAYOUTS, Built, Tree
from gazebench.dataset import Manifest, read_labels

PICTURES = 12
GENERATED = layouts.DATA / "generated" / "images"


class Made(NamedTuple):
    """A tree, its dataset, and what the build said."""

    tree: Tree
    out: Path
    built: Built


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """The dataset of each layout."""
    root, found = tmp_path_factory.mktemp("layouts"), {}
    for number, (name, layout) in enumerate(LAYOUTS.items()):
        tree = layout.make(layout.of(PICTURES), root / f"source{number}")
        out = root / f"out{number}"
        found[name] = Made(tree, out, layouts.built(layout, tree, out, 256, workers=2))
    return found


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_recognised_and_every_picture_accounted_for(made, name: str) -> None:
    tree, out, built = made[name]
    counts, lost = built.report.counts, built.report.counts.quarantined
    assert built.source == LAYOUTS[name].source
    assert built.found == tree.pictures == counts.portraits + sum(lost.values())
    assert (lost["damaged"], lost["not_a_picture"]) == (1, 1)
    assert counts.portraits > PICTURES / 2
    assert tree_hash(out) == counts.tree_hash


def test_the_archive_of_celeba_gives_the_dataset_of_its_folder(made) -> None:
    assert tree_hash(made["CelebA, ZIP"].out) == tree_hash(made["CelebA"].out)
    assert not list(made["CelebA, ZIP"].tree.root.rglob("*.jpg"))


def test_the_labels_of_celebgaze_are_imported(made) -> None:
    tree, out, _ = made["CelebGaze"]
    expected = {p.id: tree.labels[p.source_name] for p in Manifest.load(out).portraits}
    assert read_labels(out / "labels.csv") == expected
    assert set(expected.values()) == {"X", "Y"}


@pytest.mark.parametrize("name", ["CelebA", "CelebA, ZIP", "CelebA in the wild", "CelebA-HQ"])
def test_people_are_those_of_the_lists_and_of_the_mapping(made, name: str) -> None:
    halves: dict[str | None, set] = defaultdict(set)
    for portrait in Manifest.load(made[name].out).portraits:
        assert portrait.identity == made[name].tree.people[portrait.source_name]
        halves[portrait.identity].add(portrait.split)
    assert all(len(half) == 1 for half in halves.values())


def test_the_demo_serves_where_there_are_no_other_pictures(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(layouts, "DATA", tmp_path)
    assert [face.label for face in layouts.portraits(4)] == ["X", "Y", "X", "Y"]
    assert all(face.path.parent == layouts.DEMO for face in layouts.photographs(4))


@pytest.mark.slow
@pytest.mark.skipif(not GENERATED.is_dir(), reason="needs the 2,400 portraits beside the checkout")
def test_workers_and_clusters_build_one_dataset_of_2400_portraits(tmp_path: Path) -> None:
    crews: dict[str, tuple[object, ...]] = {"one": ("--workers", 1), "two": ("--workers", 2)}
    if importlib.util.find_spec("distributed") or "CI" in os.environ:
        crews["cluster"] = ("--cluster", "local:2")
    for name, flags in crews.items():
        done = build(GENERATED, tmp_path / name, *flags)
        assert done.exit_code == 0, done.output
        assert f"{len(list(GENERATED.iterdir())):,} found" in done.output
    assert len({tree_hash(tmp_path / name) for name in crews}) == 1
