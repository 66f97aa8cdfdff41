"""Glasses: two rims, a bridge, the temples, and a breath of glass."""

import numpy as np

from gazebench.synthetic.curves import Floats, through
from gazebench.synthetic.scene import Easel

_HALF = (0.37, 0.29)  # half width and height of a rim, IOD
_GLASS = np.array([0.85, 0.92, 1.0])
_TURNED_AWAY_DEG = 12  # at this yaw the head hides the temple of its far side


def paint_glasses(easel: Easel) -> None:
    """The glasses, if the person wears any."""
    worn = easel.scene.look.worn
    if not worn.glasses:
        return
    front = float(easel.scene.features.eyes[0].center[2]) + 0.42
    for side in (-1, 1):
        _paint_rim(easel, side, front, power=0.9 if worn.glasses == "round" else 0.5)
        if side * easel.scene.pose.head_deg[0] < _TURNED_AWAY_DEG:
            temple = [(side * 0.86, -0.05, front - 0.14), (side * 1.16, -0.02, 0.3)]
            _paint_wire(easel, np.array([*temple, (side * 1.2, 0.0, -0.1)]))
    ends = [(side * 0.14, 0.0, front + 0.11) for side in (-1, 1)]
    _paint_wire(easel, np.array([ends[0], (0, -0.06, front + 0.16), ends[1]]))


def _paint_rim(easel: Easel, side: int, front: float, power: float) -> None:
    scene, canvas, color = easel.scene, easel.canvas, easel.scene.look.worn.glasses_color
    unit, a = scene.unit, np.linspace(0, 2 * np.pi, 80)
    x, y = (
        half * np.sign(wave) * np.abs(wave) ** power
        for half, wave in zip(_HALF, (np.cos(a), np.sin(a)), strict=True)
    )
    bend = front - 0.12 * side * x / _HALF[0]  # the frame follows the face backwards
    rim = scene.place(np.stack([side * 0.5 + x, 0.05 + y, bend], axis=1))
    canvas.fill(rim, _GLASS, 0.07)
    canvas.stroke(rim + 0.02 * scene.down, 0.045 * unit, scene.look.skin * 0.3, 0.25, 0.02 * unit)
    canvas.stroke(rim, 0.045 * unit, color, 0.95, 0.004 * unit)
    canvas.stroke(rim[40:75], 0.011 * unit, color + 0.4, 0.5, 0.004 * unit)


def _paint_wire(easel: Easel, points: Floats) -> None:
    scene = easel.scene
    line, color = through(scene.place(points), 20), scene.look.worn.glasses_color
    easel.canvas.stroke(line, 0.045 * scene.unit, color, 0.95, 0.004 * scene.unit)
