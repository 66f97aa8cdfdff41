"""Animated portraits on disk: ``animation/ALPHA/ID.png``, ALPHA in hundredths of the way.

The points are those of ``metrics.ALPHAS``: ``000`` is what a method makes of the gaze that a
portrait has, ``100`` of one that looks at the camera (GazeGAN and GazeGANV2 correct by another
network, G_x, so that this is not the picture among their predictions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor

from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.batches import Batch
from gazebench.errors import MethodError
from gazebench.evaluation import predictions
from gazebench.evaluation.contenders import Contender
from gazebench.evaluation.predictions import Predictions
from gazebench.metrics import ALPHAS

if TYPE_CHECKING:
    from gazebench.methods import Animator

FOLDER = "animation"


@dataclass(frozen=True, kw_only=True)
class Animations:
    """A checked folder of animations."""

    points: tuple[Predictions, ...]  # one for each of ``ALPHAS``

    @classmethod
    def check(
        cls, folder: Path, manifest: Manifest, portraits: Sequence[Portrait], *, remedy: str = ""
    ) -> Self:
        """The animations in ``folder`` of ``portraits``; each file is read once.

        ``remedy``: as ``Predictions.check`` has it.

        Raises:
            InputError: missing, foreign, unreadable or wrong-size pictures, listed by name.
        """
        what = "domain-Y test portraits that are animated"
        return cls(
            points=tuple(
                Predictions.check(
                    folder / name_of(alpha), manifest, portraits, what=what, remedy=remedy
                )
                for alpha in ALPHAS
            )
        )

    @property
    def portraits(self) -> tuple[Portrait, ...]:
        """Those that are animated, in manifest order."""
        return self.points[0].portraits

    def image(self, portraits: Sequence[Portrait]) -> Tensor:
        """Animations of ``portraits``, (N, A, 3, H, W) float32 in [-1, 1]."""
        return torch.stack([point.image(portraits) for point in self.points], dim=1)


def name_of(alpha: float) -> str:
    """Of the folder of one point: 0.25 is "025"."""
    return f"{round(100 * alpha):03d}"


def checked(contender: Contender, batch: Batch) -> Tensor:
    """What the method makes of a batch, (N, A, 3, H, W).

    Raises:
        MethodError: the pictures have another shape, or values that are not finite.
    """
    made = cast("Animator", contender.method).animate(batch, ALPHAS)
    count, *rest = batch.image.shape
    if made.shape != (count, len(ALPHAS), *rest):
        raise MethodError(f"{contender.entry.name} animated into pictures of {tuple(made.shape)}")
    if not torch.isfinite(made).all():
        raise MethodError(f"{contender.entry.name} animated into values that are not finite")
    return made


def write(folder: Path, ids: Sequence[str], pixels: Tensor) -> None:
    """Write animations, (N, A, 3, H, W) uint8.

    Raises:
        DiskError: no space or not writable.
    """
    for point, alpha in enumerate(ALPHAS):
        predictions.write(folder / name_of(alpha), ids, pixels[:, point])
