"""Eyes: spheres turned to the gaze, cut out by the lids.

Each pixel of the ball is traced to the sphere, so the iris is where the gaze puts it, and as
narrow as its turn makes it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from gazebench.synthetic import solid
from gazebench.synthetic.canvas import Color, hairs
from gazebench.synthetic.curves import Floats, ramp
from gazebench.synthetic.features import Eye
from gazebench.synthetic.scene import Easel

_IRIS = 0.49  # radius of the iris, of the eyeball's
_PUPIL = (0.17, 0.24)  # range of its radius
_CORNEA = (0.42, 0.62)  # place of its centre on the axis and its radius, of the eyeball's
_SCLERA = np.array([0.95, 0.935, 0.92])
_VEINS = np.array([1.0, 0.86, 0.84])
_ROOM = np.array([-0.7, -0.6, 1.0])  # turns the light's direction into that of a faint reflection


def paint_eyes(easel: Easel) -> None:
    """Both eyes with their lids and lashes."""
    for side, eye in zip((-1, 1), easel.scene.features.eyes, strict=True):
        _paint_socket(easel, eye)
        _paint_ball(easel, eye)
        _paint_edges(easel, eye, side)


@dataclass(frozen=True)
class _Rays:
    """Pixels of a patch as points of the eyeball, in units of its radius, camera axes."""

    points: Floats  # (H, W, 3)
    left: int  # of the patch on the canvas
    top: int


def _rays(easel: Easel, eye: Eye) -> _Rays:
    radius = eye.radius * easel.scene.unit * easel.canvas.side
    cx, cy = easel.canvas.pixels(easel.scene.place(eye.center[None]))[0]
    left, top = int(cx - 1.5 * radius), int(cy - 1.5 * radius)
    size = int(3 * radius) + 2
    x, y = np.meshgrid(np.arange(left, left + size), np.arange(top, top + size))
    x, y = (x - cx) / radius, (y - cy) / radius
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0.02))  # beyond the ball: the corners' wet skin
    return _Rays(np.stack([x, y, z], axis=-1), left, top)


def _paint_ball(easel: Easel, eye: Eye) -> None:
    rays, pose = _rays(easel, eye), easel.scene.pose
    normals = rays.points / np.linalg.norm(rays.points, axis=-1, keepdims=True)
    light = solid.lit(normals.reshape(-1, 3), pose, wrap=0.6).reshape(normals.shape)
    colors = _white(easel, eye, rays) * (0.25 + 0.75 * light)
    iris, is_iris = _iris(easel, normals)
    colors += (iris * (0.45 + 0.6 * light) - colors) * is_iris
    mask = _opening(easel, eye, rays)
    colors *= 1 - 0.62 * _lid_shadow(mask, easel)[..., None]
    for strength, glint in _glints(rays.points, pose.gaze, pose.light):
        colors += (1 - colors) * strength * glint[..., None]
    patch = Image.fromarray((colors.clip(0, 1) * 255).astype(np.uint8))
    easel.canvas.paste(patch, mask, (rays.left, rays.top))


def _white(easel: Easel, eye: Eye, rays: _Rays) -> Floats:
    """The sclera (1, W, 3), pinker to the eye's corners."""
    corners = easel.canvas.pixels(easel.scene.place(eye.upper[[0, -1]]))[:, 0] - rays.left
    t = (np.arange(rays.points.shape[1]) - corners[0]) / max(1.0, float(np.ptp(corners)))
    red = ramp(np.abs(t - 0.5), 0.3, 0.5)[None, :, None]
    return _SCLERA * (1 + (_VEINS - 1) * (0.25 + red))


def _iris(easel: Easel, normals: Floats) -> tuple[Floats, Floats]:
    """Colours of the iris with its pupil (H, W, 3), and where it is (H, W, 1)."""
    rng, gaze, color = easel.personal("iris"), easel.scene.pose.gaze, easel.scene.look.iris
    pupil, fibres = rng.uniform(*_PUPIL) / _IRIS, rng.random(64)
    across = np.cross([0.0, 1.0, 0.0], gaze)
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(gaze, across), gaze])
    u, v, ahead = np.einsum("hwk,ak->ahw", normals, axes)
    radius = np.where(ahead > 0, np.hypot(u, v) / _IRIS, 9)[..., None]  # 1 at its edge
    turn = (np.arctan2(v, u) / (2 * np.pi) % 1) * len(fibres)
    fibre = np.interp(turn, np.arange(len(fibres) + 1), [*fibres, fibres[0]])[..., None]
    limbus, middle = ramp(radius, 0.72, 1.0), ramp(radius, 0.75, 0.4)
    colors = color * ((1 + 0.35 * (fibre - 0.5)) * (1 - 0.72 * limbus) + 0.12 * middle)
    colors = colors * ramp(radius, pupil - 0.05, pupil + 0.06) + 0.02
    return colors, ramp(radius, 1.05, 0.95)


