"""Learning to undo: averted eyes are rendered into portraits, and a network learns to restore them.

Portraits of domain X alone are needed, and what is learned is always a real photograph. Irises and
lids of a portrait that looks at the camera are moved away (``_averting``). The network sees the
result, the other eye, the turn of the head and where iris and lid were, and gives back the
photograph by a flow of the eye's own pixels, a flow of the other eye's, and new colours. Some pairs
are one photograph twice, so that an eye which looks at the camera already is left alone.

For portraits that look away, the place of iris and lid comes from a regression on the turn of the
head (``_iris_target``).
Flows are found at one scale (64 pixels between the eyes) and applied in the portrait's own
resolution. The method is gazebench's own.
"""

import contextlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from gazebench.baselines import _averting, _glasses
from gazebench.baselines._averting import Layers, apart, unmoved
from gazebench.baselines._eye_crops import Crops, canonical, enlarged
from gazebench.baselines._eye_view import TooLittleError
from gazebench.baselines._found_eyes import FoundEyes, why_not
from gazebench.baselines._iris_target import Target, turn_of
from gazebench.baselines._layers import constant_then_linear, frozen
from gazebench.baselines._restorer import HEIGHT, WIDTH, Critic, Place, Recipe, Restorer, planes
from gazebench.baselines._undo_pairs import Pairs, others, pairs, shaken
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw, to_float, to_uint8
from gazebench.dataset.boxes import Box
from gazebench.irises import EyePair
from gazebench.methods import Forgets, Task, Tells, TrainableMethod

_NEAR = 3  # canonical pixels: side of the square that moved pixels come from
_RISE = 0.1  # share of the steps in which the adversarial loss reaches its weight
_BRIGHTER = 0.04  # than they are, of the range from -1 to 1


@dataclass(frozen=True, slots=True)
class _Face:
    """A training portrait: its eyes taken apart, and where they look."""

    layers: Layers  # one face
    place: Place  # of its two eyes
    usable: bool  # its eyes were found, and can be moved


