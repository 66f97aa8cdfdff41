"""A person in a pose before the camera, and the easel on which that is painted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gazebench.synthetic.canvas import Canvas
from gazebench.synthetic.curves import Floats
from gazebench.synthetic.features import Features
from gazebench.synthetic.look import Look
from gazebench.synthetic.pose import Pose, rotation
from gazebench.synthetic.surface import Grid, Head, turned

_NECK = np.array([0.0, 1.15, -0.15])  # where the body's axes begin, in head axes


@dataclass(frozen=True)
class Scene:
    """A person in a pose. Places in the picture are fractions of its side."""

    look: Look
    pose: Pose

    @cached_property
    def head(self) -> Head:
        """The person's head."""
        return Head(self.look.shape)

    @cached_property
    def features(self) -> Features:
        """The face's features, with the lids where this gaze has them."""
        return Features(self.head, self.pose.gaze_in_head_deg[1])

    @cached_property
    def landmarks(self) -> Floats:
        """Places of the 68 landmarks, (68, 2)."""
        return self.place(self.features.landmarks())

    @property
    def unit(self) -> float:
        """One inter-ocular distance of a frontal face, as a fraction of the side."""
        return self.pose.scale

    @property
    def down(self) -> Floats:
        """The face's own way down by one IOD, in the picture, (2,)."""
        return self.pose.head[:2, 1] * self.unit

    @property
    def right(self) -> Floats:
        """The face's own way to the right by one IOD, in the picture, (2,)."""
        return self.pose.head[:2, 0] * self.unit

    def place(self, points: Floats) -> Floats:
        """Places (N, 2) of points (N, 3) in head axes."""
        return self.place_turned(self._turned(points))

    def place_turned(self, points: Floats) -> Floats:
        """Places (N, 2) of points (N, 3) in camera axes."""
        return points[:, :2] * self.unit + np.asarray(self.pose.center, points.dtype)

    def place_flat(self, spots: Floats | list[tuple[float, float]]) -> Floats:
        """Places (N, 2) of spots of the face given by their x and y (N, 2) in head axes."""
        return self.place(self.features.lift(np.asarray(spots, float)))

    def in_camera(self, grid: Grid) -> Grid:
        """A surface of the head in camera axes, whose origin lies between the eyes."""
        return grid.moved(self.pose.head, -turned(self._pivot[None], self.pose.head)[0])

    def body(self, grid: Grid) -> Grid:
        """A surface of the body, which follows the head by less than half, in camera axes."""
        yaw, _, roll = self.pose.head_deg
        return grid.moved(rotation(0.4 * yaw, 0, 0.3 * roll), self._turned(_NECK[None])[0])

    @cached_property
    def _pivot(self) -> Floats:
        return np.concatenate([eye.six for eye in self.features.eyes]).mean(axis=0)

    def _turned(self, points: Floats) -> Floats:
        return turned(points - self._pivot, self.pose.head)


@dataclass(frozen=True)
class Easel:
    """A scene with the canvas it is painted on."""

    scene: Scene
    canvas: Canvas
    small: int  # side of the picture on which surfaces are lit

    @property
    def steps(self) -> float:
        """Pixels of the small picture per IOD: how densely surfaces are sampled."""
        return self.small * self.scene.unit

    def personal(self, part: str) -> np.random.Generator:
        """Randomness for a part of the person, the same in all of its portraits."""
        return np.random.default_rng([self.scene.look.details, *part.encode()])
