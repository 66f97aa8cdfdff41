"""Datasets of any size, made from their lists: nothing is found or cut, so that they are quick."""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image

from gazebench.dataset import FORMAT, Portrait, Split, csv_text, manifest_csv
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.intact import Tree

SIDE = 64


def make_dataset(root: Path, number: int, *, test: int = 0, prefix: str = "p0") -> Path:
    """A dataset of ``number`` portraits of 64 pixels; files with the same picture are links.

    Their ids are ``prefix`` and five digits.
    """
    (root / "images").mkdir(parents=True)
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(buffer, "PNG")
    first = root / "images" / f"{_id(prefix, 0)}.png"
    first.write_bytes(buffer.getvalue())
    for n in range(1, number):
        os.link(
            first, root / "images" / f"{_id(prefix, n)}.png"
        ) if n % 50_000 else first.with_name(f"{_id(prefix, n)}.png").write_bytes(buffer.getvalue())
        if n % 50_000 == 0:  # a file may have so many names
            first = first.with_name(f"{_id(prefix, n)}.png")
    model = _portrait(hashlib.sha256(buffer.getvalue()).hexdigest())
    portraits = (
        replace(
            model,
            id=_id(prefix, n),
            source_name=f"{_id(prefix, n)}.jpg",
            split=Split.TEST if n < test else Split.TRAIN,
        )
        for n in range(number)
    )
    write_lists(root, _info(number), portraits)
    return root


def write_lists(root: Path, info: dict, portraits: Iterable[Portrait]) -> None:
    """Manifest, an empty quarantine, and ``dataset.json`` with the tree hash of them."""
    tree = Tree()

    def counted() -> Iterator[Portrait]:
        for portrait in portraits:
            tree.add(portrait)
            yield portrait

    texts = {
        "manifest.csv": manifest_csv(counted()),
        "quarantine.csv": csv_text(("id", "source_name", "reason", "sentence"), ()),
    }
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts.values()]
    texts["dataset.json"] = json.dumps({**info, "tree_hash": tree.hash(*digests)})
    for name, text in texts.items():
        (root / name).write_text(text)


def _id(prefix: str, number: int) -> str:
    return f"{prefix}{number:05}"


def _portrait(digest: str) -> Portrait:
    return Portrait(
        id="",
        source_name="",
        identity=None,
        split=None,
        left_eye=Box(8, 20, 28, 32),
        right_eye=Box(36, 20, 56, 32),
        left_center=Point(18, 26),
        right_center=Point(46, 26),
        transform=(1, 0, 0, 0, 1, 0),
        score=1.0,
        faces=1,
        source_sha256=digest,
        sha256=digest,
    )


def _info(number: int) -> dict:
    settings = {
        "resolution": SIDE,
        "window_height": 12,
        "window_width": 20,
        "align": "none",
        "split": "identity",
        "landmarks": "given",
        "test_fraction": 0.1,
        "min_eye_distance_source": 10,
    }
    return {
        "format": FORMAT,
        "name": "made",
        "source": "folder",
        "source_title": "made up",
        "license": "none",
        "resolution": SIDE,
        "window": [12, 20],
        "gazebench": "0",
        "recipe": 0,
        "padding": "none",
        "settings": settings,
        "counts": {"found": number, "portraits": number, "quarantined": {}, "leaks": {}},
    }