class Undo(TrainableMethod, Tells, Forgets):
    """Restores eyes that look away; a portrait whose irises cannot be found stays as it is."""

    card: ClassVar[MethodCard] = MethodCard(
        title="Undo",
        supervision="domain X alone",
        code="this package",
        license="Apache-2.0",
        weights="this package",
        data="random-face 2021.7.21.1 on PyPI, generated portraits",
        keeps_outside=True,
    )
    any_resolution = True
    inference_networks = ("G",)
    small_settings: ClassVar = {"width": 16, "critic_width": 8}

    class Config(Settings):
        """Settings. Gains and ``leave_alone`` were chosen on generated portraits, Y and X train."""

        steps: int = Field(default=8_000, ge=1)
        batch: int = Field(
            default=16, ge=1, description="portraits of domain X; those of Y are not used"
        )
        width: int = Field(
            default=48, ge=16, multiple_of=16, description="channels of G at half resolution"
        )
        critic_width: int = Field(default=32, ge=1, description="of D")
        lr: float = Field(default=1.5e-3, gt=0)
        lr_critic: float = Field(default=1e-3, gt=0)
        weight_changed: float = Field(
            default=25.0, ge=0, description="more where the rendering changed it"
        )
        weight_edges: float = Field(
            default=0.5, ge=0, description="of the difference of neighbours"
        )
        weight_adv: float = Field(default=0.05, ge=0)
        adv_after: float = Field(default=0.45, ge=0, le=1, description="share of the steps")
        alike: float = Field(
            default=0.14, ge=0, le=1, description="share of pairs that are one photograph"
        )
        place_error: float = Field(default=0.15, ge=0, description="pixels")
        gain: float = Field(
            default=1.3, gt=0, le=3, description="on the iris's way aside, in ``correct``"
        )
        gain_down: float = Field(default=1.2, ge=0, le=4, description="on its way up or down")
        lid_gain: float = Field(default=1.8, ge=0, le=4)
        together: float = Field(
            default=0.5, ge=0, le=1, description="share of the way that both eyes have"
        )
        leave_alone: float = Field(
            default=0.9, ge=0, description="deviations of X; all the way from twice that"
        )
        strength: float = Field(
            default=1.0, ge=0, le=2, description="share of the way to the camera"
        )
        careful: bool = Field(
            default=False,
            description="as of photographs: leave eyes that show too little or look a little up "
            "or down",
        )
        raise_gaze: float = Field(
            default=0.0, ge=-1, le=1, description="iris radii upwards, besides"
        )

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        self.networks = {"G": Restorer(config.width), "D": Critic(config.critic_width)}
        rates = {"G": config.lr, "D": config.lr_critic}
        self.optimisers = {
            letter: torch.optim.AdamW(
                network.parameters(),
                rates[letter],
                betas=(0.5, 0.99) if letter == "D" else (0.9, 0.99),
                weight_decay=1e-4,
            )
            for letter, network in self.networks.items()
        }
        self.target = Target.shipped()
        self.unchanged: Counter[str] = Counter()  # why portraits were left as they are
        self._eyes = FoundEyes()
        self._faces: dict[str, _Face] = {}  # training portraits, taken apart when first drawn

    def forget(self) -> None:
        """As ``methods.Forgets`` says: the eyes that were found."""
        self._eyes.forget()

    def told(self) -> dict[str, Any]:
        """Why portraits were left as they are, and how many."""
        return {"unchanged": dict(self.unchanged)}

    def correct(self, batch: Batch) -> Tensor:
        """The portraits with restored eyes, (N, 3, H, W) in [-1, 1]."""
        return self.animate(batch, [1.0])[:, 0]

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        """Eyes at shares of the way from the source, 0, to the camera, 1, (N, A, 3, H, W)."""
        made = batch.image[:, None].repeat(1, len(alphas), 1, 1, 1)
        for row, (image, boxes) in enumerate(zip(batch.image, _boxes(batch), strict=True)):
            pixels = _pixels(image)
            pair = self._eyes.of(pixels, boxes)
            reason = why_not(pixels, pair, careful=self.config.careful)
            if not reason and not self._way(pair):
                reason = "looks at the camera" if self.config.strength else "its strength is 0"
            bare = None if reason else _glasses.take_off(pixels, pair, boxes)
            if bare is None or max(bare.shares) > _glasses.COVERED:
                self.unchanged[reason or "glasses hide too much of an eye"] += 1
                continue
            plain = _without_glasses(image, bare)
            for column, alpha in enumerate(alphas):
                if alpha:
                    moved = self._restored(image, plain, boxes, pair, alpha)
                    made[row, column] = _behind_glasses(moved, image, bare, boxes)
        return made

    def _restored(
        self,
        image: Tensor,
        plain: Tensor,
        boxes: tuple[Box, Box],
        pair: EyePair,
        way: float,
    ) -> Tensor:
        """One portrait with its eyes, as ``plain`` of glasses has them, a share of the way on."""
        crops = Crops.around(pair, (HEIGHT, WIDTH))
        eyes = crops.cut(plain)  # (2, 3, h, w)
        change = self._change(eyes, crops, pair, way)
        whole = min(abs(way), 1.0)
        if whole < 1:  # what G repaints of eyes that stay: an animation begins without a jump
            change -= (1 - whole) * self._change(eyes, crops, pair, 0.0)
        return crops.put(image, change.to(image.dtype), boxes)

    def _change(self, eyes: Tensor, crops: Crops, pair: EyePair, way: float) -> Tensor:
        """What is added to the ``eyes`` (2, 3, h, w) of a portrait for a share of the way."""
        seen = canonical(eyes, crops.zoom)  # (2, 3, 40, 64)
        start = torch.zeros(2, device=eyes.device)
        place = self._goal(pair, crops, way).to(eyes.device)
        recipe = self.networks["G"](seen, others(seen), planes(place, start, start))
        made = without_new_lights(recipe, seen, place)
        if crops.zoom > 1:
            return F.avg_pool2d(made - seen, round(crops.zoom))
        return in_full(made, recipe, eyes, crops.zoom) - eyes

    def _way(self, pair: EyePair) -> float:
        """How much of the way to the camera the eyes go; 0 for who looks there already."""
        config = self.config
        share = self.target.goal(pair).share(config.leave_alone, careful=config.careful)
        return config.strength * share

    def _goal(self, pair: EyePair, crops: Crops, way: float) -> Place:
        """Where irises and lids are to be in the crops, a share of the way to the camera."""
        config, place, goal = self.config, _place(pair, crops), self.target.goal(pair)
        way = way * self._way(pair)
        irises = [crops.point(side, *iris) for side, iris in enumerate(goal.irises)]
        mirror = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
        shift = mirror * (torch.tensor(irises, dtype=torch.float32) - place.iris)
        shift = config.together * shift.mean(0) + (1 - config.together) * shift
        gain = torch.tensor([config.gain, config.gain_down])
        move = way * gain * mirror * shift
        move[:, 1] -= way * config.raise_gaze * place.radius
        lower = float(goal.lids.mean()) * crops.zoom
        return replace(
            place,
            iris=place.iris + move,
            lid=place.lid - way * config.lid_gain * lower,
        )

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """One update of G, and of D once the adversarial loss has begun."""
        x, _ = draw()
        faces = self._known(x)
        layers = Layers.stacked([face.layers for face in faces]).to(x.image.device)
        usable = torch.tensor([face.usable for face in faces], device=x.image.device)
        place = Place.joined([face.place for face in faces]).to(x.image.device)
        found = pairs(layers, usable, draw.generator, share_alike=self.config.alike)
        place = shaken(place, draw.generator, self.config.place_error)
        return self._update_restorer(found, place, self._share_adv(draw.step, self.config.steps))

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """1 for the first half, after a short rise, then falling to 0 in a straight line."""
        return min(1.0, (step + 1) / min(100, steps)) * constant_then_linear(
            step, steps, steps // 2
        )

    def _update_restorer(self, found: Pairs, place: Place, adv: float) -> dict[str, Tensor]:
        other, where = others(found.averted), planes(place, found.left, found.top)
        recipe = self.networks["G"](found.averted, other, where)
        made, photograph = recipe.apply(found.averted, other), found.photograph
        change = (photograph - found.averted).abs().mean(1, keepdim=True).clamp(max=0.6)
        weight = 1 + self.config.weight_changed * change
        edges = [
            (a - b).abs().mean() for a, b in zip(_edges(made), _edges(photograph), strict=True)
        ]
        losses = {
            "G/rec": ((made - photograph).abs() * weight).mean(),
            "G/edges": torch.stack(edges).sum(),
        }
        if not adv:
            return self.update("G", losses, {"G/edges": self.config.weight_edges})
        fake, share = _near(made), _share_of(~found.alike)
        judged = self._update_critic(_near(photograph), fake.detach(), share)
        with frozen(self.networks["D"]):
            losses["G/adv"] = -(share * self.networks["D"](fake)).mean()
            weights = {"G/edges": self.config.weight_edges, "G/adv": adv}
            return judged | self.update("G", losses, weights)

    def _update_critic(self, real: Tensor, fake: Tensor, share: Tensor) -> dict[str, Tensor]:
        """The hinge loss; ``share``: weights of the fakes, with a mean of 1."""
        critic = self.networks["D"]
        loss = F.relu(1 - critic(real)).mean() + (share * F.relu(1 + critic(fake))).mean()
        return self.update("D", {"D/adv": loss})

    def schedule(self, step: int, steps: int) -> tuple[float, ...]:
        """The learning rate's factor, and the weight of the adversarial loss."""
        return *super().schedule(step, steps), self._share_adv(step, steps)

    def typical_step(self) -> int:
        """One with a critic."""
        return math.ceil((self.config.adv_after + _RISE) * self.config.steps)

    def _share_adv(self, step: int, steps: int) -> float:
        """Weight of the adversarial loss: 0 at first, then rising over a tenth of the steps."""
        begun = (step / steps - self.config.adv_after) / _RISE
        return self.config.weight_adv * min(max(begun, 0.0), 1.0)

    def _known(self, x: Batch) -> list[_Face]:
        """Portraits of domain X as training sees them, taken apart the first time."""
        for id_, image, boxes in zip(x.ids, x.image, _boxes(x), strict=True):
            if id_ not in self._faces:
                self._faces[id_] = self._face(image, boxes)
        return [self._faces[id_] for id_ in x.ids]

    def _face(self, image: Tensor, boxes: tuple[Box, Box]) -> _Face:
        pair = self._eyes.of(_pixels(image), boxes)
        crops = Crops.around(pair, (_averting.HEIGHT, _averting.WIDTH))
        pixels = to_uint8(image).float()
        layers = None
        if not pair.doubt:
            with contextlib.suppress(TooLittleError):
                layers = apart(pixels, pair, crops)
        return _Face(layers or unmoved(pixels, crops), _place(pair, crops), layers is not None)


