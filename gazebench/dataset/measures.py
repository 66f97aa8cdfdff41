"""What curation wants to know of a portrait: sharpness, light, head pose, openness of the eyes.

Head pose: fourteen of the 68 landmarks are matched to a rigid mean face under a scaled
orthographic camera (DeMenthon and Davis, "Model-based object pose in 25 lines of code", 1995,
without its perspective iterations). Eye openness is the aspect ratio of Soukupova and Cech, 2016.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset.boxes import Point

# A rigid mean face, in units of 1/90 of the width between the outer corners of the eyes, from the
# tip of the nose: x to the image's right, y down, z towards the camera. Fitted by us to landmarks
# of 357 photographs under the rotations that a head-pose network gave for them.
_MEAN_FACE = {
    8: (0.0, 85.0, -42.8),  # chin
    27: (0.0, -37.4, -20.6),  # bridge of the nose, downwards
    28: (0.0, -25.0, -14.1),
    29: (0.0, -12.7, -7.0),
    30: (0.0, 0.0, 0.0),  # tip of the nose
    31: (-15.4, 9.2, -19.8),  # nostrils and the base of the nose
    33: (0.0, 14.1, -14.3),
    35: (15.4, 9.2, -19.8),
    36: (-44.9, -34.7, -43.3),  # corners of the eyes
    39: (-19.1, -33.3, -37.1),
    42: (19.1, -33.3, -37.1),
    45: (44.9, -34.7, -43.3),
    48: (-29.5, 33.0, -43.2),  # corners of the mouth
    54: (29.5, 33.0, -43.2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One portrait in numbers; None where it was not measured."""

    sharpness: float | None = None  # variance of the 3x3 Laplacian of the grey portrait, 0-255
    brightness: float | None = None  # mean grey, 0-255
    eye_distance: float | None = None  # between the eye centres, portrait pixels
    yaw_deg: float | None = None  # of the head; positive where it turns to the image's right
    pitch_deg: float | None = None  # positive where it looks up
    roll_deg: float | None = None  # in the source; positive where it leans clockwise
    openness: float | None = None  # height over width of the narrower eye, about 0.3 when open
    outside: float | None = None  # share of the square outside the source picture, 0 to 1


UNMEASURED = Measures()


def of_portrait(
    portrait: Image.Image, eyes: tuple[Point, Point], points: Sequence[Point] | None
) -> Measures:
    """Measures of a portrait; ``eyes`` in portrait pixels, ``points`` the source's 68 or None."""
    sharpness, brightness = of_pixels(portrait)
    yaw, pitch, roll = head_pose(points) if points else (None, None, None)
    return Measures(
        sharpness=sharpness,
        brightness=brightness,
        eye_distance=math.dist(*eyes),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        openness=openness(points) if points else None,
    )


def of_pixels(portrait: Image.Image) -> tuple[float, float]:
    """Sharpness and brightness of a portrait."""
    grey = np.asarray(portrait.convert("L"))
    laplacian = _laplacian(grey)
    # whole numbers: the same on every machine. A row of 4,000 squares fits into 32 bits
    squares = np.square(laplacian, dtype=np.int32)
    mean_square = int(squares.sum(axis=1, dtype=np.uint32).sum(dtype=np.uint64)) / squares.size
    mean = int(laplacian.sum(dtype=np.int64)) / laplacian.size
    return mean_square - mean * mean, int(grey.sum(dtype=np.uint32)) / grey.size


def _laplacian(grey: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Of the inner pixels: their four neighbours less four times themselves."""
    fine = grey.astype(np.int16)  # a Laplacian of 8-bit values fits, and 16 bits are fast
    found = fine[1:-1, 1:-1] * np.int16(-4)
    for neighbour in (fine[:-2, 1:-1], fine[2:, 1:-1], fine[1:-1, :-2], fine[1:-1, 2:]):
        found += neighbour
    return found


def head_pose(points: Sequence[Point]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of the head in degrees, from the 68 landmarks in source pixels."""
    model = np.array(list(_MEAN_FACE.values()))  # (14, 3)
    image = np.array([points[index] for index in _MEAN_FACE], np.float64)  # (14, 2)
    model, image = model - model.mean(axis=0), image - image.mean(axis=0)
    camera = np.linalg.lstsq(model, image, rcond=None)[0].T  # (2, 3): scaled first rows of R
    right, down, towards = _nearest_rotation(camera)
    # columns of R are where the face's own axes point; the third is the direction of the nose
    nose = np.array([right[2], down[2], towards[2]])
    yaw = math.degrees(math.atan2(nose[0], nose[2]))
    pitch = -math.degrees(math.asin(max(-1.0, min(1.0, nose[1]))))
    roll = math.degrees(math.atan2(down[0], right[0]))
    return yaw, pitch, roll


def openness(points: Sequence[Point]) -> float:
    """Aspect ratio of the narrower eye, from the 68 landmarks."""
    return min(_aspect(points[36:42]), _aspect(points[42:48]))


def _aspect(eye: Sequence[Point]) -> float:
    outer, upper_a, upper_b, inner, lower_b, lower_a = eye
    height = math.dist(upper_a, lower_a) + math.dist(upper_b, lower_b)
    return height / max(2 * math.dist(outer, inner), 1e-9)


def _nearest_rotation(camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of the rotation whose first two are nearest to ``camera`` up to one scale."""
    u, _, vt = np.linalg.svd(camera, full_matrices=False)
    right, down = u @ vt
    return np.stack([right, down, np.cross(right, down)])
