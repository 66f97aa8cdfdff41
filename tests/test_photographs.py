"""A practitioner's photograph: found, corrected, and whole around the eyes."""

import base64
import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_methods
from build_runs import gazebench
from markupsafe import escape
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from toy_methods.still import Still
from training_folders import make_dataset

from gazebench import baselines, training
from gazebench.baselines.gazegan_v2 import GazeGANV2
from gazebench.baselines.pam import PAM
from gazebench.curation import align
from gazebench.dataset import pictures
from gazebench.dataset.batches import Batch
from gazebench.dataset.pictures import read_picture
from gazebench.errors import InputError, MethodError, RefusedError
from gazebench.landmarks import FaceError
from gazebench.methods import Task
from gazebench.pages import policy
from gazebench.photographs import Photograph, Photographer, Pixels, before_after, choosing
from gazebench.photographs.correct import RECIPE, correct, destinations, mark_of
from gazebench.weights import trained

pytestmark = pytest.mark.usefixtures("one_thread")
TASK = Task(256, (30, 50))
AWAY = ("00030", "00067")  # shipped portraits that look away
BY: dict[str, Any] = {"weights_sha256": "", "device": "cpu"}


class Red(Still):
    """Paints the eye boxes red."""

    def correct(self, batch: Batch) -> Tensor:
        red = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        return torch.where(batch.mask > 0, red, batch.image)


def red() -> Red:
    return Red(Red.Config(), TASK)


def painted(found: Photograph) -> Pixels:
    """The photograph's pixels with red eye boxes, (H, W, 3)."""
    return np.asarray(found.with_portraits(red().correct(found.batch("cpu"))).pixels)


@pytest.fixture(scope="module")
def photographer() -> Photographer:
    return Photographer(TASK, align="ffhq", finder="dlib")


