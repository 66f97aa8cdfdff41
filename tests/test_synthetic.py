import dataclasses
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from build_runs import gazebench
from PIL import Image, ImageDraw
from test_build_kills import KILLED_AT

from gazebench.dataset import Domain, Manifest, read_csv
from gazebench.dataset.boxes import Point, mean_point
from gazebench.errors import GazebenchError, InputError
from gazebench.landmarks import eyes_of_68
from gazebench.landmarks.dlib import models
from gazebench.sources.drawn import Drawn
from gazebench.synthetic.crew import finished
from gazebench.synthetic.portrait import DrawnPortrait, paint
from gazebench.synthetic.scene import Scene
from gazebench.synthetic.truth import Truth, read_truth
from gazebench.synthetic.writing import Series, synthesize_folder

SIZE = 256
COUNT = 40


def draw(out: Path, count: int = 4, size: int = 64, seed: int = 0, workers: int = 1) -> Path:
    synthesize_folder(out, Series(count=count, size=size, seed=seed), workers=workers, quiet=True)
    return out


def content(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawn portraits. Not to be written to."""
    out = tmp_path_factory.mktemp("drawn") / "forty"
    return draw(out, COUNT, SIZE, seed=1, workers=2)


@pytest.fixture(scope="module")
def truths(folder: Path) -> list[Truth]:
    return read_truth(folder / "truth.csv")


@pytest.fixture(scope="module")
def dataset(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 24 of them, with the listed eyes and no labels."""
    out = tmp_path_factory.mktemp("built") / "dataset"
    flags = ("--limit", 24, "--test-fraction", 0.4, "--quiet")
    built = gazebench("build-dataset", folder, out, "--res", SIZE, "--workers", 2, *flags)
    assert built.exit_code == 0, built.output
    return out


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    alone, together = draw(tmp_path / "1", 7), draw(tmp_path / "3", 7, workers=3)
    assert content(alone) == content(together)
    assert len(content(alone)) == 7 + 2


def test_a_portrait_does_not_depend_on_how_many_are_drawn(folder: Path) -> None:
    assert (folder / "images" / "drawn-00013.png").read_bytes() == DrawnPortrait(1, 13, SIZE).png()


def test_another_seed_draws_other_people() -> None:
    first, second = (DrawnPortrait(seed, 0, 64) for seed in (0, 1))
    assert first.png() != second.png()
    assert not np.allclose(first.scene.look.skin, second.scene.look.skin)


def test_one_person_looks_the_same_in_all_of_its_portraits() -> None:
    looks = [DrawnPortrait(0, index, 64).scene.look for index in range(8)]
    assert [look.details for look in looks] == [looks[0].details] * 4 + [looks[4].details] * 4


def test_a_picture_twice_the_size_has_the_same_truth() -> None:
    small, large = (DrawnPortrait(0, 2, size).truth for size in (128, 256))
    assert small.gaze_deg == large.gaze_deg
    for a, b in zip(small.landmarks, large.landmarks, strict=True):
        assert ((a.x + 0.5) * 2 - 0.5, (a.y + 0.5) * 2 - 0.5) == pytest.approx(b)


def off_camera_deg(yaw: float, pitch: float) -> float:
    return math.degrees(math.acos(math.cos(math.radians(yaw)) * math.cos(math.radians(pitch))))


def test_labels_agree_with_the_angles(truths: list[Truth]) -> None:
    for true in truths:
        off = off_camera_deg(*true.gaze_deg)
        assert off <= 2 if true.domain is Domain.CAMERA else off >= 8
        assert all(abs(a) <= most for a, most in zip(true.gaze_deg, (25, 15), strict=True))
        assert all(abs(a) <= most for a, most in zip(true.head_deg, (25, 12, 8), strict=True))


def test_every_person_has_two_portraits_of_each_domain(truths: list[Truth]) -> None:
    assert set(Counter((t.identity, t.domain) for t in truths).values()) == {2}


def test_labels_csv_says_what_truth_csv_says(folder: Path, truths: list[Truth]) -> None:
    labels = {row["id"]: row["label"] for _, row in read_csv(folder / "labels.csv", ())}
    assert labels == {Path(t.name).stem: t.domain.value for t in truths}


def test_eyes_lie_in_the_picture_in_the_middle_of_their_landmarks(truths: list[Truth]) -> None:
    for true in truths:
        left, right = true.eyes
        assert 0 < left.x < right.x < SIZE
        assert 0 < left.y < SIZE
        assert 0 < right.y < SIZE
        assert left == pytest.approx(mean_point(list(true.landmarks[36:42])), abs=2e-3)
        assert right == pytest.approx(mean_point(list(true.landmarks[42:48])), abs=2e-3)


def test_a_nose_points_where_the_head_is_turned(truths: list[Truth]) -> None:
    for true in truths:
        yaw, roll = true.head_deg[0], true.head_deg[2]
        middle = (true.eyes[0].x + true.eyes[1].x) / 2
        if abs(yaw) > 12 and abs(roll) < 4:
            assert (true.landmarks[30].x - middle) * yaw > 0


def turned(gaze_deg: tuple[float, float]) -> Scene:
    """A man without glasses, his head to the camera, his eyes turned."""
    scene = DrawnPortrait(0, 4, SIZE).scene
    pose = dataclasses.replace(scene.pose, head_deg=(0.0, 0.0, 0.0), gaze_deg=gaze_deg)
    return Scene(scene.look, pose)


def pupil(gaze_deg: tuple[float, float]) -> Point:
    """Middle of the darkest pixels of the left eye, from the eyeball's centre, in its radii."""
    scene, side = turned(gaze_deg), 2 * SIZE
    pixels = np.asarray(paint(scene, side, np.random.default_rng(0)).convert("L"))
    eye = scene.features.eyes[0]
    lowered = eye.upper[3:-3] + np.array([0, 0.05, 0])  # without the lashes
    outline = scene.place(np.concatenate([lowered, eye.lower[-4:2:-1]])) * side - 0.5
    opening = Image.new("L", (side, side))
    ImageDraw.Draw(opening).polygon(outline.ravel().tolist(), fill=255)
    rows, columns = np.nonzero((np.asarray(opening) > 0) & (pixels < 35))
    found = (np.array([columns.mean(), rows.mean()]) + 0.5) / side
    return Point(*(found - scene.place(eye.center[None])[0]) / (eye.radius * scene.unit))


@pytest.mark.parametrize("yaw", [-20.0, -10.0, 10.0, 20.0])
def test_the_pupil_is_where_the_gaze_puts_it(yaw: float) -> None:
    assert pupil((yaw, 0.0)).x == pytest.approx(math.sin(math.radians(yaw)), abs=0.07)


def test_the_pupil_goes_up_with_a_gaze_upwards() -> None:
    up, ahead, down = (pupil((0.0, pitch)).y for pitch in (10.0, 0.0, -10.0))
    assert up < ahead - 0.08 < ahead + 0.08 < down


def test_dlib_finds_the_faces_and_their_eyes(folder: Path, truths: list[Truth]) -> None:
    detector, predictor = models()
    found, errors = 0, []
    for true in truths:
        pixels = np.asarray(Image.open(folder / "images" / true.name))
        boxes = detector(pixels, 0)
        found += len(boxes) == 1
        for box in list(boxes)[:1]:
            points = [Point(float(p.x), float(p.y)) for p in predictor(pixels, box).parts()]
            left, right = true.eyes
            apart = math.dist(left, right)
            found_left, found_right, _ = eyes_of_68(points)
            errors += [math.dist(found_left, left) / apart, math.dist(found_right, right) / apart]
    assert found >= 0.95 * COUNT
    assert np.median(errors) < 0.05


def test_a_dataset_is_built_with_the_true_eyes(dataset: Path, truths: list[Truth]) -> None:
    manifest = Manifest.load(dataset)
    eyes = {true.name: true.eyes for true in truths}
    assert len(manifest.portraits) == 24
    assert manifest.source == "drawn"
    for portrait in manifest.portraits:
        left, right = eyes[portrait.source_name]
        assert portrait.left_center == pytest.approx(left, abs=1e-3)
        assert portrait.right_center == pytest.approx(right, abs=1e-3)


def test_label_import_takes_the_drawn_labels(
    folder: Path, dataset: Path, truths: list[Truth], tmp_path: Path
) -> None:
    rows = (folder / "labels.csv").read_text().splitlines()[: 24 + 1]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    imported = gazebench("label", "import", dataset, tmp_path / "labels.csv")
    assert imported.exit_code == 0, imported.output
    domains = {true.name: true.domain for true in truths}
    portraits = Manifest.load(dataset).portraits
    assert all(p.domain is domains[p.source_name] for p in portraits)


def test_no_person_is_in_both_halves_of_the_dataset(dataset: Path) -> None:
    halves = {(p.identity, p.split) for p in Manifest.load(dataset).portraits}
    assert len(halves) == len({identity for identity, _ in halves}) == 6
    assert len({split for _, split in halves}) == 2


def test_the_command_draws_and_says_what_is_next(tmp_path: Path) -> None:
    done = gazebench(
        "synthesize", tmp_path / "o", "--count", 4, "--size", 64, "--workers", 1, "--quiet"
    )
    assert done.exit_code == 0
    assert "2 look at the camera (X), 2 away (Y)" in done.output
    assert len(list((tmp_path / "o" / "images").iterdir())) == 4


def test_the_earlier_name_of_the_command_works_and_names_the_new_one(tmp_path: Path) -> None:
    done = gazebench("draw", tmp_path / "o", "--count", 4, "--size", 64, "--workers", 1, "--quiet")
    assert done.exit_code == 0, done.output
    assert "`draw` is now called `synthesize`" in done.output
    assert content(tmp_path / "o") == content(draw(tmp_path / "again"))
    assert "draw" not in gazebench("--help").output.split()


def test_a_second_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    out = draw(tmp_path / "o")
    before = content(out)
    (out / "images" / "drawn-00002.png").unlink()
    report = synthesize_folder(out, Series(count=4, size=64, seed=0), workers=1, quiet=True)
    assert (report.drawn, report.kept) == (1, 3)
    assert content(out) == before


def test_other_settings_are_refused_until_overwritten(tmp_path: Path) -> None:
    out = draw(tmp_path / "o")
    words = ("synthesize", out, "--count", 3, "--size", 64, "--workers", 1, "--quiet")
    assert gazebench(*words).exit_code == 7
    assert gazebench(*words, "--overwrite").exit_code == 0
    assert len(list((out / "images").iterdir())) == 3


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    refused = gazebench("synthesize", tmp_path, "--count", 1, "--overwrite", "--quiet")
    assert refused.exit_code == 3
    assert "holiday.jpg" in refused.output
    assert content(tmp_path) == {"holiday.jpg": b"mine"}


def hand_made(folder: Path) -> str:
    """Somebody's own list in the form of truth.csv, of their own pictures."""
    text = (folder / "truth.csv").read_text()
    for number in range(4):
        name = f"drawn-{number:05}.png"
        (folder / "images" / name).rename(folder / "images" / f"me-{number}.png")
        text = text.replace(name, f"me-{number}.png")
    (folder / "truth.csv").write_text(text)
    return "truth.csv, which is not as"


def another_order(folder: Path) -> str:
    head, *lines = (folder / "truth.csv").read_text().splitlines(keepends=True)
    (folder / "truth.csv").write_text("".join([head, *reversed(lines)]))
    return "truth.csv, which is not as"


def own_numbers(folder: Path) -> str:
    text = (folder / "truth.csv").read_text()
    (folder / "truth.csv").write_text(text.replace("person-0000,", "person-0000,0", 1))
    return "truth.csv, which is not as"


def own_labels(folder: Path) -> str:
    (folder / "labels.csv").write_text("id,label\nmine,X\n")
    return "labels.csv, which is not as"


def another_list(folder: Path) -> str:
    (folder / "truth.csv").write_text("image,answer\n1.png,42\n")
    return "truth.csv"


@pytest.mark.parametrize("flags", [(), ("--overwrite",)])
@pytest.mark.parametrize(
    "change", [hand_made, another_order, own_numbers, own_labels, another_list]
)
def test_a_list_that_was_not_drawn_is_refused_and_nothing_deleted(
    change, flags: tuple[str, ...], tiny: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(tiny, tmp_path / "out"))
    said, before = change(out), content(out)
    words = ("--count", 4, "--size", 64, "--workers", 1, "--quiet", *flags)
    refused = gazebench("synthesize", out, *words)
    assert refused.exit_code == InputError.exit_code, refused.output
    assert said in refused.output
    assert content(out) == before


def test_overwrite_deletes_what_was_drawn_and_no_other_file(tiny: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(tiny, tmp_path / "out"))
    for name in ("images/holiday.jpg", "images/drawn-00009.png", "notes.txt"):
        (out / name).write_bytes(b"mine")
    words = ("--count", 3, "--size", 64, "--seed", 5, "--workers", 1, "--quiet", "--overwrite")
    assert gazebench("synthesize", out, *words).exit_code == 0
    mine = {name for name, data in content(out).items() if data == b"mine"}
    assert mine == {"images/holiday.jpg", "images/drawn-00009.png", "notes.txt"}
    drawn = {f"images/drawn-0000{number}.png" for number in range(3)}
    assert content(out).keys() == {*mine, *drawn, "truth.csv", "labels.csv"}
    assert (out / "images" / "drawn-00001.png").read_bytes() == DrawnPortrait(5, 1, 64).png()


def test_a_picture_that_a_new_drawing_would_take_for_its_own_is_refused(
    tiny: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(tiny, tmp_path / "out"))
    (out / "images" / "drawn-00005.png").write_bytes(b"mine")
    before = content(out)
    words = ("--count", 6, "--size", 64, "--seed", 5, "--workers", 1, "--quiet", "--overwrite")
    refused = gazebench("synthesize", out, *words)
    assert refused.exit_code == InputError.exit_code
    assert "holds images/drawn-00005.png, which truth.csv does not list" in refused.output
    assert content(out) == before


@pytest.mark.slow
def test_a_kill_before_any_step_of_an_overwrite_leaves_a_folder_that_can_be_finished(
    tiny: Path, tmp_path: Path
) -> None:
    words = ["--count", "3", "--size", "64", "--seed", "5", "--workers", "1", "--overwrite"]

    def killed_at(place: int, out: Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", KILLED_AT, str(place), "synthesize", "--quiet", out]
        return subprocess.run([*command, *words], capture_output=True, text=True, check=False)

    whole = killed_at(0, Path(shutil.copytree(tiny, tmp_path / "whole")))
    steps = int(whole.stdout.rpartition("steps ")[2])
    assert steps > 10
    for place in range(1, steps + 1):
        out = Path(shutil.copytree(tiny, tmp_path / f"out{place}"))
        assert killed_at(place, out).returncode == -signal.SIGKILL
        again = gazebench("synthesize", out, *words, "--quiet")
        assert again.exit_code == 0, (place, again.output)
        assert content(out) == content(tmp_path / "whole")


def test_an_odd_size_is_refused(tmp_path: Path) -> None:
    refused = gazebench("synthesize", tmp_path / "o", "--size", 255)
    assert refused.exit_code == 3
    assert "must be even" in refused.output


def test_a_dead_worker_is_an_error_and_not_a_wait() -> None:
    with pytest.raises(GazebenchError, match="worker process died"):
        list(finished(os._exit, [1, 2], workers=2))


@pytest.mark.long
def test_a_stopped_drawing_goes_on_where_it_was(tmp_path: Path) -> None:
    out, program = tmp_path / "o", (sys.executable, "-m", "gazebench")
    words = [
        *program,
        "synthesize",
        out,
        "--count",
        "80",
        "--size",
        "64",
        "--workers",
        "1",
        "--quiet",
    ]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while not any((out / "images").glob("drawn-*.png")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert "run the same command again" in process.communicate()[1]
    assert process.returncode == 130
    report = synthesize_folder(out, Series(count=80, size=64, seed=0), workers=2, quiet=True)
    assert report.drawn > 0
    assert report.kept > 0
    assert content(out)["images/drawn-00079.png"] == DrawnPortrait(0, 79, 64).png()


def damaged(folder: Path, out: Path, old: str, new: str) -> Path:
    """A copy of a drawn folder with one change in line 3 of its truth.csv."""
    shutil.copytree(folder, out)
    lines = (out / "truth.csv").read_text().splitlines()
    assert old in lines[2]
    lines[2] = lines[2].replace(old, new, 1)
    (out / "truth.csv").write_text("\n".join(lines))
    return out


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small drawn portraits. Not to be written to."""
    return draw(tmp_path_factory.mktemp("tiny") / "drawn")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("drawn-00001.png", "drawn-00000.png", "a second 'drawn-00000.png'"),
        ("drawn-00001.png", "../truth.csv", "'../truth.csv' is not a file name"),
        ("person-0000", "", "identity is empty"),
        ("person-0000,", "person-0000,one", "no number"),
        ("X,", "Z,", "label 'Z'"),
        ("X,", "nan,X,", "cells, the header has 148"),
        (",X,", ",X", "cells, the header has 148"),
    ],
)
def test_a_bad_line_is_named(
    tiny: Path, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    bad = damaged(tiny, tmp_path / "bad", old, new)
    refused = gazebench("build-dataset", bad, tmp_path / "out", "--quiet")
    assert refused.exit_code == 3
    assert "truth.csv, line 3" in refused.output
    assert complaint in refused.output


def test_eyes_on_the_wrong_sides_are_named(tiny: Path, tmp_path: Path) -> None:
    left, right = read_truth(tiny / "truth.csv")[1].eyes
    old = f"{left.x:.3f},{left.y:.3f},{right.x:.3f}"
    bad = damaged(tiny, tmp_path / "bad", old, f"{right.x:.3f},{left.y:.3f},{left.x:.3f}")
    with pytest.raises(InputError, match=r"line 3: left eye at x = "):
        Drawn(bad)


def test_the_source_gives_eyes_mouth_person_and_label(tiny: Path) -> None:
    for face, true in zip(Drawn(tiny).faces(), read_truth(tiny / "truth.csv"), strict=True):
        assert (face.name, face.identity, face.label) == (true.name, "person-0000", true.domain)
        assert face.eyes == true.eyes
        assert face.mouth is not None
        assert face.mouth.y > max(eye.y for eye in true.eyes)


def test_a_missing_picture_is_named(tiny: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(tiny, tmp_path / "out"))
    (out / "images" / "drawn-00003.png").unlink()
    with pytest.raises(InputError, match=r"drawn-00003\.png.*gazebench synthesize"):
        list(Drawn(out).faces())


def test_a_truth_csv_of_another_kind_is_no_drawn_folder(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("image,answer\n")
    assert not Drawn.recognises(tmp_path)
