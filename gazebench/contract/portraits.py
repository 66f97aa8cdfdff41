"""Synthetic portraits in memory, for checks that need no data."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Pixels
from gazebench.dataset.boxes import Box, Point, eye_window
from gazebench.synthetic.portrait import DrawnPortrait

_PORTRAITS = 8  # half of them X


def drawn_dataset(resolution: int, count: int = _PORTRAITS) -> Pixels:
    """Synthetic portraits in memory: smooth noise with dark discs in the eye boxes."""
    eyes = Point(0.31 * resolution, 0.36 * resolution), Point(0.69 * resolution, 0.36 * resolution)
    return _pixels(resolution, [eyes] * count)


def edge_dataset(resolution: int) -> Pixels:
    """The same with eye boxes where a dataset may just have them.

    In opposite corners, side by side, at odd pixels with one higher than the other.
    """
    height, width = eye_window(resolution)
    low, far = resolution - height, resolution - width
    middle = far // 2 - width // 2
    corners = [  # left and top of the left box, then of the right one
        ((0, 0), (far, low)),
        ((0, low), (far, 0)),
        ((middle, 7), (middle + width, 7)),
        ((3, 5), (far - 5, 2 * (low // 3) + 1)),
    ]
    eyes = [
        (Point(x + width / 2, y + height / 2), Point(u + width / 2, v + height / 2))
        for (x, y), (u, v) in corners
        for _ in range(_PORTRAITS // len(corners))  # one in each domain
    ]
    return _pixels(resolution, eyes)


def synthetic_dataset(resolution: int, seed: int = 0) -> Pixels:
    """Eight synthetic faces in memory, half of them looking at the camera."""
    painted = [DrawnPortrait(seed, index, resolution) for index in range(_PORTRAITS)]
    manifest = _manifest(resolution, [p.truth.eyes for p in painted])
    array = np.stack([np.asarray(p.paint().convert("RGB")) for p in painted])
    return Pixels(manifest, array, {p.id: i for i, p in enumerate(manifest.portraits)})


def _pixels(resolution: int, eyes: Sequence[tuple[Point, Point]]) -> Pixels:
    rng = np.random.default_rng(0)
    manifest = _manifest(resolution, eyes)
    array = np.stack([_drawn(rng, resolution, p) for p in manifest.portraits])
    return Pixels(manifest, array, {p.id: i for i, p in enumerate(manifest.portraits)})


def _manifest(resolution: int, eyes: Sequence[tuple[Point, Point]]) -> Manifest:
    window = eye_window(resolution)
    portraits = tuple(_portrait(index, pair, *window) for index, pair in enumerate(eyes))
    return Manifest(
        root=Path("drawn"),
        name="drawn",
        source="drawn",
        resolution=resolution,
        window=window,
        tree_hash="",
        portraits=portraits,
    )


def _drawn(rng: np.random.Generator, side: int, portrait: Portrait) -> np.ndarray:
    coarse = rng.uniform(60, 200, (4, 4, 3))
    tile = np.ones((-(-side // 4), -(-side // 4), 1))
    image = np.kron(coarse, tile)[:side, :side]
    rows, columns = np.mgrid[:side, :side]
    height, width = portrait.left_eye.height, portrait.left_eye.width
    for center in (portrait.left_center, portrait.right_center):
        x = center.x + rng.uniform(-0.2, 0.2) * width
        disc = (columns - x) ** 2 + (rows - center.y) ** 2 < (height / 3) ** 2
        image[disc] = rng.uniform(0, 50)
    return image.astype(np.uint8)


def _portrait(index: int, eyes: tuple[Point, Point], height: int, width: int) -> Portrait:
    left, right = eyes
    return Portrait(
        id=f"drawn-{index}",
        source_name=f"drawn-{index}",
        identity=None,
        split=Split.TRAIN,
        domain=Domain.CAMERA if index % 2 else Domain.AWAY,
        left_eye=Box.around(left, height, width),
        right_eye=Box.around(right, height, width),
        left_center=left,
        right_center=right,
        transform=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        score=1.0,
        faces=1,
        source_sha256="",
        sha256="",
    )
