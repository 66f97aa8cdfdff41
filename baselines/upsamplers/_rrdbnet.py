"""RRDBNet: the generator of ESRGAN and Real-ESRGAN.

Papers: Wang et al., "ESRGAN", ECCV Workshops 2018; Wang et al., "Real-ESRGAN", ICCV Workshops 2021.
Layers are called as in the released files (github.com/xinntao/Real-ESRGAN, BSD-3-Clause), so that
those load as they are.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from gazebench import weights

_SCALE = 0.2  # of what every block adds to its input
_SLOPE = 0.2  # of LeakyReLU


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all before it; x + 0.2 of the last one's output."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        for number in range(5):
            outputs = growth if number < 4 else channels
            layer = nn.Conv2d(channels + number * growth, outputs, 3, 1, 1)
            self.add_module(f"conv{number + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        *layers, last = self.children()
        found = [x]
        for layer in layers:
            found.append(F.leaky_relu(layer(torch.cat(found, 1)), _SLOPE))
        return x + _SCALE * last(torch.cat(found, 1))


class ResidualBlock(nn.Module):
    """Three dense blocks one after the other; x + 0.2 of what comes out."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        for number in range(3):
            self.add_module(f"rdb{number + 1}", DenseBlock(channels, growth))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        inner = x
        for block in self.children():
            inner = block(inner)
        return x + _SCALE * inner


class RRDBNet(nn.Module):
    """RGB in [0, 1], (N, 3, H, W), to ``scale`` times its size.

    For x2 the input is first pixel-unshuffled, to half the size and 12 channels; the rest is x4's.
    """

    def __init__(
        self, scale: int, *, channels: int = 64, blocks: int = 23, growth: int = 32
    ) -> None:
        super().__init__()
        self.unshuffle = 4 // scale
        self.conv_first = nn.Conv2d(3 * self.unshuffle**2, channels, 3, 1, 1)
        self.body = nn.Sequential(*[ResidualBlock(channels, growth) for _ in range(blocks)])
        self.conv_body = nn.Conv2d(channels, channels, 3, 1, 1)
        self.conv_up1 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.conv_up2 = nn.Conv2d(channels, channels, 3, 1, 1)
        self.conv_hr = nn.Conv2d(channels, channels, 3, 1, 1)
        self.conv_last = nn.Conv2d(channels, 3, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, scale * H, scale * W), not clamped."""
        first = self.conv_first(F.pixel_unshuffle(x, self.unshuffle))
        found = first + self.conv_body(self.body(first))
        for layer in (self.conv_up1, self.conv_up2):
            found = F.leaky_relu(layer(F.interpolate(found, scale_factor=2.0)), _SLOPE)
        return self.conv_last(F.leaky_relu(self.conv_hr(found), _SLOPE))


def released(name: str, scale: int, device: torch.device) -> RRDBNet:
    """The network with released weights of the catalogue, ready to use.

    Raises:
        MissingPartError: the weights cannot be had.
    """
    path = weights.path(name)
    network = RRDBNet(scale)
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state["params_ema"])
    return network.to(device).eval().requires_grad_(False)


def through(network: RRDBNet, image: Tensor) -> Tensor:
    """An image in [-1, 1] through the network, in [-1, 1] again."""
    return network((image + 1) / 2).clamp(0, 1) * 2 - 1
