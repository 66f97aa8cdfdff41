"""The perceptual loss: VGG-16 as torchvision has it, and both distances in plain NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from gaze_batches import BlindPerceptual, noise
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models import vgg

from gazebench import weights
from gazebench.baselines._losses import PARAMETERS, Perceptual, gram, style_distance
from gazebench.methods import count_parameters

pytestmark = pytest.mark.usefixtures("one_thread")
CONTENT, STYLE = 29, (3, 8, 15, 22)  # ReLUs after conv5_3; conv1_2, conv2_2, conv3_3, conv4_3


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    return BlindPerceptual()


def pair(count: int = 2) -> tuple[Tensor, Tensor]:
    both = torch.rand(2, count, 3, 32, 32, generator=noise()) * 2 - 1
    return both[0], both[1]


def torchvisions(perceptual: Perceptual, image: Tensor) -> list[Tensor]:
    """What every layer of torchvision's VGG-16 gives with the same weights."""
    network = vgg.make_layers(vgg.cfgs["D"])
    own = [m for m in network if isinstance(m, torch.nn.Conv2d)]
    for layer, ours in zip(own, perceptual.convolutions, strict=True):
        layer.load_state_dict(ours.state_dict())
    found: list[Tensor] = []
    with torch.no_grad():
        for layer in network:
            image = layer(image)
            found.append(image.clone())  # the ReLUs write over their input
    return found


def grams(features: Tensor) -> NDArray[np.float64]:
    """F^T F / (H W C), F with a row for each place and a column for each channel."""
    count, channels, height, width = features.shape
    rows = features.numpy().astype(float).transpose(0, 2, 3, 1).reshape(count, -1, channels)
    return np.stack([f.T @ f for f in rows]) / (height * width * channels)


def test_it_has_the_published_number_of_parameters(perceptual: Perceptual) -> None:
    assert count_parameters([perceptual]) == PARAMETERS == 14_714_688


def test_grams_and_their_distance_are_numpys() -> None:
    a, b = torch.randn(2, 3, 5, 4, 6, generator=noise())
    assert np.allclose(gram(a).numpy(), grams(a), atol=1e-6)
    expected = np.square(grams(a) - grams(b)).sum() / (3 * 5 * 4 * 6)
    assert style_distance(a, b).item() == pytest.approx(expected, rel=1e-5)


def test_style_and_content_are_taken_from_the_named_layers(perceptual: Perceptual) -> None:
    a, b = (100 * images for images in pair())  # so large that style weighs as much as content
    ours, theirs = torchvisions(perceptual, a), torchvisions(perceptual, b)
    content = np.square((ours[CONTENT] - theirs[CONTENT]).numpy()).mean()
    style = sum(np.square(grams(ours[i]) - grams(theirs[i])).sum() / ours[i].numel() for i in STYLE)
    assert perceptual(a, b).item() == pytest.approx(content + style, rel=1e-4)
    assert 0.1 < style / content < 10


def test_no_mean_is_subtracted(perceptual: Perceptual) -> None:
    black = torch.zeros(1, 3, 32, 32)
    assert all(not feature.any() for feature in perceptual._features(black))


def test_equal_images_are_at_no_distance_and_order_does_not_matter(perceptual: Perceptual) -> None:
    a, b = pair()
    assert perceptual(a, a).item() == 0
    assert perceptual(a, b).item() == pytest.approx(perceptual(b, a).item(), rel=1e-5)


def test_gradients_reach_the_image_and_leave_the_network_alone(perceptual: Perceptual) -> None:
    a, b = pair(1)
    painted = a.clone().requires_grad_()
    perceptual(b, painted).backward()
    assert painted.grad is not None
    assert painted.grad.any()
    assert all(p.grad is None and not p.requires_grad for p in perceptual.parameters())


@pytest.mark.skipif(weights.describe("vgg16").place is None, reason="vgg16 is not here")
def test_learned_weights_tell_a_blurred_eye_from_a_slightly_darker_one() -> None:
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    iris = ((rows - 16) ** 2 + (columns - 16) ** 2 < 64).float().expand(1, 3, -1, -1)
    blurred: Any = torch.nn.functional.avg_pool2d(iris, 7, 1, 3, count_include_pad=False)
    loss = Perceptual()
    assert loss(iris, blurred) > 5 * loss(iris, iris * 0.95)


def test_under_bfloat16_only_its_convolutions_are_rounded(perceptual: Perceptual) -> None:
    a, b = (100 * images for images in pair())
    exact = perceptual(a, b)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = perceptual(a, b)
    assert rounded.dtype == torch.float32
    assert rounded.item() != exact.item()
    assert rounded.item() == pytest.approx(exact.item(), rel=0.05)


def test_pictures_that_no_network_made_need_no_backward_pass(perceptual: Perceptual) -> None:
    a, b = pair()
    kept: list[torch.Size] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        perceptual(a, b.requires_grad_(True))
    largest = [shape for shape in kept if shape[-2:] == a.shape[-2:]]
    assert largest
    assert {shape[0] for shape in largest} == {len(b)}
