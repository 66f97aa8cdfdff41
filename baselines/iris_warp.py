"""A person's own irises, moved to where they would be if the person looked at the camera.

Nothing is trained. Irises, lids and head are found (``gazebench.irises``); a ridge regression on
the turn of the head, fitted in closed form on portraits of domain X, says where the irises belong;
the layers of the eye are taken apart and laid again (``_iris_renderer``). The eyes stay the
person's own, in the portrait's resolution. Idea and renderer are gazebench's own.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from gazebench.baselines import _iris_renderer as renderer
from gazebench.baselines._found_eyes import FoundEyes, why_not
from gazebench.baselines._iris_target import LEAST, Target, ramp, usable
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, to_float, to_uint8
from gazebench.dataset.boxes import Box
from gazebench.irises import EyePair
from gazebench.methods import Direction, Forgets, Task, Tells, UsesBank

Floats = NDArray[np.floating[Any]]
Way = tuple[Floats, float]  # shifts of both irises (2, 2) and of the upper lids, pixels

_OPENS, _CLOSES = 0.75, 0.5  # farthest way of an upper lid, iris radii
_LEVER = 1.7  # iris radii from an eye's centre of rotation to its iris: 10 mm by 5.9 mm
_NEAR = 0.3  # way in iris radii up to which careful settings push an eye's own pixels
_FARTHEST = 1.5  # way of both irises, radii, beyond which careful settings leave them
_HIDDEN = (
    0.28  # share of an iris that shows below which its lid is not lifted; what it hides is made up
)


class IrisWarp(UsesBank, Tells, Forgets):
    """Moves irises and lids; a portrait whose irises cannot be found or moved stays as it is.

    With ``careful`` settings, those of photographs, eyes that show too little, look too far away or
    only a little up or down stay too, and a short way is gone by pushing pixels. An outside
    estimator of gaze then sees fewer eyes at the camera, and people see fewer that look wrong.
    """

    card: ClassVar[MethodCard] = MethodCard(
        title="Iris warp",
        code="this package",
        license="Apache-2.0",
        weights="this package",
        data="random-face 2021.7.21.1 on PyPI, generated portraits",
        supervision="none; a regression on domain-X training portraits in closed form",
        keeps_outside=True,
    )

    any_resolution = True
    optional_bank = True

    class Config(Settings):
        """How far irises and lids go. The gains were chosen on generated portraits, Y train."""

        strength: float = Field(
            default=1.0, ge=-3, le=3, description="share of the way to the camera"
        )
        careful: bool = Field(
            default=False,
            description="leave eyes that show too little or look a little up or down; "
            "push short ways",
        )
        raise_gaze: float = Field(
            default=0.0, ge=-1, le=1, description="iris radii upwards, besides"
        )
        gain: float = Field(
            default=1.4, gt=0, le=3, description="on the irises' way: corners follow an iris"
        )
        lid_gain: float = Field(
            default=1.4, ge=0, le=3, description="on what the lids hang too low"
        )
        together: float = Field(
            default=0.5, ge=0, le=1, description="share of the way that both eyes have"
        )
        lid_follows: float = Field(
            default=0.7, ge=0, le=1, description="of the iris's way up or down"
        )
        iris_follows: float = Field(
            default=0.5, ge=0, le=1, description="of the lid's way beyond that"
        )
        leave_alone: float = Field(
            default=1.3, ge=0, description="deviations of X; from twice that, all the way"
        )
        glint: float = Field(
            default=0.5, ge=0, le=1, description="of the iris's way that catch-lights go"
        )
        bank_size: int = Field(
            default=2048, ge=1, description="portraits that the target is fitted on"
        )

    def __init__(self, config: Config, task: Task) -> None:
        self.config = config
        self.target = Target.shipped()
        self.unchanged: Counter[str] = Counter()  # why portraits were left as they are
        self._eyes = FoundEyes()

    def prepare(self, bank: Iterable[Batch]) -> None:
        """Fit the target on at most ``bank_size`` portraits, chosen by a hash of their ids.

        With fewer than 200 that can be used, the target that ships with gazebench stays.
        """
        pairs: dict[bytes, EyePair] = {}
        for batch in bank:
            for id_, pixels, boxes in _portraits(batch):
                key = hashlib.sha256(id_.encode()).digest()
                if len(pairs) >= self.config.bank_size and key > max(pairs):
                    continue
                pairs[key] = self._eyes.of(pixels, boxes)
                if len(pairs) > self.config.bank_size:
                    del pairs[max(pairs)]
        fit_for_it = usable(pairs[key] for key in sorted(pairs))
        self.target = Target.fit(fit_for_it) if len(fit_for_it) >= LEAST else Target.shipped()

    def correct(self, batch: Batch) -> Tensor:
        """The portraits with moved irises, (N, 3, H, W) in [-1, 1]."""
        return self.animate(batch, [1.0])[:, 0]

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        """Irises at shares of the way from the source, 0, to the camera, 1, (N, A, 3, H, W)."""

        def ways(pair: EyePair) -> list[Way]:
            shifts, lid = self._way(pair, careful=self.config.careful)
            return [(alpha * shifts, alpha * lid) for alpha in alphas]

        return self._rendered(batch, ways, len(alphas))

    def redirect(self, batch: Batch, directions: Sequence[Direction]) -> Tensor:
        """Irises turned to directions in degrees from the camera, (N, D, 3, H, W).

        A direction is a yaw, positive to the image's right, and a pitch, positive upwards. An
        eye's centre of rotation lies 10 mm behind its iris, whose radius is 5.9 mm (means of
        adults), and the camera is taken to be far away.
        """

        def ways(pair: EyePair) -> list[Way]:
            return [self._turned(pair, *direction) for direction in directions]

        return self._rendered(batch, ways, len(directions))

    def told(self) -> dict[str, Any]:
        """The target, and how many portraits were left as they are, by reason."""
        return {"target": self.target.as_json(), "unchanged": dict(self.unchanged)}

    def forget(self) -> None:
        """As ``methods.Forgets`` says: the eyes that were found."""
        self._eyes.forget()

    def _rendered(self, batch: Batch, ways: Callable[[EyePair], list[Way]], count: int) -> Tensor:
        """Every portrait with its eyes moved all of its ``count`` ways, (N, count, 3, H, W)."""
        made = batch.image[:, None].repeat(1, count, 1, 1, 1)
        for row, (_, pixels, boxes) in enumerate(_portraits(batch)):
            for column, changed in enumerate(self._moved(pixels, boxes, ways)):
                image = torch.from_numpy(changed).permute(2, 0, 1).to(batch.image.device)
                same = (image == to_uint8(batch.image[row])).all(0)
                made[row, column] = torch.where(same, batch.image[row], to_float(image))
        return made

    def _moved(
        self,
        pixels: renderer.Pixels,
        boxes: tuple[Box, Box],
        ways: Callable[[EyePair], list[Way]],
    ) -> list[renderer.Pixels]:
        """The portrait after each way; none where it cannot be moved."""
        pair, shifts = self._eyes.of(pixels, boxes), []
        reason = self._why_not(pixels, pair)
        if not reason:
            shifts = [_shifts(way) for way in ways(pair)]
            if not any(shift.moves for both in shifts for shift in both):
                reason = self._why_still(pair)
        if not reason:
            try:
                near = _NEAR if self.config.careful else 0.0
                scene = renderer.Scene(pixels, pair, boxes, glint=self.config.glint, near=near)
                return [scene.render(both) for both in shifts]
            except renderer.TooLittleError as error:
                reason = str(error)
        self.unchanged[reason] += 1
        return []

    def _why_not(self, pixels: renderer.Pixels, pair: EyePair) -> str:
        """Why a portrait stays as it is; "" where it does not."""
        reason = why_not(pixels, pair, careful=self.config.careful)
        if reason or not self.config.careful:
            return reason
        shifts, _ = self._way(pair, careful=True)
        far = float(np.hypot(*shifts.mean(0))) / (_FARTHEST * pair.left.radius)
        if far <= 1:
            return ""
        strength = self.config.strength
        return (
            "looks too far away from the camera"
            if far > strength
            else f"a strength of {strength:g} would turn its eyes too far"
        )

    def _why_still(self, pair: EyePair) -> str:
        """Why eyes that could be moved are not."""
        if not self.config.strength:
            return "its strength is 0"
        if self._way(pair, careful=self.config.careful)[0].any():
            return "no movement was asked for"
        return "looks at the camera"

    def _turned(self, pair: EyePair, yaw_deg: float, pitch_deg: float) -> Way:
        """The way to a direction that is not the camera's."""
        shifts, lid = self._way(pair, careful=False)
        yaw, pitch = np.radians([yaw_deg, pitch_deg])
        aside = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
        further = _LEVER * pair.left.radius * aside
        return shifts + further, lid + self.config.lid_follows * float(further[1])

    def _way(self, pair: EyePair, *, careful: bool) -> Way:
        """Shift of both irises (2, 2) and of the upper lids, pixels, all the way to the camera.

        ``careful``: none of eyes that look only a little up or down.
        """
        config, radius = self.config, pair.left.radius
        goal = self.target.goal(pair)
        roll = np.radians(pair.head.roll_deg)
        axes = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        own = config.gain * (goal.irises - np.array([eye.iris for eye in pair.eyes])) @ axes.T
        shifts = config.together * own.mean(0) + (1 - config.together) * own  # along, down
        by_iris = config.lid_follows * float(shifts[:, 1].mean())
        lid = _joined(by_iris, -config.lid_gain * float(goal.lids.mean()))
        shown = min(eye.shown for eye in pair.eyes)
        opens = _OPENS * ramp(shown, _HIDDEN)
        lid = max(-opens * radius, min(_CLOSES * radius, lid))
        shifts[:, 1] += config.iris_follows * (lid - by_iris) - config.raise_gaze * radius
        strength = config.strength * goal.share(config.leave_alone, careful=careful)
        return strength * shifts @ axes, strength * lid


def _joined(a: float, b: float) -> float:
    """Two reasons for a lid to move: the larger one where they agree, else their sum."""
    if a * b > 0:
        return a if abs(a) > abs(b) else b
    return a + b


def _shifts(way: Way) -> tuple[renderer.Shift, renderer.Shift]:
    (left, right), lid = way
    return renderer.Shift((float(left[0]), float(left[1])), lid), renderer.Shift(
        (float(right[0]), float(right[1])), lid
    )


def _portraits(batch: Batch) -> Iterable[tuple[str, renderer.Pixels, tuple[Box, Box]]]:
    """Id, pixels (H, W, 3) and eye boxes of each portrait."""
    pixels = to_uint8(batch.image).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    for id_, image, boxes in zip(batch.ids, pixels, batch.eyes.tolist(), strict=True):
        yield id_, image, (Box(*boxes[0]), Box(*boxes[1]))
