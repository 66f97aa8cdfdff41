"""MS-SSIM and LPIPS of pictures with their sources; equal pictures are not looked at.

Most methods leave every pixel outside the eye boxes alone, and some whole portraits.
"""

import torch
from pytorch_msssim import ms_ssim
from torch import Tensor

from gazebench.metrics._networks import Instruments


def structural_similarity(instruments: Instruments, before: Tensor, after: Tensor) -> list[float]:
    """MS-SSIM (Wang et al. 2003) of N pairs (N, 3, H, W) in [-1, 1]; 1 is equal.

    Code: pytorch-msssim, MIT. In float64, since the variances of flat regions cancel in float32.
    """
    found = torch.ones(len(before), dtype=torch.float64)
    changed = _changed(before, after)
    if changed.any():
        pair = [
            (image[changed].to(instruments.device, torch.float64) + 1) * 127.5
            for image in (before, after)
        ]
        with torch.inference_mode():
            found[changed] = ms_ssim(*pair, data_range=255, size_average=False).cpu()
    return found.tolist()


def perceptual_distance(instruments: Instruments, before: Tensor, after: Tensor) -> list[float]:
    """LPIPS (Zhang et al. 2018) of N pairs (N, 3, H, W) in [-1, 1]; 0 is equal.

    Pictures pass one by one, so that batches do not show in the values.
    """
    network, device = instruments.lpips, instruments.device
    found = [0.0] * len(before)
    with torch.inference_mode():
        for row in _changed(before, after).nonzero().flatten().tolist():
            pair = (image[row : row + 1].to(device) for image in (before, after))
            found[row] = float(network(*pair))
    return found


def _changed(before: Tensor, after: Tensor) -> Tensor:
    return (before != after).flatten(1).any(dim=1)
