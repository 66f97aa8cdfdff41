"""Eye windows in tensors: resized, masked, mirrored; and images at half and twice their size.

A window is (left, top, right, bottom), half-open pixels; N portraits have (N, 2, 4), left eye
first. Nothing here copies numbers to the host, so a GPU never waits.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gazebench.dataset.batches import Batch


def crop_resized(image: Tensor, eyes: Tensor, side: int) -> Tensor:
    """Both eye windows as squares, (N, 2, 3, S, S), of an image (N, 3, H, W).

    The bilinear crop of TensorFlow's ``crop_and_resize`` with corners divided by the image's
    side, as the code released with Zhang et al. (2020) calls it; zeros outside the image.
    """
    height, width = image.shape[-2:]
    share = torch.linspace(0, 1, side, device=image.device, dtype=image.dtype)
    left, top, right, bottom = eyes.to(image.dtype).unbind(-1)  # (N, 2) each
    x = 2 * (left / width)[..., None] + 2 * ((right - left) / width)[..., None] * share - 1
    y = 2 * (top / height)[..., None] + 2 * ((bottom - top) / height)[..., None] * share - 1
    grid = torch.stack(
        [x[:, :, None, :].expand(-1, -1, side, -1), y[:, :, :, None].expand(-1, -1, -1, side)], -1
    )  # (N, 2, S, S, 2)
    cut = F.grid_sample(image, grid.flatten(1, 2), mode="bilinear", align_corners=True)
    return cut.unflatten(2, (2, side)).transpose(1, 2)


def joined(pairs: Tensor) -> Tensor:
    """Eye patches (N, 2, 3, h, w) as one image of six channels, (N, 6, h, w)."""
    return pairs.flatten(1, 2)


def parted(both: Tensor) -> Tensor:
    """The inverse of ``joined``."""
    return both.unflatten(1, (2, 3))


def mask_of(eyes: Tensor, side: int) -> Tensor:
    """1 inside the windows, else 0: (N, 1, side, side) float32."""
    place = torch.arange(side, device=eyes.device)
    left, top, right, bottom = eyes[..., None].unbind(2)  # (N, 2, 1) each
    columns = (place >= left) & (place < right)  # (N, 2, side)
    rows = (place >= top) & (place < bottom)
    inside = rows[..., :, None] & columns[..., None, :]
    return inside.any(dim=1, keepdim=True).to(torch.float32)


def snapped(eyes: Tensor) -> Tensor:
    """The windows moved by at most one pixel up and to the left, to even corners."""
    return eyes - (eyes[..., :2] % 2).repeat(1, 1, 2)


def around(eyes: Tensor, height: int, width: int, side: int) -> Tensor:
    """Boxes of ``height`` x ``width`` around the windows, moved until they lie in the image."""
    left, top, right, bottom = eyes.unbind(-1)
    x = ((left + right - width) // 2).clamp(0, side - width)
    y = ((top + bottom - height) // 2).clamp(0, side - height)
    return torch.stack([x, y, x + width, y + height], -1)


def seen(batch: Batch, shrink: int) -> tuple[Tensor, Tensor]:
    """The portraits and their windows as a network sees them: in full (1) or halved (2)."""
    if shrink == 1:
        return batch.image, batch.eyes
    return halved(batch.image), snapped(batch.eyes) // 2


def mirrored(batch: Batch) -> Batch:
    """The portraits mirrored, with their windows: what was the right eye is now the left one."""
    width = batch.image.shape[-1]
    left, top, right, bottom = batch.eyes.flip(1).unbind(-1)
    eyes = torch.stack([width - right, top, width - left, bottom], -1)
    return replace(batch, image=batch.image.flip(-1), mask=batch.mask.flip(-1), eyes=eyes)


def halved(image: Tensor) -> Tensor:
    """The image at half its size, by the mean of 2x2 pixels."""
    return F.avg_pool2d(image, 2)


def doubled(image: Tensor, mode: str = "bilinear") -> Tensor:
    """u: the image at twice its size; ``mode`` is bilinear or nearest."""
    if mode == "nearest":
        return F.interpolate(image, scale_factor=2, mode="nearest")
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
