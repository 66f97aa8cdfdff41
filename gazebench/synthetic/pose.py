"""How a drawn head is turned, where it looks, where it is in the picture, how it is lit.

The camera is far away (orthographic), so the direction to it is the same everywhere. Axes are
x to the image's right, y down, z to the camera; a yaw is positive to the image's right, a pitch
is positive upwards.
"""

import math
from dataclasses import dataclass

import numpy as np

from gazebench.dataset import Domain
from gazebench.synthetic.curves import Floats

AT_CAMERA_DEG = 2.0  # a gaze of domain X is at most this far from the camera
AWAY_DEG = 8.0  # a gaze of domain Y at least this far
_GAZE_DEG = (25.0, 15.0)  # largest yaw and pitch of a gaze
_HEAD_DEG = (25.0, 12.0, 8.0)  # of a head: yaw, pitch, roll
_IN_HEAD_DEG = (30.0, 17.0)  # how far eyes turn before people turn the head


@dataclass(frozen=True, kw_only=True)
class Pose:
    """One picture's pose; lengths are fractions of its side, angles degrees."""

    head_deg: tuple[float, float, float]  # yaw and pitch of the face's forward axis, roll about it
    gaze_deg: tuple[float, float]  # yaw and pitch relative to the camera
    scale: float  # inter-ocular distance of a frontal face
    center: tuple[float, float]  # of the eyes
    light: Floats  # (3,) unit vector to the key light
    key: float  # strength of that light, 0 to 1
    warmth: float  # its colour, -1 to 1

    @property
    def head(self) -> Floats:
        """Rotation of the head, (3, 3): head axes to camera axes."""
        return rotation(*self.head_deg)

    @property
    def gaze(self) -> Floats:
        """Direction of the gaze, (3,), unit length."""
        return direction(*self.gaze_deg)

    @property
    def gaze_in_head_deg(self) -> tuple[float, float]:
        """Yaw and pitch of the eyes in the head."""
        return angles(self.gaze @ self.head)


def direction(yaw_deg: float, pitch_deg: float) -> Floats:
    """Unit vector of a yaw and a pitch; (0, 0) is to the camera."""
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    flat = math.cos(pitch)
    return np.array([math.sin(yaw) * flat, -math.sin(pitch), math.cos(yaw) * flat])


def angles(vector: Floats) -> tuple[float, float]:
    """Yaw and pitch in degrees of a unit vector: the inverse of ``direction``."""
    x, y, z = (float(v) for v in vector)
    return math.degrees(math.atan2(x, z)), math.degrees(math.asin(max(-1.0, min(1.0, -y))))


def off_camera_deg(yaw_deg: float, pitch_deg: float) -> float:
    """Angle between a direction and the one to the camera."""
    return math.degrees(math.acos(min(1.0, float(direction(yaw_deg, pitch_deg)[2]))))


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """Turns the forward axis to (yaw, pitch), after a roll about it, clockwise in the image."""
    (sy, sp, sr), (cy, cp, cr) = (
        [f(math.radians(v)) for v in (yaw_deg, pitch_deg, roll_deg)] for f in (math.sin, math.cos)
    )
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return yaw @ pitch @ roll


def draw_pose(rng: np.random.Generator, domain: Domain) -> Pose:
    """A pose whose gaze belongs to ``domain``, with the eyes turned no further than people do."""
    head, gaze = _draw_angles(rng, domain)
    return Pose(
        head_deg=head,
        gaze_deg=gaze,
        scale=rng.uniform(0.222, 0.255),
        center=(0.5 + rng.uniform(-0.04, 0.04), 0.48 + rng.uniform(-0.03, 0.03)),
        light=direction(rng.uniform(-55, 55), rng.uniform(10, 50)),
        key=rng.uniform(0.35, 0.8),
        warmth=rng.uniform(-1, 1),
    )


def _draw_angles(
    rng: np.random.Generator, domain: Domain
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    while True:
        yaw, pitch, roll = (round(float(rng.uniform(-most, most)), 3) for most in _HEAD_DEG)
        gaze = _draw_gaze(rng, domain)
        inside = angles(direction(*gaze) @ rotation(yaw, pitch, roll))
        if all(abs(a) <= most for a, most in zip(inside, _IN_HEAD_DEG, strict=True)):
            return (yaw, pitch, roll), gaze


def _draw_gaze(rng: np.random.Generator, domain: Domain) -> tuple[float, float]:
    ranges = (AT_CAMERA_DEG, AT_CAMERA_DEG) if domain is Domain.CAMERA else _GAZE_DEG
    while True:
        yaw, pitch = (round(float(rng.uniform(-most, most)), 3) for most in ranges)
        off = off_camera_deg(yaw, pitch)
        if off <= AT_CAMERA_DEG if domain is Domain.CAMERA else off >= AWAY_DEG:
            return yaw, pitch
