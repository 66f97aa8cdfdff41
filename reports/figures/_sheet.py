"""Sheets of faces: rows and columns of pictures, pixel by pixel, with labels beside and above."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageFont

from gazebench.dataset import Portrait
from gazebench.reports.figures._drawing import DPI, TEXT
from gazebench.reports.portraits import around

SIDE = 192  # of a portrait, pixels
GAP = 8  # between cells
_EYE_GAP = 3
_MARGIN = 12
_LINE = round(1.35 * TEXT * DPI / 72)  # of text, pixels
_LABEL = 240  # widest line of the labels' column, pixels


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a sheet."""

    label: str
    cells: Sequence[Image.Image]
    notes: Sequence[str] = ()  # below each cell


def sheet(rows: Sequence[Row], *, heads: Sequence[str] = (), right: int = 0) -> Figure:
    """The rows below each other, cells of a column above each other; ``heads`` above the columns.

    ``right``: pixels left free at the right.
    """
    widths = [max(c.width for c in column) for column in zip(*(r.cells for r in rows), strict=True)]
    above = [_wrapped(text, width) for text, width in zip(heads, widths, strict=False)]
    top = _MARGIN + (_LINE * max(text.count("\n") + 1 for text in above) + GAP if heads else 0)
    left = 2 * _MARGIN + max(_width(_wrapped(row.label, _LABEL)) for row in rows)
    lefts = [left + sum(widths[:n]) + n * GAP for n in range(len(widths))]
    tops = [top]
    for row in rows:
        tops.append(tops[-1] + _height(row, widths) + GAP)
    size = lefts[-1] + widths[-1] + _MARGIN + right, tops[-1] - GAP + _MARGIN
    canvas = Image.new("RGB", size, "white")
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
    for text, x, width in zip(above, lefts, widths, strict=False):  # there may be no heads
        _write(figure, size, text, x + width / 2, top - GAP, "center", "bottom")
    for row, y in zip(rows, tops, strict=False):
        _place(canvas, figure, row, lefts, y)
    axes = figure.add_axes((0, 0, 1, 1), zorder=-1)
    axes.imshow(np.asarray(canvas), interpolation="none", aspect="auto")  # pixel by pixel
    axes.set_axis_off()
    return figure


def face(picture: Image.Image, portrait: Portrait) -> Image.Image:
    """A portrait with both eyes enlarged, one above the other, at its right."""
    height = (SIDE - _EYE_GAP) // 2
    left, top, right, bottom = around(portrait.left_eye, picture.width)
    width = round(height * (right - left) / (bottom - top))
    cell = Image.new("RGB", (SIDE + _EYE_GAP + width, SIDE), "white")
    cell.paste(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (0, 0))
    for place, box in enumerate(portrait.eyes):
        eye = picture.crop(around(box, picture.width))
        scaled = eye.resize((width, height), Image.Resampling.LANCZOS)
        cell.paste(scaled, (SIDE + _EYE_GAP, place * (SIDE - height)))
    return cell


def tall_face(picture: Image.Image, portrait: Portrait, side: int = SIDE) -> Image.Image:
    """A portrait with both eyes enlarged side by side below it."""
    pair = eyes(picture, portrait, side)
    cell = Image.new("RGB", (side, side + _EYE_GAP + pair.height), "white")
    cell.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (0, 0))
    cell.paste(pair, (0, side + _EYE_GAP))
    return cell


def eyes(picture: Image.Image, portrait: Portrait, width: int) -> Image.Image:
    """Both eyes with a margin, enlarged, side by side, ``width`` pixels in all."""
    one = (width - _EYE_GAP) // 2
    left, top, right, bottom = around(portrait.left_eye, picture.width)
    height = round(one * (bottom - top) / (right - left))
    pair = Image.new("RGB", (width, height), "white")
    for place, box in enumerate(portrait.eyes):
        crop = picture.crop(around(box, picture.width))
        scaled = crop.resize((one, height), Image.Resampling.LANCZOS)
        pair.paste(scaled, (place * (width - one), 0))
    return pair


def _height(row: Row, widths: Sequence[int]) -> int:
    lines = [_wrapped(note, w).count("\n") + 1 for note, w in zip(row.notes, widths, strict=False)]
    return max(cell.height for cell in row.cells) + _LINE * max(lines, default=0)


def _place(canvas: Image.Image, figure: Figure, row: Row, lefts: Sequence[int], top: int) -> None:
    tallest = max(cell.height for cell in row.cells)
    lines = _wrapped(row.label, _LABEL).split("\n")
    label = "\n".join(lines[: max(1, tallest // _LINE)])
    _write(figure, canvas.size, label, _MARGIN, top + tallest / 2, "left", "center")
    for cell, left in zip(row.cells, lefts, strict=True):
        canvas.paste(cell, (left, top))
    for note, cell, left in zip(row.notes, row.cells, lefts, strict=False):
        text, middle = _wrapped(note, cell.width), left + cell.width / 2
        _write(figure, canvas.size, text, middle, top + tallest + 2, "center", "top")


def _write(
    figure: Figure, size: tuple[int, int], text: str, x: float, y: float, ha: str, va: str
) -> None:
    place = x / size[0], 1 - y / size[1]  # names are nobody's formulas: parse_math
    figure.text(*place, text, ha=ha, va=va, linespacing=1.15, parse_math=False)


def _wrapped(text: str, width: int) -> str:
    """The text in lines of at most ``width`` pixels, broken between words, else within one."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            longer = f"{line} {word}".strip()
            if line and _width(longer) > width:
                lines.append(line)
                longer = word
            while _width(longer) > width and len(longer) > 1:
                kept = max(1, sum(_width(longer[:n]) <= width for n in range(1, len(longer))))
                lines.append(longer[:kept])
                longer = longer[kept:]
            line = longer
        lines.append(line)
    return "\n".join(lines)


def _width(text: str) -> int:
    """Of the widest line, pixels."""
    return math.ceil(max(_font().getlength(line) for line in text.split("\n")))


@cache
def _font() -> ImageFont.FreeTypeFont:
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, round(TEXT * DPI / 72))
