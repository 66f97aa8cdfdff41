"""CFM, the coarse-to-fine module of GazeGANV2: from an image at half size to eyes in full.

Paper: Zhang et al. 2022, section III-A, equations 1 and 2. What the coarse image lacks, p, is taken
from the source outside the windows; inside them the refiner G_h adds it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from gazebench.baselines._gazegan_shared import (
    SLOPE,
    View,
    around,
    branch,
    doubled,
    halved,
    joined,
    mask_of,
    normed,
    parted,
    snapped,
    spectral,
)
from gazebench.baselines._layers import instance_norm
from gazebench.dataset.batches import Batch, eye_patches, paste_patches
from gazebench.methods import Task

_PUBLISHED = {(256, (30, 50)): (44, 64), (512, (46, 80)): (64, 96)}


class Refiner(nn.Module):
    """G_h: a residual auto-encoder over both eyes (N, 6, h, w); h and w multiples of 4.

    The paper gives no layers; these have the number of parameters that its totals leave. After
    ``start_at_zero`` it leaves the crops as they are, so that learning begins at the coarse image.
    """

    def __init__(self, width: int = 16, blocks: int = 4) -> None:
        super().__init__()
        w = width
        self.body = nn.Sequential(
            normed(nn.Conv2d(6, w, 7, 1, 3), leaky=True),
            normed(nn.Conv2d(w, 2 * w, 3, 2, 1), leaky=True),
            normed(nn.Conv2d(2 * w, 4 * w, 3, 2, 1), leaky=True),
            *(_PreActivated(4 * w) for _ in range(blocks)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            normed(nn.Conv2d(4 * w, 2 * w, 3, 1, 1), leaky=False),
            nn.Upsample(scale_factor=2, mode="nearest"),
            normed(nn.Conv2d(2 * w, w, 3, 1, 1), leaky=False),
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


class EyeDiscriminator(nn.Module):
    """D_h: both eye patches (N, 6, S, S) to logits (N, 1)."""

    def __init__(self, patch: int, width: int = 16) -> None:
        super().__init__()
        self.local = branch(6, patch, width, 16 * width)
        self.head = nn.Linear(16 * width, 1)
        spectral(self, linear=False)

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (N, 1): how real."""
        return self.head(self.local(patches))


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


def crop_size(task: Task) -> tuple[int, int]:
    """Height and width of the crops that G_h refines: a little more than an eye window.

    1.39 and 1.2 times the window as in the released options, multiples of 4; 44x64 at 256 and
    64x96 at 512.
    """
    published = _PUBLISHED.get((task.resolution, task.window))
    if published:
        return published
    height, width = task.window
    return 4 * math.ceil(1.39 * height / 4), 4 * math.ceil(1.2 * width / 4)


@dataclass(frozen=True, slots=True)
class Fine:
    """What the module knows of portraits in full size."""

    image: Tensor  # x^h, (N, 3, H, W)
    eyes: Tensor  # the dataset's eye boxes, (N, 2, 4)
    rest: Tensor  # M(p) of equation 2, (N, 3, H, W)
    boxes: Tensor  # of the crops, (N, 2, 4)
    window: tuple[int, int]  # height and width of an eye box
    size: tuple[int, int]  # and of a crop
    upsampling: str  # u: bilinear or nearest

    @classmethod
    def of(cls, batch: Batch, task: Task, upsampling: str) -> "Fine":
        """Take portraits apart.

        Windows are moved to even corners, so that a window at half size covers whole pixels; the
        result is pasted into the dataset's own boxes all the same.
        """
        side, size = task.resolution, crop_size(task)
        windows = snapped(batch.eyes)
        details = batch.image - doubled(halved(batch.image), upsampling)  # p, equation 1
        rest = details * (1 - mask_of(windows, side))
        boxes = around(windows, *size, side)
        return cls(batch.image, batch.eyes, rest, boxes, task.window, size, upsampling)

    def eyes_of(self, image: Tensor) -> Tensor:
        """The crops (N, 2, 3, h, w) of an image in full size."""
        return eye_patches(image, self.boxes, self.size)

    def rebuilt(self, coarse: Tensor) -> Tensor:
        """The image in full size from one at half size, (N, 3, H, W): equation 2."""
        return doubled(coarse, self.upsampling) + self.rest

    def refined(self, refiner: nn.Module, coarse: Tensor) -> Tensor:
        """Crops (N, 2, 3, h, w) of the rebuilt image as G_h refines them."""
        return parted(refiner(joined(self.eyes_of(self.rebuilt(coarse)))))

    def pasted(self, crops: Tensor) -> Tensor:
        """The portraits with the crops' pixels, within [-1, 1], in their eye boxes alone."""
        inner = self.eyes - self.boxes[..., :2].repeat(1, 1, 2)  # the eye boxes within the crops
        windows = eye_patches(crops.flatten(0, 1), inner.flatten(0, 1)[:, None], self.window)
        pairs = windows.squeeze(1).unflatten(0, (-1, 2)).clamp(-1, 1)  # (N, 2, 3, h, w)
        return paste_patches(self.image, self.eyes, pairs)


@dataclass(frozen=True, slots=True)
class Scene:
    """Portraits of one domain in a step."""

    view: View  # at the size that the generators work at
    fine: Fine | None  # in full, with CFM
    content: Tensor  # c, (N, 2 code); (N, 0) without


@dataclass(frozen=True, slots=True)
class Painted:
    """What a generator made of a scene."""

    image: Tensor  # (N, 3, R, R)
    eyes: Tensor  # its patches, (N, 2, 3, S, S)
    crops: Tensor | None  # its eyes in full, refined, (N, 2, 3, h, w); with CFM

    def detach(self) -> "Painted":
        """The same as constants."""
        crops = None if self.crops is None else self.crops.detach()
        return Painted(self.image.detach(), self.eyes.detach(), crops)
