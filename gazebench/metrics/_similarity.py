"""MS-SSIM and LPIPS of pictures with their sources; equal pictures are not looked at.

Most methods leave every pixel outside the eye boxes alone, and some whole portraits.
"""

from collections.abc import Callable

import torch
from pytorch_msssim import ms_ssim
from torch import Tensor

from gazebench.errors import InputError
from gazebench.metrics._networks import Instruments

_SMALLEST = 161  # pixels: five scales of an 11x11 window


def structural_similarity(instruments: Instruments, before: Tensor, after: Tensor) -> list[float]:
    """MS-SSIM (Wang et al. 2003) of N pairs (N, 3, H, W) in [-1, 1]; 1 is equal.

    Code: pytorch-msssim, MIT. In float64, since the variances of flat regions cancel in float32.

    Raises:
        InputError: they have a side of 160 pixels or less.
    """
    height, width = after.shape[-2:]
    if min(height, width) < _SMALLEST:
        raise InputError(f"MS-SSIM needs portraits over 160 pixels, these are {width}x{height}")

    def similarity(*pair: Tensor) -> Tensor:
        return ms_ssim(*((p.double() + 1) * 127.5 for p in pair), data_range=255)

    return _each(instruments, before, after, similarity, equal=1.0)


def perceptual_distance(instruments: Instruments, before: Tensor, after: Tensor) -> list[float]:
    """LPIPS (Zhang et al. 2018) of N pairs (N, 3, H, W) in [-1, 1]; 0 is equal."""
    return _each(instruments, before, after, instruments.lpips, equal=0.0)


def _each(
    instruments: Instruments,
    before: Tensor,
    after: Tensor,
    compare: Callable[[Tensor, Tensor], Tensor],
    *,
    equal: float,
) -> list[float]:
    """``compare`` of each pair, one by one: batches do not show in the values, and caches fit."""
    found = [equal] * len(before)
    changed = (before != after).flatten(1).any(dim=1).nonzero().flatten()
    with torch.inference_mode():
        for row in changed.tolist():
            pair = (image[row : row + 1].to(instruments.device) for image in (before, after))
            found[row] = float(compare(*pair))
    return found
