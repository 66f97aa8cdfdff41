"""The painted features of a face: brows, nose, lips and the lines of age."""

import numpy as np

from gazebench.synthetic.canvas import Color, hairs, unit_steps
from gazebench.synthetic.curves import Floats, through
from gazebench.synthetic.scene import Easel

_LIPSTICK = np.array([0.66, 0.16, 0.2])
_MOUTH = np.array([0.2, 0.07, 0.07])
_TEETH = np.array([0.88, 0.86, 0.82])
_NOSTRIL = np.array([(0.06, 0.66), (0.1, 0.635), (0.145, 0.645), (0.15, 0.675), (0.09, 0.685)])
_WING = np.array([(0.18, 0.5), (0.232, 0.56), (0.24, 0.63), (0.19, 0.685), (0.15, 0.685)])


def paint_face(easel: Easel) -> None:
    """All features but the eyes."""
    _paint_folds(easel)
    if easel.scene.look.age > 0.45:
        _paint_wrinkles(easel)
    _paint_nose(easel)
    _paint_lips(easel)
    _paint_brows(easel)


def _shade(easel: Easel) -> Color:
    return easel.scene.look.skin * (0.55, 0.42, 0.38)


def _taper(number: int, start: float = 0.0) -> Floats:
    """Widths (number,) of a line that is thick in its middle, relative."""
    return np.sin(np.linspace(start, np.pi, number))


def _paint_brows(easel: Easel) -> None:
    """A soft body and single hairs."""
    scene, canvas, look, rng = easel.scene, easel.canvas, easel.scene.look, easel.personal("brows")
    unit, t = scene.unit, np.linspace(0, 1, 40)
    shape = np.minimum(1, 0.62 + 2.5 * t) * np.minimum(1, 1.75 * (1 - t) + 0.12)
    width = 0.095 * unit * look.brow_thickness * shape
    color = look.brow_color * 0.9 + look.skin * 0.05
    for brow in scene.features.brows:
        line = through(scene.place(brow), 40)
        canvas.stroke(line, width, color, 0.62, 0.014 * unit)
        i = rng.integers(0, 39, 70)
        down = scene.down / unit
        roots = line[i] + down * (width[i] * rng.uniform(-0.1, 0.5, 70))[:, None]
        lean = -0.9 * down * np.maximum(0.15, 1.1 - 2.2 * t[i])[:, None]
        tips = roots + 0.085 * unit * (unit_steps(line)[i] + lean)
        canvas.fill_all(hairs(roots, tips, 0.012 * unit), color * 0.8, 0.55, 0.002 * unit)


def _paint_nose(easel: Easel) -> None:
    """Nostrils, wings and the shade below the tip."""
    scene, canvas, dark = easel.scene, easel.canvas, _shade(easel)
    unit = scene.unit
    size = np.array([scene.look.shape.nose_width, scene.look.shape.nose_length])
    for side in (-1, 1):
        mirror = size * (side, 1)
        hole = through(scene.place_flat(_NOSTRIL * mirror), 30, closed=True)
        canvas.fill(hole, dark * 0.42, 0.8, 0.012 * unit)
        wing = through(scene.place_flat(_WING * mirror), 24)
        canvas.stroke(wing, 0.03 * unit * _taper(24, 0.25), dark * 0.8, 0.55, 0.012 * unit)
    base = np.array([(-0.1, 0.7), (0, 0.725), (0.1, 0.7)]) * size
    canvas.stroke(through(scene.place_flat(base), 12), 0.02 * unit, dark, 0.5, 0.015 * unit)


def _paint_lips(easel: Easel) -> None:
    scene, canvas, look = easel.scene, easel.canvas, easel.scene.look
    unit, features = scene.unit, scene.features
    # six points of the spline for each of the outline's: 0 top, 18 right corner, 36, 54 left
    outer = through(scene.place(features.lips_outer), 73, closed=True)[:-1]
    inner = through(scene.place(features.lips_inner), 65, closed=True)[:-1]  # 0, 16, 32, 48
    red = look.skin * (0.86, 0.58, 0.56)
    red = red + (_LIPSTICK - red) * 0.6 * look.makeup**2
    canvas.fill(outer, red, 0.85, 0.013 * unit)
    upper = np.concatenate([outer[54:], outer[:19], inner[:17][::-1], inner[48:][::-1]])
    canvas.fill(upper, red * 0.62, 0.35, 0.015 * unit)
    middle = scene.place(features.lips_outer[5:8]).mean(axis=0) - 0.07 * scene.down
    turn = np.linspace(0, 2 * np.pi, 20)
    glow = middle + 0.11 * unit * np.stack([np.cos(turn), 0.3 * np.sin(turn)], axis=1)
    canvas.fill(glow, np.minimum(red * 1.35 + 0.08, 1), 0.3 + 0.25 * look.makeup, 0.03 * unit)
    if look.shape.parted > 0.01:
        _paint_mouth(easel, inner)
    line = np.concatenate([inner[48:], inner[:17]])
    width = unit * (0.014 + 0.012 * _taper(len(line)))
    canvas.stroke(line, width, red * 0.36, 0.85, 0.005 * unit)


def _paint_mouth(easel: Easel, inner: Floats) -> None:
    """What parted lips show: teeth, and the dark below them."""
    unit, canvas = easel.scene.unit, easel.canvas
    canvas.fill(inner, _MOUTH, 0.95, 0.004 * unit)
    teeth = inner.copy()
    teeth[17:48] -= 0.55 * easel.scene.look.shape.parted * easel.scene.down
    canvas.fill(teeth, _TEETH, 0.9, 0.006 * unit)


def _paint_folds(easel: Easel) -> None:
    """The folds from the nose to the mouth, and the one below the lower lip."""
    scene, canvas, look = easel.scene, easel.canvas, easel.scene.look
    unit, dark, smile = scene.unit, _shade(easel), look.shape.smile
    fold = np.array([(0.25, 0.58), (0.36, 0.74), (0.46, 0.9), (0.5 + 0.05 * smile, 1.04)])
    alpha = min(0.75, 0.04 + 0.4 * look.age + 0.25 * smile)
    for side in (-1, 1):
        line = through(scene.place_flat(fold * (side, 1)), 24)
        canvas.stroke(line, 0.04 * unit * _taper(24, 0.2), dark, alpha, 0.016 * unit)
    below = np.array([(-0.2, 1.31), (0, 1.33), (0.2, 1.31)]) * (1, look.shape.chin)
    line = through(scene.place_flat(below), 20)
    canvas.stroke(line, 0.04 * unit * _taper(20), dark, 0.25, 0.03 * unit)


def _paint_wrinkles(easel: Easel) -> None:
    """Lines of the forehead, and beside the eyes."""
    scene, canvas, old = easel.scene, easel.canvas, easel.scene.look.age
    unit, dark = scene.unit, _shade(easel)
    across = np.linspace(-0.5, 0.5, 7)
    for k in range(3):
        height = -0.62 - 0.16 * k + 0.03 * np.cos(4 * across + k)
        line = through(scene.place_flat(np.stack([across, height], axis=1)), 40)
        canvas.stroke(line, 0.02 * unit * _taper(40), dark, 0.7 * (old - 0.35), 0.008 * unit)
        spread = k - 1
        crow = np.array([(0.8, 0.02), (0.9, 0.01), (0.98, 0.02)])
        crow[:, 1] += spread * np.array([0.06, 0.1, 0.15])
        for side in (-1, 1):
            line = through(scene.place_flat(crow * (side, 1)), 12)
            canvas.stroke(line, 0.014 * unit, dark, 0.55 * (old - 0.3), 0.006 * unit)
