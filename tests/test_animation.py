"""Methods that move the gaze are animated at five points, and these pictures are scored."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from gazebench import metrics
from gazebench.dataset import Manifest
from gazebench.errors import InputError
from gazebench.evaluation import Evaluation, find, portraits_to_correct
from gazebench.evaluation.animation import Animations, name_of
from gazebench.metrics import ALPHAS
from gazebench.metrics._frechet import Gaussian, distance, fid_score
from gazebench.results import RunResult

METHODS = '''
"""{name}"""
import torch
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.methods import Method

class Odd(Method):
    card = MethodCard(title="{name}")
    class Config(Settings): ...
    def __init__(self, config, task): ...
    def correct(self, batch):
        return torch.where(batch.mask > 0, -batch.image, batch.image)
'''
FADES = """
    def animate(self, batch, alphas):
        end = self.correct(batch)
        return torch.stack([batch.image + a * (end - batch.image) for a in alphas], 1)
"""


@pytest.fixture
def fading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ...]]:
    """A package of methods (one that animates), and one of the metrics that look at it."""
    for package in ("fading_methods", "fading_metrics"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    text = METHODS.format(name="fades")
    (tmp_path / "fading_methods" / "fades.py").write_text(text + FADES)
    (tmp_path / "fading_methods" / "still.py").write_text(METHODS.format(name="still"))
    ours = Path(next(iter(metrics.__path__)))
    for name in ("reconstruction_lpips", "reconstruction_ms_ssim"):
        shutil.copy(ours / f"{name}.py", tmp_path / "fading_metrics")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("fading_methods"), importlib.import_module("fading_metrics")
    for name in [name for name in sys.modules if name.startswith("fading_")]:
        del sys.modules[name]


def evaluated(dataset: Path, runs: Path, packages: tuple[ModuleType, ...]) -> dict[str, RunResult]:
    methods, few_metrics = packages
    evaluation = Evaluation(
        manifest=Manifest.load(dataset),
        runs=runs,
        methods=methods,
        metrics=few_metrics,
        device=torch.device("cpu"),
        date="2026-01-01T00:00:00+00:00",
        command="gazebench eval",
        quiet=True,
    )
    report = evaluation.run(find(methods, runs, ["all"])[0])
    assert report.failures == ()
    return {result.run: result for result in report.results}


@pytest.mark.long
def test_five_points_are_written_scored_and_kept(
    small_dataset: Path, fading: tuple[ModuleType, ...], tmp_path: Path
) -> None:
    runs, manifest = tmp_path / "runs", Manifest.load(small_dataset)
    found = evaluated(small_dataset, runs, fading)
    wanted = {f"{p.id}.png" for p in portraits_to_correct(manifest)}
    folder = runs / "fades" / "animation"
    made = {point.name: {file.name for file in point.iterdir()} for point in folder.iterdir()}
    assert made == dict.fromkeys(("000", "025", "050", "075", "100"), wanted)
    places = (folder / "100", runs / "fades" / "predictions")
    end, corrected = (np.asarray(Image.open(place / min(wanted))) for place in places)
    assert np.array_equal(end, corrected)
    assert found["fades"].scores["reconstruction_ms_ssim"].value == pytest.approx(1)
    assert found["fades"].scores["reconstruction_lpips"].value == 0
    assert found["fades"].scores["reconstruction_lpips"].n == len(wanted)

    stamp = (runs / "fades" / "animation.json").stat().st_mtime_ns
    again = evaluated(small_dataset, runs, fading)
    assert again["fades"] == found["fades"]
    assert (runs / "fades" / "animation.json").stat().st_mtime_ns == stamp


@pytest.mark.long
def test_a_method_that_does_not_animate_has_dashes_that_are_no_failure(
    small_dataset: Path, fading: tuple[ModuleType, ...], tmp_path: Path
) -> None:
    still = evaluated(small_dataset, tmp_path / "runs", fading)["still"]
    assert not (tmp_path / "runs" / "still" / "animation").exists()
    assert set(still.skipped) == {"reconstruction_lpips", "reconstruction_ms_ssim"}
    assert "between the source and its correction" in still.skipped["reconstruction_lpips"]


def test_a_point_that_lacks_pictures_is_refused(small_dataset: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(small_dataset)
    portraits = portraits_to_correct(manifest)
    for alpha in ALPHAS:
        (tmp_path / name_of(alpha)).mkdir()
        for portrait in portraits[alpha == 0.5 :]:
            shutil.copy(manifest.path(portrait), tmp_path / name_of(alpha) / f"{portrait.id}.png")
    with pytest.raises(InputError, match=f"050.*1 of {len(portraits)} missing"):
        Animations.check(tmp_path, manifest, portraits)


def test_the_interval_of_a_distance_leaves_out_whole_portraits() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(40, 16))
    twice = np.repeat(base, 5, axis=0) + 1e-9 * rng.normal(size=(200, 16))
    reference = Gaussian.of(rng.normal(size=(500, 16)))
    by_portrait = fid_score(twice, reference, np.repeat(np.arange(40), 5))
    by_row = fid_score(twice, reference, np.arange(200))
    assert by_portrait.value == distance(Gaussian.of(twice), reference)
    # rows of one portrait are one piece of news: taken for five they look far surer
    assert by_portrait.stderr
    assert by_row.stderr
    assert by_portrait.stderr > 1.8 * by_row.stderr
    assert fid_score(twice[:10], reference, np.repeat([0, 1], 5)).interval is None
