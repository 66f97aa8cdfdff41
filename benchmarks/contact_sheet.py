"""A sheet of eyes to look at: the same test portraits as every run left them, side by side.

    python benchmarks/contact_sheet.py DATASET RUNS SHEET.jpg [--run NAME ...] [--domain X]

One row for each portrait: both eyes of the source, then of every run that has predictions, twice
their size. Portraits are chosen by a hash of their id, so that nobody picks the good ones.
"""

import argparse
import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gazebench import store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.pictures import read_picture

_ZOOM, _LABEL, _GAP = 2, 14, 4  # of the eyes; pixels above the columns, and between cells


def main() -> None:
    """Write the sheet."""
    arguments = _arguments()
    manifest = Manifest.load(arguments.dataset)
    pool = manifest.select(split=Split.TEST, domain=Domain(arguments.domain))
    chosen = sorted(pool, key=lambda p: hashlib.sha256(p.id.encode()).digest())
    folders = [arguments.runs / name / "predictions" for name in arguments.run or _runs(arguments)]
    columns = {"source": manifest.root / "images", **{f.parent.name: f for f in folders}}
    rows = [
        np.concatenate([_cell(folder, portrait) for folder in columns.values()], 1)
        for portrait in chosen[: arguments.count]
    ]
    sheet = Image.new("RGB", (rows[0].shape[1], _LABEL + sum(len(row) for row in rows)), "white")
    sheet.paste(Image.fromarray(np.concatenate(rows)), (0, _LABEL))
    draw, width = ImageDraw.Draw(sheet), rows[0].shape[1] // len(columns)
    for place, name in enumerate(columns):
        draw.text((place * width + 2, 1), name, fill="black")
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=arguments.quality)
    store.write(arguments.sheet, file.getvalue())
    print(f"{arguments.sheet}: {len(rows)} portraits, {', '.join(columns)}")


def _runs(arguments: argparse.Namespace) -> list[str]:
    return sorted(p.parent.name for p in arguments.runs.glob("*/predictions"))


def _cell(folder: Path, portrait: Portrait) -> NDArray[np.uint8]:
    """Both eyes of a picture side by side, with a white edge."""
    (path,) = folder.glob(f"{portrait.id}.*")
    pixels = np.asarray(read_picture(path))
    eyes = [pixels[e.top : e.bottom, e.left : e.right] for e in portrait.eyes]
    pair = np.concatenate(eyes, 1).repeat(_ZOOM, 0).repeat(_ZOOM, 1)
    return np.pad(pair, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--run", nargs="*", help="folders below RUNS [default: all]")
    parser.add_argument("--domain", choices=[*Domain], default=Domain.AWAY)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--quality", type=int, default=88)
    return parser.parse_args()


if __name__ == "__main__":
    main()