@pytest.fixture
def photo(demo_portraits: Path, tmp_path: Path) -> Path:
    """A large photograph, not square, with a turned face away from its middle."""
    face = read_picture(sorted(demo_portraits.glob("*.jpg"))[0]).resize((700, 700))
    picture = Image.new("RGB", (1300, 1000), (70, 90, 110))
    picture.paste(face.rotate(14, Image.Resampling.BICUBIC, fillcolor=(70, 90, 110)), (450, 200))
    picture.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GazeGANV2 after one step."""
    root = tmp_path_factory.mktemp("trained")
    settings: dict[str, Any] = {**GazeGANV2.small_settings, "content_code": False}
    manifest = make_dataset(root / "dataset", 256)
    training.train(
        manifest, root / "run", baselines, "gazegan_v2",
        settings=settings, steps=1, device="cpu", progress=False,
    )  # fmt: skip
    return root / "run"


def test_a_method_that_changes_nothing_gives_the_photograph_back(
    photographer: Photographer, photo: Path, tmp_path: Path
) -> None:
    places = {photo: tmp_path / "out.png"}
    assert correct(Still(Still.Config(), TASK), photographer, places, **BY) == {}
    assert np.array_equal(
        np.asarray(read_picture(tmp_path / "out.png")), np.asarray(read_picture(photo))
    )


def test_only_pixels_in_the_turned_boxes_change(photographer: Photographer, photo: Path) -> None:
    found = photographer.open(photo)
    after = painted(found)
    y, x = np.nonzero((after != found.pixels).any(axis=2))
    (portrait,) = found.portraits
    a, b, c, d, e, f = portrait.transform
    assert abs(b / a) > 0.1  # the face is turned
    column, row = np.round(a * x + b * y + c), np.round(d * x + e * y + f)
    in_box = [
        (box.left <= column) & (column < box.right) & (box.top <= row) & (row < box.bottom)
        for box in portrait.eyes
    ]
    assert (in_box[0] | in_box[1]).all()
    assert in_box[0].sum() > 1000 < in_box[1].sum()


def test_the_middle_of_each_eye_is_what_the_method_painted(
    photographer: Photographer, photo: Path
) -> None:
    found = photographer.open(photo)
    after = painted(found)
    (portrait,) = found.portraits
    back = align.invert(portrait.transform)
    for center in (portrait.left_center, portrait.right_center):
        x, y = (round(v) for v in align.apply(back, center))
        assert after[y, x].tolist() == [255, 0, 0]


def test_orientation_is_applied_and_an_rgb_profile_kept(
    photographer: Photographer, photo: Path, tmp_path: Path
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    lying = read_picture(photo).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "lying.jpg", quality=95, exif=exif, icc_profile=profile)
    places = {tmp_path / "lying.jpg": tmp_path / "out.png"}
    assert correct(red(), photographer, places, **BY) == {}
    with Image.open(tmp_path / "out.png") as out:
        assert out.size == (1300, 1000)
        assert out.info["icc_profile"] == profile
        assert not out.getexif()


def test_two_faces_are_corrected_where_that_is_asked_for(
    demo_portraits: Path, tmp_path: Path, photographer: Photographer
) -> None:
    both = Image.new("RGB", (800, 400))
    for place, path in enumerate(sorted(demo_portraits.glob("*.jpg"))[:2]):
        both.paste(read_picture(path).resize((400, 400)), (400 * place, 0))
    both.save(tmp_path / "both.png")
    with pytest.raises(FaceError, match="--all-faces"):
        photographer.open(tmp_path / "both.png")
    every = Photographer(TASK, align="ffhq", finder="dlib", all_faces=True)
    found = every.open(tmp_path / "both.png")
    changed = painted(found) != found.pixels
    assert len(found.portraits) == 2
    assert changed[:, :400].any()
    assert changed[:, 400:].any()


def test_a_finder_that_sees_nothing_itself_is_refused() -> None:
    with pytest.raises(InputError, match="dlib or face_alignment"):
        Photographer(TASK, align="ffhq", finder="listed")


def test_a_part_of_other_methods_corrects_nothing(photographer: Photographer) -> None:
    pam = PAM(PAM.Config(**PAM.small_settings), TASK)  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="corrects no portraits"):
        correct(pam, photographer, {}, **BY)  # type: ignore[arg-type]


def test_no_photograph_is_written_over(tmp_path: Path) -> None:
    photo, other = tmp_path / "a.png", tmp_path / "b" / "a.jpg"
    with pytest.raises(InputError, match="is one of the photographs"):
        destinations([photo], tmp_path)
    with pytest.raises(InputError, match="both would become"):
        destinations([photo, other], tmp_path / "out")
    assert destinations([other], tmp_path) == {other: photo}


def test_what_is_done_is_kept_and_what_is_not_the_same_is_refused(
    photographer: Photographer, photo: Path, tmp_path: Path
) -> None:
    place = tmp_path / "out.png"
    assert correct(red(), photographer, {photo: place}, **BY) == {}
    written = place.stat().st_mtime_ns
    assert correct(red(), photographer, {photo: place}, **BY) == {}
    assert place.stat().st_mtime_ns == written
    other: dict[str, Any] = {**BY, "weights_sha256": "other"}
    with pytest.raises(RefusedError, match="--overwrite"):
        correct(red(), photographer, {photo: place}, **other)
    assert correct(red(), photographer, {photo: place}, overwrite=True, **other) == {}
    assert place.stat().st_mtime_ns > written


def marked(place: Path, mark: dict[str, Any]) -> None:
    """Give a corrected PNG another mark."""
    with Image.open(place) as picture:
        info = PngInfo()
        info.add_text("gazebench", json.dumps(mark))
        picture.save(place, pnginfo=info)


@pytest.mark.parametrize("recipe", [None, RECIPE - 1, RECIPE + 1])
def test_what_another_version_made_is_refused(
    photographer: Photographer, photo: Path, tmp_path: Path, recipe: int | None
) -> None:
    place = tmp_path / "out.png"
    assert correct(red(), photographer, {photo: place}, **BY) == {}
    mark = mark_of(place) or {}
    assert mark.pop("recipe") == RECIPE
    marked(place, mark if recipe is None else {**mark, "recipe": recipe})
    with pytest.raises(RefusedError, match=r"another version of gazebench; --overwrite"):
        correct(red(), photographer, {photo: place}, **BY)
    assert correct(red(), photographer, {photo: place}, overwrite=True, **BY) == {}
    assert (mark_of(place) or {})["recipe"] == RECIPE
    assert correct(red(), photographer, {photo: place}, **BY) == {}


SEEN = {4: [179, 108, 112, 214, 133, 117, 89, 131]}  # by recipe: grey of pieces of the eyes' row


def test_a_correction_that_looks_otherwise_is_of_another_recipe(
    demo_portraits: Path, tmp_path: Path
) -> None:
    photo = demo_portraits / f"{AWAY[1]}.jpg"
    assert gazebench("correct", photo, "--out", tmp_path, "--device", "cpu").exit_code == 0
    with Image.open(tmp_path / f"{AWAY[1]}.png") as picture:
        eyes = picture.convert("L").crop((mark_of(tmp_path / f"{AWAY[1]}.png") or {})["area"])
    row = np.asarray(eyes.resize((8, 3), Image.Resampling.BOX))[1]
    why = "corrections have changed: raise RECIPE in photographs/correct.py, and add what is seen"
    assert row.tolist() == pytest.approx(SEEN[RECIPE], abs=2), why


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_correction_that_broke_off_is_made_again(
    photographer: Photographer, photo: Path, tmp_path: Path, ending: str
) -> None:
    place = tmp_path / f"out{ending}"
    assert correct(red(), photographer, {photo: place}, **BY) == {}
    whole = place.read_bytes()
    place.write_bytes(whole[:-100])  # as by a copy that was interrupted
    assert correct(red(), photographer, {photo: place}, **BY) == {}
    assert place.read_bytes() == whole


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_pillows_own_limit_of_pixels_stops_no_second_run(
    photographer: Photographer,
    photo: Path,
    tmp_path: Path,
    ending: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    width, height = read_picture(photo).size
    most = width * height // 2 - 1  # what has twice as many is refused: 179 million as it comes
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    place = tmp_path / f"out{ending}"
    for _ in range(2):
        assert correct(red(), photographer, {photo: place}, **BY) == {}


@pytest.mark.parametrize("wrong", [{"align": "x"}, {"max_megapixels": 9999}])
def test_a_wrong_word_on_how_faces_are_found_is_bad_input(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"setting {next(iter(wrong))} = "):
        Photographer(TASK, **{"align": "ffhq", "finder": "dlib", **wrong})


def test_a_foreign_file_is_not_written_over(
    photographer: Photographer, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.png").write_text("mine")
    with pytest.raises(RefusedError, match="already exists"):
        correct(red(), photographer, {photo: tmp_path / "out.png"}, **BY)


def test_the_command_corrects_what_it_can_and_names_the_rest(
    run: Path, demo_portraits: Path, tmp_path: Path
) -> None:
    good = sorted(demo_portraits.glob("*.jpg"))[1]
    Image.new("RGB", (400, 300), "teal").save(tmp_path / "wall.png")
    (tmp_path / "torn.jpg").write_bytes(good.read_bytes()[:2000])
    words = (tmp_path / "wall.png", tmp_path / "torn.jpg", good, "--out", tmp_path / "out")
    result = gazebench("correct", run, *words, "--device", "cpu", "--quiet")
    assert result.exit_code == 4, result.output
    assert "1 of 3 photographs corrected" in result.output
    assert "wall.png: no face found" in result.output
    assert "torn.jpg: damaged" in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{good.stem}.png"]
    assert read_picture(tmp_path / "out" / f"{good.stem}.png").size == read_picture(good).size
    again = gazebench("correct", run, good, "--out", tmp_path / "out", "--align", "eyes")
    assert again.exit_code == 7


def test_a_photograph_is_corrected_without_a_run(
    demo_portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name in AWAY:
        shutil.copy(demo_portraits / f"{name}.jpg", "photos")
    result = gazebench("correct", "photos", "--page", "--quiet", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "method: iris_warp" in result.output
    assert "2 of 2 photographs corrected → corrected" in result.output
    for name in AWAY:
        before = np.asarray(read_picture(tmp_path / "photos" / f"{name}.jpg"))
        after = np.asarray(read_picture(tmp_path / "corrected" / f"{name}.png"))
        assert 0 < (before != after).any(2).mean() < 0.1
    page = (tmp_path / "corrected" / "index.html").read_text()
    assert page.count("data:image/jpeg") == 2 * 4
    assert "://" not in page
    style = page.split("<style>")[1].split("</style>")[0]
    assert str(escape(policy(style))) in page  # nothing is fetched, and no script runs
    words = ("photos", "--strength", "0.5", "--quiet", "--device", "cpu")
    assert gazebench("correct", *words).exit_code == 7  # not the same corrections
    softer = gazebench("correct", *words, "--out", "softer")
    assert softer.exit_code == 0, softer.output
    assert (tmp_path / "softer" / f"{AWAY[0]}.png").is_file()


def test_the_page_says_what_to_expect_of_a_method(demo_portraits: Path, tmp_path: Path) -> None:
    photo, out = demo_portraits / f"{AWAY[0]}.jpg", tmp_path / "out"
    words = ("--method", "prgan", photo, "--page", "--quiet", "--device", "cpu", "--out", out)
    assert gazebench("correct", *words).exit_code == 0
    note = trained.card("prgan").note
    assert note
    assert html.escape(note) in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--method", "gazegan", "me.jpg"), "gazegan must be trained"),
        (("--method", "eye_bank", "me.jpg"), "--dataset DATASET"),
        (("--method", "pam", "me.jpg"), "corrects no portraits"),
        (("--method", "iris_wrap", "me.jpg"), "did you mean 'iris_warp'"),
        (("--set", "raise_gazes=1", "me.jpg"), "did you mean 'raise_gaze'"),
        (("nobody.jpg",), "nobody.jpg: no such photograph, folder or run"),
        ((".git",), ".git: no pictures (JPEG, PNG ...) in this folder"),
    ],
)
def test_what_cannot_correct_says_why(
    words: tuple[str, ...],
    says: str,
    demo_portraits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(demo_portraits / f"{AWAY[0]}.jpg", tmp_path / "me.jpg")
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    result = gazebench("correct", *words)
    assert result.exit_code == 3
    assert says in result.output


def test_a_method_in_place_of_a_run_is_told_where_it_belongs() -> None:
    result = gazebench("correct", "undo", "me.jpg")
    assert result.exit_code == 2
    assert "did you mean `--method undo`?" in result.output


def test_a_method_that_looks_things_up_takes_a_dataset(
    small_dataset: Path, demo_portraits: Path, tmp_path: Path
) -> None:
    photo = demo_portraits / f"{AWAY[0]}.jpg"
    words = ("--method", "eye_bank", "--dataset", small_dataset, photo, "--align", "none")
    result = gazebench("correct", *words, "--out", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / photo.with_suffix(".png").name).is_file()


def test_a_run_says_its_method_itself(run: Path, photo: Path) -> None:
    assert gazebench("correct", run, photo, "--method", "iris_warp").exit_code == 3
    assert gazebench("correct", run).exit_code == 2


def test_a_method_of_any_geometry_sees_a_face_in_full(photo: Path) -> None:
    found = Photographer(None, align="ffhq", finder="dlib").open(photo)
    (portrait,) = found.portraits
    assert found.crops.shape[1] == 1024  # the face's square is about 700 pixels wide
    assert 0.8 <= np.hypot(*portrait.transform[:2]) < 1.6


def test_settings_of_a_run_can_change_where_no_weight_depends_on_them(run: Path) -> None:
    changes = {"interpolate_content": True}
    plain = training.load_trained(baselines, run, None, device="cpu")
    other: Any = training.load_trained(baselines, run, None, device="cpu", changes=changes)
    assert plain.task == TASK
    assert other.method.config.interpolate_content
    with pytest.raises(InputError, match="interpolate_content"):
        training.load_trained(baselines, run, None, changes={"interpolate_contents": True})


def test_a_photograph_moves_and_keeps_its_shape(run: Path, photo: Path, tmp_path: Path) -> None:
    words = ("--photo", photo, tmp_path / "out.webp", "--alphas", "0,1,3", "--device", "cpu")
    result = gazebench("animate", run, *words)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "out.webp") as moving:
        assert moving.size == (1024, 788)
        assert getattr(moving, "n_frames", 1) == 4


def test_a_folder_without_a_run_says_what_makes_one(tmp_path: Path) -> None:
    shutil.copytree(Path(toy_methods.__file__).parent, tmp_path / "no-run")
    result = gazebench("correct", tmp_path / "no-run", "me.jpg", "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "gazebench train" in result.output


def test_a_photograph_that_is_left_as_it_is_is_named_with_the_reason(
    demo_portraits: Path, tmp_path: Path
) -> None:
    photo, out = demo_portraits / f"{AWAY[0]}.jpg", tmp_path / "out"
    alone = ("--set", "leave_alone=100")
    words = ("correct", photo, "--out", out, "--page", *alone, "--device", "cpu")
    result = gazebench(*words)
    assert result.exit_code == 0, result.output
    assert f"{photo}: left as it is: looks at the camera" in result.output
    assert "--set leave_alone=0" in result.output
    page = (out / "index.html").read_text()
    assert "<p>left as it is: looks at the camera</p>" in page
    assert "0 of 1 photograph corrected" in page
    assert "0 of 1 photographs corrected, 1 left as they are" in result.output
    with Image.open(out / f"{AWAY[0]}.png") as picture:
        assert json.loads(picture.info["gazebench"])["gaze"] == "left as it is"
        assert (np.asarray(picture) == np.asarray(read_picture(photo))).all()
    assert gazebench(*words).exit_code == 0  # kept


def test_a_page_of_somebody_else_is_not_written_over(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / "index.html").write_text("<title>My site</title>")
    words = ("correct", photo, "--out", out, "--page", "--method", "identity", "--quiet")
    refused = gazebench(*words)
    assert refused.exit_code == 7
    assert "is not a page of before and after" in refused.output
    assert [path.name for path in out.iterdir()] == ["index.html"]  # said before any work
    (out / "index.html").write_text("")
    assert gazebench(*words).exit_code == 7
    assert gazebench(*words, "--overwrite").exit_code == 0
    with (out / "index.html").open("a") as page:
        page.truncate(300_000_000)  # a page of many photographs
    assert gazebench(*words).exit_code == 0  # our own
    assert "Gaze before and after" in (out / "index.html").read_text()


def test_the_page_of_jpegs_says_what_was_changed_and_shows_the_eyes(
    demo_portraits: Path, tmp_path: Path
) -> None:
    photo, out = demo_portraits / f"{AWAY[0]}.jpg", tmp_path / "out"
    words = ("correct", photo, "--out", out, "--page", "--format", "jpeg", "--quiet")
    same = gazebench(*words, "--method", "identity")
    assert same.exit_code == 0, same.output
    page = (out / "index.html").read_text()
    assert "0 of 1 photograph corrected" in page
    assert "<p>left as it is: nothing to change</p>" in page
    assert gazebench(*words, "--overwrite").exit_code == 0
    page = (out / "index.html").read_text()
    assert "1 of 1 photograph corrected" in page
    eyes, whole = (
        Image.open(io.BytesIO(base64.b64decode(data)))
        for data in re.findall(r'base64,([^"]+)"', page)[::2]
    )
    assert eyes.width > 1.8 * eyes.height  # both eyes, not the whole square photograph
    assert whole.width == whole.height


def test_a_page_of_a_large_photograph_has_the_limit_of_the_command(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.png"
    with Image.open(photo) as picture:
        picture.resize((1500, 1500)).save(large)
    defaults: Any = pictures.original.__kwdefaults__
    monkeypatch.setitem(defaults, "most", 1_000_000)
    words = ("--max-megapixels", "3", "--method", "identity", "--page", "--quiet")
    done = gazebench("correct", large, "--out", tmp_path / "out", *words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_correction_larger_than_any_photograph_is_on_the_page(
    demo_portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, out = demo_portraits / f"{AWAY[0]}.jpg", tmp_path / "out"
    monkeypatch.setattr(pictures, "MAX_BYTES", photo.stat().st_size)
    words = ("correct", photo, "--out", out, "--page", "--quiet", "--device", "cpu")
    for _ in range(2):
        done = gazebench(*words)
        assert done.exit_code == 0, done.output
        assert (out / f"{AWAY[0]}.png").stat().st_size > photo.stat().st_size
        assert (out / "index.html").read_text().count("data:image/jpeg") == 4


def test_a_page_names_what_it_cannot_show_and_shows_the_others(
    demo_portraits: Path, tmp_path: Path
) -> None:
    gone, torn, good = (tmp_path / f"{name}.jpg" for name in ("gone", "torn", "good"))
    places = {photo: tmp_path / "out" / f"{photo.stem}.png" for photo in (gone, torn, good)}
    for photo in places:
        shutil.copy(demo_portraits / f"{AWAY[0]}.jpg", photo)
    assert gazebench("correct", *places, "--out", tmp_path / "out", "--quiet").exit_code == 0
    gone.unlink()  # while others are corrected
    places[torn].write_bytes(places[torn].read_bytes()[:9000])
    by = choosing.of_name(baselines, "identity", {}, None, torch.device("cpu"))
    page = before_after.write(places, tmp_path / "out", by).read_text()
    assert page.count("data:image/jpeg") == 4
    assert "<p>cannot be shown: No such file or directory</p>" in page
    assert "<p>cannot be shown: damaged picture" in page
    assert "3 of 3 photographs corrected" in page
    assert str(tmp_path) not in page


MINE = '''
"""A method of one's own."""
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.methods import Method

