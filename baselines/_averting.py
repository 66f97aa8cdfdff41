"""Averted eyes, rendered into portraits that look at the camera: batches of crops, on any device.

An eye is taken apart once, by ``_iris_renderer``, and its layers are kept as small pictures
(``apart``); a new gaze then costs a few samplings of them. Crops are canonical (``_eye_crops``),
and lengths are in their pixels. Some eyes are moved by a plain warp instead, so that what undoes it
cannot count on the marks of one way of rendering.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from gazebench.baselines import _iris_renderer as renderer
from gazebench.baselines._eye_crops import Crops, canonical
from gazebench.dataset.boxes import Box, Point
from gazebench.irises import Eye, EyePair

HEIGHT, WIDTH = 48, 72  # of the crops
_TEXTURE = 32  # side of an iris's picture, pixels
_BEYOND = 1.25  # radii that it reaches
_BRIGHT = 0.6  # its 8-bit values are colours times this: without the lid's shade they exceed 255
_CURVE = 47  # points of a lid
_ENDS = 1.15  # half widths of the eye that they reach
_HALF = (17, 26)  # half height and width of what is taken apart around an eye
_NARROW = 0.6  # opening in iris radii below which an eye is too narrow to learn from
_LID_AT = np.linspace(-_ENDS, _ENDS, _CURVE)
_BOX = Box(
    WIDTH // 2 - _HALF[1], HEIGHT // 2 - _HALF[0], WIDTH // 2 + _HALF[1], HEIGHT // 2 + _HALF[0]
)
_LASHES = 2.5  # pixels from a lid's edge within which what no layer explains stays


@dataclass(frozen=True, slots=True)
class Layers:
    """Eyes taken apart, N faces; the left eye, then the right, mirrored."""

    photograph: Tensor  # (N, 2, 3, H, W) uint8
    sclera: Tensor  # (N, 2, 3, H, W) uint8: the photograph without its irises
    glints: Tensor  # (N, 2, 3, H, W) uint8: light that catch-lights add
    iris: Tensor  # (N, 2, 3, 32, 32) uint8: complete, without the lid's shade
    middle: Tensor  # (N, 2, 2), half way between the corners
    along: Tensor  # (N, 2, 2), unit vector from the crop's left corner to its right one
    half: Tensor  # (N, 2), half the distance of the corners
    center: Tensor  # (N, 2, 2), of the iris
    radius: Tensor  # (N, 2)
    lids: Tensor  # (N, 2, 2, 47): upper and lower edge, downwards from the line of the corners

    def __len__(self) -> int:
        """How many faces."""
        return len(self.half)

    def opening(self) -> Tensor:
        """The narrower eye's largest distance of the lids, (N,)."""
        return (self.lids[:, :, 1] - self.lids[:, :, 0]).amax(-1).amin(1)

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return type(self)(*(getattr(self, f.name).to(device) for f in fields(self)))

    @classmethod
    def stacked(cls, parts: list["Layers"]) -> "Layers":
        """Several as one."""
        return cls(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)))


@dataclass(frozen=True, slots=True)
class Gaze:
    """How N faces look away."""

    shift: Tensor  # (N, 2, 2) of each iris: along its corners in the crop, and downwards
    lid: Tensor  # (N,) of the upper lids, downwards
    glint: Tensor  # (N,), share of the shift that catch-lights follow
    edge: Tensor  # (N,), half the width of the iris's soft edge
    warped: Tensor  # (N,) bool: by a plain warp


def apart(portrait: Tensor, pair: EyePair, crops: Crops) -> Layers:
    """The layers of one face of a ``portrait`` (3, H, W), values 0 to 255.

    Raises:
        TooLittleError: an eye shows too little to be moved.
    """
    if min(eye.opening for eye in pair.eyes) < _NARROW * pair.left.radius:
        raise renderer.TooLittleError("an eye is too narrow")
    photographs = canonical(crops.cut(portrait), crops.zoom).round().clamp(0, 255)
    pixels = photographs.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    eyes = [_in_crop(eye, crops, side) for side, eye in enumerate(pair.eyes)]
    views = [renderer.View(p, eye, _BOX, 1.0) for p, eye in zip(pixels, eyes, strict=True)]
    taken = [
        _taken(p, view, other, eye)
        for p, view, other, eye in zip(pixels, views, views[::-1], eyes, strict=True)
    ]
    return Layers(*(torch.stack(both)[None] for both in zip(*taken, strict=True)))


def unmoved(portrait: Tensor, crops: Crops) -> Layers:
    """A face that cannot be taken apart: its photograph, and nothing to be moved."""
    photograph = canonical(crops.cut(portrait), crops.zoom).round().clamp(0, 255)
    photograph = photograph.to(torch.uint8)[None].cpu()
    middle = torch.tensor([WIDTH / 2, HEIGHT / 2]).expand(1, 2, 2)
    lids = torch.tensor([-4.0, 4.0])[:, None].expand(1, 2, 2, _CURVE)
    return Layers(
        *(photograph, photograph, torch.zeros_like(photograph)),
        photograph.new_zeros(1, 2, 3, _TEXTURE, _TEXTURE),
        *(middle, torch.tensor([1.0, 0.0]).expand(1, 2, 2), torch.full((1, 2), 14.0)),
        *(middle, torch.full((1, 2), 6.0), lids),
    )


