"""What people give to `correct`: groups, doubled names, patterns, odd bytes, own methods."""

import hashlib
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from build_runs import gazebench
from PIL import Image, JpegImagePlugin
from test_check_method import TRAINED
from torch import Tensor
from toy_methods.still import Still
from training_folders import make_dataset

from gazebench.dataset import Manifest, load_info
from gazebench.dataset.batches import Batch
from gazebench.dataset.pictures import read_picture
from gazebench.errors import InputError, RefusedError
from gazebench.landmarks import FaceError
from gazebench.methods import Task
from gazebench.photographs import Photographer
from gazebench.photographs.choosing import Cut
from gazebench.photographs.correct import correct, destinations, photographs_of

pytestmark = pytest.mark.usefixtures("one_thread")
TASK = Task(256, (30, 50))
BY: dict[str, Any] = {"weights_sha256": "", "device": "cpu"}
CASES = Path(__file__).parents[2] / "shared" / "cases"


class Dark(Still):
    """Paints the eye boxes black."""

    def correct(self, batch: Batch) -> Tensor:
        return torch.where(batch.mask > 0, torch.tensor(-1.0), batch.image)


def dark() -> Dark:
    return Dark(Dark.Config(), TASK)


@pytest.fixture(scope="module")
def photographer() -> Photographer:
    return Photographer(TASK, align="ffhq", finder="dlib")


@pytest.fixture(scope="module")
def everybody() -> Photographer:
    return Photographer(TASK, align="ffhq", finder="dlib", all_faces=True)


