"""Losses that several baselines share."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


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


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of the losses by their weights, 1 where none is given; a scalar."""
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()
