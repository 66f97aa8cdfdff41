"""CycleGAN: published sizes, losses worked by hand, the history of images, crops, resuming."""

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from gaze_batches import away, touched_in_each_update
from gaze_batches import draw as draw_some
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn
from training_folders import losses as logged
from training_folders import make_dataset, weights

from gazebench import baselines, contract, store, training
from gazebench.baselines import cyclegan
from gazebench.baselines.cyclegan import CycleGAN, ImagePool
from gazebench.dataset.batches import Pixels, to_uint8
from gazebench.errors import MethodError
from gazebench.methods import Task, count_parameters

draw = functools.partial(draw_some, batch=1)
SMALL = {"width": 4, "residual_blocks": 1, "discriminator_layers": 2, "pool": 2}


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return contract.drawn_dataset(32)


def make(pixels: Pixels, **settings: Any) -> CycleGAN:
    torch.manual_seed(0)
    task = Task(pixels.manifest.resolution, pixels.manifest.window)
    return CycleGAN(CycleGAN.Config(**{**SMALL, **settings}), task)


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("blocks", "count"), [(9, 11_378_179), (6, 7_837_699)])
def test_a_generator_has_the_published_number_of_parameters(blocks: int, count: int) -> None:
    with torch.device("meta"):
        assert count_parameters([cyclegan.resnet(residual_blocks=blocks)]) == count


@pytest.mark.parametrize("resolution", [256, 512])
def test_the_settings_are_those_of_the_paper(resolution: int) -> None:
    with torch.device("meta"):
        method = CycleGAN(CycleGAN.Config(), Task(resolution, (30, 50)))
    counts = {letter: count_parameters([n]) for letter, n in method.networks.items()}
    assert counts["G_A"] == counts["G_B"] == 11_378_179
    assert counts["D_A"] == counts["D_B"] == 2_764_737
    assert counts["pool_A"] == counts["pool_B"] == 0
    assert [o.defaults["lr"] for o in method.optimisers.values()] == [2e-4, 2e-4]
    assert method.optimisers["G"].defaults["betas"] == (0.5, 0.999)


def test_a_judgement_is_of_70x70_pixels() -> None:
    field = 1
    network = cyclegan.patch_discriminator(width=1)
    for layer in reversed([m for m in network if isinstance(m, nn.Conv2d)]):
        field = (field - 1) * layer.stride[0] + layer.kernel_size[0]
    assert field == 70
    assert network(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)


def test_norms_have_neither_scales_nor_running_statistics() -> None:
    generator, discriminator = cyclegan.resnet(2), cyclegan.patch_discriminator(2)
    norms = [
        [m for m in network.modules() if isinstance(m, nn.InstanceNorm2d)]
        for network in (generator, discriminator)
    ]
    assert [len(each) for each in norms] == [3 + 2 * 9 + 2, 3]
    assert all(not m.affine and not m.track_running_stats for each in norms for m in each)


def test_a_generator_reflects_its_borders_where_it_does_not_scale() -> None:
    convolutions = [
        m for m in cyclegan.resnet(2).modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    modes = Counter((m.kernel_size[0], m.stride[0], m.padding_mode) for m in convolutions)
    assert modes == {(7, 1, "reflect"): 2, (3, 1, "reflect"): 18, (3, 2, "zeros"): 4}
    assert all(m.bias is not None for m in convolutions)


def test_a_discriminator_pads_with_zeros_and_has_biases() -> None:
    modules = list(cyclegan.patch_discriminator(2))
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    assert [(m.kernel_size[0], m.stride[0]) for m in convolutions] == [(4, 2)] * 3 + [(4, 1)] * 2
    assert all(m.padding_mode == "zeros" and m.bias is not None for m in convolutions)
    assert {m.negative_slope for m in modules if isinstance(m, nn.LeakyReLU)} == {0.2}


def test_weights_start_from_the_authors_distribution() -> None:
    method = CycleGAN(CycleGAN.Config(width=16, residual_blocks=2), Task(256, (30, 50)))
    for letter in ("G_A", "G_B", "D_A", "D_B"):
        parameters = dict(method.networks[letter].named_parameters())
        drawn = torch.cat([p.detach().flatten() for p in parameters.values() if p.ndim == 4])
        assert drawn.std().item() == pytest.approx(0.04, rel=0.02)
        assert all(not p.any() for name, p in parameters.items() if name.endswith("bias"))


def test_losses_of_a_discriminator_by_hand() -> None:
    real, fake = np.array([[0.5, 2.0]]), np.array([[-1.0, 0.25]])
    worked = 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())
    found = cyclegan.discriminator_loss(nn.Identity(), torch.tensor(real), torch.tensor(fake))
    assert found.item() == pytest.approx(worked, rel=1e-6)