@pytest.fixture
def photo(demo_portraits: Path, tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "me.jpg"
    path.parent.mkdir()
    return Path(shutil.copy(sorted(demo_portraits.glob("*.jpg"))[1], path))


# many faces


@pytest.fixture(scope="module")
def group(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight faces, four of them too small, in a picture of 2400 x 1000 pixels."""
    picture = Image.new("RGB", (2400, 1000), (120, 122, 125))
    for place, path in enumerate(sorted(demo_portraits.glob("*.jpg"))[:8]):
        side = 260 if place < 4 else 56
        picture.paste(
            read_picture(path).resize((side, side)), (600 * (place % 4), 620 * (place // 4))
        )
    picture.save(tmp_path_factory.mktemp("group") / "group.png")
    return next(tmp_path_factory.getbasetemp().glob("group*/group.png"))


def test_every_face_is_found_and_those_that_are_left_out_are_counted(
    group: Path, everybody: Photographer, tmp_path: Path
) -> None:
    notes: list[str] = []
    out = tmp_path / "out.png"
    assert correct(dark(), everybody, {group: out}, note=notes.append, **BY) == {}
    assert notes == [f"{group}: 4 of 8 faces corrected; 4 too small"]
    changed = (np.asarray(read_picture(group)) != np.asarray(read_picture(out))).any(2)
    assert [bool(changed[:400, x : x + 400].any()) for x in range(0, 2400, 600)] == [True] * 4
    assert not changed[600:].any()


def test_faces_that_the_method_leaves_are_not_counted_as_corrected(
    group: Path, everybody: Photographer, tmp_path: Path
) -> None:
    class Shy(Dark):
        """Leaves every second face as it is."""

        seen, unchanged = 0, Counter[str]()

        def correct(self, batch: Batch) -> Tensor:
            self.seen += 1
            if self.seen % 2:
                return super().correct(batch)
            self.unchanged["looks away"] += 1
            return batch.image

    method = Shy(Shy.Config(), TASK)
    notes: list[str] = []
    assert correct(method, everybody, {group: tmp_path / "x.png"}, note=notes.append, **BY) == {}
    why = "4 too small, 2 left as they are (looks away)"
    assert notes == [f"{group}: 2 of 8 faces corrected; {why}"]


def test_hidden_files_and_corrections_are_passed_over(photo: Path, tmp_path: Path) -> None:
    folder = photo.parent
    shutil.copy(photo, folder / "._me.jpg")  # as macOS leaves on other systems' disks
    assert photographs_of([folder / "*.jpg"]) == [photo]
    assert photographs_of([folder / ".*.jpg"]) == [folder / "._me.jpg"]
    (folder / "._me.jpg").unlink()
    notes: list[str] = []
    gazebench("correct", folder, "--out", folder, "--method", "identity", "--quiet")
    assert (folder / "me.png").is_file()
    assert photographs_of([folder], notes.append) == [photo]
    assert notes == [f"{folder}: 1 passed over, corrected already"]
    assert photographs_of([folder / "me.png"]) == [folder / "me.png"]  # named, so meant
    photo.unlink()
    with pytest.raises(InputError, match="all pictures in it are corrections already"):
        photographs_of([folder])


def test_where_no_face_can_be_used_all_are_counted(
    demo_portraits: Path, everybody: Photographer, tmp_path: Path
) -> None:
    picture = Image.new("RGB", (900, 300), (120, 122, 125))
    for place, path in enumerate(sorted(demo_portraits.glob("*.jpg"))[:3]):
        picture.paste(read_picture(path).resize((56, 56)), (50 + 300 * place, 100))
    picture.save(tmp_path / "far.png")
    with pytest.raises(FaceError, match="none of 3 faces can be used: 3 too small"):
        everybody.open(tmp_path / "far.png")


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared is not here")
def test_a_group_of_24(everybody: Photographer) -> None:
    found = everybody.open(CASES / "08_group24.jpg")
    assert len(found.portraits) == 24
    middles = {
        (round(p.transform[2] / p.transform[0] / 480), round(p.transform[5] / p.transform[4] / 480))
        for p in found.portraits
    }
    assert len(middles) == 24  # a face each


# names


def test_a_photograph_is_done_once_under_whatever_names(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "link.jpg").symlink_to(photo)
    (photo.parent / "notes.txt").write_text("")
    again = photo.parent / ".." / "photos" / "me.jpg"
    notes: list[str] = []
    words = [photo, photo, again, photo.parent, tmp_path / "link.jpg", photo.parent / "*.jp*g"]
    assert photographs_of(words, notes.append) == [photo]
    assert notes == [f"{photo.parent}: 1 other file passed over: 1 .txt"]


def test_a_pattern_names_the_pictures_that_fit(photo: Path, tmp_path: Path) -> None:
    shutil.copy(photo, photo.parent / "you[1].jpeg")
    shutil.copy(photo, photo.parent / "bare")
    (photo.parent / "me.txt").write_text("")
    assert photographs_of([tmp_path / "*" / "m*"]) == [photo]
    assert photographs_of([photo.parent / "you[1].jpeg"]) == [photo.parent / "you[1].jpeg"]
    assert [p.name for p in photographs_of([photo.parent])] == ["bare", "me.jpg", "you[1].jpeg"]
    with pytest.raises(InputError, match="no such photograph"):
        photographs_of([tmp_path / "*.png"])


def test_a_name_that_is_no_utf_8_is_told_as_text(photo: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photo.parent) + b"/l\xe9.jpg"))
    wall = odd.with_name(os.fsdecode(b"w\xff.png"))
    shutil.copy(photo, odd)
    Image.new("RGB", (300, 200), "teal").save(wall)
    out = tmp_path / "out"
    words = ("correct", photo.parent, "--method", "iris_warp", "--page", "--out", out)
    result = gazebench(*words, "--device", "cpu", "--quiet")
    assert result.exit_code == 4, result.output
    assert "2 of 3 photographs corrected" in result.output
    assert r"w\xff.png: no face found" in result.output
    assert (os.fsencode(out) + b"/l\xe9.png") in [os.fsencode(p) for p in out.iterdir()]
    assert r"l\xe9.jpg" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Photo.png", "photo.jpg"),
        ("caf\u00e9.jpg", "cafe\u0301.png"),  # an accent in one sign, and in two
        ("STRASSE.jpg", "stra\u00dfe.jpg"),
    ],
)
def test_names_that_are_one_on_many_disks_are_one(one: str, other: str, tmp_path: Path) -> None:
    pair = [tmp_path / one, tmp_path / other]
    with pytest.raises(InputError, match=f"{one} and .*{other}: both would become"):
        destinations(pair, tmp_path / "out")
    apart = [tmp_path / "a.png", tmp_path / "\u00e4.png"]
    assert len(set(destinations(apart, tmp_path / "out").values())) == 2


def test_a_photograph_in_capitals_is_not_written_over(tmp_path: Path) -> None:
    camera = tmp_path / "IMG_1.JPG"
    with pytest.raises(InputError, match=r"IMG_1\.jpg: is one of the photographs"):
        destinations([camera], tmp_path, ending=".jpg")
    assert destinations([camera], tmp_path) == {camera: tmp_path / "IMG_1.png"}


# JPEG


@pytest.mark.parametrize("sampling", [0, 2])
def test_jpeg_is_written_with_the_tables_of_the_source(
    sampling: int, photo: Path, photographer: Photographer, tmp_path: Path
) -> None:
    source = tmp_path / "source.jpg"
    read_picture(photo).save(source, quality=83, subsampling=sampling)
    places = destinations([source], tmp_path / "out", ending=".jpg")
    assert correct(dark(), photographer, places, **BY) == {}
    with Image.open(source) as before, Image.open(places[source]) as after:
        assert isinstance(before, JpegImagePlugin.JpegImageFile)
        assert isinstance(after, JpegImagePlugin.JpegImageFile)
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before)
    written = places[source].stat().st_mtime_ns
    assert correct(dark(), photographer, places, **BY) == {}
    assert places[source].stat().st_mtime_ns == written  # it says what it was made of
    with pytest.raises(RefusedError, match="--overwrite"):
        correct(dark(), photographer, places, **{**BY, "weights_sha256": "other"})


def test_jpeg_says_what_it_changes_and_holds_no_transparency(photo: Path, tmp_path: Path) -> None:
    image = read_picture(photo)
    image.putalpha(200)
    image.save(photo.parent / "glass.png")
    words = ("correct", photo.parent, "--method", "identity", "--format", "jpeg", "--quiet")
    result = gazebench(*words, "--out", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 4, result.output
    assert "compresses the whole photograph again" in result.output
    assert "glass.png: has transparency, which JPEG cannot hold" in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["me.jpg"]


# how portraits were cut


@pytest.mark.parametrize(
    ("align", "source", "known"),
    [
        ("", "", "ffhq"),
        ("eyes", "celeba", "eyes"),
        ("ffhq", "folder", "ffhq"),
        ("none", "celeba_hq", "ffhq"),
        ("none", "celebgaze", "eyes"),
    ],
)
def test_photographs_are_cut_like_the_portraits_of_the_run(
    align: str, source: str, known: str
) -> None:
    cut = Cut(align, source)
    assert cut.of_photographs(None, "run") == known
    assert cut.of_photographs(known, "run") == known
    other = "eyes" if known == "ffhq" else "ffhq"
    if not align:
        assert cut.of_photographs(other, "run") == other
        return
    with pytest.raises(RefusedError, match=f"run: .* --align {known}, not {other}"):
        cut.of_photographs(other, "run")


# methods from elsewhere


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    manifest = make_dataset(tmp_path_factory.mktemp("drawn"))
    info = {**load_info(manifest.root), "settings": {"align": "eyes"}}
    (manifest.root / "dataset.json").write_text(json.dumps(info))
    return Manifest.load(manifest.root)


@pytest.fixture
def own(drawn: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of a method that is in no package, trained for two steps."""
    monkeypatch.chdir(tmp_path)
    Path("my").mkdir()
    Path("my/own.py").write_text(TRAINED.replace("steps: int = 10", "steps: int = 900"))
    words = ("train", "--method", "my/own.py", drawn.root, "run", "--steps", "2")
    done = gazebench(*words, "--device", "cpu", "--quiet")
    assert done.exit_code == 0, done.output
    return tmp_path / "run"


def test_a_method_from_a_path_corrects_photographs(own: Path, photo: Path) -> None:
    words = ("correct", "run", photo, "--device", "cpu", "--quiet")
    done = gazebench(*words)
    assert done.exit_code == 0, done.output
    assert "method: own (run)" in done.output
    assert "note: run: has learned for 2 steps and own takes 900" in done.output
    with Image.open("corrected/me.png") as picture:
        assert json.loads(picture.info["gazebench"])["align"] == "eyes"  # that of its dataset
    refused = gazebench(*words, "--align", "ffhq", "--out", "other")
    assert refused.exit_code == 7
    assert "--align eyes, not ffhq" in refused.output
    Path("my/own.py").rename("moved.py")
    gone = gazebench(*words, "--out", "other")
    assert gone.exit_code == 3
    assert "my/own.py, which is not here; give it with --method PATH.py" in gone.output
    Path("moved.py").rename("own.py")
    given = gazebench(*words, "--out", "other", "--method", "own.py")
    assert given.exit_code == 0, given.output
    still = gazebench("animate", "run", "--photo", photo, "out.png", "--method", "own.py")
    assert still.exit_code == 3
    assert "own does not animate the gaze" in still.output


def test_weights_that_are_not_finite_are_refused(own: Path, photo: Path) -> None:
    for path in own.glob("checkpoints/*/weights.safetensors"):
        tensors = safetensors.torch.load_file(path)
        next(iter(tensors.values())).view(-1)[0] = float("nan")
        path.write_bytes(safetensors.torch.save(tensors))
        facts = json.loads((path.parent / "state.json").read_text())
        facts["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        del facts["sha256"]["state.json"]  # as checkpoints of earlier versions are
        (path.parent / "state.json").write_text(json.dumps(facts))
    done = gazebench("correct", "run", photo, "--device", "cpu", "--quiet")
    assert done.exit_code == 3
    assert "run: its weights are not finite (G." in done.output


@pytest.mark.parametrize("method", ["identity", "eye_bank"])
def test_methods_without_training_correct(
    method: str, small_dataset: Path, photo: Path, tmp_path: Path
) -> None:
    words = ("correct", "--method", method, "--dataset", small_dataset, photo, "--quiet")
    done = gazebench(*words, "--out", tmp_path / "out", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "me.png").is_file()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--method", ""), 3, "no '' in baselines; there are: cyclegan"),
        (("--set", "careful"), 2, "--set careful: expected KEY=VALUE"),
    ],
)
def test_what_is_not_said_in_full_is_no_default(
    words: tuple[str, str], code: int, sentence: str, photo: Path, tmp_path: Path
) -> None:
    done = gazebench("correct", *words, photo, "--quiet", "--out", tmp_path / "out")
    assert done.exit_code == code
    assert sentence in done.output
    assert not (tmp_path / "out").exists()
