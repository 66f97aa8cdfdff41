"""What an evaluation writes into a run for figures: frames, codes, pictures of parts."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import CELLS, choose
from PIL import Image
from torch import Tensor

import gazebench
from gazebench import baselines, curation, methods, sources
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Domain, Manifest, Split
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.evaluation import portraits_to_correct
from gazebench.evaluation.contenders import Contender, Entry
from gazebench.evaluation.correct import correct
from gazebench.evaluation.figures import ALPHAS, POINTS, portraits_shown, write_for_figures
from gazebench.methods import Task

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pixels(small_dataset: Path) -> Pixels:
    return Pixels.open(Manifest.load(small_dataset))


def contender(run: Path, name: str, pixels: Pixels, **changes: Any) -> Contender:
    """A small method with the weights it begins with."""
    kind = methods.load(baselines, name)
    torch.manual_seed(0)
    settings = kind.Config(**{**getattr(kind, "small_settings", {}), **changes})
    method = kind(settings, Task(pixels.manifest.resolution, pixels.manifest.window))
    for network in getattr(method, "networks", {}).values():
        network.eval()
    entry = Entry(run=run.name, name=name, folder=run, trained=True)
    return Contender(entry=entry, card=kind.card, method=method, checkpoint="a" * 64)


def write(made: Contender, pixels: Pixels) -> dict[str, Any]:
    write_for_figures(made, pixels, device=torch.device("cpu"), overwrite=False, quiet=True)
    return json.loads((made.entry.folder / "figures.json").read_text())


def strip(run: Path, kind: str, id_: str) -> np.ndarray:
    return np.asarray(Image.open(run / "figures" / kind / f"{id_}.png"))


@pytest.mark.parametrize("name", ["gazegan_v2", "gazegan"])
def test_frames_and_codes_are_those_of_the_method(
    tmp_path: Path, pixels: Pixels, name: str
) -> None:
    made = contender(tmp_path / name, name, pixels)
    facts = write(made, pixels)
    assert facts["ids"] == [p.id for p in portraits_shown(pixels)]
    batch = pixels.batch(portraits_shown(pixels)[:1])
    with torch.no_grad():
        frames = made.method.animate(batch, [0.25])  # type: ignore[attr-defined]
        codes = made.method.codes(batch, POINTS)  # type: ignore[attr-defined]
    found = strip(tmp_path / name, "animation", batch.ids[0]).reshape(256, len(ALPHAS), 256, 3)
    shown = found[:, ALPHAS.index(0.25)].astype(int)
    assert abs(shown - to_uint8(frames[0, 0]).movedim(0, -1).numpy()).max() <= 1
    arrays = np.load(tmp_path / name / "figures" / "codes.npz")
    assert arrays["r_ids"][0] == arrays["ids"][0] == batch.ids[0]
    for key in ("r", "c", "c_made"):
        np.testing.assert_allclose(arrays[key][0], codes[key][0].numpy(), atol=1e-4)


@pytest.mark.parametrize("name", ["gazegan_v2", "gazegan"])
def test_codes_between_source_and_correction_lie_on_a_line(pixels: Pixels, name: str) -> None:
    method: Any = contender(Path("run"), name, pixels).method
    batch = pixels.batch(portraits_to_correct(pixels.manifest)[:2])
    with torch.no_grad():
        codes = method.codes(batch, (0.0, 0.5, 1.0))
    start, middle, end = codes["r"].unbind(1)
    torch.testing.assert_close(middle, (start + end) / 2)
    assert (start - end).abs().max() > 1e-3
    assert codes["c"].shape == codes["c_made"].shape
    assert (codes["c"] - codes["c_made"]).abs().max() > 1e-3


def test_without_a_content_code_only_r_is_there(tmp_path: Path, pixels: Pixels) -> None:
    made = contender(tmp_path / "a", "gazegan_v2", pixels, content_code=False)
    assert write(made, pixels)["codes"] == ["ids", "r", "r_ids"]


def test_a_part_shows_its_pictures(tmp_path: Path, pixels: Pixels) -> None:
    facts = write(contender(tmp_path / "pam", "pam", pixels), pixels)
    assert (facts["pictures"], facts["alphas"], facts["codes"]) == (8, [], [])
    pair = strip(tmp_path / "pam", "pictures", facts["ids"][0])
    side = pair.shape[0]
    left, right = pair[:, :side], pair[:, 4 * side : 5 * side]
    assert (pair[:, 6 * side : 7 * side] == left[:, ::-1]).all()  # the left eye, mirrored
    assert (pair[:, 2 * side : 3 * side] == right[:, ::-1]).all()


def test_what_is_complete_is_kept_and_other_weights_make_it_again(
    tmp_path: Path, pixels: Pixels
) -> None:
    made = contender(tmp_path / "pam", "pam", pixels)
    write(made, pixels)
    marked = tmp_path / "pam" / "figures" / "pictures" / "marked.png"
    marked.touch()
    write(made, pixels)
    assert marked.exists()
    other = Contender(**{**vars(made), "checkpoint": "b" * 64})
    assert write(other, pixels)["checkpoint_sha256"] == "b" * 64
    assert not marked.exists()


def test_a_method_without_anything_to_show_writes_nothing(tmp_path: Path, pixels: Pixels) -> None:
    made = contender(tmp_path / "identity", "identity", pixels)
    write_for_figures(made, pixels, device=torch.device("cpu"), overwrite=False, quiet=True)
    assert not (tmp_path / "identity").exists()


class _Broken:
    card = methods.load(baselines, "identity").card

    def correct(self, batch: Batch) -> Tensor:
        return batch.image

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        raise ZeroDivisionError("no alphas today")


def test_an_animation_that_fails_says_why_and_is_tried_again(
    tmp_path: Path, pixels: Pixels
) -> None:
    entry = Entry(run="own", name="own", folder=tmp_path / "own", trained=False)
    made = Contender(entry=entry, card=_Broken.card, method=_Broken())  # type: ignore[arg-type]
    assert "no alphas today" in write(made, pixels)["why"]
    before = (tmp_path / "own" / "figures.json").stat().st_mtime_ns
    write(made, pixels)
    assert (tmp_path / "own" / "figures.json").stat().st_mtime_ns > before


class _Looking(_Broken):
    """Looks at the training portraits before it corrects."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.seen += [id_ for batch in batches for id_ in batch.ids]

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        return batch.image[:, None].expand(-1, len(alphas), -1, -1, -1)


