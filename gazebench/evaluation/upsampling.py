"""Table VI: one coarse reconstruction brought to full size in several ways, against the source.

Paper: Zhang et al. 2022, section IV-F. Whether the printed numbers are of the full image or of the
eyes is not stated, so both are measured.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from pytorch_msssim import ms_ssim
from torch import Tensor
from tqdm import tqdm

from gazebench.dataset import Portrait
from gazebench.dataset.batches import Batch, Pixels, eye_patches, to_float, to_uint8
from gazebench.errors import InputError
from gazebench.evaluation.cost import frames_per_second
from gazebench.methods import TrainableMethod
from gazebench.metrics import Instruments
from gazebench.results import Score

EYE_SIDE = 256  # eye crops are resized to it: MS-SSIM needs more than 160 pixels
_BATCH = 4


class Upsampler(Protocol):
    """Brings coarse portraits to full size."""

    title: ClassVar[str]
    parameters: int  # of its own networks

    def __init__(self, method: TrainableMethod, device: torch.device) -> None:
        """Build for a trained method.

        Raises:
            GazebenchError: it cannot be used; the table says why.
        """
        ...

    def double(self, coarse: Tensor, batch: Batch) -> Tensor:
        """Images (N, 3, 2R, 2R) of coarse ones (N, 3, R, R), both in [-1, 1], of ``batch``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What all up-samplers of a table have alike."""

    pixels: Pixels
    portraits: Sequence[Portrait]
    coarse: Callable[[Batch], Tensor]  # (N, 3, R, R) of portraits (N, 3, 2R, 2R)
    parameters: int  # of the networks behind ``coarse``
    instruments: Instruments

    def scores(self, upsampler: Upsampler, *, quiet: bool = True) -> dict[str, Score]:
        """MS-SSIM and LPIPS by region, FPS of reconstruction and up-sampling, parameters in M.

        Raises:
            InputError: the portraits are too small for MS-SSIM.
        """
        values: dict[str, dict[str, float]] = {}
        bar = tqdm(total=len(self.portraits), desc=upsampler.title, unit="face", disable=quiet)
        with bar, torch.inference_mode():
            for source in self.pixels.batches(self.portraits, _BATCH):
                batch = source.to(self.instruments.device)
                made = upsampler.double(self.coarse(batch), batch)
                for name, found in self._measured(batch, to_float(to_uint8(made.clone()))):
                    values.setdefault(name, {}).update(zip(batch.ids, found, strict=True))
                bar.update(len(batch))
            speed = self._speed(upsampler)
        scores = {name: Score.of(by_id) for name, by_id in values.items()}
        count = Score(value=(self.parameters + upsampler.parameters) / 1e6, n=1)
        return {**scores, "fps": speed, "parameters": count}

    def _measured(self, batch: Batch, made: Tensor) -> Iterator[tuple[str, list[float]]]:
        for region, pair in (
            ("full", (batch.image, made)),
            ("eyes", tuple(_eyes(image, batch) for image in (batch.image, made))),
        ):
            # a portrait's two eyes lie beside each other; its value is their mean
            yield f"ms_ssim_{region}", _by_portrait(_similarity(*pair), len(batch))
            distance = self.instruments.lpips(*pair).flatten()
            yield f"lpips_{region}", _by_portrait(distance, len(batch))

    def _speed(self, upsampler: Upsampler) -> Score:
        batch = self.pixels.batch(self.portraits[:1]).to(self.instruments.device)
        return frames_per_second(lambda b: upsampler.double(self.coarse(b), b), batch)


def compare(
    comparison: Comparison, upsamplers: Mapping[str, Upsampler], *, quiet: bool = True
) -> dict[str, dict[str, Score]]:
    """Scores by up-sampler.

    Raises:
        InputError: no portraits, or too small ones.
    """
    if not comparison.portraits:
        raise InputError("no portrait of domain Y to reconstruct; label some, or take --split all")
    return {name: comparison.scores(one, quiet=quiet) for name, one in upsamplers.items()}


def _eyes(image: Tensor, batch: Batch) -> Tensor:
    patches = eye_patches(image, batch.eyes).flatten(0, 1)  # (2N, 3, h, w)
    size = (EYE_SIDE, EYE_SIDE)
    return F.interpolate(patches, size, mode="bicubic", align_corners=False).clamp(-1, 1)


def _similarity(source: Tensor, made: Tensor) -> Tensor:
    if min(source.shape[-2:]) <= 160:
        raise InputError(f"MS-SSIM needs over 160 pixels, these portraits have {source.shape[-1]}")
    pair = [(image.double() + 1) * 127.5 for image in (source, made)]
    return ms_ssim(*pair, data_range=255, size_average=False)


def _by_portrait(values: Tensor, count: int) -> list[float]:
    return values.reshape(count, -1).double().mean(1).tolist()
