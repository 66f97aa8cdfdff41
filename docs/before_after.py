"""The README's picture of a correction: `python docs/before_after.py` writes before-after.jpg.

Portraits of the demo that look away, chosen at random, none left out; `gazebench correct` as it is
by default. They show people who do not exist, see gazebench/demo/LICENSE.md.
"""

import csv
import tempfile
from pathlib import Path

from PIL import Image

import gazebench
from gazebench import demo
from gazebench.dataset.random_order import in_random_order

FACES, SIDE, GAP = 6, 256, 6
FRAME = (96, 112, 416, 432)  # of a portrait of 512 pixels: the face
FILE = Path(__file__).with_name("before-after.jpg")


def sheet() -> Image.Image:
    """Sources above, what they become below."""
    with (demo.PORTRAITS / "labels.csv").open() as file:
        away = [row["id"] for row in csv.DictReader(file) if row["label"] == "Y"]
    drawn = [demo.PORTRAITS / id_ for id_ in in_random_order(away)[:FACES]]
    with tempfile.TemporaryDirectory() as folder:
        gazebench.correct(None, drawn, folder)
        pairs = [(path, Path(folder, f"{path.stem}.png")) for path in drawn]
        made = Image.new("RGB", (FACES * (SIDE + GAP) - GAP, 2 * SIDE + GAP), "white")
        for column, pair in enumerate(pairs):
            for row, path in enumerate(pair):
                face = Image.open(path).convert("RGB").crop(FRAME).resize((SIDE, SIDE))
                made.paste(face, (column * (SIDE + GAP), row * (SIDE + GAP)))
    return made


if __name__ == "__main__":
    sheet().save(FILE, quality=90)
