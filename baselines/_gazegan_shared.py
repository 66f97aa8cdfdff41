"""What GazeGAN, GazeGANV2 and PAM share: eye windows, networks layer by layer, codes, views.

Papers: Zhang et al., "Dual In-painting Model for Unsupervised Gaze Correction and Animation in the
Wild", ACM MM 2020; Zhang et al., "Unsupervised High-Resolution Portrait Gaze Correction and
Animation", TIP 2022, arXiv 2207.00256. Layers as in the released graph and code
(github.com/zhangqianhui/GazeAnimation, without a licence), written again; where only the paper
exists, sizes are those that give its parameter counts.

R is the side of the image that a generator sees, S the side of the square patches. A window is
(left, top, right, bottom), half-open pixels; N portraits have (N, 2, 4), left eye first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from gazebench.baselines._layers import instance_norm, shortened
from gazebench.dataset.batches import Batch, Draw, eye_patches
from gazebench.methods import Part

SLOPE = 0.2  # of every leaky ReLU
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the strips among a training's pictures


@dataclass(frozen=True, slots=True)
class View:
    """Portraits as a generator sees them."""

    image: Tensor  # (N, 3, R, R)
    eyes: Tensor  # windows, (N, 2, 4), left eye first
    mask: Tensor  # (N, 1, R, R), 1 inside the windows
    patches: Tensor  # eyes, (N, 2, 3, S, S)

    @classmethod
    def of(cls, image: Tensor, eyes: Tensor, side: int) -> "View":
        """The view of images with these eye windows, patches of ``side``."""
        mask = mask_of(eyes, image.shape[-1])
        return cls(image, eyes, mask, crop_resized(image, eyes, side))

    @property
    def masked(self) -> Tensor:
        """M: the image with its eyes taken out."""
        return self.image * (1 - self.mask)

    def eyes_of(self, image: Tensor) -> Tensor:
        """M': the patches (N, 2, 3, S, S) of another image of the same faces."""
        return crop_resized(image, self.eyes, self.patches.shape[-1])


def warm_up(config: Any, steps: int) -> int:
    """First steps by the reconstructions alone: ``warm_up_steps``, a fifth of ``steps`` at most."""
    return shortened(config.warm_up_steps, steps, 5)


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
        self.whole = branch(3, side, width, 16 * width)
        self.local = branch(6, patch, width, cap)
        both = 16 * width + cap
        head: list[nn.Module] = [nn.Linear(both, hidden), nn.ReLU()] if hidden else []
        self.head = nn.Sequential(*head, nn.Linear(hidden or both, 1))
        spectral(self, linear=normalise_linear)

    def forward(self, image: Tensor, patches: Tensor) -> Tensor:
        """Logits (N, 1): how real."""
        return self.head(torch.cat([self.whole(image), self.local(patches)], 1))


def pam_part(*, code: int, divisor: int, shrink: int, width: int) -> Part:
    """E_c, from a training of PAM with these settings."""
    settings = {"code": code, "divisor": divisor, "shrink": shrink, "width": width}
    return Part(method="pam", network="E_c", settings=settings)


def angle_encoder(width: int, side: int, code: int, *, joint: bool) -> PatchEncoder:
    """E_r: of each eye (3 channels), or of both at once (6)."""
    widths = (2 * width, 4 * width, 8 * width, 8 * width)
    return PatchEncoder(6 if joint else 3, widths, side, code, leaky=False)


def code_of(encoder: nn.Module, patches: Tensor, *, joint: bool = False) -> Tensor:
    """Code c or r of eye patches (N, 2, 3, S, S): both eyes' one after the other, or one."""
    if joint:
        return encoder(joined(patches))[0]
    codes: Tensor = encoder(patches.flatten(0, 1))[0]
    return codes.unflatten(0, (-1, 2)).flatten(1)


