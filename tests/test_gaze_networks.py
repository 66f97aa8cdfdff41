"""The networks of the GazeGANs: published sizes, layers, first weights, spectral normalisation."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gazebench.baselines import _cfm
from gazebench.baselines import _gazegan_shared as networks
from gazebench.baselines.gazegan import GazeGAN
from gazebench.baselines.gazegan_v2 import GazeGANV2, GazeGANV2Config
from gazebench.baselines.pam import PAM
from gazebench.config import build
from gazebench.dataset.boxes import eye_window
from gazebench.methods import Task, count_parameters

pytestmark = pytest.mark.usefixtures("one_thread")
VGG = 14_714_688


@functools.cache
def counts(kind: Any, resolution: int, preset: str) -> dict[str, int]:
    """Parameters by letter, with those of VGG-16 if the loss looks through it."""
    settings = build(kind.Config, {"preset": preset} if preset else {})
    with torch.device("meta"):
        method = kind(settings, Task(resolution, eye_window(resolution)))
    found = {letter: count_parameters([n]) for letter, n in method.networks.items()}
    return found | {"VGG": method.frozen_parameters()}


# of the parts that give the printed totals; R is half of the portraits' side in GazeGANV2
COUNTS = {
    (GazeGANV2, 256, "repro"): {
        "G_x": 8_395_571,
        "G_y": 9_444_147,
        "E_r": 1_480_448,
        "E_c": 1_223_808,
        "D_x": 4_791_233,
        "D_y": 4_791_233,
        "D_h": 2_003_169,
        "G_h": 352_422,
        "VGG": VGG,
    },
    (GazeGANV2, 512, "repro"): {
        "G_x": 17_845_043,
        "G_y": 22_039_347,
        "E_r": 4_626_176,
        "E_c": 4_369_536,
        "D_x": 8_723_393,
        "D_y": 8_723_393,
        "D_h": 2_789_601,
        "G_h": 352_422,
        "VGG": VGG,
    },
    (GazeGAN, 256, "released"): {
        "G_x": 22_039_347,
        "G_y": 22_072_115,
        "E_r": 452_834,
        "E_c": 2_272_512,
        "D_x": 10_560_449,
        "D_y": 10_560_449,
        "VGG": VGG,
    },
    (PAM, 256, ""): {"E_c": 1_223_808, "decoder": 3_056_003 - 1_223_808, "VGG": 0},
    (PAM, 512, ""): {"E_c": 4_369_536, "decoder": 9_372_035 - 4_369_536, "VGG": 0},
}


@pytest.mark.parametrize("key", COUNTS, ids=lambda key: f"{key[0].card.title}-{key[1]}")
def test_every_network_has_its_number_of_parameters(key: tuple[Any, int, str]) -> None:
    assert counts(*key) == COUNTS[key]


TOTALS = [
    (GazeGANV2, 256, "repro", 20_896_396, 32_482_031, 47_196_719),
    (GazeGANV2, 512, "repro", 49_232_524, 69_468_911, 84_183_599),
    (GazeGAN, 256, "released", 46_836_808, 67_957_706, 82_672_394),
]


@pytest.mark.parametrize(
    ("kind", "resolution", "preset", "inference", "training", "with_vgg"), TOTALS
)
def test_totals_by_the_rules_of_the_papers_tables(
    kind: Any, resolution: int, preset: str, inference: int, training: int, with_vgg: int
) -> None:
    found = counts(kind, resolution, preset)
    corrects = [n for letter, n in found.items() if letter[0] in "EG"]
    assert sum(corrects) == inference
    assert sum(found.values()) - VGG == training
    assert sum(found.values()) == with_vgg


@pytest.mark.parametrize(
    ("resolution", "printed", "deviation"), [(256, 73.26, 0.0001), (512, 183.2, 0.0028)]
)
def test_gazegan_counts_as_in_table_i_but_at_512_where_0_28_percent_are_too_many(
    resolution: int, printed: float, deviation: float
) -> None:
    millions = sum(counts(GazeGAN, resolution, "table_i").values()) / 1e6
    assert millions / printed - 1 == pytest.approx(deviation, abs=1e-4)


def test_encoder_and_decoder_give_codes_features_and_the_patch() -> None:
    encoder = networks.PatchEncoder(3, (4, 8, 16, 32), 32, 5, leaky=True)
    code, features = encoder(torch.rand(2, 3, 32, 32))
    assert code.shape == (2, 5)
    assert [tuple(f.shape[1:]) for f in features] == [
        (4, 32, 32),
        (8, 16, 16),
        (16, 8, 8),
        (32, 4, 4),
    ]
    decoder = networks.PatchDecoder((4, 8, 16, 32), 32, 5, skip=True)
    assert decoder(code, features).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("skip", [True, False])
def test_a_decoder_without_skips_sees_the_code_alone(skip: bool) -> None:
    decoder = networks.PatchDecoder((4, 8, 16, 32), 32, 5, skip=skip)
    features = [torch.rand(1, 4 * 2**i, 32 // 2**i, 32 // 2**i) for i in range(4)]
    code = torch.rand(1, 5)
    other = decoder(code, [f + 1 if i == 3 else -f for i, f in enumerate(features)])
    assert torch.equal(decoder(code, features), other) == (not skip)
    assert not torch.equal(decoder(code, features), decoder(code + 1, features))


@pytest.mark.parametrize("side", [64, 128])
def test_a_painter_leaves_what_is_not_masked(side: int) -> None:
    painter = networks.Inpainter(side, 7, width=2)
    mask = (torch.rand(2, 1, side, side) < 0.2).float()
    masked = (torch.rand(2, 3, side, side) * 2 - 1) * (1 - mask)
    painted = painter(masked, mask, torch.rand(2, 7))
    inside = (mask > 0).expand_as(painted)
    assert torch.equal(painted[~inside], masked[~inside])
    assert painted[inside].abs().max() <= 1
    assert (painted != painter(masked, mask, torch.rand(2, 7))).any()


def test_discriminators_give_one_logit_of_image_and_patches() -> None:
    image, patches = torch.rand(2, 3, 64, 64), torch.rand(2, 6, 32, 32)
    whole = networks.Discriminator(64, 32, 2, hidden=8).eval()
    assert whole(image, patches).shape == (2, 1)
    assert not torch.equal(whole(image, patches), whole(image.flip(-1), patches))
    assert not torch.equal(whole(image, patches), whole(image, patches.flip(-1)))
    assert _cfm.EyeDiscriminator(32, 2)(patches).shape == (2, 1)


def test_the_refiner_adds_at_most_one_to_its_input() -> None:
    refiner, crops = _cfm.Refiner(2), torch.rand(2, 6, 12, 16)
    change = refiner(crops) - crops
    assert change.shape == crops.shape
    assert 0 < change.detach().abs().max() <= 1


def test_a_residual_block_keeps_the_spread_of_its_input() -> None:
    block, x = _cfm._PreActivated(4), torch.randn(1, 4, 6, 6)
    for parameter in block.body[-1].parameters():
        nn.init.zeros_(parameter)
    assert torch.allclose(block(x), x / 2**0.5)


def layers(network: nn.Module, kind: Any) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, kind)]


def one_of_each() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "E_c": networks.PatchEncoder(3, (8, 16, 32, 64), 32, 5, leaky=True),
        "E_r": networks.PatchEncoder(3, (8, 16, 32, 32), 32, 5, leaky=False),
        "decoder": networks.PatchDecoder((8, 16, 32, 64), 32, 5, skip=True),
        "G": networks.Inpainter(64, 7, 8),
        "G_h": _cfm.Refiner(8),
    }


# instance norms, leaky ReLUs of slope 0.2, ReLUs, of each network
KINDS = {
    "E_c": (4, 4, 0),
    "E_r": (4, 0, 4),
    "decoder": (3, 1, 3),
    "G": (11, 7, 5),
    "G_h": (13, 11, 2),
}


@pytest.mark.parametrize("letter", KINDS)
def test_norms_and_activations_are_those_of_the_released_graph(letter: str) -> None:
    network = one_of_each()[letter]
    norms = layers(network, nn.InstanceNorm2d)
    assert all(n.affine and n.eps == 1e-5 and not n.track_running_stats for n in norms)
    assert {leaky.negative_slope for leaky in layers(network, nn.LeakyReLU)} <= {0.2}
    found = tuple(len(layers(network, k)) for k in (nn.InstanceNorm2d, nn.LeakyReLU, nn.ReLU))
    assert found == KINDS[letter]


def test_convolutions_pad_with_zeros_and_keep_or_halve_the_size() -> None:
    critics = [networks.Discriminator(64, 32, 2), _cfm.EyeDiscriminator(32, 2)]
    for network in [*one_of_each().values(), *critics]:
        for layer in layers(network, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.padding_mode == "zeros"
            shape = layer.kernel_size[0], layer.stride[0], layer.padding[0]
            assert shape in {(7, 1, 3), (4, 2, 1), (3, 1, 1), (3, 2, 1)}
    assert not layers(critics[0], nn.InstanceNorm2d)
    assert {leaky.negative_slope for leaky in layers(critics[0], nn.LeakyReLU)} == {0.2}


@pytest.mark.parametrize("letter", KINDS)
def test_weights_start_as_he_et_al_have_them(letter: str) -> None:
    network = one_of_each()[letter]
    networks.init_he(network)
    scaled: list[Tensor] = []
    for layer in layers(network, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        # a transposed convolution's weight is (in, out, k, k): its fan in counts the outputs
        fan_in = layer.weight[0].numel()
        scaled.append((layer.weight * (fan_in / 2) ** 0.5).flatten())
        assert not layer.bias.any()
    assert torch.cat(scaled).mean().item() == pytest.approx(0, abs=0.02)
    assert torch.cat(scaled).std().item() == pytest.approx(1, rel=0.02)


def test_the_scale_of_each_kind_of_layer_alone_is_hes() -> None:
    torch.manual_seed(0)
    for layer, fan_in in [
        (nn.Conv2d(16, 64, 4), 16 * 16),
        (nn.ConvTranspose2d(64, 16, 4), 16 * 16),
        (nn.Linear(500, 100), 500),
    ]:
        networks.init_he(layer)
        assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)


def test_norm_scales_start_around_one() -> None:
    norm = nn.InstanceNorm2d(5000, affine=True)
    torch.manual_seed(0)
    networks.init_he(norm)
    assert norm.weight.mean().item() == pytest.approx(1, abs=1e-3)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not norm.bias.any()


def normalised(network: nn.Module) -> set[str]:
    """Kinds of layers with spectral normalisation, all of a kind or none."""
    found = set()
    for kind in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.InstanceNorm2d):
        has = {hasattr(layer, "parametrizations") for layer in layers(network, kind)}
        assert len(has) <= 1
        found |= {kind.__name__} if has == {True} else set()
    return found


def test_spectral_normalisation_stands_where_code_and_paper_have_it() -> None:
    first = GazeGAN(build(GazeGAN.Config, {"width": 1, "divisor": 2}), Task(64, (8, 12)))
    second = GazeGANV2(GazeGANV2Config(width=1), Task(128, (16, 24)))
    found = {letter: normalised(n) for letter, n in first.networks.items()}
    critic = {"Conv2d", "Linear"}
    generators = {letter: set() for letter in ("E_c", "E_r", "G_x", "G_y")}
    assert found == generators | {"D_x": critic, "D_y": critic}
    found = {letter: normalised(n) for letter, n in second.networks.items()}
    critics = {letter: {"Conv2d"} for letter in ("D_x", "D_y", "D_h")}
    assert found == generators | {"G_h": set()} | critics


def test_normalised_weights_have_a_largest_singular_value_of_one() -> None:
    torch.manual_seed(0)
    critic = networks.Discriminator(64, 32, 2, hidden=8, normalise_linear=True)
    for _ in range(150):
        critic(torch.rand(1, 3, 64, 64), torch.rand(1, 6, 32, 32))
    for layer in layers(critic, nn.Conv2d | nn.Linear):
        matrix = layer.weight.detach().flatten(1).numpy()
        assert np.linalg.norm(matrix, 2) == pytest.approx(1, abs=0.02)
