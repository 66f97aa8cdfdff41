"""PAM: mirrored pairs, equation 7, and how the GazeGANs take its encoder over."""

import hashlib
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner
from gaze_batches import draw, portraits
from torch import Tensor
from training_folders import make_dataset

from gazebench import baselines, cli, contract, training
from gazebench.baselines._gazegan_shared import crop_resized, halved, snapped
from gazebench.baselines.gazegan_v2 import GazeGANV2
from gazebench.baselines.pam import PAM, mirror_pairs
from gazebench.config import build
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels
from gazebench.dataset.boxes import eye_window
from gazebench.errors import InputError, MethodError, MissingPartError
from gazebench.methods import Task, corrects

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = {"width": 2, "code": 8, "divisor": 2}


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(64)


def make(side: int = 64, **settings: Any) -> PAM:
    torch.manual_seed(0)
    kind: Any = PAM  # a part has no ``correct``
    return kind(build(PAM.Config, {**SMALL, **settings}), Task(side, eye_window(side)))


def test_an_eye_is_told_from_itself_and_from_the_mirrored_other_eye() -> None:
    left, right = torch.rand(2, 1, 3, 8, 8)
    inputs, targets = mirror_pairs(torch.stack([left, right], 1))
    assert torch.equal(inputs[0], torch.cat([left, right.flip(-1), right, left.flip(-1)]))
    assert torch.equal(targets[0], torch.cat([left, left, right, right]))


