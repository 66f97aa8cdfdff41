"""A sheet of eyes to look at: the same portraits as every run left them, side by side.

    python benchmarks/contact_sheet.py DATASET RUNS SHEET.jpg [--run NAME ...] [--domain X]
    python benchmarks/contact_sheet.py DATASET RUNS SHEET.jpg --run undo --worst gaze_error

One row for each portrait: both eyes of the source, then of every run that has predictions, twice
their size. Portraits are chosen by a hash of their id, so that nobody picks the good ones, or are
those that the first run scores worst. A folder of RUNS may come from `gazebench correct --out
RUNS/NAME/predictions`.
"""

import argparse
import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gazebench import store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.pictures import read_picture
from gazebench.results import RunResult

_FOLDERS = {Domain.AWAY: "predictions", Domain.CAMERA: "predictions_x"}
_ZOOM, _LABEL, _GAP = 2, 14, 4  # of the eyes; pixels above the columns, and between cells


def main() -> None:
    """Write the sheet."""
    arguments = _arguments()
    manifest = Manifest.load(arguments.dataset)
    domain = Domain(arguments.domain)
    pool = manifest.select(split=Split(arguments.split), domain=domain)
    kind = _FOLDERS[domain]
    names = arguments.run or sorted(p.parent.name for p in arguments.runs.glob(f"*/{kind}"))
    folders = [arguments.runs / name / kind for name in names]
    if not folders or not all(folder.is_dir() for folder in folders):
        missing = next((f for f in folders if not f.is_dir()), arguments.runs / "*" / kind)
        sys.exit(f"{missing}: no such folder of pictures")
    there = set.intersection(*({path.stem for path in folder.iterdir()} for folder in folders))
    order = _badness(arguments.runs / names[0], arguments.worst) if arguments.worst else _lot
    known = [p for p in pool if p.id in there and order(p) is not None]
    if not known:
        what = f" and scores by {arguments.worst}" if arguments.worst else ""
        sys.exit(f"no such portrait has pictures of {', '.join(names)}{what}")
    chosen = sorted(known, key=order)
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


def _lot(portrait: Portrait) -> bytes:
    return hashlib.sha256(portrait.id.encode()).digest()


def _badness(run: Path, metric: str) -> Callable[[Portrait], Any]:
    """What sorts the portraits of a run by a metric, the worst first; None of one without it."""
    result = RunResult.load(run / "scores.json")
    score = result.scores.get(metric)
    values = score.per_portrait if score and score.per_portrait else {}
    sign = 1 if values and result.metrics[metric].higher_is_better else -1
    return lambda portrait: sign * values[portrait.id] if portrait.id in values else None


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
    parser.add_argument("--split", choices=[*Split], default=Split.TEST)
    parser.add_argument("--worst", metavar="METRIC", help="those that the first run scores worst")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--quality", type=int, default=88)
    return parser.parse_args()


if __name__ == "__main__":
    main()
