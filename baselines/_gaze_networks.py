"""The networks of GazeGAN and GazeGANV2, layer by layer.

Papers: Zhang et al., "Dual In-painting Model for Unsupervised Gaze Correction and Animation in the
Wild", ACM MM 2020; Zhang et al., "Unsupervised High-Resolution Portrait Gaze Correction and
Animation", TIP 2022, arXiv 2207.00256. Layers as in the released graph and code
(github.com/zhangqianhui/GazeAnimation, without a licence), written anew; where only the paper
exists, sizes are those that give its parameter counts.

R is the side of the image that a generator sees, S the side of the square patches.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from gazebench.baselines._blocks import instance_norm

SLOPE = 0.2  # of every leaky ReLU


class PatchEncoder(nn.Module):
    """A square patch (N, inputs, S, S) to a code (N, code): E_c and E_r.

    A 7x7 convolution and halvings, each with instance normalisation, then one linear layer.
    """

    def __init__(
        self, inputs: int, widths: tuple[int, ...], side: int, code: int, *, leaky: bool
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_encoding(inputs, widths, leaky=leaky))
        self.code = nn.Linear(widths[-1] * (side // 2 ** (len(widths) - 1)) ** 2, code)

    def forward(self, patch: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The code (N, code), and what each layer gave, from (N, widths[0], S, S) downwards."""
        features = _run(self.layers, patch)
        return self.code(features[-1].flatten(1)), features