def _in_crop(eye: Eye, crops: Crops, side: int) -> Eye:
    """An eye in the pixels of its canonical crop."""

    def moved(x: float, y: float) -> tuple[float, float]:
        x, y = crops.point(side, x, y)
        return x - 0.5, y - 0.5

    upper, lower = (np.array([moved(*p) for p in lid]) for lid in (eye.upper, eye.lower))
    if side:
        upper, lower = upper[::-1], lower[::-1]
    return Eye(upper, lower, Point(*moved(*eye.iris)), eye.radius * crops.zoom, eye.fit, eye.spread)


def _taken(
    pixels: NDArray[np.uint8], view: renderer.View, other: renderer.View, eye: Eye
) -> tuple[Tensor, ...]:
    """The fields of ``Layers`` for one eye."""
    layers = renderer.apart(view, other)
    sclera, glints = pixels.copy(), np.zeros_like(pixels)
    rows, columns = slice(_BOX.top, _BOX.bottom), slice(_BOX.left, _BOX.right)
    sclera[rows, columns] = view.coarse(layers.sclera)
    glints[rows, columns] = view.coarse(layers.glints)
    reach = ((np.arange(_TEXTURE) + 0.5) / _TEXTURE * 2 - 1) * _BEYOND * view.radius
    a, b = np.meshgrid(reach, reach)
    iris = renderer.texture(view, layers, a.ravel(), b.ravel()).reshape(_TEXTURE, _TEXTURE, 3)
    lids = [view.lid(points, _LID_AT * view.half) for points in (eye.upper, eye.lower)]
    pictures = (pixels, sclera, glints, np.clip(np.rint(_BRIGHT * iris), 0, 255).astype(np.uint8))
    middle, center = (np.array(point) + 0.5 for point in (view.middle, eye.iris))
    numbers = (middle, view.along, view.half, center, view.radius, np.array(lids))
    return (
        *(torch.from_numpy(p).permute(2, 0, 1).contiguous() for p in pictures),
        *(torch.as_tensor(n, dtype=torch.float32) for n in numbers),
    )


def render(layers: Layers, gaze: Gaze) -> Tensor:
    """The faces with averted eyes, (N, 2, 3, H, W) float, 0 to 255."""
    scene = _Scene(layers, gaze)
    laid = scene.laid_again()
    made = torch.where(gaze.warped.repeat_interleave(2)[:, None, None, None], scene.warped(), laid)
    return made.clamp(0, 255).unflatten(0, (-1, 2))


