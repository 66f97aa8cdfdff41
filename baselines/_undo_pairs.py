"""Pairs to learn from: eyes that look away, and the photograph they were rendered into.

The photograph's pixels are what is to be given back, bit by bit but for what both sides share: a
cut, colours, blur and grain. What only the averted side has, rendered or not (``_disguised``),
hides where it was rendered.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gazebench.baselines import _averting
from gazebench.baselines._averting import Gaze, Layers, render
from gazebench.baselines._restorer import HEIGHT, WIDTH, Place

_UNMOVED = 0.07  # share of faces rendered with (almost) no shift
_WARPED = 0.2  # share moved by a plain warp
_SPARE_Y, _SPARE_X = _averting.HEIGHT - HEIGHT, _averting.WIDTH - WIDTH


@dataclass(frozen=True, slots=True)
class Pairs:
    """2N eyes, left and mirrored right of each face in turn."""

    averted: Tensor  # (2N, 3, 40, 64) in [-1, 1]
    photograph: Tensor  # (2N, 3, 40, 64) in [-1, 1]
    alike: Tensor  # (2N,) bool: the averted side was not averted
    left: Tensor  # (2N,) where the cut starts in the crop, pixels
    top: Tensor  # (2N,)


def others(eyes: Tensor) -> Tensor:
    """The other eye of each of 2N eyes."""
    return eyes.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def looking_away(layers: Layers, generator: torch.Generator) -> tuple[Gaze, Tensor]:
    """A random gaze of every face, and which of them (N,) are not averted at all.

    In iris radii: half of the faces look within an ellipse of 1.7 by 1, a third far to a side, the
    rest down; lids follow by 45 to 105 %, up by two thirds of that.
    """
    dice = _Dice(len(layers), generator)
    angle, reach = dice.uniform(0, 2 * math.pi), dice.uniform(0.05, 1).sqrt()
    ellipse = torch.stack([1.7 * reach * angle.cos(), 0.15 + reach * angle.sin()], 1)
    side = torch.sign(dice.uniform(-1, 1)) * dice.uniform(0.3, 1.6)
    aside = torch.stack([side, 0.03 + dice.normal(0.2)], 1)
    down = torch.stack([dice.normal(0.4), dice.uniform(0.3, 1.15)], 1)
    kind = dice.uniform()[:, None]
    shift = torch.where(kind < 0.35, aside, torch.where(kind < 0.5, down, ellipse))
    still = dice.uniform() < _UNMOVED
    shift = torch.where(
        still[:, None], torch.stack([dice.normal(0.06), dice.normal(0.06)], 1), shift
    )
    gaze = Gaze(
        shift=_of_each(shift, layers, dice),
        lid=_lids(shift[:, 1], still, layers, dice),
        glint=dice.uniform(0.15, 0.8),
        edge=dice.uniform(0.5, 1.0),
        warped=(dice.uniform() < _WARPED) & ~still,
    )
    return gaze, still


def pairs(
    layers: Layers, usable: Tensor, generator: torch.Generator, *, share_alike: float
) -> Pairs:
    """Pairs of N faces. Faces that are not ``usable`` (N,) are not averted."""
    gaze, still = looking_away(layers, generator)
    dice = _Dice(len(layers), generator)
    same = ~usable | (dice.uniform() < share_alike)
    photograph = layers.photograph.flatten(0, 1).float()
    averted = render(layers, gaze).round().flatten(0, 1)
    averted = torch.where(_twice(same)[:, None, None, None], photograph, averted)
    left, top = _twice(dice.upto(_SPARE_X)), _twice(dice.upto(_SPARE_Y))
    cut = [window(eyes, left, top) / 127.5 - 1 for eyes in (averted, photograph)]
    found = Pairs(cut[0], cut[1], _twice(still | same), left, top)
    return _shared(_disguised(found, generator), generator)


def window(eyes: Tensor, left: Tensor, top: Tensor) -> Tensor:
    """The 40x64 part of each crop (N, 3, 48, 72) that starts at (left, top), each (N,)."""
    rows = top[:, None] + torch.arange(HEIGHT, device=eyes.device)
    columns = left[:, None] + torch.arange(WIDTH, device=eyes.device)
    which = torch.arange(len(eyes), device=eyes.device)[:, None, None]
    found = eyes.movedim(1, -1)[which, rows[:, :, None], columns[:, None]]
    return found.movedim(-1, 1).contiguous()


def shaken(place: Place, generator: torch.Generator, pixels: float) -> Place:
    """A place with errors as measurements have them; those of the head are both eyes'."""
    count = len(place.lid)
    eyes, heads = _Dice(count, generator), _Dice(count // 2, generator)
    sign = torch.tensor([1.0, -1.0], device=place.lid.device).repeat(count // 2)
    iris = torch.stack([eyes.normal(pixels), eyes.normal(pixels)], 1)
    return replace(
        place,
        iris=place.iris + iris,
        lid=place.lid + eyes.normal(pixels),
        radius=place.radius * (1 + _twice(heads.normal(0.04))),
        yaw_deg=place.yaw_deg + sign * _twice(heads.normal(2.0)),
        pitch_deg=place.pitch_deg + _twice(heads.normal(2.0)),
    )


def _of_each(shift: Tensor, layers: Layers, dice: "_Dice") -> Tensor:
    """Shifts (N, 2, 2) of both irises, pixels along the corners: the far eye moves less."""
    width = layers.half / layers.half.mean(1, keepdim=True)  # (N, 2)
    along = shift[:, :1] * layers.radius * width * dice.normals(2, 0.05, 1.0)
    down = shift[:, 1:] * layers.radius * dice.normals(2, 0.05, 1.0)
    mirrored = along.new_tensor([1.0, -1.0])
    return torch.stack([along * mirrored, down], 2)


def _lids(down: Tensor, still: Tensor, layers: Layers, dice: "_Dice") -> Tensor:
    radius = layers.radius[:, 0]
    lid = dice.uniform(0.45, 1.05) * down * radius * torch.where(down < 0, 0.7, 1.0)
    lid = torch.where(still, dice.normal(0.03) * radius, lid)
    limit = torch.minimum(layers.opening() - 0.5 * radius, 1.05 * radius)
    return torch.maximum(torch.minimum(lid, limit), -0.5 * radius)


def _disguised(found: Pairs, generator: torch.Generator) -> Pairs:
    """Blur, grain and tint on the eye as a whole, and on a spot as large as an iris anywhere in it.

    The marks of a rendering lie where the iris was. A network that reads them restores rendered
    eyes well and real ones not at all.
    """
    dice = _Dice(len(found.left), generator)
    wide = (slice(None), None, None, None)
    x = _averting.WIDTH / 2 - found.left[:, None, None]
    y = _averting.HEIGHT / 2 - found.top[:, None, None]
    whole = _ellipse(x, y, 17 + dice.normal(3.0), 9 + dice.normal(1.5), 1.5)
    x, y = (v + dice.normal(far)[:, None, None] for v, far in ((x, 7.0), (y, 1.5)))
    spot = _ellipse(x, y, torch.full_like(x[:, 0, 0], 6.0), torch.full_like(y[:, 0, 0], 6.0), 0.8)
    eyes = found.averted
    for area, often, low, high in ((whole, 0.65, 0.1, 1.0), (spot, 0.5, 0.4, 1.3)):
        share = (dice.uniform() < often).float()[wide] * area
        eyes = eyes + share * (blurred(eyes, dice.uniform(low, high)) - eyes)
    eyes = eyes + whole * dice.uniform(0, 0.06)[wide] * dice.like(eyes)
    for area, often, strength in ((whole, 0.3, 0.03), (spot, 0.4, 0.05)):
        tint = strength * dice.normals(3)[..., None, None]
        eyes = eyes + (dice.uniform() < often).float()[wide] * area * tint
    return replace(found, averted=eyes)


def _ellipse(x: Tensor, y: Tensor, wide: Tensor, high: Tensor, blur: float) -> Tensor:
    """Ellipses around (x, y), (N, 1, 1), with half axes (N,) and a soft edge, (N, 1, 40, 64)."""
    rows, columns = (torch.arange(n, device=x.device) + 0.5 for n in (HEIGHT, WIDTH))
    across = (columns - x) / wide[:, None, None]
    down = (rows[:, None] - y) / high[:, None, None]
    inside = (across.square() + down.square() < 1).float()[:, None]
    return blurred(inside, torch.full_like(wide, blur))


def _shared(found: Pairs, generator: torch.Generator) -> Pairs:
    """Blur, grain and colours of both sides alike; colours are those of both eyes of a face."""
    eyes, faces = _Dice(len(found.left), generator), _Dice(len(found.left) // 2, generator)
    wide = (slice(None), None, None, None)
    blur = torch.where(eyes.uniform() < 0.3, eyes.uniform(0.3, 0.9), 0.0)
    grain = eyes.like(found.averted) * eyes.uniform(0, 0.03)[wide]
    three = [_twice(faces.normals(3))[..., None, None] for _ in range(2)]
    one = [_twice(faces.normal(1.0))[wide] for _ in range(3)]
    gain, offset = 1 + 0.12 * one[0] + 0.05 * three[0], 0.1 * one[1] + 0.03 * three[1]
    gamma = torch.exp(0.15 * one[2])

    def seen(side: Tensor) -> Tensor:
        light = ((blurred(side, blur) + grain).clamp(-1, 1) + 1) / 2
        return ((light.clamp(min=1e-4) ** gamma * 2 - 1) * gain + offset).clamp(-1, 1)

    return replace(found, averted=seen(found.averted), photograph=seen(found.photograph))


def blurred(eyes: Tensor, sigma: Tensor) -> Tensor:
    """Each of N pictures under a 5x5 Gaussian of its own ``sigma`` (N,); 0 leaves it as it is."""
    count, channels, height, width = eyes.shape
    steps = torch.arange(-2, 3, device=eyes.device)
    kernel = torch.exp(-0.5 * (steps / sigma.clamp(min=0.05)[:, None]).square())
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = eyes.reshape(1, count * channels, height, width)
    for size, pad in (((5, 1), (0, 0, 2, 2)), ((1, 5), (2, 2, 0, 0))):
        weight = kernel.view(-1, 1, *size)
        flat = F.conv2d(F.pad(flat, pad, mode="replicate"), weight, groups=count * channels)
    return flat.view(count, channels, height, width)


def _twice(values: Tensor) -> Tensor:
    """One value per face as one per eye."""
    return values.repeat_interleave(2, 0)


class _Dice:
    """Random values, one for each of ``count`` things."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self._count, self._how = count, {"generator": generator, "device": generator.device}

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(self._count, **self._how)

    def normal(self, deviation: float) -> Tensor:
        return deviation * torch.randn(self._count, **self._how)

    def normals(self, many: int, deviation: float = 1.0, mean: float = 0.0) -> Tensor:
        return mean + deviation * torch.randn(self._count, many, **self._how)

    def upto(self, most: int) -> Tensor:
        return torch.randint(0, most + 1, (self._count,), **self._how)

    def like(self, eyes: Tensor) -> Tensor:
        return torch.randn(eyes.shape, **self._how)
