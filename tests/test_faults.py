"""What is known or seen to be wrong with a source is told by ``inspect``."""

import shutil
from pathlib import Path

import pytest
from build_runs import gazebench, quick_build
from PIL import Image

from gazebench.dataset import Manifest, Split, load_info
from gazebench.reports.faults import Fault, faults

EYES = "195,240,320,240"


def celeba_hq(portraits: list[Path], root: Path) -> Path:
    """Pairs 234=235 and 3329=3330, 2110 not aligned, and 18 others."""
    images = root / "hq" / "CelebA-HQ-img"
    images.mkdir(parents=True)
    rows = ["name,left_x,left_y,right_x,right_y"]
    numbers = [234, 3329, 2110, *range(10, 28)]
    for number, path in zip(numbers, portraits, strict=False):
        shutil.copy(path, images / f"{number}.jpg")
    for twin, number in ((234, 235), (3329, 3330)):
        with Image.open(images / f"{twin}.jpg") as image:
            image.save(images / f"{number}.jpg", quality=80)
    for path in sorted(images.iterdir()):
        rows.append(f"{path.name},{'120,330,230,300' if path.stem == '2110' else EYES}")
    (root / "eyes.csv").write_text("\n".join([*rows, ""]))
    return images.parent


@pytest.fixture(scope="module")
def dataset(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faults")
    source = celeba_hq(sorted(demo_portraits.glob("*.jpg"))[:21], root)
    quick_build(source, root / "out", "--test-fraction", 0.5)
    return root / "out"


def found(dataset: Path) -> list[Fault]:
    return faults(Manifest.load(dataset), load_info(dataset))


def about(dataset: Path, words: str) -> Fault:
    return next(fault for fault in found(dataset) if words in fault.sentence)


def test_known_pairs_are_counted_and_compared(dataset: Path) -> None:
    fault = about(dataset, "reported to be one picture twice")
    assert fault.sentence.startswith("2 pairs of portraits")
    assert "2 are near-duplicates here, 0 stand in both halves" in fault.sentence
    assert [portrait.id for portrait, _ in fault.shown] == ["234", "235", "3329", "3330"]
    halves = {portrait.id: portrait.split for portrait, _ in fault.shown}
    assert halves["234"] == halves["235"]
    assert halves["3329"] == halves["3330"]


def test_the_picture_that_is_not_aligned_is_named_and_measured(dataset: Path) -> None:
    assert [p.id for p, _ in about(dataset, "not to be aligned").shown] == ["2110"]
    displaced = about(dataset, "from where it usually is")
    assert displaced.sentence.startswith("1 of 23 portraits")
    assert [p.id for p, _ in displaced.shown] == ["2110"]


def test_missing_lists_stay_on_record(dataset: Path) -> None:
    notes = load_info(dataset)["notes"]
    assert any("mapping.txt not found" in note for note in notes)
    assert [fault.sentence for fault in found(dataset)][: len(notes)] == notes


def test_inspect_prints_and_shows_them(dataset: Path, tmp_path: Path) -> None:
    done = gazebench("inspect", dataset, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert "note: 2 pairs of portraits are reported" in done.output
    page = (tmp_path / "page.html").read_text()
    assert "Faults of the source" in page
    assert "CelebAMask-HQ/issues/84" in page


def test_one_picture_with_two_labels_is_told(dataset: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    (copy / "labels.csv").write_text("id,label\n234,X\n235,Y\n3329,X\n3330,X\n")
    fault = about(copy, "labelled both X and Y")
    assert fault.sentence.startswith("1 groups")
    assert [(p.id, label) for p, label in fault.shown] == [("234", "X"), ("235", "Y")]


def test_a_name_in_both_domains_is_told(demo_portraits: Path, tmp_path: Path) -> None:
    root = tmp_path / "celebgaze"
    paths = sorted(demo_portraits.glob("*.jpg"))
    for folder, names in (("1", ["ann-1", "bo-1"]), ("0", ["ann-1", "cy-1"])):
        (root / folder).mkdir(parents=True)
        for name in names:
            shutil.copy(paths.pop(), root / folder / f"{name}.jpg")
        lines = [f"{name} 195 240 320 240" for name in [*names, names[0]]]
        (root / f"{folder}.txt").write_text("\n".join(lines))
    flags = ("--res", 64, "--window", "8x12", "--quiet", "--split", "partition", "--workers", 1)
    done = gazebench("build-dataset", root, tmp_path / "out", *flags)
    assert done.exit_code == 0, done.output
    fault = about(tmp_path / "out", "names stand in both domains")
    assert "0 of these pairs are in both halves" in fault.sentence
    assert {portrait.split for portrait, _ in fault.shown} == {Split.TEST}
    assert about(tmp_path / "out", "names twice in 1.txt, taken once: 'ann-1'")


def test_a_plain_folder_has_no_known_faults(small_dataset: Path) -> None:
    sentences = [fault.sentence for fault in found(small_dataset)]
    assert not any("reported" in sentence or "domains" in sentence for sentence in sentences)