def test_a_method_looks_at_the_training_portraits_once(tmp_path: Path, pixels: Pixels) -> None:
    entry = Entry(run="own", name="own", folder=tmp_path / "own", trained=False)
    method: Any = _Looking()
    made = Contender(entry=entry, card=method.card, method=method)
    correct(made, pixels, device=torch.device("cpu"), quiet=True)
    assert write(made, pixels)["alphas"]
    bank = pixels.manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
    assert method.seen == [portrait.id for portrait in bank]


@pytest.mark.slow
def test_portraits_of_512_pixels_fill_figures_7_and_10(
    demo_portraits: Path, tmp_path: Path
) -> None:
    settings = DatasetSettings(resolution=512, align="none", test_fraction=0.3)
    chosen = choose(demo_portraits, settings, dict.fromkeys(CELLS, 4))
    (tmp_path / "faces").mkdir()
    for name in chosen:
        shutil.copy(demo_portraits / name, tmp_path / "faces")
    lines = "".join(f"{name},{label}\n" for name, label in chosen.items())
    (tmp_path / "labels.csv").write_text(f"id,label\n{lines}")
    data, runs = tmp_path / "dataset", tmp_path / "runs"
    plan = curation.plan(sources, tmp_path / "faces", settings, source=None, limit=None)
    curation.build(plan, data, workers=2, overwrite=False, quiet=True)
    gazebench.label_import(data, tmp_path / "labels.csv")
    gazebench.evaluate(data, runs, methods=["iris_warp"], shipped=True, device="cpu", quiet=True)
    report = gazebench.report(runs, tmp_path / "board")
    figures = {path.stem for path in (tmp_path / "board" / "figures").glob("*.png")}
    assert {"figure-7", "figure-10"} <= figures
    assert not {"figure-6", "figure-9"} & figures  # those are of 256 pixels
    page = report.page.read_text(encoding="utf-8")
    assert "Figure 7. Gaze correction" in page
    assert "Figure 10. Gaze animation" in page
    facts = json.loads((runs / "iris_warp" / "figures.json").read_text())
    id_ = facts["ids"][0]
    found = strip(runs / "iris_warp", "animation", id_).reshape(512, len(ALPHAS), 512, 3)
    end = np.asarray(Image.open(runs / "iris_warp" / "predictions" / f"{id_}.png"))
    source = np.asarray(Image.open(data / "images" / f"{id_}.png"))
    assert (found[:, ALPHAS.index(1.0)] == end).all()
    assert (found[:, ALPHAS.index(0.0)] == source).all()
    assert (found[:, ALPHAS.index(0.5)] != source).any()
    drawn = np.asarray(Image.open(tmp_path / "board" / "figures" / "figure-7.png").convert("RGB"))
    assert drawn.std() > 30  # faces, no blank sheet
