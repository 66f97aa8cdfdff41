"""What a person sees of a training: sentences, grids of sample pictures, TensorBoard.

TensorBoard writes its files itself: the one exception to the rule that ``store`` writes all.
"""

import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, eye_patches, to_arrays
from gazebench.errors import MissingPartError
from gazebench.training.checkpoint import Checkpoint

COUNT = 6  # portraits in a grid, at most
SIDE = 256  # of a portrait in the grid, at most
_GROUPS = ("losses", "grad", "lr")  # entries of a line of the log that are tables


def aloud(sentence: str) -> None:
    """Print a sentence on stderr, above a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


def fixed_portraits(manifest: Manifest) -> tuple[Portrait, ...]:
    """Up to six portraits of domain Y, spread over the test half, else over the training half."""
    pool = manifest.select(split=Split.TEST, domain=Domain.AWAY) or manifest.select(
        split=Split.TRAIN, domain=Domain.AWAY
    )
    places = np.linspace(0, len(pool) - 1, min(COUNT, len(pool))).round().astype(int)
    return tuple(pool[place] for place in places)


def grid(source: Batch, corrected: Tensor | None, pictures: Tensor | None) -> bytes:
    """A PNG, one column per portrait.

    Rows: source and corrected, the eyes of both, then the method's own pictures (N, K, 3, h, w).
    """
    images = [image for image in (source.image, corrected) if image is not None]
    side = min(SIDE, source.image.shape[-1])
    rows = [_row([_scaled(p, side) for p in to_arrays(image)]) for image in images]
    for image in images:
        pairs = to_arrays(eye_patches(image, source.eyes))  # (N, 2, h, w, 3)
        rows.append(_row([_scaled(np.concatenate(list(pair), 1), side) for pair in pairs]))
    for row in to_arrays(pictures).swapaxes(0, 1) if pictures is not None else ():
        rows.append(_row([_scaled(p, side) for p in row]))
    file = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(file, "PNG")
    return file.getvalue()


class TensorBoard:
    """Scalars and pictures of a run, as in its log and its samples."""

    def __init__(self, folder: Path, start: Checkpoint | None) -> None:
        """Resume after a checkpoint: what the folder has of later steps will not be shown.

        Raises:
            MissingPartError: TensorBoard is not installed.
        """
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(folder, purge_step=start.step + 1 if start else 1)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one line of the log."""
        for name, value in _scalars(row):
            self._writer.add_scalar(name, value, row["step"])

    def picture(self, png: bytes, step: int) -> None:
        """Take a picture."""
        with Image.open(io.BytesIO(png)) as image:
            self._writer.add_image("sample", np.asarray(image), step, dataformats="HWC")

    def flush(self) -> None:
        """Write what was taken."""
        self._writer.flush()

    def close(self) -> None:
        """Write what was taken, and end."""
        self._writer.close()


def require_tensorboard() -> None:
    """Make sure that TensorBoard can be imported.

    Raises:
        MissingPartError: it is not installed.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise MissingPartError(
            "training.tensorboard: TensorBoard is not installed; "
            "`pip install 'gazebench[tensorboard]'`"
        ) from None


def _row(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.concatenate(pictures, axis=1)


def _scaled(pixels: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for group in _GROUPS:
        for name, value in row[group].items():
            yield f"{group}/{name}", value
    yield "images_per_s", row["images_per_s"]
    yield "memory_mb", row["memory_mb"]
