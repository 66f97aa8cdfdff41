"""Strips and moving pictures hold the frames they were made of, in their order."""

import importlib
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image
from training_folders import make_dataset

from gazebench import baselines, cli, training
from gazebench.baselines.gazegan_v2 import GazeGANV2
from gazebench.baselines.prgan import PRGAN
from gazebench.dataset import Domain, Manifest
from gazebench.dataset.batches import Pixels, to_uint8
from gazebench.errors import InputError, MissingPartError
from gazebench.photographs import animations, moving

pytestmark = pytest.mark.usefixtures("one_thread")
HAS_AV = importlib.util.find_spec("av") is not None


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("drawn"), 256)


@pytest.fixture(scope="module")
def run(drawn: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GazeGANV2 after one step."""
    settings: dict[str, Any] = {**GazeGANV2.small_settings, "content_code": False}
    folder = tmp_path_factory.mktemp("run")
    training.train(
        drawn, folder, baselines, "gazegan_v2",
        settings=settings, steps=1, device="cpu", progress=False,
    )  # fmt: skip
    return folder


def animate(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["animate", *map(str, words), "--device", "cpu"])


def frames(count: int = 2, alphas: int = 4, height: int = 21, width: int = 34) -> moving.Frames:
    """Still noise in which a square moves."""
    made = np.random.default_rng(0).integers(0, 256, (count, 1, height, width, 3), np.uint8)
    made = np.repeat(made, alphas, axis=1)
    for alpha in range(alphas):
        made[:, alpha, 5:12, 3 + 5 * alpha : 10 + 5 * alpha] = (250, 20 * alpha, 30)
    return made


def read(data: bytes) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Frames and their durations in milliseconds."""
    shown, durations = [], []
    with Image.open(io.BytesIO(data)) as picture:
        for index in range(getattr(picture, "n_frames", 1)):
            picture.seek(index)
            shown.append(np.asarray(picture.convert("RGB")))
            durations.append(int(picture.info["duration"]))
    return shown, durations


def cells(path: Path, rows: int, columns: int, side: int) -> NDArray[np.uint8]:
    """Pictures of a strip, (rows, columns, side, side, 3)."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    below = pixels[-rows * side :]
    assert below.shape[1] == columns * side
    return below.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4)


def test_a_lossless_film_goes_there_and_back() -> None:
    made = frames()
    shown, durations = read(moving.encode(".webp", made, list("0123"), fps=20))
    film = moving.tiled(made)
    assert np.array_equal(np.stack(shown), film[[0, 1, 2, 3, 2, 1]])
    assert durations == [50] * 6


def test_what_stands_still_in_a_gif_does_not_flicker() -> None:
    made = frames(count=1)
    shown, durations = read(moving.encode(".gif", made, list("0123"), fps=12))
    assert durations == [80] * 6
    still = (made[0] == made[0, :1]).all(axis=(0, -1))
    assert all(np.array_equal(frame[still], shown[0][still]) for frame in shown)
    square = shown[2][6:11, 14:19].reshape(-1, 3).mean(axis=0)
    assert np.abs(square - (250, 40, 30)).max() < 25


def test_a_gif_keeps_smooth_colours() -> None:
    y, x = np.mgrid[:128, :128]
    smooth = np.stack([2 * x, 2 * y, 255 - x - y], -1).clip(0, 255).astype(np.uint8)
    shown, _ = read(moving.gif(np.stack([smooth, smooth[::-1]]), 10))
    assert np.abs(shown[0].astype(float) - smooth).mean() < 8


def test_tiles_are_in_reading_order_and_the_rest_is_white() -> None:
    film = moving.tiled(frames(count=5, height=20, width=20))
    assert film.shape == (4, 40, 60, 3)
    assert (film[:, 20:, 40:] == 255).all()
    assert np.array_equal(film[:, 20:, :20], frames(count=5, height=20, width=20)[3])


@pytest.mark.parametrize("height", [21, 22])
def test_a_film_of_odd_size_is_an_even_mp4(height: int) -> None:
    if not HAS_AV:
        with pytest.raises(MissingPartError, match=r"gazebench\[video\]"):
            moving.check(".mp4")
        return
    av: Any = importlib.import_module("av")
    made = np.kron(frames(count=1, height=height), np.ones((1, 1, 5, 5, 1), np.uint8))
    data = moving.encode(".mp4", made, list("0123"), fps=12)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.height, stream.width) == (106 if height == 21 else 110, 170)
        shown = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        assert stream.average_rate == 12
    assert len(shown) == 6
    center = shown[2][35:50, 75:90].reshape(-1, 3).mean(axis=0)
    assert np.abs(center - (250, 40, 30)).max() < 6


@pytest.mark.parametrize("suffix", ["", ".jpg", ".PNG"])
def test_an_unknown_ending_names_those_there_are(suffix: str) -> None:
    with pytest.raises(InputError, match=r"\.png, \.gif, \.webp, \.mp4"):
        moving.check(suffix)


def test_a_strip_shows_what_the_method_makes_at_each_alpha(
    run: Path, drawn: Manifest, tmp_path: Path
) -> None:
    portrait = drawn.portraits[5]
    out = tmp_path / "strip.png"
    result = animate(run, drawn.root, out, "--id", portrait.id, "--alphas", "-1,0.5,2")
    assert result.exit_code == 0, result.output
    shown = cells(out, 1, 3, 256)
    method: Any = training.load_trained(baselines, run, drawn, device="cpu").method
    batch = Pixels.open(drawn).batch([portrait])
    with torch.no_grad():
        expected = [to_uint8(method.animate(batch, [alpha])[0, 0]) for alpha in (-1, 0.5, 2)]
    for cell, image in zip(shown[0], expected, strict=True):
        assert np.array_equal(cell, image.permute(1, 2, 0).numpy())
    assert not np.array_equal(shown[0, 0], shown[0, 2])


def test_by_default_six_test_portraits_that_look_away_move(
    run: Path, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "strip.png"
    result = animate(run, dataset, out)
    assert result.exit_code == 0, result.output
    shown = cells(out, 6, 11, 256)
    pixels = Pixels.open(Manifest.load(dataset))
    chosen = pixels.manifest.select(split="test", domain="Y")[:6]  # type: ignore[arg-type]
    for row, portrait in zip(shown, chosen, strict=True):
        outside = np.ones((256, 256), bool)
        for box in portrait.eyes:
            outside[box.top : box.bottom, box.left : box.right] = False
        assert (row[:, outside] == pixels.array[pixels.rows[portrait.id]][outside]).all()


def test_eyes_alone_are_as_wide_as_a_portrait(run: Path, drawn: Manifest, tmp_path: Path) -> None:
    ids = [word for p in drawn.portraits[:2] for word in ("--id", p.id)]
    out = tmp_path / "eyes.webp"
    result = animate(run, drawn.root, out, *ids, "--eyes-only", "--alphas", "0:4:3")
    assert result.exit_code == 0, result.output
    shown, durations = read(out.read_bytes())
    assert shown[0].shape == (2 * 77, 256, 3)
    assert durations == [83] * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0:1:3", (0, 0.5, 1)), ("1.4,-1", (1.4, -1)), ("2:1:2", (2, 1)), ("0.5", (0.5,))],
)
def test_alphas_are_a_range_or_a_list(text: str, expected: Sequence[float]) -> None:
    from gazebench.cli._numbers import Numbers

    assert Numbers().convert(text, None, None) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("--alphas", "0:1"),
        ("--alphas", "0:1:1"),
        ("--alphas", "0,one"),
        ("--alphas", "nan"),
        ("--photo", "me.jpg"),
        ("--fps", "0"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_a_usage_error(words: Sequence[str]) -> None:
    assert animate("run", "data", "out.png", *words).exit_code == 2


def test_a_dataset_or_a_photograph_must_be_given(run: Path) -> None:
    for words in (["out.png"], [run, "out.png"]):
        result = animate(*words)
        assert result.exit_code == 2
        assert "--photo" in result.output


def test_without_a_run_a_shipped_method_moves_the_gaze_and_says_so(
    small_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "looks.png"
    ids = [p.id for p in Manifest.load(small_dataset).select(domain=Domain.AWAY)[:2]]
    result = animate(small_dataset, out, "--id", ids[0], "--id", ids[1], "--yaw", "-15,0,15")
    assert result.exit_code == 0, result.output
    assert "2 x 3 directions" in result.output
    assert "by iris_warp" in result.output
    left, _, right = cells(out, 2, 3, 256).swapaxes(0, 1)
    assert (left != right).any()
    refused = animate(small_dataset, out, "--method", "prgan", "--yaw", "3", "--overwrite")
    assert refused.exit_code == 3
    assert "iris_warp" in refused.output


def test_a_photograph_that_stays_still_says_why(demo_portraits: Path, tmp_path: Path) -> None:
    for name, still in (("00030", False), ("00023", True)):
        words = ("--photo", demo_portraits / f"{name}.jpg", "--alphas", "0,1", tmp_path / "a.png")
        done = animate(*words, "--overwrite")
        assert done.exit_code == 0, done.output
        assert ("left as it is: looks at the camera" in done.output) == still
    done = animate("--photo", demo_portraits / "00030.jpg", "--alphas", "0", tmp_path / "b.png")
    assert "left as it is: no movement was asked for" in done.output


def test_photographs_alone_have_careful_settings(small_dataset: Path) -> None:
    found = [
        animations.chosen(baselines, None, name, manifest, device=torch.device("cpu"))
        for name in ("undo", "iris_warp")
        for manifest in (None, Manifest.load(small_dataset))
    ]
    settings: list[Any] = [each.method.config for each in found]  # type: ignore[attr-defined]
    assert [each.careful for each in settings] == [True, False, True, False]


@pytest.mark.parametrize(
    "words", [("--yaw", "1,2", "--pitch", "1,2,3"), ("--yaw", "50")], ids=" ".join
)
def test_directions_that_make_no_sense_are_usage_errors(words: Sequence[str]) -> None:
    assert animate("data", "out.png", *words).exit_code == 2


def test_nothing_is_written_over_unasked(run: Path, drawn: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "strip.png"
    words = (run, drawn.root, out, "--id", drawn.portraits[0].id, "--alphas", "0")
    assert animate(*words).exit_code == 0
    before = out.read_bytes()
    assert animate(*words, "--alphas", "3").exit_code == 7
    assert out.read_bytes() == before
    assert animate(*words, "--alphas", "3", "--overwrite").exit_code == 0
    assert out.read_bytes() != before


def test_a_portrait_that_is_not_there_is_named(run: Path, drawn: Manifest, tmp_path: Path) -> None:
    result = animate(run, drawn.root, tmp_path / "out.png", "--id", "nobody")
    assert result.exit_code == 3
    assert "--id nobody" in result.output


def test_a_method_that_moves_nothing_names_those_that_do(drawn: Manifest, tmp_path: Path) -> None:
    job = training.Job(
        manifest=drawn,
        run=tmp_path / "run",
        collection=baselines,
        method="prgan",
        kind=PRGAN,
        settings=PRGAN.Config(),
    )
    job.recipe(processes=1).save(job.folder.config)
    result = animate(tmp_path / "run", drawn.root, tmp_path / "out.gif")
    assert result.exit_code == 3
    assert "these do: gazegan, gazegan_v2" in result.output
