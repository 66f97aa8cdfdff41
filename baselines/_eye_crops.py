"""Eyes as crops of one scale, whatever the portrait's size, and back into the portrait.

A canonical crop has 64 pixels between the eyes of a head that faces the camera, as portraits of
256 px have. Others are enlarged or reduced by a power of two, so that their pixels stay on a grid.
The right eye is mirrored: a network sees left eyes only.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gazebench.dataset.boxes import Box
from gazebench.irises import EyePair

_HEAD = 54.0  # ``Head.scale`` of a head with 64 pixels between its eyes
_LARGEST = 4  # enlargement
_RAMP = 3.0  # canonical pixels at an edge over which a change fades in


@dataclass(frozen=True, slots=True)
class Crops:
    """Where the two canonical crops of a portrait lie."""

    zoom: float  # canonical pixels to a portrait pixel: a power of two
    corners: tuple[tuple[int, int], tuple[int, int]]  # left, top of each crop, portrait pixels
    size: tuple[int, int]  # height, width of a crop, portrait pixels

    @classmethod
    def around(cls, pair: EyePair, size: tuple[int, int]) -> "Crops":
        """Crops of ``size`` (height, width; canonical) around the middles of the eyes' corners."""
        steps = round(math.log2(_HEAD / max(pair.head.scale, 1.0)))
        zoom = 2.0 ** min(steps, int(math.log2(_LARGEST)))
        height, width = (max(1, round(side / zoom)) for side in size)
        middles = [eye.middle for eye in pair.eyes]
        left, right = ((round(m.x) - width // 2, round(m.y) - height // 2) for m in middles)
        return cls(zoom, (left, right), (height, width))

    def cut(self, image: Tensor) -> Tensor:
        """Both crops of a portrait (3, H, W), in its own pixels, right one mirrored: (2, 3, h, w).

        Beyond the portrait's edge its outermost pixels are repeated.
        """
        rows, columns = self._places(image)
        crops = [image[:, r[:, None], c] for r, c in zip(rows, columns, strict=True)]
        return torch.stack([crops[0], crops[1].flip(-1)])

    def put(self, image: Tensor, change: Tensor, boxes: tuple[Box, Box]) -> Tensor:
        """The portrait (3, H, W) with changes (2, 3, h, w) added, fading out at box and crop edges.

        Nothing changes outside the boxes.
        """
        made = image.clone()
        pairs = torch.stack([change[0], change[1].flip(-1)])
        for (left, top), box, eye in zip(self.corners, boxes, pairs, strict=True):
            inside = Box(
                max(box.left, left, 0),
                max(box.top, top, 0),
                min(box.right, left + self.size[1], image.shape[2]),
                min(box.bottom, top + self.size[0], image.shape[1]),
            )
            if inside.width <= 0 or inside.height <= 0:
                continue
            rows, columns = slice(inside.top, inside.bottom), slice(inside.left, inside.right)
            part = eye[:, inside.top - top : inside.bottom - top]
            part = part[:, :, inside.left - left : inside.right - left]
            made[:, rows, columns] += part * self._share(inside, image.device)
        return made

    def point(self, side: int, x: float, y: float) -> tuple[float, float]:
        """A point of the portrait in the canonical crop of the left (0) or right (1) eye.

        There, (0, 0) is the outer corner of the first pixel.
        """
        left, top = self.corners[side]
        across, down = (x - left + 0.5) * self.zoom, (y - top + 0.5) * self.zoom
        return (self.size[1] * self.zoom - across if side else across), down

    def _places(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        height, width = image.shape[1:]
        rows, columns = [], []
        for left, top in self.corners:
            rows.append((top + torch.arange(self.size[0])).clamp(0, height - 1))
            columns.append((left + torch.arange(self.size[1])).clamp(0, width - 1))
        return rows, columns

    def _share(self, box: Box, device: torch.device) -> Tensor:
        ramp = _RAMP / self.zoom  # portrait pixels
        depths = [
            torch.minimum(torch.arange(n) + 0.5, n - 0.5 - torch.arange(n)) / ramp
            for n in (box.height, box.width)
        ]
        share = torch.minimum(depths[0][:, None], depths[1]).clamp(0, 1)
        return (share * share * (3 - 2 * share)).to(device)


def canonical(crops: Tensor, zoom: float) -> Tensor:
    """Crops (N, 3, h, w) of a portrait at canonical size."""
    if zoom > 1:
        return F.interpolate(crops, scale_factor=zoom, mode="bicubic", align_corners=False)
    return F.avg_pool2d(crops, round(1 / zoom)) if zoom < 1 else crops


def enlarged(crops: Tensor, zoom: float) -> Tensor:
    """Canonical crops (N, 3, h, w) at the size that a portrait has them in, which is no smaller."""
    if zoom == 1:
        return crops
    return F.interpolate(crops, scale_factor=1 / zoom, mode="bicubic", align_corners=False)
