import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from build_runs import FLAGS, build, gazebench, interrupted, many, shuffled, tree_hash
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gazebench import store
from gazebench.curation.portraitist import assign_split
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Manifest, Split, read_csv
from gazebench.dataset.masks import eye_mask
from gazebench.sources import SourceFace
from gazebench.sources.celeba import LANDMARKS


def reasons(out: Path) -> dict[str, str]:
    return {row["source_name"]: row["reason"] for _, row in read_csv(out / "quarantine.csv", ())}


def spoil(faces: Path) -> None:
    """Add one picture of each kind that has no place in a dataset."""
    first, second = (Image.open(path) for path in sorted(faces.iterdir())[:2])
    (faces / "truncated.jpg").write_bytes(next(faces.glob("*.jpg")).read_bytes()[:9000])
    (faces / "page.jpg").write_text("<html>")
    (faces / "empty.png").touch()
    Image.new("RGB", (512, 512), (90, 120, 150)).save(faces / "blank.png")
    pair = Image.new("RGB", (1024, 512))
    pair.paste(first, (0, 0))
    pair.paste(second, (512, 0))
    pair.save(faces / "pair.png")
    small = Image.new("RGB", (400, 400), "grey")
    small.paste(first.resize((100, 100)), (150, 150))
    small.save(faces / "small.png")
    low = Image.new("RGB", (512, 1024), "grey")
    low.paste(first, (0, 512))  # below the centred square
    low.save(faces / "low.png")


def test_every_picture_is_a_portrait_or_has_a_reason(faces: Path, tmp_path: Path) -> None:
    spoil(faces)
    done = build(faces, tmp_path / "out", "--set", "dataset.min_eye_distance_source=40")
    assert done.exit_code == 0, done.output
    assert "19 found = 12 portraits" in done.output
    assert reasons(tmp_path / "out") == {
        "blank.png": "no_face",
        "empty.png": "empty",
        "low.png": "window_out_of_frame",
        "page.jpg": "not_a_picture",
        "pair.png": "multiple_faces",
        "small.png": "face_too_small",
        "truncated.jpg": "damaged",
    }
    tree_hash(tmp_path / "out")


def test_no_path_of_this_machine_is_published(faces: Path, tmp_path: Path) -> None:
    spoil(faces)
    build(faces, tmp_path / "out")
    for name in ("manifest.csv", "quarantine.csv", "dataset.json"):
        assert str(tmp_path) not in (tmp_path / "out" / name).read_text()


def test_the_largest_of_unlike_faces_is_taken(faces: Path, tmp_path: Path) -> None:
    first, second = (Image.open(path) for path in sorted(faces.iterdir())[:2])
    both = Image.new("RGB", (768, 512))
    both.paste(first, (0, 0))
    both.paste(second.resize((256, 256)), (512, 100))
    shutil.rmtree(faces)
    faces.mkdir()
    both.save(faces / "both.png")
    gazebench("build-dataset", faces, tmp_path / "out", "--res", "256", "--quiet")
    (portrait,) = Manifest.load(tmp_path / "out").portraits
    assert portrait.faces == 2


def test_boxes_lie_inside_and_masks_are_full(small_dataset: Path) -> None:
    for portrait in Manifest.load(small_dataset).portraits:
        assert all(box.inside(256, 256) for box in portrait.eyes)
        assert eye_mask(portrait.eyes, 256, 256).sum() == 2 * 30 * 50
        assert portrait.left_center.x < portrait.right_center.x


def test_a_portrait_is_the_reduced_picture(small_dataset: Path, small_faces: Path) -> None:
    manifest = Manifest.load(small_dataset)
    portrait = manifest.portraits[0]
    source = Image.open(small_faces / portrait.source_name)
    expected = source.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS)
    image = Image.open(manifest.path(portrait))
    np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    assert image.info == {}


def test_workers_and_file_order_change_no_byte(faces: Path, tmp_path: Path) -> None:
    spoil(faces)
    build(faces, tmp_path / "one", "--workers", 1)
    build(faces, tmp_path / "two", "--workers", 2)
    build(shuffled(faces), tmp_path / "three", "--workers", 3)
    hashes = {tree_hash(tmp_path / name) for name in ("one", "two", "three")}
    assert len(hashes) == 1