class _Scene:
    """2N eyes with all that two ways of moving them share; places are (2N, H, W)."""

    def __init__(self, layers: Layers, gaze: Gaze) -> None:
        pictures = layers.photograph, layers.sclera, layers.glints, layers.iris
        self.photograph, self.sclera, self.glints, self.iris = (
            p.flatten(0, 1).float() for p in pictures
        )
        self.center, self.along = (v.flatten(0, 1) for v in (layers.center, layers.along))
        self.half, self.radius = (v.flatten()[:, None, None] for v in (layers.half, layers.radius))
        device = self.half.device
        rows, columns = (torch.arange(n, device=device) + 0.5 for n in (HEIGHT, WIDTH))
        self.y, self.x = torch.meshgrid(rows, columns, indexing="ij")
        self.a, self.b = self._turned(layers.middle.flatten(0, 1))
        self.upper, self.lower = self._lids(layers.lids.flatten(0, 1))
        each = lambda v: v.repeat_interleave(2)[:, None, None]  # noqa: E731
        self.lid, self.glint, self.edge = each(gaze.lid), each(gaze.glint), each(gaze.edge)
        self._move(layers.middle.flatten(0, 1), gaze.shift.flatten(0, 1))

    def laid_again(self) -> Tensor:
        """Sclera, iris, catch-lights and lids, as ``_iris_renderer`` lays them."""
        share = _smooth((1.05 - (self.a / self.half).abs()) / 0.6)
        upper = self.upper + self.lid * share
        warp = self._lid_warp(share)
        skin, sclera = (self._read(p, warp) for p in (self.photograph, self.sclera))
        after = self._laid(sclera, self.goal, self.b - upper)
        rest = self.photograph - self._laid(self.sclera, self.center, self.b - self.upper)
        rest = self._read(rest * self._kept()[:, None], warp)
        depth = torch.minimum(self.b - upper, self.lower - self.b) + 0.35
        ends = _smooth((self.half + 0.35 - self.a.abs()) / 1.5)
        open_ = _smooth((depth + 0.75) / 1.5) * ends
        return skin + open_[:, None] * (after + rest - skin)

    def warped(self) -> Tensor:
        """The photograph's own pixels, pushed sideways and down within the lids."""
        at = self.from_middle[:, :1, None] + self.step[:, :1, None]
        room = self.half + 1.5 - torch.where(self.a > at, 1.0, -1.0) * at - self.radius
        push = _smooth(1 - ((self.a - at).abs() - self.radius).clamp(min=0) / room.clamp(min=2))
        depth = torch.minimum(self.b - self.upper, self.lower - self.b)
        push = push * _smooth(depth / 2.5 + 1)
        move = self.goal - self.center
        x = self.x - push * move[:, :1, None]
        y = self.y - push * move[:, 1:, None]
        return _sample(self.photograph, x, y)

    def _turned(self, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Every place along and across the line of the corners, from an origin (2N, 2)."""
        x, y = self.x - origin[:, :1, None], self.y - origin[:, 1:, None]
        cos, sin = self.along[:, :1, None], self.along[:, 1:, None]
        return cos * x + sin * y, cos * y - sin * x

    def _lids(self, lids: Tensor) -> list[Tensor]:
        """Both lids' b at every place."""
        place = ((self.a / self.half / _ENDS + 1) / 2 * (_CURVE - 1)).clamp(0, _CURVE - 1 - 1e-3)
        before = place.floor().long()
        part = place - before
        curves = [lid[:, None, :].expand(-1, HEIGHT, -1) for lid in lids.unbind(1)]
        return [c.gather(2, before) * (1 - part) + c.gather(2, before + 1) * part for c in curves]

    def _move(self, middle: Tensor, shift: Tensor) -> None:
        """Where the irises go; never further along than half a radius from a corner."""
        offset = self.center - middle
        cos, sin = self.along[:, 0], self.along[:, 1]
        own = offset[:, 0] * cos + offset[:, 1] * sin
        half, radius = self.half.flatten(), self.radius.flatten()
        limit = torch.maximum(half - 0.5 * radius, own.abs())
        along = (own + shift[:, 0]).clamp(-limit, limit) - own
        self.step = torch.stack([along, shift[:, 1]], 1)
        self.from_middle = torch.stack([own, offset[:, 1] * cos - offset[:, 0] * sin], 1)
        x, y = along * cos - shift[:, 1] * sin, along * sin + shift[:, 1] * cos
        self.goal = self.center + torch.stack([x, y], 1)

    def _lid_warp(self, share: Tensor) -> Tensor:
        """How far above a place its pixel is read, once the upper lid has moved."""
        above = (self.upper - self.b).clamp(min=0)
        height = (self.lower - self.upper).clamp(min=1)
        fade = torch.exp(-above.square() / 32) * _smooth(1.2 * (self.lower - self.b) / height)
        return self.lid * share * fade

    def _read(self, pictures: Tensor, warp: Tensor) -> Tensor:
        """Pictures (2N, 3, H, W) read ``warp`` above every place."""
        x = self.x + warp * self.along[:, 1:, None]
        y = self.y - warp * self.along[:, :1, None]
        return _sample(pictures, x, y)

    def _laid(self, sclera: Tensor, center: Tensor, below_lid: Tensor) -> Tensor:
        x, y = self.x - center[:, :1, None], self.y - center[:, 1:, None]
        disc = 1 - _smooth((torch.hypot(x, y) - self.radius + self.edge) / (2 * self.edge))
        grid = torch.stack([x, y], -1) / (_BEYOND * self.radius[..., None])
        shade = 1 - 0.38 * torch.exp(-below_lid.clamp(min=0) / 1.6)
        iris = _grid_sample(self.iris, grid, "bilinear") / _BRIGHT * shade[:, None]
        move = self.glint * (center - self.center)[:, :, None]  # (2N, 2, 1)
        lights = _sample(self.glints, self.x - move[:, :1], self.y - move[:, 1:], "bilinear")
        laid = sclera + disc[:, None] * (iris - sclera)
        return (laid + lights * (disc > 0.05)[:, None]).clamp(max=255)

    def _kept(self) -> Tensor:
        """Where what no layer explains (lashes, grain) stays: at the lids, or without a move."""
        near = torch.minimum(self.b - self.upper, 1.5 * (self.lower - self.b))
        way = torch.hypot(self.step.norm(dim=1)[:, None, None], self.lid)
        return torch.maximum(1 - _smooth(near / _LASHES), 1 - (2 * way).clamp(max=1))


def _sample(pictures: Tensor, x: Tensor, y: Tensor, mode: str = "bicubic") -> Tensor:
    """Pictures (N, 3, H, W) at places in pixels."""
    grid = torch.stack([x * (2 / WIDTH) - 1, y * (2 / HEIGHT) - 1], -1)
    return _grid_sample(pictures, grid, mode)


def _grid_sample(pictures: Tensor, grid: Tensor, mode: str) -> Tensor:
    return F.grid_sample(pictures, grid, mode=mode, padding_mode="border", align_corners=False)


def _smooth(t: Tensor) -> Tensor:
    """0 below 0, 1 above 1, smooth between."""
    t = t.clamp(0, 1)
    return t * t * (3 - 2 * t)