class PatchDecoder(nn.Module):
    """A code and the encoder's features back to the patch (N, 3, S, S) in [-1, 1].

    ``skip``: features of equal size are joined at each doubling, the narrowest too.
    """

    def __init__(self, widths: tuple[int, ...], side: int, code: int, *, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        self.shape = (widths[-1], *[side // 2 ** (len(widths) - 1)] * 2)
        inner = widths[:0:-1]  # the halvings' widths, narrowest features first: 128, 64, 32
        self.start = nn.Sequential(
            nn.Linear(code, self.shape[0] * self.shape[1] * self.shape[2]), nn.LeakyReLU(SLOPE)
        )
        layers: list[nn.Module] = []
        inputs = inner[0]
        for width in inner:
            layers.append(_doubling(inputs + (width if skip else 0), width))
            inputs = width
        self.layers = nn.ModuleList(layers)
        self.last = nn.Sequential(nn.Conv2d(inputs, 3, 7, 1, 3), nn.Tanh())

    def forward(self, code: Tensor, features: list[Tensor]) -> Tensor:
        """The patch; ``features`` are the encoder's."""
        x = self.start(code).unflatten(1, self.shape)
        for layer, same_size in zip(self.layers, reversed(features[1:]), strict=True):
            x = layer(torch.cat([x, same_size], 1) if self.skip else x)
        return self.last(x)


class Inpainter(nn.Module):
    """G_x and G_y: fills the eye windows of an image (N, 3, R, R) under a condition (N, k).

    Five halvings whose features are all joined again on the way up; the condition joins the
    bottleneck's vector. Outside the mask the output is the input.
    """

    def __init__(self, side: int, condition: int, width: int = 16) -> None:
        super().__init__()
        widths = [min(width * 2**i, 16 * width) for i in range(6)]
        self.shape = (widths[-1], side // 32, side // 32)
        size = self.shape[0] * self.shape[1] * self.shape[2]
        self.down = nn.ModuleList(_encoding(6, widths, leaky=True))
        self.squeeze = nn.Linear(size, 16 * width)
        self.mix = nn.Sequential(nn.Linear(16 * width + condition, size), nn.LeakyReLU(SLOPE))
        ups: list[nn.Module] = []
        inputs = widths[-1]
        for level in range(5):
            outputs = max(16 * width // 2**level, width)
            ups.append(_doubling(inputs + widths[5 - level], outputs))
            inputs = outputs
        self.up = nn.ModuleList(ups)
        self.last = nn.Sequential(nn.Conv2d(inputs, 3, 7, 1, 3), nn.Tanh())

    def forward(self, masked: Tensor, mask: Tensor, condition: Tensor) -> Tensor:
        """Image (N, 3, R, R): ``masked`` outside, painted where ``mask`` (N, 1, R, R) is 1."""
        features = _run(self.down, torch.cat([masked, mask.expand_as(masked)], 1))
        vector = self.squeeze(features[-1].flatten(1))
        x = self.mix(torch.cat([vector, condition], 1)).unflatten(1, self.shape)
        for layer, same_size in zip(self.up, reversed(features[1:]), strict=True):
            x = layer(torch.cat([x, same_size], 1))
        return masked + mask * self.last(x)


class Discriminator(nn.Module):
    """D_x and D_y: an image (N, 3, R, R) and its eye patches (N, 6, S, S) to logits (N, 1).

    ``local_cap``: most channels of the local branch, and the size of its vector. ``hidden``: size
    of one more layer over both vectors, 0 for none. ``normalise_linear``: spectral normalisation of
    the linear layers too (the released code) or of the convolutions alone (Zhang et al. 2022).
    """

    def __init__(
        self,
        side: int,
        patch: int,
        width: int = 16,
        *,
        local_cap: int = 256,
        hidden: int = 0,
        normalise_linear: bool = False,
    ) -> None:
        super().__init__()
        cap = local_cap * width // 16
        self.whole = _branch(3, side, width, 16 * width)
        self.local = _branch(6, patch, width, cap)
        both = 16 * width + cap
        head: list[nn.Module] = [nn.Linear(both, hidden), nn.ReLU()] if hidden else []
        self.head = nn.Sequential(*head, nn.Linear(hidden or both, 1))
        spectral(self, linear=normalise_linear)

    def forward(self, image: Tensor, patches: Tensor) -> Tensor:
        """Logits (N, 1): how real."""
        return self.head(torch.cat([self.whole(image), self.local(patches)], 1))


class EyeDiscriminator(nn.Module):
    """D_h: both eye patches (N, 6, S, S) to logits (N, 1)."""

    def __init__(self, patch: int, width: int = 16) -> None:
        super().__init__()
        self.local = _branch(6, patch, width, 16 * width)
        self.head = nn.Linear(16 * width, 1)
        spectral(self, linear=False)

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (N, 1): how real."""
        return self.head(self.local(patches))


class Refiner(nn.Module):
    """G_h: a residual auto-encoder over both eyes (N, 6, h, w); h and w multiples of 4.

    The paper gives no layers; these have the number of parameters that its totals leave. After
    ``start_at_zero`` it leaves the crops as they are, so that learning begins at the coarse image.
    """

    def __init__(self, width: int = 16, blocks: int = 4) -> None:
        super().__init__()
        w = width
        self.body = nn.Sequential(
            _normed(nn.Conv2d(6, w, 7, 1, 3), leaky=True),
            _normed(nn.Conv2d(w, 2 * w, 3, 2, 1), leaky=True),
            _normed(nn.Conv2d(2 * w, 4 * w, 3, 2, 1), leaky=True),
            *(_PreActivated(4 * w) for _ in range(blocks)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            _normed(nn.Conv2d(4 * w, 2 * w, 3, 1, 1), leaky=False),
            nn.Upsample(scale_factor=2, mode="nearest"),
            _normed(nn.Conv2d(2 * w, w, 3, 1, 1), leaky=False),
            nn.Conv2d(w, 6, 7, 1, 3),
            nn.Tanh(),
        )

    def start_at_zero(self) -> None:
        """Zero the last convolution, in place."""
        last = self.body[-2]
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, patches: Tensor) -> Tensor:
        """The patches plus what they lack."""
        return patches + self.body(patches)


class _PreActivated(nn.Module):
    """(x + f(x)) / sqrt(2), f twice norm, leaky ReLU, 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*self._half(channels), *self._half(channels))

    @staticmethod
    def _half(channels: int) -> Iterable[nn.Module]:
        convolution = nn.Conv2d(channels, channels, 3, 1, 1)
        return instance_norm(channels), nn.LeakyReLU(SLOPE, inplace=True), convolution

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.body(x)) / 2**0.5


def init_he(network: nn.Module) -> None:
    """He's normal initialisation of all weights, biases 0, norm scales from N(1, 0.02); in place.

    The fan in of a transposed convolution is, as in TensorFlow, that of its output channels.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.InstanceNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def spectral(network: nn.Module, *, linear: bool) -> None:
    """Initialise the network and put spectral normalisation on its weights, one power step a pass.

    ``linear``: on linear layers too.
    """
    init_he(network)
    kinds = (nn.Conv2d, nn.Linear) if linear else (nn.Conv2d,)
    for module in [m for m in network.modules() if isinstance(m, kinds)]:
        parametrizations.spectral_norm(module)


def _run(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    features: list[Tensor] = []
    for layer in layers:
        x = layer(x)
        features.append(x)
    return features


def _encoding(inputs: int, widths: Iterable[int], *, leaky: bool) -> list[nn.Module]:
    """A 7x7 convolution to the first width, a 4x4 one of stride 2 to each of the others."""
    layers: list[nn.Module] = []
    for width in widths:
        size = (4, 2, 1) if layers else (7, 1, 3)
        layers.append(_normed(nn.Conv2d(inputs, width, *size), leaky=leaky))
        inputs = width
    return layers


def _normed(convolution: nn.Conv2d, *, leaky: bool) -> nn.Sequential:
    activation = nn.LeakyReLU(SLOPE, inplace=True) if leaky else nn.ReLU(inplace=True)
    return nn.Sequential(convolution, instance_norm(convolution.out_channels), activation)


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    deconvolution = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)
    return nn.Sequential(deconvolution, instance_norm(outputs), nn.ReLU(inplace=True))


def _branch(inputs: int, side: int, width: int, cap: int) -> nn.Sequential:
    """Five halvings from ``2 * width`` channels to at most ``cap``, then a vector of ``cap``."""
    layers: list[nn.Module] = []
    for level in range(1, 6):
        outputs = min(width * 2**level, cap)
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * (side // 32) ** 2, cap))
