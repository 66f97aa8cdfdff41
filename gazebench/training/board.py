"""A run's progress for TensorBoard.

TensorBoard writes its files itself: the one exception to the rule that ``store`` writes all.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gazebench.errors import MissingPartError
from gazebench.training.checkpoint import Checkpoint

_GROUPS = ("losses", "grad", "lr")  # entries of a line of the log that are tables


class Board:
    """Scalars and pictures of a run, as in its log and its samples."""

    def __init__(self, folder: Path, start: Checkpoint | None) -> None:
        """Go on after a checkpoint: what the folder has of later steps will not be shown.

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
            "--tensorboard: TensorBoard is not installed; `pip install 'gazebench[tensorboard]'`"
        ) from None


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for group in _GROUPS:
        for name, value in row[group].items():
            yield f"{group}/{name}", value
    yield "images_per_s", row["images_per_s"]
    yield "memory_mb", row["memory_mb"]
