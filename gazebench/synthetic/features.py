"""Where the features of a drawn face are, in head axes, and the 68 landmarks they give.

The landmarks are in the order of the 68-point scheme of Sagonas et al. (300 Faces in-the-Wild,
ICCVW 2013). They are points of the face itself: those of the jaw stay on the sides of the head
where it is turned, and the outline in the picture becomes another line.
"""

from dataclasses import dataclass

import numpy as np

from gazebench.synthetic.curves import Floats
from gazebench.synthetic.surface import CHIN, Head

_EYEBALL = 0.2  # radius, IOD
_JAW = np.array([0.06, 0.36, 0.65, 0.93, 1.2, 1.43, 1.61, 1.74])  # heights of landmarks 0 to 7
_BROW = np.array([(0.19, -0.325), (0.389, -0.4), (0.601, -0.425), (0.807, -0.35), (0.95, -0.2)])
_LIPS_OUTER = np.array([(0, 0.955), (0.1, 0.925), (0.25, 0.985), (0.4, 1.058),
                        (0.25, 1.16), (0.115, 1.205), (0, 1.215)])  # fmt: skip
_LIPS_INNER = np.array([(0, 1.056), (0.11, 1.047), (0.345, 1.058), (0.11, 1.056), (0, 1.064)])
_LIP_LINE = 1.06
_LID_POINTS = 41
_LID_AT = 0.38  # where the scheme's lid points stand, of the eye's half width


@dataclass(frozen=True)
class Eye:
    """One eye: the ball and the curves of its lids, in head axes."""

    center: Floats  # (3,) of the eyeball
    radius: float
    upper: Floats  # (41, 3) from the corner at the image's left to the other
    lower: Floats  # (41, 3) likewise

    @property
    def six(self) -> Floats:
        """Its landmarks (6, 3): left corner, two of the upper lid, right corner, two of the lower.

        The scheme goes round both eyes clockwise from the corner at the image's left.
        """
        half = (_LID_POINTS - 1) / 2
        low, high = round(half * (1 - _LID_AT)), round(half * (1 + _LID_AT))
        upper, lower = self.upper, self.lower
        return np.stack([upper[0], upper[low], upper[high], upper[-1], lower[high], lower[low]])


class Features:
    """Brows, eyes, nose and lips of a head whose eyes are raised by ``pitch_deg`` in it."""

    def __init__(self, head: Head, pitch_deg: float) -> None:
        self.head = head
        self.eyes = (_eye(head, -1, pitch_deg), _eye(head, 1, pitch_deg))
        self.brows = (self.lift(self._brow(-1)), self.lift(self._brow(1)))
        # closed outlines, clockwise from the middle of the upper lip
        self.lips_outer = self.lift(_mirrored(self._lips(_LIPS_OUTER)))  # (12, 3)
        self.lips_inner = self.lift(_mirrored(self._inner_lips()))  # (8, 3)

    def landmarks(self) -> Floats:
        """The 68 landmarks, (68, 3)."""
        left, right = self.brows
        return np.concatenate(
            [
                self._jaw(),
                left[::-1],
                right,
                self._nose(),
                self.eyes[0].six,
                self.eyes[1].six,
                _from_left_corner(self.lips_outer),
                _from_left_corner(self.lips_inner),
            ]
        )

    def lift(self, spots: Floats) -> Floats:
        """Points (N, 3) of the face at spots (N, 2) given by x and y."""
        return np.column_stack([spots, self.head.depth(spots[:, 0], spots[:, 1])])

    def _jaw(self) -> Floats:
        heights = np.where(_JAW > 0, _JAW * self.head.chin / CHIN, _JAW)
        left, right = (self.head.contour(heights, side) for side in (-1, 1))
        chin = self.lift(np.array([[0, self.head.chin - 0.02]]))
        return np.concatenate([left, chin, right[::-1]])

    def _nose(self) -> Floats:
        """Nine points: four down the ridge, five along the base."""
        s = self.head.shape
        ridge = [(0, -0.066), (0, 0.114), (0, 0.287), (0, 0.472)]
        base = [(-0.203, 0.648), (-0.105, 0.678), (0, 0.702), (0.105, 0.678), (0.203, 0.648)]
        return self.lift(np.array([*ridge, *base]) * (s.nose_width, s.nose_length))

    def _brow(self, side: int) -> Floats:
        """Five points from the nose outwards."""
        s = self.head.shape
        lifted = _BROW[:, 1] - s.brow_height - s.brow_slant * (_BROW[:, 0] - 0.56)
        return np.stack([side * _BROW[:, 0] * s.width, lifted], axis=1)

    def _lips(self, half: Floats) -> Floats:
        s = self.head.shape
        outer = (half[:, 0] / 0.4) ** 2  # 0 in the middle, 1 at the corner
        x = half[:, 0] * s.mouth_width * (1 + 0.14 * s.smile)
        y = _LIP_LINE + (half[:, 1] - _LIP_LINE) * s.lips * (1 - 0.18 * s.smile)
        y = y - (0.025 + 0.075 * s.smile) * outer + s.mouth_height
        return np.stack([x, y * (1 + 0.6 * (s.chin - 1))], axis=1)

    def _inner_lips(self) -> Floats:
        parted = self.head.shape.parted
        return self._lips(_LIPS_INNER + np.outer([-0.4, -0.4, 0, 1, 1], [0, parted]))


def _mirrored(half: Floats) -> Floats:
    """A closed outline from its right half, which goes from the top to the bottom."""
    return np.concatenate([half, (half * (-1, 1))[-2:0:-1]])


def _from_left_corner(outline: Floats) -> Floats:
    """A closed outline that began at its top, begun at its left corner instead."""
    return np.roll(outline, len(outline) // 4, axis=0)


def _eye(head: Head, side: int, pitch_deg: float) -> Eye:
    s = head.shape
    radius = _EYEBALL * s.eye_size
    depth = float(head.depth(np.array([0.5]), np.array([-0.015]))[0]) - 0.92 * radius
    center = np.array([side * 0.5, -0.015, depth])
    # lids follow the eye: the upper one most of its way
    raised = radius * np.sin(np.radians(pitch_deg))
    upper = (0.108 * s.eye_open + 0.75 * raised) * s.eye_size
    lower = (0.056 * (0.7 + 0.3 * s.eye_open) - 0.25 * raised - 0.012 * s.smile) * s.eye_size
    curves = (_lid(radius, side, s.eye_tilt, height) for height in (-upper, lower))
    return Eye(center, radius, *(center + curve for curve in curves))


def _lid(radius: float, side: int, tilt: float, height: float) -> Floats:
    """A lid's edge (41, 3) from the eyeball's centre, ``height`` at its middle."""
    across = np.linspace(-1, 1, _LID_POINTS)
    peak = 0.12 * side * (1 - across**2)  # a little outside the middle
    arch = np.maximum(1 - np.abs(across - peak) ** 2.2, 0) ** 0.8
    x = across * radius * 1.09
    y = 0.026 - (tilt + 0.006) * across * side + height * arch
    away = (x**2 + y**2) / (1.06 * radius) ** 2
    z = 1.06 * radius * np.sqrt(np.maximum(1 - away, 0) + 0.05)
    return np.stack([x, y, z], axis=1)