class Scaling(nn.Module):
    """The portrait times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, image: Tensor) -> Tensor:
        return self.factor * image


def test_losses_of_a_step_by_hand(pixels: Pixels) -> None:
    method = make(pixels, enlarge=1.0)
    factors = {"G_A": 0.5, "G_B": 3.0, "D_A": 2.0, "D_B": -1.0}
    method.networks |= {letter: Scaling(factor) for letter, factor in factors.items()}
    method.optimisers = {n: torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.0) for n in "GD"}
    losses = {k: v.item() for k, v in method.training_step(draw(pixels)).items()}
    b, a = (batch.image.double().numpy() for batch in draw(pixels)())  # a mirror changes no mean
    worked = {
        "G_A/adv": ((2 * 0.5 * a - 1) ** 2).mean(),
        "G_B/adv": ((-1 * 3 * b - 1) ** 2).mean(),
        "G_A/cyc": np.abs(1.5 * a - a).mean(),
        "G_B/cyc": np.abs(1.5 * b - b).mean(),
        "G_A/rec": np.abs(0.5 * b - b).mean(),
        "G_B/rec": np.abs(3 * a - a).mean(),
        "D_A/adv": 0.5 * (((2 * b - 1) ** 2).mean() + ((2 * 0.5 * a) ** 2).mean()),
        "D_B/adv": 0.5 * (((-a - 1) ** 2).mean() + ((-3 * b) ** 2).mean()),
    }
    assert losses == pytest.approx(worked, rel=1e-4)


def test_the_totals_weigh_the_terms_as_the_authors_do(pixels: Pixels) -> None:
    totals: list[float] = []
    method = make(pixels)
    method.backward = lambda loss: totals.append(loss.item()) or loss.backward()  # type: ignore[func-returns-value]
    loss = {name: value.item() for name, value in method.training_step(draw(pixels)).items()}
    weighed = {"adv": 1, "cyc": 10, "rec": 5}
    of_g = sum(weighed[k.split("/")[1]] * v for k, v in loss.items() if k.startswith("G"))
    assert totals == pytest.approx([of_g, loss["D_A/adv"] + loss["D_B/adv"]], rel=1e-5)


def test_the_generators_learn_first_and_then_the_discriminators(pixels: Pixels) -> None:
    method = make(pixels)
    touched = touched_in_each_update(method, pixels)
    assert touched == [{"G_A", "G_B"}, {"D_A", "D_B"}]
    assert all(p.requires_grad for n in ("D_A", "D_B") for p in method.networks[n].parameters())


def numbered(*values: int) -> Tensor:
    return torch.stack([torch.full((3, 1, 1), float(value)) for value in values])


def held(pool: ImagePool) -> list[float]:
    return pool.images[: int(pool.count), 0, 0, 0].tolist()


def shown(pool: ImagePool, generator: torch.Generator, *values: int) -> list[float]:
    return pool(numbered(*values), generator)[:, 0, 0, 0].tolist()


@given(
    size=st.integers(0, 5), batches=st.lists(st.integers(1, 3), max_size=8), seed=st.integers(0, 99)
)
def test_a_history_neither_makes_nor_loses_an_image(
    size: int, batches: list[int], seed: int
) -> None:
    pool, generator = ImagePool(size, 1), noise(seed)
    given_in: list[float] = []
    given_back: list[float] = []
    for count in batches:
        new = range(len(given_in) + 1, len(given_in) + count + 1)
        given_back += shown(pool, generator, *new)
        given_in += new
    # the first images, which fill it, are given back and held as well
    assert Counter(given_back + held(pool)) == Counter(given_in + given_in[:size])
    assert given_back[:size] == given_in[:size]


def test_a_full_history_exchanges_every_second_image_for_any_that_it_holds() -> None:
    pool, generator = ImagePool(50, 1), noise()
    shown(pool, generator, *range(50))
    exchanged, ages = 0, []
    for value in range(50, 4050):
        (back,) = shown(pool, generator, value)
        exchanged += back != value
        if back != value:
            ages.append(value - back)
    assert exchanged / 4000 == pytest.approx(0.5, abs=0.032)  # four standard deviations
    # the place is drawn evenly, so an image stays for 50 exchanges, 100 images, on average
    assert np.mean(ages[500:]) == pytest.approx(100, rel=0.12)


def test_a_history_gives_no_gradients_and_is_no_parameter() -> None:
    pool = ImagePool(2, 1)
    assert not pool(numbered(1, 2).requires_grad_(True), noise()).requires_grad
    assert not list(pool.parameters())
    assert held(pool) == [1, 2]


def test_discriminators_are_shown_the_history(pixels: Pixels) -> None:
    method = make(pixels, pool=2)
    for step in range(3):
        method.training_step(draw(pixels, step))
    before = method.networks["pool_B"].get_buffer("images").clone()
    judged: list[Tensor] = []
    method.networks["D_A"].register_forward_pre_hook(lambda _, given: judged.append(given[0]))
    step = next(s for s in range(50) if exchanges(before, method, pixels, s, judged))
    assert step < 20  # half of the time


def exchanges(
    before: Tensor, method: CycleGAN, pixels: Pixels, step: int, judged: list[Tensor]
) -> bool:
    judged.clear()
    held_now = method.networks["pool_B"].get_buffer("images").clone()
    method.training_step(draw(pixels, step))
    fresh, (_, shown_b) = judged[0], judged[1]
    old = [torch.equal(shown_b, image) for image in held_now]
    assert torch.equal(shown_b, fresh[0]) != any(old)
    return any(old)


def test_a_crop_is_a_part_of_its_image_and_all_places_are_taken() -> None:
    image = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    parts = [{bytes(i[:, r : r + 2, c : c + 2].contiguous().numpy()): (r, c)
              for r in range(3) for c in range(3)} for i in image]  # fmt: skip
    generator, places = noise(), Counter[tuple[Any, ...]]()
    for _ in range(900):
        crops = cyclegan.random_crop(image, 2, generator)
        places.update(
            enumerate(p[bytes(c.contiguous().numpy())] for p, c in zip(parts, crops, strict=True))
        )
    assert len(places) == 18
    assert all(count == pytest.approx(100, abs=40) for count in places.values())


def test_enlarging_is_that_of_pillow(pixels: Pixels) -> None:
    image = away(pixels).image[:1]
    method = make(pixels, enlarge=1.125, crop=36)
    source = Image.fromarray(to_uint8(image)[0].movedim(0, -1).numpy())
    expected = np.asarray(source.resize((36, 36), Image.Resampling.BICUBIC)).astype(int)
    found = to_uint8(method._augmented(image, noise()))[0].movedim(0, -1).numpy().astype(int)
    assert min(np.abs(found[:, ::turn] - expected).max() for turn in (1, -1)) <= 1


def test_half_of_the_portraits_are_mirrored_and_all_stay_in_range(pixels: Pixels) -> None:
    method, image = make(pixels, enlarge=1.0), away(pixels).image
    mirrored = [method._augmented(image, noise(seed)) == image.flip(-1) for seed in range(100)]
    share = np.mean([each.flatten(1).all(1).float().mean() for each in mirrored])
    assert share == pytest.approx(0.5, abs=0.1)  # 400 draws: four standard deviations
    assert make(pixels)._augmented(image.sign(), noise()).abs().max() <= 1


def test_training_crops_and_correcting_does_not(pixels: Pixels) -> None:
    method, sizes = make(pixels, crop=24), set[tuple[int, ...]]()
    method.networks["D_A"].register_forward_pre_hook(lambda _, g: sizes.add(tuple(g[0].shape[1:])))
    method.training_step(draw(pixels, batch=2))
    assert sizes == {(3, 24, 24)}
    with torch.no_grad():
        batch = away(pixels)
        assert torch.equal(method.correct(batch), method.networks["G_A"](batch.image))


def test_with_a_side_the_networks_see_shrunk_portraits_and_their_change_is_added(
    pixels: Pixels,
) -> None:
    method, sizes = make(pixels, side=16, enlarge=1.25), set[tuple[int, ...]]()
    for letter in ("G_A", "G_B", "D_A", "D_B"):
        method.networks[letter].register_forward_pre_hook(
            lambda _, g: sizes.add(tuple(g[0].shape[1:]))
        )
    method.training_step(draw(pixels, batch=2))
    assert sizes == {(3, 16, 16)}
    batch = away(pixels)
    method.networks["G_A"] = nn.Identity()  # changes nothing, so that nothing may be lost
    assert torch.equal(method.correct(batch), batch.image)
    method.networks["G_A"] = nn.Hardtanh(-1.0, 0.0)  # darkens all that is brighter than grey
    assert (method.correct(batch) <= batch.image + 1e-6).all()
    assert method.correct(batch).shape == batch.image.shape


def test_g_a_learns_from_y_and_d_a_judges_x(pixels: Pixels) -> None:
    method = make(pixels, enlarge=1.0)
    drawn, judged = list[Tensor](), list[Tensor]()
    method.networks["G_A"].register_forward_pre_hook(lambda _, given: drawn.append(given[0]))
    method.networks["D_A"].register_forward_pre_hook(lambda _, given: judged.append(given[0]))
    method.training_step(draw(pixels))
    x, y = (batch.image[0] for batch in draw(pixels)())
    assert any(torch.equal(drawn[0][0], image) for image in (y, y.flip(-1)))
    assert any(torch.equal(judged[-1][0], image) for image in (x, x.flip(-1)))


def test_the_learning_rate_is_constant_and_then_falls_to_zero(pixels: Pixels) -> None:
    scale = make(pixels).learning_rate_scale
    assert [scale(s, 300) for s in (0, 149, 150, 225, 300)] == [1, 1, 1, 0.5, 0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop": 30}, "a crop whose side is a multiple of 4 and at least 12, not 30"),
        ({"crop": 8}, "at least 12, not 8"),
        ({"side": 64}, "side = 64 is more than the portraits' 32"),
        ({"discriminator_layers": 4}, "a portrait whose side is .* at least 48, not 32"),
        ({"crop": 40}, "crop = 40 is more than the portrait, enlarged from 32 to 36"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    pixels: Pixels, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(MethodError, match=message):
        make(pixels, **settings)


def test_training_is_a_function_of_the_seed(pixels: Pixels) -> None:
    runs = []
    for _ in range(2):
        method = make(pixels, pool=1)
        runs.append([method.training_step(draw(pixels, step)) for step in range(3)])
    assert runs[0] == runs[1]


def test_it_learns_to_come_back(pixels: Pixels) -> None:
    method = make(pixels, lr=2e-3)
    steps = [method.training_step(draw(pixels, step)) for step in range(60)]
    back = [float(losses["G_A/cyc"] + losses["G_B/cyc"]) for losses in steps]
    assert np.mean(back[-10:]) < 0.85 * np.mean(back[:10])


def test_it_resumes_bit_by_bit_with_its_history(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset")
    options: dict[str, Any] = {"settings": {**SMALL, "crop": 24, "steps": 8}, "device": "cpu"}
    options |= {"progress": False, "checkpoint_every": 4}
    part, whole = tmp_path / "part", tmp_path / "whole"
    for run in (part, whole):
        training.train(dataset, run, baselines, "cyclegan", **options)
    store.remove(part / "checkpoints" / "step-000008")
    assert training.train(dataset, part, baselines, "cyclegan", **options).trained == 4
    assert weights(part, 8) == weights(whole, 8)
    assert logged(part) == logged(whole)
    state, own = map(safetensors.torch.load, reversed(weights(whole, 8)))
    assert state["pool_A.count"] == 2
    assert state["pool_A.images"].abs().flatten(1).max(1).values.min() > 0
    assert {key.split(".")[0] for key in own} == {"G_A"}
