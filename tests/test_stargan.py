"""StarGAN: published sizes, losses worked by hand, labels and their targets, rates, resuming."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gaze_batches import away, draw, touched_in_each_update
from torch import Tensor, nn
from training_folders import losses as logged
from training_folders import make_dataset, weights

from gazebench import baselines, contract, store, training
from gazebench.baselines import stargan
from gazebench.baselines.stargan import Discriminator, Generator, StarGAN
from gazebench.dataset.batches import Pixels
from gazebench.errors import MethodError
from gazebench.methods import Task, count_parameters

SMALL = {"width": 4, "residual_blocks": 1, "discriminator_layers": 3, "batch": 2}


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(32)


def make(pixels: Pixels, **settings: Any) -> StarGAN:
    torch.manual_seed(0)
    task = Task(pixels.manifest.resolution, pixels.manifest.window)
    return StarGAN(StarGAN.Config(**{**SMALL, **settings}), task)


@pytest.mark.parametrize(("labels", "count"), [(1, 8_417_984), (2, 8_421_120)])
def test_the_generator_has_the_published_number_of_parameters(labels: int, count: int) -> None:
    with torch.device("meta"):
        assert count_parameters([Generator(labels=labels)]) == count


@pytest.mark.parametrize(
    ("resolution", "labels", "count"),
    [
        (256, 1, 44_753_856),
        (256, 2, 44_786_624),
        (512, 1, 44_852_160),
        (512, 2, 44_983_232),
    ],
)
def test_the_discriminator_has_the_published_number_of_parameters(
    resolution: int, labels: int, count: int
) -> None:
    with torch.device("meta"):
        assert count_parameters([Discriminator(resolution, labels=labels)]) == count


def test_the_settings_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        method = StarGAN(StarGAN.Config(), Task(256, (30, 50)))
    counts = {letter: count_parameters([n]) for letter, n in method.networks.items()}
    assert counts == {"G": 8_417_984, "D": 44_753_856}
    assert [o.defaults["lr"] for o in method.optimisers.values()] == [1e-4, 1e-4]
    assert method.optimisers["G"].defaults["betas"] == (0.5, 0.999)


@pytest.mark.parametrize(("resolution", "side"), [(256, 4), (512, 8)])
def test_the_discriminator_gives_a_map_and_one_logit(resolution: int, side: int) -> None:
    critic, logit = Discriminator(resolution, width=1)(torch.zeros(2, 3, resolution, resolution))
    assert critic.shape == (2, 1, side, side)
    assert logit.shape == (2, 1)


def test_the_generator_is_normalised_without_running_statistics_and_has_no_biases() -> None:
    modules = list(Generator(width=2).modules())
    norms = [m for m in modules if isinstance(m, nn.InstanceNorm2d)]
    assert len(norms) == 3 + 2 * 6 + 2
    assert all(m.affine and not m.track_running_stats and m.eps == 1e-5 for m in norms)
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(m.bias is None and m.padding_mode == "zeros" for m in convolutions)


def test_the_discriminator_has_no_norms_and_biases_in_its_body_alone() -> None:
    network = Discriminator(256, width=1)
    assert not [m for m in network.modules() if isinstance(m, nn.InstanceNorm2d)]
    body = [m for m in network.body if isinstance(m, nn.Conv2d)]
    assert len(body) == 6
    assert all(m.bias is not None for m in body)
    assert network.critic.bias is network.label.bias is None
    assert {m.negative_slope for m in network.body if isinstance(m, nn.LeakyReLU)} == {0.01}


def test_weights_start_from_the_default_of_pytorch() -> None:
    method = StarGAN(StarGAN.Config(width=16, discriminator_layers=4), Task(256, (30, 50)))
    for network in method.networks.values():
        for weight in (p.detach() for p in network.parameters() if p.ndim == 4):
            bound = weight[0].numel() ** -0.5  # uniform, by the fan-in
            assert weight.abs().max() <= bound
            if weight.numel() > 5000:
                assert weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.03)


def test_the_loss_of_labels_is_summed_over_labels_and_averaged_over_portraits() -> None:
    logit, label = np.array([[2.0, -1.0], [0.5, 3.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    chance = 1 / (1 + np.exp(-logit))
    worked = -(label * np.log(chance) + (1 - label) * np.log(1 - chance)).sum() / 2
    found = stargan._label_loss(torch.tensor(logit), torch.tensor(label))
    assert found.item() == pytest.approx(worked, rel=1e-6)


class Shading(nn.Module):
    """The portrait times a factor, plus a quarter of the label."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return self.scale * image + 0.25 * label[:, :, None, None]


