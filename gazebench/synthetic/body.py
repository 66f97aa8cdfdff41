"""Skin and clothes: the face, the ears, the neck and the shoulders."""

import numpy as np

from gazebench.synthetic import solid
from gazebench.synthetic.beard import beard_at
from gazebench.synthetic.curves import Floats, bell, ramp
from gazebench.synthetic.look import Look
from gazebench.synthetic.scene import Easel
from gazebench.synthetic.surface import Grid, ear, neck, shoulders

_SHADE = np.array([1.0, 0.94, 0.9])  # of shadows on skin: they are redder than its lights
_NECKLINES = {"round": (1.42, 0.35), "v": (1.75, 1.05), "shirt": (1.35, 0.55)}  # height, slope


def paint_body(easel: Easel) -> Floats:
    """The neck and the shoulders; gives back how near they are, for what hangs before them."""
    width = 1.1 - 0.22 * easel.scene.look.feminine
    throat = _paint_neck(easel, width)
    trunk = _paint_shoulders(easel, 0.8 + 0.2 * width, throat)
    return np.maximum(throat, trunk)


def paint_head(easel: Easel) -> Floats:
    """The ears and the bare head; gives back how near the head is."""
    scene, steps = easel.scene, easel.steps
    for side in (-1, 1):
        _paint_ear(easel, side)
    grid = scene.head.grid(round(6.2 * steps), round(8.5 * steps))
    placed = scene.in_camera(grid)
    seen = _see(easel, placed)
    points, normals = grid.flat[seen.index], placed.normals(seen.index)
    x, y = points[:, 0], points[:, 1]
    light = solid.lit(normals, scene.pose) * _hollows(scene.look, x, y)[:, None]
    colors = _skin(scene.look, light) * _tints(scene.look, x, y)
    oil = solid.shine(normals, scene.pose, 16) * (0.05 + 0.08 * scene.pose.key)
    solid.paste(easel.canvas, seen, colors + oil[:, None] * (0.5 + 0.5 * scene.look.skin))
    return seen.depth


def _paint_neck(easel: Easel, width: float) -> Floats:
    scene = easel.scene
    grid = neck(width, easel.steps)
    placed = scene.body(grid)
    seen = _see(easel, placed)
    light = solid.lit(placed.normals(seen.index), scene.pose)
    under = ramp(grid.flat[seen.index, 1], -0.2, 1.15)[:, None]  # the chin's shadow
    solid.paste(easel.canvas, seen, _skin(scene.look, light * (0.62 + 0.38 * under)))
    return seen.depth


def _paint_shoulders(easel: Easel, width: float, throat: Floats) -> Floats:
    scene, look = easel.scene, easel.scene.look
    grid = shoulders(width, easel.steps)
    placed = scene.body(grid)
    bare = _bare(look, grid.flat)
    # where the neck passes into the trunk, the neck's own light is kept
    seen = _see(easel, placed, sunk=0.3 * bare).before(throat)
    light = solid.lit(placed.normals(seen.index), scene.pose)
    under = ramp(grid.flat[seen.index, 1], 0.6, 1.5)[:, None]
    skin = _skin(look, light * (0.8 + 0.2 * under))
    cloth = look.worn.cloth * light
    solid.paste(easel.canvas, seen, cloth + (skin - cloth) * bare[seen.index, None])
    return seen.depth


def _paint_ear(easel: Easel, side: int) -> None:
    scene = easel.scene
    grid = ear(side, scene.look.shape.ears)
    placed = scene.in_camera(grid)
    seen = _see(easel, placed)
    y, z = grid.flat[seen.index, 1], grid.flat[seen.index, 2]
    inner = 1 - 0.35 * bell(y, z, (0.24, -0.2), (0.2, 0.1))
    light = solid.lit(placed.normals(seen.index), scene.pose) * inner[:, None]
    solid.paste(easel.canvas, seen, _skin(scene.look, light * 0.92) * (1.03, 0.96, 0.95))


def _see(easel: Easel, placed: Grid, sunk: Floats | float = 0.0) -> solid.Visible:
    points = placed.flat
    places = easel.scene.place_turned(points)
    return solid.see(places, points[:, 2] - sunk, placed.facing(), easel.small)


def _skin(look: Look, light: Floats) -> Floats:
    """Colours (N, 3) of skin under ``light`` (N, 3)."""
    dim = np.clip(1 - light, 0, 1)
    return look.skin * light * (1 - dim * (1 - _SHADE))


def _hollows(look: Look, x: Floats, y: Floats) -> Floats:
    """How much light gets in, (N,): less in the eye sockets, below the nose and the lower lip."""
    a, low = np.abs(x), look.shape.chin
    nose = 0.74 * look.shape.nose_length
    return 1 - (
        0.15 * bell(a, y, (0.26, -0.06), (0.1, 0.15))
        + 0.12 * bell(a, y, (0.5, -0.12), (0.25, 0.09))
        + (0.04 + 0.06 * look.age) * bell(a, y, (0.45, 0.16), (0.2, 0.06))
        + 0.28 * bell(x, y, (0, nose), (0.16, 0.045))
        + 0.14 * bell(x, y, (0, 1.31 * low), (0.22, 0.05))
        + 0.05 * bell(x, y, (0, 0.84), (0.05, 0.08))
    )


def _tints(look: Look, x: Floats, y: Floats) -> Floats:
    """Colours of the face's regions as factors (N, 3): flushed cheeks and nose, a beard."""
    a, low = np.abs(x), look.shape.chin
    red = look.flush * (
        0.5 * bell(a, y, (0.62, 0.5), (0.24, 0.2))
        + 0.5 * bell(x, y, (0, 0.55), (0.16, 0.14))
        + 0.25 * bell(x, y, (0, 1.6 * low), (0.2, 0.12))
    )
    tint = 1 - red[:, None] * np.array([-0.02, 0.11, 0.1])
    beard = 0.8 * beard_at(look, x, y)[:, None]
    shadow = (look.skin * 0.3 + look.hair.color * 0.4) / look.skin
    return tint + (shadow - tint) * beard


def _bare(look: Look, points: Floats) -> Floats:
    """Where the trunk shows skin, (N,) in [0, 1]."""
    x, y = np.abs(points[:, 0]), points[:, 1]
    low, slope = _NECKLINES[look.worn.collar]
    return ramp(low - slope * x - y, -0.03, 0.03) * (points[:, 2] > -0.15)
