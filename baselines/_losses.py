"""Losses that several baselines share."""

from collections.abc import Callable

import torch
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