class Judge(nn.Module):
    """The red channel as critic map, and the same logit for everyone."""

    def __init__(self) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor([0.75]))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image[:, :1], self.logit.expand(len(image), 1)


def step_of_simple_networks(pixels: Pixels) -> tuple[dict[str, float], tuple[np.ndarray, ...]]:
    """Losses of a step that a pencil can follow; the portraits, labels and targets of it."""
    method = make(pixels, critic_steps=1)
    method.networks = {"G": Shading(), "D": Judge()}
    method.optimisers = {
        n: torch.optim.SGD(v.parameters(), 0.0) for n, v in method.networks.items()
    }
    drawn = method._draw(draw(pixels))
    losses = method.training_step(draw(pixels))
    return {k: v.item() for k, v in losses.items()}, tuple(t.numpy() for t in drawn)


def entropy(label: np.ndarray) -> float:
    chance = 1 / (1 + np.exp(-0.75))
    return float(np.where(label == 1, -np.log(chance), -np.log(1 - chance)).mean())


def test_losses_of_the_discriminator_by_hand(pixels: Pixels) -> None:
    losses, (real, own, target) = step_of_simple_networks(pixels)
    fake = 0.5 * real[:, 0] + 0.25 * target[:, :, None]
    assert losses["D/adv"] == pytest.approx(fake.mean() - real[:, 0].mean(), rel=1e-5)
    assert losses["D/cls"] == pytest.approx(entropy(own), rel=1e-5)
    assert losses["D/gp"] == pytest.approx((np.sqrt(32 * 32) - 1) ** 2, rel=1e-5)


def test_losses_of_the_generator_by_hand(pixels: Pixels) -> None:
    losses, (real, own, target) = step_of_simple_networks(pixels)
    fake = 0.5 * real + 0.25 * target[:, :, None, None]
    back = 0.5 * fake + 0.25 * own[:, :, None, None]
    assert losses["G/adv"] == pytest.approx(-fake[:, 0].mean(), rel=1e-5)
    assert losses["G/cls"] == pytest.approx(entropy(target), rel=1e-5)
    assert losses["G/cyc"] == pytest.approx(np.abs(back - real).mean(), rel=1e-5)


def test_the_total_weighs_the_terms_as_the_authors_do(pixels: Pixels) -> None:
    totals: list[float] = []
    method = make(pixels, critic_steps=1)
    method.backward = lambda loss: totals.append(loss.item()) or loss.backward()  # type: ignore[func-returns-value]
    loss = {name: value.item() for name, value in method.training_step(draw(pixels)).items()}
    d = loss["D/adv"] + 10 * loss["D/gp"] + loss["D/cls"]
    g = loss["G/adv"] + loss["G/cls"] + 10 * loss["G/cyc"]
    assert totals == pytest.approx([d, g], rel=1e-5)


def test_a_step_gives_gradients_to_one_network_alone(pixels: Pixels) -> None:
    method = make(pixels, critic_steps=2)
    touched = touched_in_each_update(method, pixels)
    assert touched == [{"D"}, {"D"}, {"G"}]
    assert all(p.requires_grad for p in method.networks["D"].parameters())


