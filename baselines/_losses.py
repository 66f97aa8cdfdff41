"""Losses that several baselines share: adversarial ones, L1 in eye windows, and one through VGG-16.

VGG-16: Simonyan and Zisserman, ICLR 2015. Its style and content loss is that of GazeGAN, as in the
code released with Zhang et al. (2020). The code's images are in [-1, 1] without subtraction of a
mean, and so are these; its weights are TF-slim's, these are torchvision's.

The released code weighs this loss 100, for TF-slim's weights, which expect images of 0 to 255. With
torchvision's, 100 drowns every other term: its gradient is a thousand times that of the L1
distance. ``WEIGHT`` makes both gradients about equal.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from gazebench import weights

WEIGHT = 0.05  # parity with the L1 distance asks for 0.04 to 0.10
PARAMETERS = 14_714_688  # of VGG-16's convolutions, conv1_1 to conv5_3
_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of each


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """-E D(real) + E D(fake), over critic values of any shape; a scalar."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E D(fake), over critic values of any shape; a scalar."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """E (|grad D(z)| - 1)^2 at random points z between real and fake images (N, 3, H, W).

    Where the critic gives a map, the gradient is that of the map's sum, and the norm is over all
    pixels and channels of one image (Gulrajani et al. 2017, equation 3, as PRGAN's code has it).
    ``generator`` draws the points and must be on the images' device.
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator, device=real.device)
    between = (share * real + (1 - share) * fake).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def logistic_critic(real: Tensor, fakes: list[Tensor]) -> Tensor:
    """E softplus(-D(real)) + E softplus(D(fake)) for every kind of fake; a scalar.

    The logistic loss of Goodfellow et al. 2014, as all code released with GazeGAN has it.
    """
    return F.softplus(-real).mean() + torch.stack([F.softplus(f).mean() for f in fakes]).sum()


def logistic_generator(fake: Tensor) -> Tensor:
    """E softplus(-D(fake)), the form that does not saturate; a scalar."""
    return F.softplus(-fake).mean()


def window_l1(a: Tensor, b: Tensor, window: tuple[int, int]) -> Tensor:
    """Mean over N of the summed absolute difference, over the area of one window; a scalar.

    ``window``: its height and width. With differences inside two windows only, that is twice
    their mean absolute difference (the released GazeGAN code).
    """
    height, width = window
    return (a - b).abs().sum() / (len(a) * height * width * 3)


class Perceptual(nn.Module):
    """Frozen VGG-16 up to conv5_3, and the distance of two images under it."""

    style: ClassVar = (1, 3, 6, 9)  # conv1_2, conv2_2, conv3_3, conv4_3: convolutions from 0 on

    def __init__(self) -> None:
        """Load the network.

        Raises:
            MissingPartError: its weights cannot be had.
        """
        super().__init__()
        self.convolutions = nn.ModuleList()
        self.pool_before = [sum(count for _, count in _BLOCKS[:i]) for i in range(1, len(_BLOCKS))]
        inputs = 3
        for channels, count in _BLOCKS:
            for _ in range(count):
                self.convolutions.append(nn.Conv2d(inputs, channels, 3, 1, 1))
                inputs = channels
        self._load()
        self.requires_grad_(False).eval()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Style plus content distance of images (N, 3, H, W) in [-1, 1]; a scalar.

        Content: mean squared difference at conv5_3. Style: at four layers, the sum of squared
        differences of Gram matrices over the number of features.
        """
        # apart, so that the pictures that are no output of a network need no backward pass
        ours, theirs = self._features(a), self._features(b)
        with torch.autocast(a.device.type, enabled=False):  # sums over thousands of pixels
            content = F.mse_loss(ours[-1].float(), theirs[-1].float())
            styles = [style_distance(ours[i].float(), theirs[i].float()) for i in self.style]
            return content + torch.stack(styles).sum()

    def _features(self, x: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        for index, convolution in enumerate(self.convolutions):
            if index in self.pool_before:
                x = F.max_pool2d(x, 2)
            x = F.relu(convolution(x), inplace=True)
            found.append(x)
        return found

    def _load(self) -> None:
        tensors = weights.tensors("vgg16")  # features.N.weight and features.N.bias
        places = sorted({int(name.split(".")[1]) for name in tensors})
        for convolution, place in zip(self.convolutions, places, strict=True):
            own = {key: tensors[f"features.{place}.{key}"] for key in ("weight", "bias")}
            convolution.load_state_dict(own)


def style_distance(a: Tensor, b: Tensor) -> Tensor:
    """Sum of squared differences of the Gram matrices, over the number of features; a scalar."""
    return (gram(a) - gram(b)).square().sum() / a.numel()


def gram(features: Tensor) -> Tensor:
    """F^T F / (H W C) of features (N, C, H, W): (N, C, C)."""
    flat = features.flatten(2)  # (N, C, H W)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])
