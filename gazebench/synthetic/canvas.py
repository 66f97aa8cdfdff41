"""A picture to paint on."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from gazebench.synthetic.curves import Floats

Color = Floats  # (3,) RGB in [0, 1]


class Canvas:
    """An RGB picture of ``side`` pixels; places, widths and blurs are fractions of the side."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.image = Image.new("RGB", (side, side))

    def fill(self, outline: Floats, color: Color, alpha: float = 1.0, blur: float = 0.0) -> None:
        """Paint a polygon (N, 2) with a soft edge of ``blur``."""
        self.fill_all([outline], color, alpha, blur)

    def fill_all(
        self, outlines: list[Floats], color: Color, alpha: float = 1.0, blur: float = 0.0
    ) -> None:
        """Paint several polygons as one shape."""
        pixels = [self.pixels(outline) for outline in outlines]
        box = self._box(pixels, 3 * blur * self.side + 1)
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        pen = ImageDraw.Draw(mask)
        for outline in pixels:
            pen.polygon((outline - box[:2]).ravel().tolist(), fill=255)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * self.side))
        self.paste(color, mask, box[:2], alpha)

    def stroke(
        self,
        line: Floats,
        width: float | Floats,
        color: Color,
        alpha: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Paint a line (N, 2); ``width`` may differ from point to point."""
        self.fill(band(line, width), color, alpha, blur)

    def paste(
        self,
        color: Color | Image.Image,
        mask: Image.Image,
        at: tuple[int, int] = (0, 0),
        alpha: float = 1.0,
    ) -> None:
        """Lay a colour or a picture on the canvas where ``mask`` is; its corner stands ``at``."""
        if alpha < 1:
            mask = mask.point([round(v * alpha) for v in range(256)])
        box = (*at, at[0] + mask.width, at[1] + mask.height)
        self.image.paste(color if isinstance(color, Image.Image) else _rgb(color), box, mask)

    def pixels(self, places: Floats) -> Floats:
        """Pixel coordinates of places; whole numbers are the centres of pixels."""
        return places * self.side - 0.5

    def _box(self, outlines: list[Floats], margin: float) -> tuple[int, int, int, int] | None:
        if not outlines:
            return None
        points = np.concatenate(outlines)
        low = np.floor(points.min(axis=0) - margin).clip(0, self.side)
        high = np.ceil(points.max(axis=0) + margin).clip(0, self.side)
        left, top, right, bottom = (int(v) for v in (*low, *high))
        return (left, top, right, bottom) if left < right and top < bottom else None


def band(line: Floats, width: float | Floats) -> Floats:
    """The outline of a line (N, 2) that is ``width`` wide."""
    ahead = unit_steps(line)
    half = np.broadcast_to(np.asarray(width, float) / 2, len(line))[:, None]
    side = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) * half
    return np.concatenate([line + side, (line - side)[::-1]])


def unit_steps(line: Floats) -> Floats:
    """Direction of a line (N, 2) at each of its points, length 1."""
    ahead = np.gradient(line, axis=0)
    return ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)


def hairs(roots: Floats, tips: Floats, width: float) -> list[Floats]:
    """Thin triangles from ``roots`` (N, 2), ``width`` wide there, to ``tips`` (N, 2)."""
    ahead = tips - roots
    side = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    side *= width / 2 / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    return list(np.stack([roots - side, tips, roots + side], axis=1))


def _rgb(color: Color) -> tuple[int, int, int]:
    red, green, blue = (round(float(v) * 255) for v in np.clip(color, 0, 1))
    return red, green, blue
