import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build_runs import gazebench, tree_hash

from gazebench import dataset_card, weights
from gazebench.dataset import Domain, Manifest, Split, load_info
from gazebench.dataset_card import Overview, card_markdown
from gazebench.dataset_card._croissant import croissant
from gazebench.errors import InputError

# rdflib, by which mlcroissant reads JSON-LD
rdflib_warns = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
NASTY = "a|b <img src=x onerror=y> [click](http://evil.example) *bold* `code` \\ \x07 \u202e\n# new"


def card(root: Path, **changes: Any) -> str:
    """The card of a dataset whose ``dataset.json`` says something else."""
    return card_markdown(Manifest.load(root), {**load_info(root), **changes})


def section(text: str, title: str) -> str:
    """The text below a heading, up to the next one."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_card_says_what_the_dataset_is(small_dataset: Path) -> None:
    manifest, text = Manifest.load(small_dataset), card(small_dataset)
    for fact in (
        manifest.name,
        manifest.fingerprint,
        manifest.tree_hash,
        weights.digest("dlib_landmarks_68"),
        "unknown: see the terms of the pictures",
        "256x256",
        "30x50",
    ):
        assert fact in text


def test_the_card_counts_by_half_and_domain(small_dataset: Path) -> None:
    manifest, counts = Manifest.load(small_dataset), section(card(small_dataset), "Counts")
    for split in Split:
        numbers = [len(manifest.select(split=split, domain=domain)) for domain in Domain]
        both = len(manifest.select(split=split))
        cells = [*numbers, both - sum(numbers), both]
        assert f"| {split} | {' | '.join(map(str, cells))} |" in counts


def test_the_card_counts_the_quarantined_by_reason(small_dataset: Path) -> None:
    counts = {**load_info(small_dataset)["counts"], "found": 33, "quarantined": {"no_face": 9}}
    text = section(card(small_dataset, counts=counts), "Counts")
    assert "33 found = 24 portraits + 9 quarantined." in text
    assert "| no\\_face | 9 |" in text


def test_the_card_says_when_nothing_is_labelled(dataset: Path) -> None:
    (dataset / "labels.csv").unlink()
    assert section(card(dataset), "Labels").strip() == "No portrait is labelled yet."


def test_drawn_faces_are_nobodys(dataset: Path) -> None:
    info = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps({**info, "source": "drawn"}))
    assert "shows nobody" in section(card(dataset), "Personal data")


def test_the_command_of_the_card_builds_the_same_dataset(
    small_dataset: Path, small_faces: Path, tmp_path: Path
) -> None:
    block = re.search(r"```\n(gazebench .*?)```", card(small_dataset), re.S)
    assert block is not None
    places = {"SOURCE": small_faces, "OUT": tmp_path / "again"}
    words = [places.get(word, word) for word in shlex.split(block[1].replace("\\\n", ""))]
    result = gazebench(*words[1:], "--quiet")
    assert result.exit_code == 0, result.output
    assert tree_hash(tmp_path / "again") == Manifest.load(small_dataset).tree_hash


def test_names_cannot_write_markdown(small_dataset: Path) -> None:
    manifest = replace(Manifest.load(small_dataset), name=NASTY)
    info = {**load_info(small_dataset), "source_title": NASTY, "license": NASTY}
    text = card_markdown(manifest, info, notice=NASTY)
    for mark in ("<img", "[click", "*bold", "`code", "|b"):
        assert f"\\{mark}" in text
        assert not re.search(rf"(?<!\\){re.escape(mark)}", text)
    assert "\n# new" not in text
    assert "\u202e" not in text
    assert "\x07" not in text


def test_no_table_of_the_card_is_torn_by_a_name(small_dataset: Path) -> None:
    text = card(small_dataset, license=NASTY)
    row = next(line for line in text.splitlines() if line.startswith("| Licence"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 3


@pytest.fixture
def carded(dataset: Path) -> Path:
    """A dataset with its card."""
    dataset_card.write(dataset)
    return dataset


def test_a_card_is_the_same_bytes_anywhere(carded: Path, small_dataset: Path) -> None:
    text = (carded / "README.md").read_text()
    assert text == card(small_dataset)
    before = (carded / "croissant.json").read_bytes()
    dataset_card.write(carded)
    assert (carded / "croissant.json").read_bytes() == before
    for name in ("README.md", "croissant.json"):
        assert str(carded.parent) not in (carded / name).read_text()


def test_a_card_does_not_make_a_dataset_unsound(carded: Path, small_dataset: Path) -> None:
    assert tree_hash(carded) == Manifest.load(small_dataset).tree_hash


@pytest.fixture
def mlcroissant() -> Any:
    """The reference implementation of Croissant."""
    return pytest.importorskip("mlcroissant")


@rdflib_warns
@pytest.mark.parametrize("name", ["small", NASTY])
def test_croissant_is_valid(name: str, dataset: Path, mlcroissant: Any) -> None:
    info = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps({**info, "name": name}))
    dataset_card.write(dataset)
    metadata = mlcroissant.Dataset(jsonld=dataset / "croissant.json").metadata
    assert metadata.issues.errors == set()
    recommended = {"citeAs", "datePublished"}  # nobody wrote of it, and a build has no date
    assert {re.split(r"[/\"]", w)[-2] for w in metadata.issues.warnings} <= recommended


def records(mlcroissant: Any, root: Path, name: str) -> Iterator[dict[str, Any]]:
    """Records as mlcroissant reads them, without the record set's name."""
    for record in mlcroissant.Dataset(jsonld=root / "croissant.json").records(name):
        yield {key.split("/")[1]: value for key, value in record.items()}


