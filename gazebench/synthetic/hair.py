"""Hair: a shell over the skull that ends at a hairline, combed into strands."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gazebench.synthetic import solid
from gazebench.synthetic.curves import Floats, along, ramp
from gazebench.synthetic.scene import Easel
from gazebench.synthetic.surface import Grid, ball, stack

_GREY = 150  # of the strands' picture: a strand of this tone has the hair's own colour
_STRANDS = 460
_CURLS = 6000  # over the whole picture
_COLUMNS = 361  # angles at which strands may run


@dataclass(frozen=True)
class _Style:
    """Measures of a style: IOD, and degrees from the front for ``sides``."""

    top: float  # thickness above the skull
    side: float  # thickness beside it
    front: float  # thickness at the hairline
    sides: float  # where the front edge hangs
    temple: float  # how high above the eyes the hair begins at the temples
    sweep: float = 0.0  # how much higher the hairline is on one side
    ragged: float = 0.03


_STYLES = {
    "short": _Style(0.24, 0.07, 0.05, 80, 0.42, 0.05, 0.045),
    "parted": _Style(0.3, 0.09, 0.08, 80, 0.46, 0.16, 0.02),
    "fringe": _Style(0.24, 0.14, 0.09, 76, 0.42, 0.08, 0.05),
    "bob": _Style(0.24, 0.2, 0.09, 66, 0.62, 0.12, 0.02),
    "long": _Style(0.22, 0.18, 0.08, 66, 0.66, 0.14, 0.02),
    "bun": _Style(0.12, 0.05, 0.02, 80, 0.55, 0.0, 0.012),
    "afro": _Style(0.62, 0.5, 0.25, 72, 0.5, 0.0, 0.03),
    "buzz": _Style(0.04, 0.025, 0.012, 80, 0.46, 0.0, 0.012),
    "bald": _Style(0.03, 0.03, 0.01, 82, -0.1, 0.0, 0.012),
}


class Shell:
    """The hair of one person as a surface around the head."""

    def __init__(self, easel: Easel) -> None:
        self.look = easel.scene.look.hair
        self.style = _STYLES[self.look.style]
        self.hangs = self.look.end > 1
        self._easel = easel
        self._phases = easel.personal("hairline").uniform(0, 2 * np.pi, 5)
        rows = 5 + 2 * max(0.0, self.look.end - 1) + 4 * self.style.top
        columns = round((8 + 4 * self.hangs + 8 * self.style.top) * easel.steps)
        grid, edge = self.surface(round(rows * easel.steps), columns)
        self.placed = easel.scene.in_camera(grid)
        self.inside = (edge - grid.points[..., 1]).ravel()  # IOD to where the hair ends

    @cached_property
    def seen(self) -> solid.Visible:
        """What of the shell is in view, other things left aside."""
        points = self.placed.flat
        places = self._easel.scene.place_turned(points)
        return solid.see(places, points[:, 2], self.inside > 0, self._easel.small)

    def surface(self, rows: int, columns: int) -> tuple[Grid, Floats]:
        """The shell as a grid in head axes, and by column the height at which hair ends."""
        reach = 1.0 if self.hangs or self.style.side > 0.3 else 0.85
        points, angle = stack(along(self._rings(), rows), columns, reach=reach)
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        out = np.stack([x, np.minimum(y + 0.3, 0), z + 0.3], axis=-1)
        out /= np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-6)
        style, edge = self.style, self.edge_at(angle)
        inside = edge - y
        full = style.side + (style.top - style.side) * ramp(y, -0.3, -1.5)
        full = full * self.look.volume
        thick = style.front + (full - style.front) * ramp(inside, 0, 0.55) ** 0.7
        if self.hangs:
            thick = np.where(y > -0.3, full, thick)
        return Grid(points + thick[..., None] * out), edge

    def edge_at(self, angle: Floats) -> Floats:
        """Height at which the hair ends, by angle around the head."""
        look, style = self.look, self.style
        a = np.degrees(np.abs(angle))
        first, second, third, fourth, fifth = self._phases
        locks = np.abs(np.sin(9 * angle + first)) + np.abs(np.sin(14.3 * angle + second))
        locks = locks + 0.6 * np.abs(np.sin(31 * angle + third)) - 1.4
        wavy = 0.4 * np.sin(3 * angle + fourth) + 0.3 * np.sin(5 * angle + fifth)
        front = -look.hairline + style.ragged * (locks + wavy)
        front = front + look.sweep * style.sweep * np.sin(np.clip(angle * 1.6, -1.5, 1.5))
        front = front - self._recess * np.exp(-(((a - 34) / 14) ** 2))
        part = np.abs(np.degrees(angle) - 22 * look.sweep)
        front = front - look.curtain * (0.2 - 0.75 * np.clip(part / 62, 0, 1) ** 0.8)
        edge = front + (-style.temple - front) * ramp(a, 25, 62)
        end = look.end + 0.03 * locks * (1 + 2 * self.hangs)
        edge = edge + (end - edge) * ramp(a, style.sides - 9, style.sides + 6)
        return edge + (max(look.end, 0.9) - edge) * ramp(a, 98, 118)

    @property
    def _recess(self) -> float:
        """How far the hair draws back above the temples."""
        is_combed_back = self.style.temple > 0 and self.style.front < 0.085
        return 0.2 * (1 - self._easel.scene.look.feminine) * is_combed_back

    def _rings(self) -> Floats:
        rings = self._easel.scene.head.rings
        upper = rings[rings[:, 0] < 0.4]
        if not self.hangs:
            return rings[rings[:, 0] < 1.3]
        y = np.linspace(0.7, self.look.end + 0.1, 5)
        full = 1.12 + 0.1 * self.look.wave
        below = np.stack([y, y * 0 + full, y * 0 - 0.25, y * 0 + 0.55, y * 0 - 1.3], axis=1)
        return np.concatenate([upper, below])


def paint_back(easel: Easel, shell: Shell) -> None:
    """All of the hair; the body and the head then cover what is behind them."""
    if shell.look.style == "bun":
        _paint_bun(easel)
    seen = shell.seen
    light = 0.62 if shell.hangs else 0.85
    solid.paste(easel.canvas, seen, _colors(easel, shell, seen) * light)


def paint_front(easel: Easel, shell: Shell, depth: Floats) -> None:
    """The hair that is nearer than ``depth``, and its shadow on the face."""
    seen = shell.seen.before(depth)
    canvas = easel.canvas
    _cast_shadow(easel, seen.mask)
    cut = solid.paste(canvas, seen, _colors(easel, shell, seen))
    if cut:
        strands = Image.merge("RGB", [_strands(easel, shell, cut.box)] * 3)
        combed = ImageChops.multiply(canvas.image.crop(cut.box), strands)
        bright = [min(255, round(v * 255 / _GREY)) for v in range(256)]
        canvas.paste(combed.point(bright * 3), cut.mask, cut.at)


def _cast_shadow(easel: Easel, small: Image.Image) -> None:
    scene, canvas = easel.scene, easel.canvas
    blur, drop = 0.07 * easel.steps, 0.06 * easel.steps
    shadow = Image.new("L", small.size)
    shadow.paste(small, (round(-scene.pose.light[0] * drop), round(drop)))
    shadow = shadow.filter(ImageFilter.GaussianBlur(blur)).resize(canvas.image.size)
    canvas.paste(scene.look.skin * (0.22, 0.14, 0.12), shadow, alpha=0.42)


def _colors(easel: Easel, shell: Shell, seen: solid.Visible) -> Floats:
    color, pose = shell.look.color, easel.scene.pose
    normals = shell.placed.normals(seen.index)
    normals = np.where(normals[:, 2:] < 0, -normals, normals)
    light = solid.lit(normals, pose, wrap=0.5)
    dull = 0.3 if shell.style.top > 0.5 else 1.0
    gloss = solid.shine(normals, pose, 9)[:, None] * 0.16 * dull
    root = ramp(shell.inside[seen.index], 0.0, 0.25)[:, None]
    return color * light * (0.72 + 0.28 * root) + gloss * (0.25 + color)


def _strands(easel: Easel, shell: Shell, box: tuple[int, int, int, int]) -> Image.Image:
    """Strands as lighter and darker lines on grey, of a box of the canvas."""
    picture = Image.new("L", (box[2] - box[0], box[3] - box[1]), _GREY)
    pen = ImageDraw.Draw(picture)
    if shell.look.style in ("afro", "buzz", "bald"):
        _draw_curls(easel, pen, box[:2])
    else:
        _draw_strands(easel, shell, pen, box[:2])
    return picture.filter(ImageFilter.GaussianBlur(0.0012 * easel.canvas.side))


def _draw_strands(
    easel: Easel, shell: Shell, pen: ImageDraw.ImageDraw, corner: tuple[int, int]
) -> None:
    scene, rng, rows = easel.scene, easel.personal("strands"), 48
    grid, edges = shell.surface(rows, _COLUMNS)
    places = easel.canvas.pixels(scene.place_turned(scene.in_camera(grid).flat)) - corner
    places = places.reshape(rows, _COLUMNS, 2)
    parting = _COLUMNS // 2 + 38 * shell.look.sweep
    thin = max(1.0, 0.012 * scene.unit * easel.canvas.side)
    lasts = (grid.points[..., 1] < edges).sum(axis=0)
    for _ in range(_STRANDS):
        end = int(rng.integers(0, _COLUMNS))
        i = np.arange(1, max(2, lasts[end] - rng.integers(0, 4)))
        t = i / rows
        wave = 7 * shell.look.wave * np.sin(t * 25 + rng.random()) * ramp(t, 0.2, 0.6)
        j = end + (parting - end) * np.clip(1 - t * 2.4, 0, 1) ** 1.5 * 0.35 + wave
        line = places[i, np.clip(j, 0, _COLUMNS - 1).astype(int)]
        tone, width = int(_GREY + rng.normal(0, 25)), round(thin * rng.uniform(0.6, 2))
        pen.line(line.ravel().tolist(), fill=tone, width=width)


def _draw_curls(easel: Easel, pen: ImageDraw.ImageDraw, corner: tuple[int, int]) -> None:
    side, rng = easel.canvas.side, easel.personal("curls")
    size = side * easel.scene.unit * (0.03 if easel.scene.look.hair.style == "afro" else 0.008)
    spots = (rng.random((_CURLS, 2)) * side - corner).tolist()
    for (x, y), tone in zip(spots, rng.normal(_GREY, 26, _CURLS).tolist(), strict=True):
        pen.ellipse((x, y, x + size, y + size), outline=int(tone), width=2)


def _paint_bun(easel: Easel) -> None:
    scene = easel.scene
    placed = scene.in_camera(ball(np.array([0, -1.95, -0.6]), 0.5))
    points = placed.flat
    places = scene.place_turned(points)
    seen = solid.see(places, points[:, 2], placed.facing(), easel.small)
    light = solid.lit(placed.normals(seen.index), scene.pose)
    solid.paste(easel.canvas, seen, scene.look.hair.color * light)