@pytest.fixture(scope="module")
def forty(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pictures than one round of fsync takes, with the build of them in "whole" beside."""
    root = tmp_path_factory.mktemp("forty")
    folder = many(sorted(demo_portraits.glob("*.jpg"))[:8], root / "many", 5)
    build(folder, root / "whole")
    return folder


@pytest.mark.parametrize(
    "images",
    [pytest.param(1, marks=pytest.mark.long), 20, pytest.param(32, marks=pytest.mark.long)],
)
def test_a_killed_build_goes_on_to_the_same_bytes(forty: Path, tmp_path: Path, images: int) -> None:
    killed = interrupted(forty, tmp_path / "out", images, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert gazebench("verify", tmp_path / "out").exit_code == 3
    build(forty, tmp_path / "out")
    assert tree_hash(tmp_path / "out") == tree_hash(forty.with_name("whole"))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_build_says_so_and_goes_on(forty, tmp_path: Path, signum: int, code: int) -> None:
    stopped = interrupted(forty, tmp_path / "out", 1, signum)
    assert stopped.returncode == code, stopped.stderr
    assert "of 40 faces, all kept; run the same command again to resume" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "40 found = 40 portraits" in build(forty, tmp_path / "out").output
    assert tree_hash(tmp_path / "out") == tree_hash(forty.with_name("whole"))


def test_ctrl_c_while_workers_start_is_no_traceback(faces: Path, tmp_path: Path) -> None:
    stopped = interrupted(faces, tmp_path / "out", 0, signal.SIGINT)
    assert stopped.returncode == 130
    assert "stopped after 0 of 12 faces" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_finished_build_is_left_alone(dataset: Path, small_faces: Path) -> None:
    faces = dataset.with_name("faces")
    shutil.copytree(small_faces, faces)
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*.[cjp]*")}
    done = build(faces, dataset, "--test-fraction", 0.3)
    assert "complete already; nothing to do" in done.output
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*.[cjp]*")} == before


@pytest.mark.parametrize("name", ["dataset.json", "manifest.csv", "quarantine.csv"])
@pytest.mark.parametrize("harm", ["removed", "damaged"])
def test_the_same_command_mends_a_lost_list(
    dataset: Path, small_faces: Path, name: str, harm: str
) -> None:
    before = tree_hash(dataset)
    (dataset / name).unlink()
    if harm == "damaged" and name == "dataset.json":
        (dataset / name).write_text("{")
    done = build(small_faces, dataset, "--test-fraction", 0.3)
    assert done.exit_code == 0, done.output
    assert tree_hash(dataset) == before


def test_other_settings_are_refused_by_name(faces: Path, tmp_path: Path) -> None:
    build(faces, tmp_path / "out", "--limit", 2)
    before = tree_hash(tmp_path / "out")
    refused = build(faces, tmp_path / "out", "--limit", 2, "--res", 512)
    assert refused.exit_code == 7
    assert "resolution: 256 → 512" in refused.output
    assert "pictures: 2 → 12" in build(faces, tmp_path / "out").output
    assert tree_hash(tmp_path / "out") == before


def test_a_second_builder_is_told_who_builds(faces: Path, tmp_path: Path) -> None:
    with store.locked(tmp_path / "out"):
        refused = build(faces, tmp_path / "out")
    assert refused.exit_code == 6
    assert "is writing here" in refused.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("none", "out"), "none: no such folder; give the folder that holds the pictures"),
        (("empty", "out"), "empty: no pictures found"),
        (("faces/00023.jpg", "out"), "is not a folder; of files"),
        (("faces", "faces"), "faces: holds the pictures; give another folder"),
        (("faces", "empty/.."), "holds the pictures"),
        (("empty/../faces", "other"), "other: holds other files; give a new or empty folder"),
        (("faces", "file"), "is a file; give a folder"),
        (("faces", "file/below"), "is a file where a folder is needed"),
        (("faces", "a" * 300), "File name too long"),
        (("a" * 300, "out"), "File name too long"),
        (("faces", "out", "--landmarks", "dlip"), "no 'dlip' in landmarks; did you mean 'dlib'"),
        (("faces", "out", "--landmarks", "listed"), "the source has no list of eye points"),
        (("faces", "out", "--split", "partition"), "list_eval_partition.txt was not found"),
        (("faces", "out", "--source-type", "celebs"), "did you mean 'celeba'"),
        (("faces", "out", "--window", "40x130"), "two do not fit into 256x256"),
        (("faces", "out", "--set", "dataset=5"), "expected a table"),
        (("faces", "out", "--set", "dataset.aline=eyes"), "did you mean 'align'"),
        (("faces", "out", "--config", "none.toml"), "no such settings file"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_nothing(
    faces: Path, tmp_path: Path, monkeypatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file").touch()
    Path("other").mkdir()
    Path("other/photo.jpg").touch()
    refused = gazebench("build-dataset", *words, "--res", 256)
    assert refused.exit_code == 3, refused.output
    assert sentence in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "faces", "file", "other"]


def test_no_face_in_any_picture_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "blank").mkdir()
    for number in range(3):
        Image.new("RGB", (256, 256), (number, 99, 99)).save(tmp_path / f"blank/{number}.png")
    for _ in range(2):  # a resume says the same
        refused = build(tmp_path / "blank", tmp_path / "out")
        assert refused.exit_code == 3
        assert "no usable face in any of the 3 pictures (no_face 3)" in refused.output
        assert not (tmp_path / "out" / "dataset.json").exists()


def test_a_source_inside_the_dataset_is_refused(dataset: Path) -> None:
    before = tree_hash(dataset)
    refused = build(dataset / "images", dataset, "--overwrite")
    assert refused.exit_code == 3
    assert "give another folder for the dataset" in refused.output
    assert tree_hash(dataset) == before


def test_a_dataset_inside_the_source_is_no_source(faces: Path) -> None:
    build(faces, faces / "out", "--limit", 3)
    assert "complete already" in build(faces, faces / "out", "--limit", 3).output


def test_overwrite_builds_anew_and_keeps_labels(dataset: Path, small_faces: Path) -> None:
    labels = (dataset / "labels.csv").read_bytes()
    done = build(small_faces, dataset, "--res", 128, "--overwrite")
    assert done.exit_code == 0, done.output
    assert Manifest.load(dataset).resolution == 128
    assert (dataset / "labels.csv").read_bytes() == labels


def test_an_overwrite_that_was_killed_goes_on(dataset: Path, small_faces: Path) -> None:
    before = tree_hash(dataset)
    (dataset / "dataset.json").unlink()  # what is done first; images would follow
    (dataset / "build.sqlite").write_bytes(b"")
    next((dataset / "images").iterdir()).unlink()
    build(small_faces, dataset, "--test-fraction", 0.3)
    assert tree_hash(dataset) == before


@pytest.mark.parametrize("content", [b"no database, but a line of text", b"SQLite format 3\0" * 99])
def test_a_damaged_journal_names_overwrite(
    dataset: Path, small_faces: Path, content: bytes
) -> None:
    (dataset / "build.sqlite").write_bytes(content)
    refused = build(small_faces, dataset, "--test-fraction", 0.3)
    assert refused.exit_code == 3
    assert "build again with --overwrite" in refused.output
    assert build(small_faces, dataset, "--overwrite").exit_code == 0


def test_a_half_written_image_of_a_killed_build_is_removed(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "images").mkdir(parents=True)
    (tmp_path / "out" / "build.sqlite").touch()
    (tmp_path / "out" / "images" / ".partial-1-00023.png").write_bytes(b"half")
    build(faces, tmp_path / "out", "--limit", 2)
    assert not list((tmp_path / "out" / "images").glob(".partial-*"))
    tree_hash(tmp_path / "out")


def test_a_full_disk_is_a_sentence_and_the_build_goes_on(faces: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gazebench", "build-dataset", faces, tmp_path / "out", *FLAGS]
    limit = (50_000, 50_000)
    full = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert full.returncode == 5, full.stderr
    assert "no space left on the disk; free some and run the same command again" in full.stderr
    assert list((tmp_path / "out" / "images").iterdir()) == []
    assert build(faces, tmp_path / "out").exit_code == 0
    tree_hash(tmp_path / "out")


def test_a_dry_run_writes_nothing(faces: Path, tmp_path: Path) -> None:
    dry = build(faces, tmp_path / "out", "--dry-run", "--align", "eyes")
    assert dry.exit_code == 0
    assert 'align = "eyes"' in dry.output
    assert "resolution = 256" in dry.output
    assert not (tmp_path / "out").exists()


def test_what_a_dry_run_prints_is_a_settings_file(faces: Path, tmp_path: Path) -> None:
    text = build(faces, tmp_path / "out", "--dry-run").output.partition("[dataset]")
    (tmp_path / "s.toml").write_text(text[1] + text[2])
    again = gazebench(
        "build-dataset", faces, tmp_path / "out", "--config", tmp_path / "s.toml", "--dry-run"
    )
    assert again.output.endswith(text[1] + text[2])


def test_relative_paths_are_those_of_the_current_folder(faces: Path, monkeypatch) -> None:
    monkeypatch.chdir(faces.parent)
    done = build(Path("faces"), Path("out"), "--limit", 2)
    assert "2 found = 2 portraits" in done.output


def test_limit_takes_the_first_by_id(faces: Path, tmp_path: Path) -> None:
    build(faces, tmp_path / "out", "--limit", 3)
    names = sorted(path.stem for path in faces.iterdir())[:3]
    assert [p.id for p in Manifest.load(tmp_path / "out").portraits] == names


# verify


def edit_image(dataset: Path) -> str:
    path = sorted((dataset / "images").iterdir())[3]
    image = Image.open(path).convert("RGB")
    image.putpixel((0, 0), (1, 2, 3))
    image.save(path)
    return f"images/{path.name}: content changed after the build"


def remove_image(dataset: Path) -> str:
    path = sorted((dataset / "images").iterdir())[3]
    path.unlink()
    return f"images/{path.name}: No such file"


def add_image(dataset: Path) -> str:
    shutil.copy(next((dataset / "images").iterdir()), dataset / "images" / "zzz.png")
    return "images/zzz.png: not in manifest.csv"


def move_a_box(dataset: Path) -> str:
    path = dataset / "manifest.csv"
    left = Manifest.load(dataset).portraits[0].left_eye.left
    path.write_text(path.read_text().replace(f",{left},", f",{left + 1},", 1))
    return "the tree hash differs"


def drop_a_line(dataset: Path) -> str:
    lines = (dataset / "manifest.csv").read_text().splitlines(keepends=True)
    (dataset / "manifest.csv").write_text("".join(lines[:-1]))
    return "the tree hash differs"


def quarantine_one(dataset: Path) -> str:
    with (dataset / "quarantine.csv").open("a") as file:
        file.write("x,x.jpg,no_face,\n")
    return "the tree hash differs"


def label_a_stranger(dataset: Path) -> str:
    with (dataset / "labels.csv").open("a") as file:
        file.write("stranger,X\n")
    return "labels.csv: 'stranger' is not a portrait of this dataset"


def label_wrongly(dataset: Path) -> str:
    path = dataset / "labels.csv"
    path.write_text(path.read_text().replace(",X", ",x", 1))
    return "has the label 'x'"


@pytest.mark.parametrize(
    "harm",
    [
        edit_image,
        remove_image,
        add_image,
        move_a_box,
        drop_a_line,
        quarantine_one,
        label_a_stranger,
        label_wrongly,
    ],
)
def test_verify_finds_what_was_changed(dataset: Path, harm) -> None:
    sentence = harm(dataset)
    found = gazebench("verify", dataset, "--quiet")
    assert found.exit_code == 3
    assert sentence in found.output
    of_labels = harm in (label_a_stranger, label_wrongly)
    remedy = "import labels with --replace" if of_labels else "build it again with --overwrite"
    assert found.output.rstrip().endswith(remedy)


# splits


@given(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=2, max_size=5))
def test_a_person_is_in_one_half_only(person: str, names: list[str]) -> None:
    settings = DatasetSettings(test_fraction=0.5)
    faces = [SourceFace(id=n, name=n, path=Path(), identity=person) for n in names]
    assert len({assign_split(face, settings) for face in faces}) == 1


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 1.0])
def test_the_test_half_has_its_share(fraction: float) -> None:
    settings = DatasetSettings(test_fraction=fraction)
    faces = [SourceFace(id=str(n), name="", path=Path(), identity=str(n)) for n in range(4000)]
    share = sum(assign_split(face, settings) == Split.TEST for face in faces) / 4000
    assert share == pytest.approx(fraction, abs=0.02)


def test_the_sources_own_partition_is_kept() -> None:
    parts = ("train", "val", "test")
    faces = [SourceFace(id="1", name="1", path=Path(), partition=part) for part in parts]
    halves = [assign_split(face, DatasetSettings(split="partition")) for face in faces]
    assert halves == ["train", "train", "test"]


def test_celeba_with_its_own_eyes_and_partition(faces: Path, tmp_path: Path) -> None:
    images = tmp_path / "CelebA" / "Img" / "img_align_celeba"
    images.mkdir(parents=True)
    build(faces, tmp_path / "found", "--limit", 3)
    eyes, parts = [], []
    for number, portrait in enumerate(Manifest.load(tmp_path / "found").portraits):
        shutil.copy(faces / portrait.source_name, images / f"{number:06}.jpg")
        points = [2 * v + 0.5 for eye in (portrait.left_center, portrait.right_center) for v in eye]
        eyes.append(f"{number:06}.jpg {' '.join(f'{v:.0f}' for v in points)} 0 0 0 0 0 0\n")
        parts.append(f"{number:06}.jpg {number}\n")
    names = " ".join(LANDMARKS)
    (images.parent / "list_landmarks_align_celeba.txt").write_text(f"3\n{names}\n{''.join(eyes)}")
    (images.parent / "list_eval_partition.txt").write_text("".join(parts))
    done = gazebench(
        *("build-dataset", images.parents[1], tmp_path / "out", "--landmarks", "listed"),
        *("--align", "eyes", "--split", "partition", "--res", 256, "--quiet"),
    )
    assert "CelebA, aligned and cropped, 3 pictures" in done.output, done.output
    portraits = Manifest.load(tmp_path / "out").portraits
    assert [p.split for p in portraits] == ["train", "train", "test"]
    for portrait in portraits:
        assert portrait.left_center == pytest.approx((78.6, 92.9), abs=1e-3)
        assert portrait.right_center == pytest.approx((177.8, 92.7), abs=1e-3)
