"""Where the irises and upper lids of a person who looks at the camera are, from the head's turn.

A ridge regression in closed form on portraits of domain X. Nothing of the eye itself is asked, lids
included, since all of it follows the gaze that is to be replaced.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gazebench.errors import InputError
from gazebench.irises import EyePair

Floats = NDArray[np.floating[Any]]

LEAST = 200  # portraits that a regression needs
_RIDGE = 5.0
_ROUNDS = 5  # of weighing down what does not fit: landmarks that are wrong
_TIMES = 2.5  # deviations beyond which a portrait counts less
_TERMS = 10
_STEEP = 1.6  # deviations up or down that count as one aside where care is taken
_OUT = 6  # x, y of the left iris, of the right iris; heights of the two lids


@dataclass(frozen=True, slots=True)
class Goal:
    """Where things would be, pixels of the portrait.

    Lids say little without the irises: people squint, smile and open their eyes wide. They count
    as far as the irises look up or down with them, and wide open ones are closed no further than
    that.
    """

    irises: Floats  # (2, 2): centres x, y; left, right
    lids: Floats  # (2,): by how much the upper lids hang lower than at the camera, > 0 is lower
    aside: float  # length of the way to a side, in deviations of people who look at the camera
    upright: float  # up or down

    def away(self, *, careful: bool = False) -> float:
        """Length of the way, in standard deviations of people who look at the camera.

        ``careful``: what is up or down counts less. Heads and lids say less about it. If lids
        of people who look at the camera are lowered for nothing, these people look sleepy.
        """
        return math.hypot(self.aside, self.upright / (_STEEP if careful else 1))

    def share(self, leave_alone: float, *, careful: bool = False) -> float:
        """How much of the way to go: none up to ``leave_alone`` deviations, all from twice that."""
        return ramp(self.away(careful=careful), leave_alone)


@dataclass(frozen=True, slots=True)
class Target:
    """The regression; lengths are of the head's scale, directions along and across its eyes."""

    weights: Floats  # (10, 6), of the standardised terms
    mean: Floats  # (10,)
    spread: Floats  # (10,)
    usual: Floats  # (3,): how far off people who look at the camera are: x, y, lids
    limit_deg: tuple[float, float]  # yaw and pitch beyond which nothing was seen
    portraits: int  # that it was fitted on

    @classmethod
    def fit(cls, pairs: Sequence[EyePair]) -> Self:
        """The regression on eyes of domain X; those in doubt should have been left out."""
        turns = np.array([turn_of(pair) for pair in pairs])
        terms = _terms(turns)
        mean, spread = terms.mean(0), terms.std(0) + 1e-9
        mean[0], spread[0] = 0, 1
        terms = (terms - mean) / spread
        places = np.array([_places(pair) for pair in pairs])  # (N, 6)
        trust = np.ones(len(pairs))
        ridge = _RIDGE * np.eye(_TERMS)
        ridge[0, 0] = 0
        weights = np.zeros((_TERMS, _OUT))
        for _ in range(_ROUNDS):
            weighted = terms * trust[:, None]
            weights = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ places)
            off = np.abs(places - terms @ weights)
            limit = _deviation(off) * _TIMES
            trust = np.minimum(1, (limit / np.maximum(off, 1e-9)).min(1))
        usual = _deviation(np.abs(_of_both(places - terms @ weights)))
        yaw, pitch = np.abs(turns).max(0)
        return cls(weights, mean, spread, usual, (float(yaw), float(pitch)), len(pairs))

    def goal(self, pair: EyePair) -> Goal:
        """Where irises and lids of this face would be if it looked at the camera."""
        limit = np.array(self.limit_deg)
        turn = np.clip(turn_of(pair), -limit, limit)
        found = ((_terms(turn[None])[0] - self.mean) / self.spread) @ self.weights
        axes, scale = _axes(pair), pair.head.scale
        irises = [
            np.array(eye.middle) + scale * (found[2 * i : 2 * i + 2] @ axes)
            for i, eye in enumerate(pair.eyes)
        ]
        off = _places(pair) - found
        aside, down, lid = _of_both(off[None])[0] / self.usual
        follows = math.copysign(min(abs(lid), abs(down)), lid) if lid * down > 0 else 0.0
        lower = off[4:] if lid >= 0 else off[4:] * (follows / min(lid, -1e-9))
        return Goal(np.array(irises), scale * lower, aside, math.hypot(down, follows))

    def as_json(self) -> dict[str, Any]:
        """Plain values; the inverse of ``of_json``."""
        return {
            "weights": np.round(self.weights, 7).tolist(),
            "mean": np.round(self.mean, 7).tolist(),
            "spread": np.round(self.spread, 7).tolist(),
            "usual": np.round(self.usual, 7).tolist(),
            "limit_deg": list(self.limit_deg),
            "portraits": self.portraits,
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """A target from plain values.

        Raises:
            InputError: they are no target.
        """
        try:
            weights, mean, spread, usual = (
                np.array(values[key], float) for key in ("weights", "mean", "spread", "usual")
            )
            yaw, pitch = map(float, values["limit_deg"])
            portraits = int(values["portraits"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not the target of iris_warp ({error!r})") from None
        shapes = [array.shape for array in (weights, mean, spread, usual)]
        if shapes != [(_TERMS, _OUT), (_TERMS,), (_TERMS,), (3,)]:
            raise InputError(f"not the target of iris_warp: arrays of shapes {shapes}")
        return cls(weights, mean, spread, usual, (yaw, pitch), portraits)

    @classmethod
    def shipped(cls) -> Self:
        """The target that was fitted on the generated portraits."""
        file = resources.files(__package__ or "").joinpath("iris_target.json")
        return cls.of_json(json.loads(file.read_text(encoding="utf-8")))


def turn_of(pair: EyePair) -> tuple[float, float]:
    """Yaw and pitch of the head in degrees, along and across the line of its eyes."""
    head = pair.head
    roll = math.radians(head.roll_deg)
    cos, sin = math.cos(roll), math.sin(roll)
    return (
        head.yaw_deg * cos - head.pitch_deg * sin,
        head.yaw_deg * sin + head.pitch_deg * cos,
    )


def _terms(turns: Floats) -> Floats:
    """Polynomial terms of yaw and pitch (N, 2), (N, 10)."""
    y, p = (turns / 30).T
    one = np.ones_like(y)
    return np.stack([one, y, p, y * y, p * p, y * p, y**3, p**3, y * y * p, y * p * p], 1)


def _axes(pair: EyePair) -> Floats:
    """Unit vectors along and across the line of the eyes, rows."""
    roll = math.radians(pair.head.roll_deg)
    return np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])


def _places(pair: EyePair) -> Floats:
    """Irises and upper lids relative to the middle of the corners, in the head's scale, (6,)."""
    axes, scale = _axes(pair), pair.head.scale
    irises = [axes @ (np.array(e.iris) - np.array(e.middle)) / scale for e in pair.eyes]
    lids = [_lid(e.upper, np.array(e.middle), axes) / scale for e in pair.eyes]
    return np.array([*irises[0], *irises[1], *lids])


def _lid(upper: Floats, middle: Floats, axes: Floats) -> float:
    """Height of the middle third of the upper lid; positive below the corners."""
    return float(((upper[3:6] - middle) @ axes[1]).mean())


def _of_both(off: Floats) -> Floats:
    """What both eyes have in common of (N, 6): x, y, lids; (N, 3)."""
    return np.stack([off[:, [i, i + 2]].mean(1) for i in (0, 1)] + [off[:, 4:].mean(1)], 1)


def _deviation(off: Floats) -> Floats:
    """Standard deviation of each column of absolute values, from their median."""
    return 1.48 * np.median(off, 0)


def usable(pairs: Iterable[EyePair]) -> list[EyePair]:
    """Those whose irises are not in doubt."""
    return [pair for pair in pairs if not pair.doubt]


def ramp(value: float, low: float) -> float:
    """0 up to ``low``, 1 from twice that on; 1 where ``low`` is 0."""
    share = max(0.0, min(1.0, value / low - 1)) if low else 1.0
    return share * share * (3 - 2 * share)