@pytest.mark.parametrize("shrink", [1, 2])
def test_patches_are_cut_from_the_portrait_or_from_it_halved(pixels: Pixels, shrink: int) -> None:
    batch = portraits(64, (8, 12), [((3, 7), (41, 8))])
    found = make(shrink=shrink)._patches(batch)
    whole = crop_resized(batch.image, batch.eyes, 32)
    half = crop_resized(halved(batch.image), snapped(batch.eyes) // 2, 32)
    assert torch.equal(found, whole if shrink == 1 else half)


def equation_7(method: PAM, eyes: Tensor) -> list[float]:
    """Its four terms, in its order, for eyes of one domain."""

    def rebuilt(patch: Tensor) -> Any:
        return method.networks["decoder"](*method.networks["E_c"](patch)).numpy()

    left, right = eyes.unbind(1)
    pairs = [(left, left), (left, right.flip(-1)), (right, right), (right, left.flip(-1))]
    with torch.no_grad():
        return [float(np.abs(target.numpy() - rebuilt(seen)).mean()) for target, seen in pairs]


def test_the_loss_is_equation_7_over_both_domains(pixels: Pixels) -> None:
    method, totals = make(), []
    eyes = [method._patches(batch) for batch in draw(pixels)()]
    x, y = (equation_7(method, pair) for pair in eyes)
    method.backward = lambda loss: totals.append(loss.item()) or loss.backward()  # type: ignore[func-returns-value]
    losses = method.training_step(draw(pixels))
    assert totals == pytest.approx([sum(x) + sum(y)], rel=1e-5)
    same, mirrored = (x[0] + x[2] + y[0] + y[2]) / 4, (x[1] + x[3] + y[1] + y[3]) / 4
    assert losses["rec"].item() == pytest.approx(same, rel=1e-5)
    assert losses["rec_mirrored"].item() == pytest.approx(mirrored, rel=1e-5)


def test_its_pictures_are_the_four_inputs_each_with_its_output(pixels: Pixels) -> None:
    method, (batch, _) = make(), draw(pixels)()
    with torch.no_grad():
        found = method.pictures(batch)
        inputs, _ = mirror_pairs(method._patches(batch))
        assert torch.equal(found[:, 1::2], method._rebuilt(inputs))
    assert found.shape == (2, 8, 3, 32, 32)
    assert torch.equal(found[:, 0::2], inputs.clamp(-1, 1))


def test_it_learns(pixels: Pixels) -> None:
    method = make(lr=5e-3, width=4)
    first, *_, last = [method.training_step(draw(pixels, step)) for step in range(40)]
    assert last["rec"] < 0.6 * first["rec"]


def test_its_learning_rate_falls_in_a_straight_line_after_20_000_steps(pixels: Pixels) -> None:
    method = make()
    scales = [method.learning_rate_scale(s, 60_000) for s in (0, 19_999, 20_000, 30_001, 60_000)]
    assert scales == [1, 1, 1, pytest.approx(29_999 / 40_000), 0]
    assert method.optimisers["G_pre"].param_groups[0]["lr"] == 5e-4
    assert method.optimisers["G_pre"].param_groups[0]["betas"] == (0.5, 0.999)


def test_it_is_a_part_and_corrects_nothing() -> None:
    assert not corrects(PAM)


@pytest.mark.parametrize(("side", "divisor"), [(60, 2), (64, 8), (8, 1)])
def test_patches_that_cannot_be_halved_are_refused(side: int, divisor: int) -> None:
    with pytest.raises(MethodError, match=f"multiple of {8 * divisor} and at least {16 * divisor}"):
        make(side, divisor=divisor)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"), 256)


PART = {k: v for k, v in GazeGANV2.small_settings.items() if k in ("width", "code", "divisor")}
FLAGS = ["--steps", "1", "--batch", "1", "--device", "cpu", "--quiet"]


def train(dataset: Manifest, run: Path, name: str, settings: Any, **options: Any) -> Path:
    known = {"steps": 1, "device": "cpu", "progress": False}
    training.train(dataset, run, baselines, name, settings=settings, **(known | options))
    return run


@pytest.fixture(scope="module")
def pam_run(dataset: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(dataset, tmp_path_factory.mktemp("runs") / "pam", "pam", {"batch": 1, **PART})


def weights_file(run: Path) -> Path:
    return run / "checkpoints" / "step-000001" / "weights.safetensors"


def encoder(run: Path) -> dict[str, Tensor]:
    tensors = safetensors.torch.load_file(weights_file(run))
    return {name: tensor for name, tensor in tensors.items() if name.startswith("E_c.")}


def test_without_pam_the_command_is_named_that_makes_it(dataset: Manifest, tmp_path: Path) -> None:
    small = GazeGANV2.small_settings
    with pytest.raises(
        MissingPartError, match=r"no run in .* gives the network E_c of pam"
    ) as found:
        train(dataset, tmp_path / "v2", "gazegan_v2", small)
    (command,) = re.findall("`gazebench (.*?)`", str(found.value))
    done = CliRunner().invoke(cli.main, [*shlex.split(command), *FLAGS])
    assert done.exit_code == 0, done.output
    train(dataset, tmp_path / "v2", "gazegan_v2", small)
    assert encoder(tmp_path / "v2")


def test_e_c_comes_from_pam_bit_by_bit_and_its_file_is_on_record(
    dataset: Manifest, pam_run: Path
) -> None:
    run = train(dataset, pam_run.parent / "v2", "gazegan_v2", GazeGANV2.small_settings)
    given, taken = encoder(pam_run), encoder(run)
    assert given.keys() == taken.keys()
    assert len(taken) == 18
    assert all(torch.equal(given[name], taken[name]) for name in given)
    recorded = tomllib.loads((run / "config.toml").read_text())["parts"]
    assert recorded == {"E_c": hashlib.sha256(weights_file(pam_run).read_bytes()).hexdigest()}


def test_a_pam_of_other_settings_is_refused_by_name(dataset: Manifest, pam_run: Path) -> None:
    other = {**GazeGANV2.small_settings, "code": 16}
    with pytest.raises(InputError, match="code is 8, needed is 16"):
        train(dataset, pam_run.parent / "o", "gazegan_v2", other, parts={"pam": pam_run})


def test_without_a_content_code_no_pam_is_needed(dataset: Manifest, tmp_path: Path) -> None:
    settings = {**GazeGANV2.small_settings, "content_code": False}
    run = train(dataset, tmp_path / "v2", "gazegan_v2", settings)
    assert not encoder(run)
