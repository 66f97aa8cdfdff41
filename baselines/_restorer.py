"""The networks of ``undo``: one restores an eye, one judges.

All see canonical crops (``_eye_crops``) of 40x64 pixels, the right eye mirrored.
"""

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

HEIGHT, WIDTH = 40, 64  # of what a network sees
_PLANES = 14  # own colours, the other eye's, and ``planes``
_GROUPS = 8  # of a group normalisation
_ENTRY = 4  # half resolution: pixels of a 2x2 square become channels
_REACH = 0.4  # largest flow, of half the crop
_FAVOUR = (2.0, -2.0, -1.0)  # at the start: the eye's own pixels, the other eye's, new colours


@dataclass(frozen=True, slots=True)
class Place:
    """Where the iris and the upper lid of N eyes are or should be, in a crop's pixels."""

    iris: Tensor  # (N, 2) centre x, y
    lid: Tensor  # (N,) y of the middle of the upper lid's edge
    radius: Tensor  # (N,) of the iris
    yaw_deg: Tensor  # (N,) of the head; a right eye's has the other sign
    pitch_deg: Tensor  # (N,)
    middle: Tensor  # (N, 2) x, y of the crop's middle

    def to(self, where: torch.device | torch.dtype) -> "Place":
        """The same on a device, or of a type."""
        return Place(*(getattr(self, f.name).to(where) for f in fields(self)))

    @classmethod
    def joined(cls, places: list["Place"]) -> "Place":
        """Several as one."""
        return cls(*(torch.cat([getattr(p, f.name) for p in places]) for f in fields(cls)))


def planes(place: Place, left: Tensor, top: Tensor) -> Tensor:
    """A place as pictures, (N, 8, 40, 64), of the part of each crop that starts at (left, top).

    Distance from the iris's centre (x, y), its disc, distance from the lid, yaw and pitch of the
    head, and x and y from the crop's middle; each scaled to about [-1, 1].
    """
    device = place.iris.device
    x = left[:, None, None] + torch.arange(WIDTH, device=device) + 0.5
    y = top[:, None, None] + torch.arange(HEIGHT, device=device)[:, None] + 0.5
    values = (*place.iris.unbind(1), place.lid, place.radius, place.yaw_deg, place.pitch_deg)
    iris_x, iris_y, lid, radius, yaw, pitch = (v[:, None, None] for v in values)
    middle_x, middle_y = (v[:, None, None] for v in place.middle.unbind(1))
    across, down = x - iris_x, y - iris_y
    pictures = (
        (across / 12).clamp(-2, 2),
        (down / 12).clamp(-2, 2),
        torch.sigmoid(2 * (radius - torch.hypot(across, down))),
        ((y - lid) / 8).clamp(-2, 2),
        yaw / 40,
        pitch / 30,
        (x - middle_x) / 32,
        (y - middle_y) / 20,
    )
    return torch.stack([p.expand(len(lid), HEIGHT, WIDTH) for p in pictures], 1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How N eyes are made of what is there: where each pixel comes from, and new colours."""

    own: Tensor  # (N, 2, h, w), flow into the eye itself, of half the crop
    other: Tensor  # (N, 2, h, w), flow into the other eye
    share: Tensor  # (N, 3, h, w), of own pixels, the other eye's and new colours; they sum to 1
    colors: Tensor  # (N, 3, h, w) in [-1, 1]

    def resized(self, size: tuple[int, int]) -> "Recipe":
        """The same for crops of another size (height, width)."""
        parts = (self.own, self.other, self.share, self.colors)
        return Recipe(
            *(F.interpolate(p, size, mode="bilinear", align_corners=False) for p in parts)
        )

    def moved(self, own: Tensor, other: Tensor) -> Tensor:
        """The eyes' own pixels and the other eye's where they go, without new colours."""
        ours, theirs, _ = self.share.split(1, dim=1)
        made = ours * _pulled(own, self.own) + theirs * _pulled(other, self.other)
        return made / (ours + theirs).clamp(min=1e-3)

    def apply(self, own: Tensor, other: Tensor) -> Tensor:
        """The eyes (N, 3, h, w), of crops as large as the recipe."""
        moved = _pulled(own, self.own), _pulled(other, self.other), self.colors
        shares = self.share.split(1, dim=1)
        return torch.stack([s * m for s, m in zip(shares, moved, strict=True)]).sum(0)


class Restorer(nn.Module):
    """A U-Net at half resolution: what undoes an averted gaze."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        a, b, c = width, 3 * width // 2, 2 * width
        self.entry = nn.Sequential(_convolution(_PLANES * _ENTRY, a), _Residual(a))
        self.down = nn.Sequential(_convolution(a, b, 2), _Residual(b))
        self.deep = nn.Sequential(_convolution(b, c, 2), _Residual(c), _Residual(c))
        self.up = _convolution(c + b, b)
        self.exit = nn.Sequential(_convolution(b + a, a), _Residual(a))
        self.fields = _quiet(nn.Conv2d(a, 10 * _ENTRY, 3, 1, 1))

    def forward(self, own: Tensor, other: Tensor, place: Tensor) -> Recipe:
        """The recipe of eyes (N, 3, h, w), with the other eye of each and ``planes``."""
        seen = torch.cat([own, other, place], 1)
        first = self.entry(F.pixel_unshuffle(seen, 2))
        second = self.down(first)
        deep = self.deep(second)
        second = self.up(torch.cat([_doubled(deep), second], 1))
        first = self.exit(torch.cat([_doubled(second), first], 1))
        fields = F.pixel_shuffle(self.fields(first).float(), 2)
        flows = F.pad(fields[:, :4], (1, 1, 1, 1), mode="replicate")
        flows = _REACH * torch.tanh(F.avg_pool2d(flows, 3, 1))
        favour = fields.new_tensor(_FAVOUR)[:, None, None]
        share = torch.softmax(fields[:, 7:] + favour, 1)
        return Recipe(flows[:, :2], flows[:, 2:], share, torch.tanh(fields[:, 4:7]))


class Critic(nn.Module):
    """A patch critic of eyes, with spectral norms (Miyato et al. 2018)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 3 * width)
        layers: list[nn.Module] = []
        for inputs, outputs, stride in zip(channels, channels[1:], (2, 2, 1), strict=False):
            side = 4 if stride == 2 else 3
            layers.append(spectral_norm(nn.Conv2d(inputs, outputs, side, stride, 1)))
            layers.append(nn.LeakyReLU(0.2))
        self.body = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels[-1], 1, 3, 1, 1)))

    def forward(self, eyes: Tensor) -> Tensor:
        """Critic maps of eyes (N, 3, h, w)."""
        return self.body(eyes)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(channels, channels),
            nn.Conv2d(channels, channels, 3, 1, 1),
            nn.GroupNorm(_GROUPS, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x + self.body(x))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(_GROUPS, outputs), nn.SiLU()
    )


def _quiet(layer: nn.Conv2d) -> nn.Conv2d:
    """A last layer that says almost nothing at first."""
    nn.init.normal_(layer.weight, 0, 1e-3)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _pulled(eyes: Tensor, flow: Tensor) -> Tensor:
    """Eyes read at every place plus its flow, bilinear."""
    height, width = eyes.shape[-2:]
    rows, columns = (
        (torch.arange(n, device=eyes.device) + 0.5) * (2 / n) - 1 for n in (height, width)
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    grid = torch.stack([x + flow[:, 0], y + flow[:, 1]], -1)
    return F.grid_sample(
        eyes.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