def _without_glasses(image: Tensor, bare: _glasses.Bare) -> Tensor:
    """A portrait (3, H, W) as its eyes are without glasses; itself where none were found."""
    if all(cover is None for cover in bare.covers):
        return image
    return to_float(torch.from_numpy(bare.pixels).permute(2, 0, 1)).to(image)


def _behind_glasses(
    made: Tensor, image: Tensor, bare: _glasses.Bare, boxes: tuple[Box, Box]
) -> Tensor:
    """The portrait ``made`` of ``image``, which keeps its pixels where glasses cover an eye."""
    for box, cover in zip(boxes, bare.covers, strict=True):
        if cover is not None:
            inside = slice(None), slice(box.top, box.bottom), slice(box.left, box.right)
            share = torch.from_numpy(cover).to(image)
            made[inside] += share * (image[inside] - made[inside])
    return made.clamp(-1, 1)


def without_new_lights(recipe: Recipe, seen: Tensor, place: Place) -> Tensor:
    """The eyes that a recipe makes of those ``seen``, (2, 3, h, w).

    In and around the iris they are no brighter than the photograph's own pixels that were moved
    close by. The critic rewards catch-lights, so G paints some into eyes that had none.
    """
    start = seen.new_zeros(2)
    made = recipe.apply(seen, others(seen))
    brightest = _spread(recipe.moved(seen, others(seen)))
    lights = ((made - brightest).mean(1, keepdim=True) / _BRIGHTER - 1).clamp(0, 1)
    around = planes(replace(place, radius=place.radius + 1), start, start)[:, 2:3]
    return made - around * _spread(lights) * (made - _opened(made))


