"""Layers, initial weights, Adam and learning rates that several baselines share."""

import contextlib
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.optim import Adam

_CPU_HAS_FUSED = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 4)


class Residual(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3, without biases: (N, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *normed(nn.Conv2d(channels, channels, 3, 1, 1, bias=False)),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The sum; (N, C, H, W)."""
        return x + self.body(x)


def instance_norm(channels: int) -> nn.Module:
    """Instance normalisation with a scale and an offset per channel, eps 1e-5."""
    return nn.InstanceNorm2d(channels, eps=1e-5, affine=True)


def normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
    """The convolution, instance normalisation, ReLU."""
    return convolution, instance_norm(convolution.out_channels), nn.ReLU(inplace=True)


def encoder_decoder(inputs: int, width: int, residual_blocks: int) -> nn.Sequential:
    """The generator that StarGAN and PRGAN share: (N, inputs, H, W) to (N, 3, H, W) in [-1, 1].

    A 7x7 convolution, two halvings, residual blocks at ``4 * width`` channels, two doublings, a
    7x7 convolution and tanh; no biases. H and W must be multiples of 4.
    """
    w = width
    return nn.Sequential(
        *normed(nn.Conv2d(inputs, w, 7, 1, 3, bias=False)),
        *normed(nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False)),
        *normed(nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False)),
        *(Residual(4 * w) for _ in range(residual_blocks)),
        *normed(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False)),
        *normed(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False)),
        nn.Conv2d(w, 3, 7, 1, 3, bias=False),
        nn.Tanh(),
    )


def halvings(inputs: int, width: int, layers: int, slope: float) -> nn.Sequential:
    """``layers`` 4x4 convolutions of stride 2 with biases and leaky ReLU, doubling the channels.

    (N, inputs, H, W) to (N, width * 2^(layers - 1), H / 2^layers, W / 2^layers).
    """
    parts: list[nn.Module] = []
    for layer in range(layers):
        outputs = width * 2**layer
        parts += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(slope, inplace=True)]
        inputs = outputs
    return nn.Sequential(*parts)


def label_reach(residual_blocks: int) -> int:
    """How far from its border a portrait can change with the label, in ``encoder_decoder``; pixels.

    Instance normalisation takes a constant plane away but for the zeros that pad it, and what the
    padding tells spreads with every layer: 3 pixels in the first, 8 in each residual block.
    """
    return 14 + 8 * residual_blocks


def tile(condition: Tensor, image: Tensor) -> Tensor:
    """The image with its condition (N, C) as C more constant channels: (N, 3 + C, H, W)."""
    planes = condition[:, :, None, None].expand(-1, -1, *image.shape[-2:])
    return torch.cat([image, planes], dim=1)


def random_flip(image: Tensor, generator: torch.Generator) -> Tensor:
    """Each of the images (N, C, H, W) mirrored left to right, or not, with equal chance.

    ``generator`` must be on the images' device.
    """
    chance = torch.rand(len(image), 1, 1, 1, generator=generator, device=image.device)
    return torch.where(chance < 0.5, image.flip(-1), image)


def init_normal(network: nn.Module, width: int = 64) -> None:
    """Draw every convolution weight from N(0, 0.02 sqrt(64 / width)), zero its bias, in place.

    0.02 is the published spread, for networks of width 64. A layer sums over its inputs, so with
    fewer channels the same spread gives weaker signals: a critic of width 16 gave none at all.
    """
    std = 0.02 * (64 / width) ** 0.5
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def adam(network: nn.Module, lr: float, betas: tuple[float, float]) -> Adam:
    """Adam over the network's parameters, in its fused form where this torch has it."""
    parameters = list(network.parameters())
    fused = _CPU_HAS_FUSED or all(p.is_cuda for p in parameters)
    return Adam(parameters, lr=lr, betas=betas, fused=fused)


def shortened(constant: int, steps: int, share: int = 10) -> int:
    """``constant`` steps, or the first of ``share`` parts of a training where that is less.

    20,000 of 200,000 steps are published; a short training falls just as early.
    """
    return min(constant, steps // share)


def constant_then_linear(step: int, steps: int, constant: int) -> float:
    """Factor on a learning rate: 1 for ``constant`` steps, then falling to 0 in a straight line."""
    if step < constant or steps <= constant:
        return 1.0
    return (steps - step) / (steps - constant)


def stepwise_linear(step: int, steps: int, constant: int, stride: int) -> float:
    """``constant_then_linear``, which changes only every ``stride`` steps."""
    return constant_then_linear(step if step < constant else step - step % stride, steps, constant)


@contextlib.contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Let gradients pass through the networks, but compute none for their parameters."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    _require(parameters, False)
    try:
        yield
    finally:
        _require(parameters, True)


def _require(parameters: Iterable[nn.Parameter], value: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(value)


def at_side(image: Tensor, side: int) -> Tensor:
    """The images (N, C, H, H) at another side, antialiased; as they are where it is theirs."""
    if side == image.shape[-1]:
        return image
    return F.interpolate(image, (side, side), mode="bilinear", antialias=True)


def as_changed(image: Tensor, seen: Tensor, made: Tensor) -> Tensor:
    """What a network made of ``at_side`` of the images, at their own size, in [-1, 1].

    Where it saw them shrunk, what it changed there is enlarged and added to the images, so that
    they keep their sharpness.
    """
    if seen.shape == image.shape:
        return made
    return (image + at_side(made - seen, image.shape[-1])).clamp(-1, 1)
