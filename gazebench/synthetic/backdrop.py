"""What is behind the person, and the last touches of a camera: softness and grain."""

import numpy as np
from PIL import Image, ImageFilter

from gazebench.synthetic.canvas import Canvas
from gazebench.synthetic.curves import Floats

_SIDE = 48  # of the small picture that is enlarged


def paint_backdrop(canvas: Canvas, rng: np.random.Generator) -> None:
    """A soft gradient with a few large blots out of focus."""
    x, y = np.meshgrid(np.linspace(0, 1, _SIDE), np.linspace(0, 1, _SIDE))
    first, second, slant = _draw_color(rng), _draw_color(rng), rng.uniform(-1, 1)
    t = np.clip(y + slant * (x - 0.5), 0, 1)[..., None]
    picture = first + (second - first) * t
    for _ in range(rng.integers(0, 7)):
        spot = np.hypot(x - rng.random(), y - rng.random()) / rng.uniform(0.05, 0.3)
        cover = rng.uniform(0.1, 0.5) * np.clip(1.6 - spot, 0, 1)[..., None]
        picture += (_draw_color(rng) - picture) * cover
    small = Image.fromarray((picture * 255).clip(0, 255).astype(np.uint8))
    canvas.image.paste(small.resize((canvas.side, canvas.side), Image.Resampling.BICUBIC))


def finished(canvas: Canvas, side: int, rng: np.random.Generator) -> Image.Image:
    """The picture at its final ``side``, with a little blur and grain."""
    picture = canvas.image.reduce(canvas.side // side)
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.0012) * side))
    strength = np.float32(rng.uniform(0.8, 2.5))
    grain = strength * rng.standard_normal((side, side, 1), np.float32)
    pixels = np.asarray(picture, np.float32) + grain
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def _draw_color(rng: np.random.Generator) -> Floats:
    return np.clip(rng.uniform(0.2, 0.85) + rng.normal(0, 0.05, 3), 0, 1)
