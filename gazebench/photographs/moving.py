"""A gaze that moves: strips and moving pictures of what an animating method makes."""

import importlib
import importlib.util
import io
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gazebench.dataset.batches import Batch, eye_patches, to_arrays
from gazebench.dataset.pictures import png
from gazebench.errors import InputError, MissingPartError

Frames = NDArray[np.uint8]  # (N, A, h, w, 3): N pictures, A moments of each
Film = NDArray[np.uint8]  # (T, h, w, 3)
Mover = Callable[[Batch], Tensor]  # gives a batch's moments, (N, A, 3, H, W) in [-1, 1]

SUFFIXES = (".png", ".gif", ".webp", ".mp4")
_COLOURS = 256  # of a GIF
_SAMPLE = 1 << 20  # pixels that its palette is chosen from
_LONGEST = {".gif": 65_535, ".webp": 16_383, ".mp4": 16_384}  # side that a format can hold
_HD = 1  # BT.709 in the tags of H.264
_BT709 = {"dst_colorspace": "ITU709"}
_CRF = 16  # quality of H.264: 0 is lossless, 18 looks so


def check(suffix: str) -> None:
    """That a file with this ending can be made.

    Raises:
        InputError: it is none of ``SUFFIXES``.
        MissingPartError: ``.mp4`` without PyAV.
    """
    if suffix not in SUFFIXES:
        raise InputError(f"{suffix or 'no ending'}: the file's name ends in {', '.join(SUFFIXES)}")
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise MissingPartError(
            ".mp4 needs the package av; run `pip install 'gazebench[video]'`, or give .gif or .webp"
        )


def animated(move: Mover, batches: Iterable[Batch], *, eyes_only: bool = False) -> Frames:
    """Every moment of every portrait, (N, A, S, S, 3), or of its eyes alone, (N, A, h, S, 3)."""
    rows: list[Frames] = []
    for batch in batches:
        with torch.no_grad():
            images = move(batch)
        rows.append(eye_frames(images, batch) if eyes_only else to_arrays(images))
    return np.concatenate(rows)


def eye_frames(images: Tensor, batch: Batch) -> Frames:
    """Left and right eye patch beside each other, as wide as a portrait: (N, A, h, S, 3).

    ``images``: (N, A, 3, S, S) in [-1, 1].
    """
    moments = [to_arrays(eye_patches(image, batch.eyes)) for image in images.unbind(1)]
    pairs = np.stack([np.concatenate([m[:, 0], m[:, 1]], axis=2) for m in moments], 1)
    side = images.shape[-1]
    size = side, round(pairs.shape[2] * side / pairs.shape[3])
    flat = pairs.reshape(-1, *pairs.shape[2:])
    scaled = [Image.fromarray(p).resize(size, Image.Resampling.LANCZOS) for p in flat]
    return np.stack([np.asarray(p) for p in scaled]).reshape(*pairs.shape[:2], *size[::-1], 3)


def encode(suffix: str, frames: Frames, captions: Sequence[str], *, fps: float) -> bytes:
    """The file of one of ``SUFFIXES``.

    ``.png``: a strip, a row per picture and a column per moment, under its caption. Else a
    picture that moves from the first moment to the last and back, all portraits side by side;
    GIF counts hundredths of a second, WebP is lossless, MP4 is H.264, yuv420p, BT.709.

    Raises:
        InputError: no such suffix, or pictures too large for the format.
        MissingPartError: ``.mp4`` without PyAV.
    """
    check(suffix)
    if suffix == ".png":
        return strip(frames, captions)
    writers: dict[str, Callable[[Film, float], bytes]] = {".gif": gif, ".webp": webp, ".mp4": mp4}
    film = there_and_back(tiled(frames))
    longest = max(film.shape[1:3])
    if longest > _LONGEST[suffix]:
        raise InputError(
            f"{longest} pixels: {suffix} holds {_LONGEST[suffix]}; give fewer --id, or --eyes-only"
        )
    return writers[suffix](film, fps)


