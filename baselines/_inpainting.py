"""What GazeGAN and GazeGANV2 do alike: what their networks see of a portrait, codes, updates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gazebench.baselines._eyes import crop_resized, joined, mask_of, mirrored
from gazebench.baselines._gaze_networks import PatchEncoder
from gazebench.dataset.batches import Batch, Draw, eye_patches
from gazebench.methods import Part

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the strips among a training's pictures


@dataclass(frozen=True, slots=True)
class View:
    """Portraits as a generator sees them."""

    image: Tensor  # (N, 3, R, R)
    eyes: Tensor  # windows, (N, 2, 4), left eye first
    mask: Tensor  # (N, 1, R, R), 1 inside the windows
    patches: Tensor  # eyes, (N, 2, 3, S, S)

    @classmethod
    def of(cls, image: Tensor, eyes: Tensor, side: int) -> "View":
        """The view of images with these eye windows, patches of ``side``."""
        mask = mask_of(eyes, image.shape[-1])
        return cls(image, eyes, mask, crop_resized(image, eyes, side))

    @property
    def masked(self) -> Tensor:
        """M: the image with its eyes taken out."""
        return self.image * (1 - self.mask)

    def eyes_of(self, image: Tensor) -> Tensor:
        """M': the patches (N, 2, 3, S, S) of another image of the same faces."""
        return crop_resized(image, self.eyes, self.patches.shape[-1])


def pam_part(*, code: int, divisor: int, shrink: int, width: int) -> Part:
    """E_c, from a training of PAM with these settings."""
    settings = {"code": code, "divisor": divisor, "shrink": shrink, "width": width}
    return Part(method="pam", network="E_c", settings=settings)


def angle_encoder(width: int, side: int, code: int, *, joint: bool) -> PatchEncoder:
    """E_r: of each eye (3 channels), or of both at once (6)."""
    widths = (2 * width, 4 * width, 8 * width, 8 * width)
    return PatchEncoder(6 if joint else 3, widths, side, code, leaky=False)


def code_of(encoder: nn.Module, patches: Tensor, *, joint: bool = False) -> Tensor:
    """Code c or r of eye patches (N, 2, 3, S, S): both eyes' one after the other, or one."""
    if joint:
        return encoder(joined(patches))[0]
    codes: Tensor = encoder(patches.flatten(0, 1))[0]
    return codes.unflatten(0, (-1, 2)).flatten(1)


def logits_of(discriminator: nn.Module, seen: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Logits of D_x or D_y for each of several (images, eye patches), judged in one pass."""
    images, patches = zip(*seen, strict=True)
    logits: Tensor = discriminator(torch.cat(images), joined(torch.cat(patches)))
    return list(logits.split([len(image) for image in images]))


def between(start: Tensor, end: Tensor, alpha: float) -> Tensor:
    """(1 - alpha) start + alpha end; outside 0 to 1 it goes on in a straight line."""
    return (1 - alpha) * start + alpha * end


def eye_strips(moving: Tensor, eyes: Tensor) -> Tensor:
    """Both eyes side by side, (N, A, 3, h, 2w), of animated portraits (N, A, 3, H, W)."""
    pairs = [eye_patches(image, eyes) for image in moving.unbind(1)]  # (N, 2, 3, h, w) each
    return torch.stack([torch.cat(pair.unbind(1), -1) for pair in pairs], 1)


def flipped_together(draw: Draw, flip: bool) -> tuple[Batch, Batch]:
    """A draw's portraits of both domains, all mirrored with their windows in half of the steps.

    The released code mirrored the windows of domain X alone; here both are right.
    """
    x, y = draw()
    if not flip:
        return x, y
    noise = torch.rand((), generator=draw.generator, device=draw.generator.device)
    if noise.item() >= 0.5:
        return x, y
    return mirrored(x), mirrored(y)


def with_preset(values: Any, presets: Mapping[str, Mapping[str, Any]], default: str) -> Any:
    """Settings as given, laid over those of their preset."""
    if not isinstance(values, dict):
        return values
    name = values.get("preset", default)
    return {**(presets.get(name, {}) if isinstance(name, str) else {}), **values}