def test_the_generator_sees_what_the_last_discriminator_step_saw(pixels: Pixels) -> None:
    method = make(pixels, critic_steps=3)
    seen: list[tuple[Tensor, ...]] = []
    method.networks["G"].register_forward_pre_hook(lambda _, given: seen.append(given))
    method.training_step(draw(pixels))
    assert len(seen) == 3 + 2  # once for each D step, there and back for G
    assert all(torch.equal(a, b) for a, b in zip(seen[2], seen[3], strict=True))
    assert not torch.equal(seen[1][0], seen[2][0])


def test_targets_are_the_labels_in_another_order(pixels: Pixels) -> None:
    method, kept = make(pixels), []
    for step in range(200):
        _, own, target = method._draw(draw(pixels, step))
        assert own.flatten().tolist() == [1, 1, 0, 0]
        assert target.sum() == 2
        kept += (own == target).flatten().tolist()
    assert np.mean(kept) == pytest.approx(0.5, abs=0.07)  # 800 draws: four standard deviations


def test_half_of_the_portraits_are_mirrored(pixels: Pixels) -> None:
    method, mirrored = make(pixels), []
    for step in range(100):
        real, _, _ = method._draw(draw(pixels, step))
        source = torch.cat([b.image for b in draw(pixels, step)()])
        for image, original in zip(real, source, strict=True):
            mirrored.append(torch.equal(image, original.flip(-1)))
            assert mirrored[-1] or torch.equal(image, original)
    assert np.mean(mirrored) == pytest.approx(0.5, abs=0.1)  # 400 draws: four standard deviations


def test_a_correction_is_the_portrait_under_the_label_of_x(pixels: Pixels) -> None:
    method, batch = make(pixels), away(pixels)
    with torch.no_grad():
        corrected = method.correct(batch)
        expected = method.networks["G"](batch.image, torch.ones(len(batch), 1))
    assert torch.equal(corrected, expected)


def test_the_learning_rate_is_constant_as_in_the_authors_code(pixels: Pixels) -> None:
    scale = make(pixels).learning_rate_scale
    assert [scale(s, 300) for s in (0, 150, 299)] == [1, 1, 1]


def test_the_learning_rate_can_fall_as_in_the_authors_text(pixels: Pixels) -> None:
    scale = make(pixels, lr_decay="linear").learning_rate_scale
    assert [scale(s, 300) for s in (0, 149, 150, 225, 300)] == [1, 1, 1, 0.5, 0]


@pytest.mark.parametrize(("resolution", "layers", "unit"), [(100, 6, 64), (66, 1, 4)])
def test_a_portrait_that_the_discriminator_cannot_halve_is_refused(
    resolution: int, layers: int, unit: int
) -> None:
    config = StarGAN.Config(width=1, discriminator_layers=layers)
    with pytest.raises(MethodError, match=f"multiple of {unit}, these have {resolution}"):
        StarGAN(config, Task(resolution, (8, 12)))


def test_training_is_a_function_of_the_seed(pixels: Pixels) -> None:
    runs = []
    for _ in range(2):
        method = make(pixels, critic_steps=2)
        runs.append([method.training_step(draw(pixels, step)) for step in range(2)])
    assert runs[0] == runs[1]


def test_it_learns_to_come_back(pixels: Pixels) -> None:
    method = make(pixels, critic_steps=1, lr=2e-3)
    first, *_, last = [method.training_step(draw(pixels, step)) for step in range(25)]
    assert last["G/cyc"] < 0.7 * first["G/cyc"]


def test_it_resumes_bit_by_bit(tmp_path: Path) -> None:
    dataset, settings = make_dataset(tmp_path / "dataset"), {**SMALL, "critic_steps": 2, "steps": 4}
    options: dict[str, Any] = {"settings": settings, "device": "cpu", "progress": False}
    part, whole = tmp_path / "part", tmp_path / "whole"
    for run in (part, whole):
        training.train(dataset, run, baselines, "stargan", checkpoint_every=2, **options)
    store.remove(part / "checkpoints" / "step-000004")
    again = training.train(dataset, part, baselines, "stargan", checkpoint_every=2, **options)
    assert again.trained == 2
    assert weights(part, 4) == weights(whole, 4)
    assert logged(part) == logged(whole)