class Mine(Method):
    card = MethodCard(title="Mine")
    any_resolution = True
    class Config(Settings): ...
    def __init__(self, config, task): ...
    def correct(self, batch):
        return batch.image * FACTOR
'''


def test_an_edited_file_of_ones_own_makes_other_corrections(photo: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE.replace("FACTOR", "0.5"))
    words = ("correct", photo, "--out", tmp_path / "out", "--method", file, "--quiet")
    assert gazebench(*words).exit_code == 0
    assert gazebench(*words).exit_code == 0  # kept
    file.write_text(MINE.replace("FACTOR", "0.8"))
    assert gazebench(*words).exit_code == 7


def test_the_order_of_settings_does_not_matter(
    photographer: Photographer, photo: Path, tmp_path: Path
) -> None:
    places = {photo: tmp_path / "out.png"}
    correct(red(), photographer, places, facts={"a": 1, "b": (2,)}, **BY)
    correct(red(), photographer, places, facts={"b": (2,), "a": 1}, **BY)
    with pytest.raises(RefusedError):
        correct(red(), photographer, places, facts={"a": 1}, **BY)


def test_a_picture_too_wide_for_jpeg_stops_no_other(
    photographer: Photographer, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = tmp_path / "wide.png"
    with Image.open(photo) as picture:
        canvas = Image.new("RGB", (picture.width + 200, picture.height))
        canvas.paste(picture)
        canvas.save(wide)
        monkeypatch.setattr("gazebench.photographs.correct._LONGEST_JPEG", picture.width + 100)
    places = {wide: tmp_path / "wide.jpg", photo: tmp_path / "me.jpg"}
    failures = correct(red(), photographer, places, **BY)
    assert "which JPEG cannot hold; write PNG" in failures[wide]
    assert failures.keys() == {wide}
    assert (tmp_path / "me.jpg").is_file()


def test_a_strength_of_0_is_the_reason(demo_portraits: Path, tmp_path: Path) -> None:
    photo = demo_portraits / f"{AWAY[0]}.jpg"
    for method in ("iris_warp", "undo"):
        words = ("--method", method, "--strength", "0", "--out", tmp_path / method, "--quiet")
        done = gazebench("correct", photo, *words)
        assert "left as it is: its strength is 0" in done.output
        assert "leave_alone" not in done.output


def test_a_method_that_ships_trained_takes_no_dataset(photo: Path) -> None:
    for method in ("undo", "prgan"):
        done = gazebench("correct", photo, "--method", method, "--dataset", "data")
        assert done.exit_code == 3
        assert f"{method} ships trained and takes no dataset" in done.output