def logits_of(discriminator: nn.Module, seen: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Logits of D_x or D_y for each of several (images, eye patches), judged in one pass."""
    images, patches = zip(*seen, strict=True)
    logits: Tensor = discriminator(torch.cat(images), joined(torch.cat(patches)))
    return list(logits.split([len(image) for image in images]))


def between(start: Tensor, end: Tensor, alpha: float) -> Tensor:
    """From alpha 0, the start, to 1, the end; outside them it continues in a straight line."""
    return (1 - alpha) * start + alpha * end


def eye_strips(moving: Tensor, eyes: Tensor) -> Tensor:
    """Both eyes side by side, (N, A, 3, h, 2w), of animated portraits (N, A, 3, H, W)."""
    pairs = [eye_patches(image, eyes) for image in moving.unbind(1)]  # (N, 2, 3, h, w) each
    return torch.stack([torch.cat(pair.unbind(1), -1) for pair in pairs], 1)


def flipped_together(draw: Draw, flip: bool) -> tuple[Batch, Batch]:
    """A draw's portraits of both domains, all mirrored with their windows in half of the steps.

    The released code mirrored the windows of domain X alone; here both are right.
    """
    x, y = draw()
    if not flip:
        return x, y
    noise = torch.rand((), generator=draw.generator, device=draw.generator.device)
    if noise.item() >= 0.5:
        return x, y
    return mirrored(x), mirrored(y)


def with_preset(values: Any, presets: Mapping[str, Mapping[str, Any]], default: str) -> Any:
    """Settings as given, laid over those of their preset."""
    if not isinstance(values, dict):
        return values
    name = values.get("preset", default)
    return {**(presets.get(name, {}) if isinstance(name, str) else {}), **values}


def crop_resized(image: Tensor, eyes: Tensor, side: int) -> Tensor:
    """Both eye windows as squares, (N, 2, 3, S, S), of an image (N, 3, H, W).

    The bilinear crop of TensorFlow's ``crop_and_resize`` with corners divided by the image's
    side, as the code released with Zhang et al. (2020) calls it; zeros outside the image.
    """
    height, width = image.shape[-2:]
    share = torch.linspace(0, 1, side, device=image.device, dtype=image.dtype)
    left, top, right, bottom = eyes.to(image.dtype).unbind(-1)  # (N, 2) each
    x = 2 * (left / width)[..., None] + 2 * ((right - left) / width)[..., None] * share - 1
    y = 2 * (top / height)[..., None] + 2 * ((bottom - top) / height)[..., None] * share - 1
    grid = torch.stack(
        [x[:, :, None, :].expand(-1, -1, side, -1), y[:, :, :, None].expand(-1, -1, -1, side)], -1
    )  # (N, 2, S, S, 2)
    cut = F.grid_sample(image, grid.flatten(1, 2), mode="bilinear", align_corners=True)
    return cut.unflatten(2, (2, side)).transpose(1, 2)


def joined(pairs: Tensor) -> Tensor:
    """Eye patches (N, 2, 3, h, w) as one image of six channels, (N, 6, h, w)."""
    return pairs.flatten(1, 2)


def parted(both: Tensor) -> Tensor:
    """The inverse of ``joined``."""
    return both.unflatten(1, (2, 3))


def mask_of(eyes: Tensor, side: int) -> Tensor:
    """1 inside the windows, else 0: (N, 1, side, side) float32."""
    place = torch.arange(side, device=eyes.device)
    left, top, right, bottom = eyes[..., None].unbind(2)  # (N, 2, 1) each
    columns = (place >= left) & (place < right)  # (N, 2, side)
    rows = (place >= top) & (place < bottom)
    inside = rows[..., :, None] & columns[..., None, :]
    return inside.any(dim=1, keepdim=True).to(torch.float32)


def snapped(eyes: Tensor) -> Tensor:
    """The windows moved by at most one pixel up and to the left, to even corners."""
    return eyes - (eyes[..., :2] % 2).repeat(1, 1, 2)


def around(eyes: Tensor, height: int, width: int, side: int) -> Tensor:
    """Boxes of ``height`` x ``width`` around the windows, moved until they lie in the image."""
    left, top, right, bottom = eyes.unbind(-1)
    x = ((left + right - width) // 2).clamp(0, side - width)
    y = ((top + bottom - height) // 2).clamp(0, side - height)
    return torch.stack([x, y, x + width, y + height], -1)


def seen(batch: Batch, shrink: int) -> tuple[Tensor, Tensor]:
    """The portraits and their windows as a network sees them: ``shrink`` 1 in full, 2 halved."""
    if shrink == 1:
        return batch.image, batch.eyes
    return halved(batch.image), snapped(batch.eyes) // 2


def mirrored(batch: Batch) -> Batch:
    """The portraits mirrored, with their windows: what was the right eye is now the left one."""
    width = batch.image.shape[-1]
    left, top, right, bottom = batch.eyes.flip(1).unbind(-1)
    eyes = torch.stack([width - right, top, width - left, bottom], -1)
    return replace(batch, image=batch.image.flip(-1), mask=batch.mask.flip(-1), eyes=eyes)


def halved(image: Tensor) -> Tensor:
    """The image at half its size, by the mean of 2x2 pixels."""
    return F.avg_pool2d(image, 2)


def doubled(image: Tensor, mode: str = "bilinear") -> Tensor:
    """u: the image at twice its size; ``mode`` is bilinear or nearest."""
    if mode == "nearest":
        return F.interpolate(image, scale_factor=2, mode="nearest")
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)


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
        layers.append(normed(nn.Conv2d(inputs, width, *size), leaky=leaky))
        inputs = width
    return layers


def normed(convolution: nn.Conv2d, *, leaky: bool) -> nn.Sequential:
    activation = nn.LeakyReLU(SLOPE, inplace=True) if leaky else nn.ReLU(inplace=True)
    return nn.Sequential(convolution, instance_norm(convolution.out_channels), activation)


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    deconvolution = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)
    return nn.Sequential(deconvolution, instance_norm(outputs), nn.ReLU(inplace=True))


def branch(inputs: int, side: int, width: int, cap: int) -> nn.Sequential:
    """Five halvings from ``2 * width`` channels to at most ``cap``, then a vector of ``cap``."""
    layers: list[nn.Module] = []
    for level in range(1, 6):
        outputs = min(width * 2**level, cap)
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * (side // 32) ** 2, cap))
