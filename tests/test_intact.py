"""A dataset that was changed after it was built trains nothing, scores nothing, shows nothing."""

import csv
import os
import shutil
from pathlib import Path

import pytest
import report_runs
import toy_methods
from build_runs import gazebench, quick_build, quick_source
from training_folders import make_dataset

from gazebench import training
from gazebench.dataset import Manifest, intact
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError
from gazebench.reports.report import write_report


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight drawn portraits whose full check is done."""
    manifest = make_dataset(tmp_path / "dataset")
    assert intact.faults(manifest) == []
    return manifest.root


def images(root: Path) -> list[Path]:
    return sorted((root / "images").iterdir())


def sort_backwards(root: Path) -> None:
    lines = (root / "manifest.csv").read_text().splitlines()
    (root / "manifest.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")


def swap_two_pictures(root: Path) -> None:
    one, two = images(root)[:2]
    one.rename(root / "held")
    two.rename(one)
    (root / "held").rename(two)


def edit_a_picture_and_set_its_time_back(root: Path) -> None:
    path = images(root)[2]
    facts, data = path.stat(), bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def move_an_eye(root: Path) -> None:
    with (root / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for side in ("top", "bottom"):
        rows[0][f"left_eye_{side}"] = str(int(rows[0][f"left_eye_{side}"]) + 1)
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def put_a_pipe_there(root: Path) -> None:
    images(root)[0].unlink()
    os.mkfifo(images(root)[0].with_name("drawn-0.png"))


CHANGES = {
    sort_backwards: "manifest.csv or quarantine.csv is another",
    move_an_eye: "manifest.csv or quarantine.csv is another",
    swap_two_pictures: "images/drawn-0.png: other content; images/drawn-1.png: other content",
    edit_a_picture_and_set_its_time_back: "images/drawn-2.png: other content",
    put_a_pipe_there: "images/drawn-0.png: is not a regular file",
    lambda root: images(root)[1].unlink(): "images/drawn-1.png: no such file",
    lambda root: (root / "quarantine.csv").unlink(): "quarantine.csv: no such file",
    lambda root: shutil.rmtree(root / "images"): "and 5 more",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_in_one_sentence(root: Path, change) -> None:
    Pixels.open(Manifest.load(root))  # whose cache must not hide it
    change(root)
    with pytest.raises(InputError) as caught:
        Pixels.open(Manifest.load(root))
    assert str(caught.value).startswith(f"{root}: changed after it was built: ")
    assert CHANGES[change] in str(caught.value)


def test_a_training_does_not_begin(root: Path, tmp_path: Path) -> None:
    images(root)[3].unlink()
    with pytest.raises(InputError, match=r"changed after it was built: images/drawn-3\.png"):
        training.train(Manifest.load(root), tmp_path / "run", toy_methods, "small", device="cpu")
    assert not list((tmp_path / "run").rglob("*.safetensors"))


def test_a_copy_is_checked_once_and_found_sound(root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    assert intact.faults(Manifest.load(copy)) == []


def test_untouched_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(intact, "sha256_of", read)
    assert intact.faults(Manifest.load(root)) == []


def test_a_forged_or_damaged_note_of_a_check_is_no_proof(root: Path) -> None:
    (note,) = (root / "cache").glob("checked-*.npy")
    images(root)[0].write_bytes(b"no picture")
    for damage in (b"", note.read_bytes()[:-8], b"\x93NUMPY"):
        note.write_bytes(damage)
        assert intact.faults(Manifest.load(root)) == ["images/drawn-0.png: other content"]


def test_boxes_are_checked_at_load(root: Path) -> None:
    text = (root / "manifest.csv").read_text()
    header, first, *_ = text.splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    cells["left_eye_right"] = "9999"
    (root / "manifest.csv").write_text(text.replace(first, ",".join(cells.values())))
    with pytest.raises(InputError, match=r"manifest\.csv: drawn-0: eye box .* is not"):
        Manifest.load(root)


def test_a_report_names_the_change_and_leaves_the_pictures_out(tmp_path: Path) -> None:
    runs = report_runs.make_runs(tmp_path)
    assert not write_report(runs, tmp_path / "out").notes
    images(tmp_path / "dataset")[0].write_bytes(b"no picture")
    (note,) = write_report(runs, tmp_path / "out").notes
    assert "was changed after it was built (images/face-000.png: other content)" in note
    assert str(tmp_path) not in (tmp_path / "out" / "index.html").read_text()


def test_labels_of_faces_that_a_filter_took_out_are_no_damage(
    demo_portraits: Path, tmp_path: Path
) -> None:
    source, out = quick_source(demo_portraits, tmp_path, 8), tmp_path / "out"
    quick_build(source, out, "--labels", source.with_name("labels.csv"))
    sharpness = sorted(p.measures.sharpness or 0.0 for p in Manifest.load(out).portraits)
    less = f"dataset.filter.min_sharpness={sharpness[4]}"
    quick_build(source, out, "--set", less, "--overwrite")
    rows = (out / "labels.csv").read_text().splitlines()[1:]
    there = {p.id for p in Manifest.load(out).portraits}
    assert len(there) < len(rows) == 8
    checked = gazebench("verify", out, "--quiet")
    assert checked.exit_code == 0, checked.output
    with (out / "labels.csv").open("a") as file:
        file.write("stranger,X\n")
    checked = gazebench("verify", out, "--quiet")
    assert checked.exit_code == InputError.exit_code
    assert "labels.csv: 'stranger' is not a portrait of this dataset;" in checked.output