@rdflib_warns
def test_croissant_leads_to_every_picture(carded: Path, mlcroissant: Any) -> None:
    found = {
        row["id"].decode(): row["image"].size for row in records(mlcroissant, carded, "portraits")
    }
    assert found == {p.id: (256, 256) for p in Manifest.load(carded).portraits}


@rdflib_warns
def test_croissant_leads_to_the_lists(carded: Path, mlcroissant: Any) -> None:
    by_digest = {p.sha256: p for p in Manifest.load(carded).portraits}
    rows = list(records(mlcroissant, carded, "manifest"))
    assert {row["sha256"].decode() for row in rows} == by_digest.keys()
    for row in rows:
        portrait = by_digest[row["sha256"].decode()]
        assert row["split"].decode() == portrait.split
        assert row["left_eye_top"] == portrait.left_eye.top
        assert row["transform_a"] == pytest.approx(portrait.transform[0])
    labels = [row["label"].decode() for row in records(mlcroissant, carded, "labels")]
    assert labels.count("X") == len(Manifest.load(carded).select(domain=Domain.CAMERA))


@rdflib_warns
def test_croissant_shows_a_manifest_that_was_changed(carded: Path, mlcroissant: Any) -> None:
    with (carded / "manifest.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(mlcroissant.GenerationError):
        list(records(mlcroissant, carded, "manifest"))


@rdflib_warns
def test_croissant_of_an_unlabelled_dataset_is_valid(dataset: Path, mlcroissant: Any) -> None:
    (dataset / "labels.csv").unlink()
    dataset_card.write(dataset)
    metadata = mlcroissant.Dataset(jsonld=dataset / "croissant.json").metadata
    assert [s.id for s in metadata.record_sets] == ["portraits", "manifest", "quarantine"]


def test_labels_change_the_version(small_dataset: Path) -> None:
    manifest, info = Manifest.load(small_dataset), load_info(small_dataset)
    both = (Overview.of(one) for one in (manifest, manifest.with_labels({})))
    labelled, bare = (croissant(one, info, {}) for one in both)
    assert labelled["version"] != bare["version"]


@pytest.mark.parametrize("key", ["settings", "counts", "license", "source_title"])
def test_a_damaged_dataset_json_is_a_sentence(key: str, small_dataset: Path) -> None:
    info = {k: v for k, v in load_info(small_dataset).items() if k != key}
    with pytest.raises(InputError, match="gazebench build-dataset"):
        card_markdown(Manifest.load(small_dataset), info)