def _opened(eyes: Tensor) -> Tensor:
    """Eyes without bright spots of up to 4 pixels (a morphological opening)."""
    return _spread(-_spread(-eyes, 5), 5)


def _spread(pixels: Tensor, side: int = _NEAR) -> Tensor:
    """The largest value in the square around each pixel."""
    return F.max_pool2d(pixels, side, 1, side // 2)


def in_full(made: Tensor, recipe: Recipe, eyes: Tensor, zoom: float) -> Tensor:
    """``made`` of a recipe at the size of the portrait's own ``eyes`` (2, 3, h, w), ``zoom`` <= 1.

    It is enlarged and gets the detail of the pixels that were moved; new colours have none.
    """
    full = recipe.resized((eyes.shape[-2], eyes.shape[-1]))
    moved = full.moved(eyes, others(eyes))
    detail = moved - enlarged(canonical(moved, zoom), zoom)
    return enlarged(made, zoom) + (1 - full.share[:, 2:]) * detail


def _place(pair: EyePair, crops: Crops) -> Place:
    """Where irises and lids of both eyes are in the crops."""
    yaw, pitch = turn_of(pair)
    lids = [crops.point(side, *eye.upper[3:6].mean(0))[1] for side, eye in enumerate(pair.eyes)]
    height, width = (side * crops.zoom for side in crops.size)
    return Place(
        iris=torch.tensor([crops.point(side, *eye.iris) for side, eye in enumerate(pair.eyes)]),
        lid=torch.tensor(lids),
        radius=torch.full((2,), pair.left.radius * crops.zoom),
        yaw_deg=torch.tensor([yaw, -yaw]),
        pitch_deg=torch.tensor([pitch, pitch]),
        middle=torch.tensor([[width / 2, height / 2]] * 2),
    ).to(torch.float32)


def _boxes(batch: Batch) -> Iterator[tuple[Box, Box]]:
    for left, right in batch.eyes.tolist():
        yield Box(*left), Box(*right)


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    """A portrait (3, H, W) in [-1, 1] as (H, W, 3)."""
    return to_uint8(image).permute(1, 2, 0).contiguous().cpu().numpy()


def _edges(eyes: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours across and down."""
    return eyes[..., 1:] - eyes[..., :-1], eyes[..., 1:, :] - eyes[..., :-1, :]


def _share_of(chosen: Tensor) -> Tensor:
    """Weights (N, 1, 1, 1) of a mean over the ``chosen`` of N alone; all 0 where none is."""
    share = len(chosen) / chosen.sum().clamp(min=1)
    return (chosen * share)[:, None, None, None]


def _near(eyes: Tensor) -> Tensor:
    """What the critic sees: the eye without the crop's border."""
    return eyes[:, :, 4:-4, 6:-6]
