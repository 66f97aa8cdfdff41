"""Blurriness of the corrected eyes against that of the source's (He et al. 2019, section 5.2).

Blurriness is 1 / Var(L), L the grey patch (0-255) under the 3x3 Laplacian; the kernel is not given
in the paper, here it is the one with four neighbours. The value is blurriness after over before.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch, eye_patches
from gazebench.errors import InputError
from gazebench.metrics._per_portrait import PerPortrait

_GREY = (0.299, 0.587, 0.114)


class BlurEyes(PerPortrait):
    """Mean ratio over corrected portraits; 1 is as sharp as the source."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Blur of eyes",
        higher_is_better=False,
        digits=2,
        help="How much blurrier the corrected eyes are than the source's: ratio of 1 / variance "
        "of the Laplacian; 1 is as sharp. Below 1 they are sharper or noisier, which this number "
        "cannot tell apart.",
        region="both eye patches",
        bounds=(0.0, None),
        group="harm",
        order=50,
        noise_hurts=False,
    )

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Ratios.

        Raises:
            InputError: a patch of one colour, which has no sharpness.
        """
        before, after = (
            _sharpness(eye_patches(image, source.eyes)) for image in (source.image, corrected)
        )
        flat = (before == 0) | (after == 0)
        if bool(flat.any()):
            id_ = source.ids[int(torch.nonzero(flat)[0])]
            raise InputError(f"{id_}: its eyes are of one colour, before or after")
        return (before / after).tolist()


def _sharpness(patches: Tensor) -> Tensor:
    """Variance of the Laplacian (N,), the mean over the two patches of (N, 2, 3, h, w)."""
    weights = torch.tensor(_GREY, dtype=torch.float64, device=patches.device)
    grey = (patches.double() + 1).mul(127.5).movedim(2, -1) @ weights  # (N, 2, h, w)
    inner = grey[..., 1:-1, 1:-1]
    around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
    laplacian = around - 4 * inner
    return laplacian.round(decimals=6).var(dim=(-2, -1), correction=0).mean(dim=1)