def _opening(easel: Easel, eye: Eye, rays: _Rays) -> Image.Image:
    """The patch's mask: where the lids leave the ball free."""
    outline = np.concatenate([eye.upper, eye.lower[-2:0:-1]])
    pixels = easel.canvas.pixels(easel.scene.place(outline)) - (rays.left, rays.top)
    height, width = rays.points.shape[:2]
    mask = Image.new("L", (2 * width, 2 * height))
    ImageDraw.Draw(mask).polygon((2 * pixels + 0.5).ravel().tolist(), fill=255)
    return mask.reduce(2)


def _lid_shadow(mask: Image.Image, easel: Easel) -> Floats:
    """How dark the lids make the ball, (H, W) in [0, 1]: most under the upper one."""
    blur = 0.035 * easel.scene.unit * easel.canvas.side * 2
    lowered = Image.new("L", mask.size)
    lowered.paste(mask, (0, round(blur * 0.9)))
    soft = lowered.filter(ImageFilter.GaussianBlur(blur))
    return (1 - np.asarray(soft, float) / 255) ** 1.5


def _glints(points: Floats, gaze: Floats, light: Floats) -> list[tuple[float, Floats]]:
    """Reflections in the cornea: of the key light, and a faint one of the room opposite."""
    axis, radius = _CORNEA
    result: list[tuple[float, Floats]] = []
    for strength, size, source in ((0.95, 0.1, light), (0.18, 0.13, light * _ROOM)):
        half = source / np.linalg.norm(source) + (0, 0, 1)
        spot = axis * gaze + radius * half / np.linalg.norm(half)
        away = np.hypot(points[..., 0] - spot[0], points[..., 1] - spot[1])
        result.append((strength, ramp(away, size, 0.55 * size)))
    return result


def _paint_socket(easel: Easel, eye: Eye) -> None:
    """The upper lid's skin and its fold, the bag below, a shade of make-up."""
    scene, canvas, look = easel.scene, easel.canvas, easel.scene.look
    unit, down = scene.unit, scene.down
    upper, lower = scene.place(eye.upper), scene.place(eye.lower)
    rise = np.sin(np.linspace(0, np.pi, len(upper)))[:, None] ** 0.7
    fold = upper - (0.055 * rise + 0.012) * down
    shade = look.skin * (0.62, 0.5, 0.46)
    lid = np.concatenate([upper, fold[::-1]])
    canvas.fill(lid, look.skin * (0.86, 0.74, 0.68), 0.35 + 0.25 * look.makeup, 0.012 * unit)
    width = unit * (0.02 * rise[3:-3, 0] + 0.004)
    canvas.stroke(fold[3:-3], width, shade, 0.7, 0.007 * unit)
    if look.makeup > 0.3:
        painted = np.concatenate([upper, (fold - 0.06 * rise * down)[::-1]])
        canvas.fill(painted, shade * (0.8, 0.75, 0.85), 0.45 * look.makeup, 0.03 * unit)
    bag = lower + 0.07 * rise * down
    canvas.stroke(bag[6:-6], 0.02 * unit, shade, 0.1 + 0.3 * look.age, 0.018 * unit)


def _paint_edges(easel: Easel, eye: Eye, side: int) -> None:
    """The lids' edges and the lashes."""
    scene, canvas, look = easel.scene, easel.canvas, easel.scene.look
    unit = scene.unit
    upper, lower = scene.place(eye.upper), scene.place(eye.lower)
    dark = np.minimum(look.brow_color * 0.5, 0.16)
    outward = 0.5 + side * np.linspace(-0.5, 0.5, len(upper))  # 0 at the nose, 1 outside
    arch = np.sin(np.linspace(0.06, np.pi - 0.06, len(upper))) ** 0.6
    heavy = 0.028 + 0.022 * max(look.makeup, 0.4 * look.feminine)
    canvas.stroke(lower[1:-1], 0.02 * unit, look.skin * (0.95, 0.72, 0.68), 0.6, 0.004 * unit)
    below = lower[4:-4] + 0.012 * scene.down
    canvas.stroke(below, 0.012 * unit, dark, 0.25 + 0.4 * look.makeup, 0.004 * unit)
    canvas.stroke(upper, unit * heavy * arch * (0.55 + 0.6 * outward), dark, 0.92, 0.003 * unit)
    _paint_lashes(easel, upper, outward, dark)


def _paint_lashes(easel: Easel, upper: Floats, outward: Floats, dark: Color) -> None:
    scene, look = easel.scene, easel.scene.look
    length = 0.025 + 0.05 * look.feminine + 0.03 * look.makeup
    i = np.arange(6, len(upper) - 2, 2)
    lean = 1.6 * (i / (len(upper) - 1) - 0.5)[:, None]  # they fan out
    grown = length * (0.4 + 0.8 * outward[i])[:, None]
    tips = upper[i] + grown * (lean * scene.right - scene.down)
    easel.canvas.fill_all(hairs(upper[i], tips, 0.024 * scene.unit), dark, 0.75, 0.002 * scene.unit)