def strip(frames: Frames, captions: Sequence[str]) -> bytes:
    """A PNG with a row per picture and a column per moment, its caption above it."""
    rows = [np.concatenate(list(row), axis=1) for row in frames]
    width = frames.shape[3]
    head = _captions(captions, width)
    return png(np.concatenate([head, *rows]))


def tiled(frames: Frames) -> Film:
    """The pictures of each alpha in one that is about as high as it is wide, (A, H, W, 3).

    Places without a picture are white.
    """
    count, moments, height, width = frames.shape[:4]
    columns = max(1, min(count, math.ceil(math.sqrt(count * height / width))))
    rows = math.ceil(count / columns)
    tiles = np.full((rows * columns, moments, height, width, 3), 255, np.uint8)
    tiles[:count] = frames
    grid = tiles.reshape(rows, columns, *frames.shape[1:]).transpose(2, 0, 3, 1, 4, 5)
    return grid.reshape(moments, rows * height, columns * width, 3)


def there_and_back(film: Film) -> Film:
    """To the last frame and back to the second, so that the first follows on the end."""
    return np.concatenate([film, film[-2:0:-1]])


def gif(film: Film, fps: float) -> bytes:
    """An endless GIF with one palette; what does not move does not flicker."""
    palette = _palette(film)
    first, *others = (
        Image.fromarray(f).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for f in film
    )
    still = [_still(first, film[0], *pair) for pair in zip(others, film[1:], strict=True)]
    hundredths = max(2, round(100 / fps))  # browsers slow a GIF down that is faster than this
    return _moving("GIF", [first, *still], 10 * hundredths, optimize=False)


def webp(film: Film, fps: float) -> bytes:
    """An endless lossless WebP."""
    frames = [Image.fromarray(frame) for frame in film]
    return _moving("WEBP", frames, round(1000 / fps), lossless=True, quality=50, method=4)


def mp4(film: Film, fps: float) -> bytes:
    """An MP4, once; odd sizes are filled up by repeating the last row or column."""
    av: Any = importlib.import_module("av")  # an extra
    height, width = film.shape[1:3]
    even = np.pad(film, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(_CRF)})
        stream.height, stream.width, stream.pix_fmt = *even.shape[1:3], "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _HD
        for frame in even:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p", **_BT709)))
        container.mux(stream.encode())
    return buffer.getvalue()


def _captions(texts: Sequence[str], width: int) -> NDArray[np.uint8]:
    """A white line of text, each in the middle of its column, (h, W, 3)."""
    size = max(10, min(width // 8, 28))
    font = ImageFont.load_default(size)
    line = Image.new("RGB", (width * len(texts), round(1.6 * size)), "white")
    draw = ImageDraw.Draw(line)
    for column, text in enumerate(texts):
        left, top, right, bottom = draw.textbbox((0, 0), text, font)
        x, y = (column + 0.5) * width - (left + right) / 2, (line.height - top - bottom) / 2
        draw.text((x, y), text, "black", font)
    return np.asarray(line)


def _palette(film: Film) -> Image.Image:
    """The colours that serve all frames."""
    pixels = film.reshape(-1, 3)
    chosen = pixels[:: max(1, len(pixels) // _SAMPLE)]
    picture = Image.fromarray(chosen[None])
    return picture.quantize(_COLOURS, Image.Quantize.MEDIANCUT, kmeans=1)


def _still(
    first: Image.Image, source: NDArray[np.uint8], frame: Image.Image, moved: NDArray[np.uint8]
) -> Image.Image:
    """``frame`` with the indices of ``first`` wherever ``moved`` has the colours of ``source``."""
    same = (source == moved).all(axis=-1)
    indices = np.where(same, np.asarray(first), np.asarray(frame))
    kept = Image.fromarray(indices, "P")
    kept.putpalette(first.getpalette() or [])
    return kept


def _moving(kind: str, frames: Sequence[Image.Image], duration: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    first, *others = frames
    first.save(
        buffer, kind, save_all=True, append_images=others, duration=duration, loop=0, **options
    )
    return buffer.getvalue()
