"""One coarse reconstruction brought to full size in several ways, against the source (Table VI).

Paper: Zhang et al. 2022, section IV-F. Whether the printed numbers are of the full image or of the
eyes is not stated, so both are measured.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from pytorch_msssim import ms_ssim
from torch import Tensor
from tqdm import tqdm

from gazebench import store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, eye_patches, to_float, to_uint8
from gazebench.errors import GazebenchError, InputError
from gazebench.evaluation.correct import device_name
from gazebench.evaluation.cost import frames_per_second
from gazebench.methods import TrainableMethod
from gazebench.metrics import Instruments
from gazebench.results import BENCHMARK, Score

EYE_SIDE = 256  # eye crops are resized to it: MS-SSIM needs more than 160 pixels
FILE = "upsampling.json"  # in a run's folder
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


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsamplingScores:
    """What a comparison measured, and what it could not."""

    titles: Mapping[str, str]  # by up-sampler
    scores: Mapping[str, Mapping[str, Score]]  # by up-sampler
    skipped: Mapping[str, str]  # title → why it was not measured

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write JSON; ``facts`` say what was measured."""
        rows = {
            name: {"title": self.titles[name], "scores": {k: asdict(s) for k, s in made.items()}}
            for name, made in self.scores.items()
        }
        content = {"format": 1, "facts": dict(facts), "rows": rows, "skipped": dict(self.skipped)}
        store.write(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def compare(
    comparison: Comparison,
    kinds: Mapping[str, type[Upsampler]],
    method: TrainableMethod,
    *,
    quiet: bool = True,
) -> UpsamplingScores:
    """Scores of each up-sampler of ``method``; one that cannot be used is named with its reason.

    Raises:
        InputError: no portraits, or too small ones.
    """
    if not comparison.portraits:
        raise InputError("no portrait of domain Y to reconstruct; label some, or take --split all")
    found: dict[str, Upsampler] = {}
    skipped: dict[str, str] = {}
    for name, kind in kinds.items():
        try:
            found[name] = kind(method, comparison.instruments.device)
        except GazebenchError as error:
            skipped[kind.title] = str(error)
    return UpsamplingScores(
        titles={name: kinds[name].title for name in found},
        scores={name: comparison.scores(one, quiet=quiet) for name, one in found.items()},
        skipped=skipped,
    )


def portraits_of(manifest: Manifest, *, both_halves: bool) -> tuple[Portrait, ...]:
    """Portraits of domain Y: of the test half, or of both (as in the paper)."""
    halves = [Split.TRAIN, Split.TEST] if both_halves else [Split.TEST]
    return tuple(p for half in halves for p in manifest.select(split=half, domain=Domain.AWAY))


def facts_of(comparison: Comparison, *, both_halves: bool) -> dict[str, Any]:
    """What a comparison was made on, for ``UpsamplingScores.save``."""
    manifest = comparison.pixels.manifest
    return {
        "benchmark": BENCHMARK,
        "dataset": manifest.name,
        "fingerprint": manifest.fingerprint,
        "resolution": manifest.resolution,
        "split": "both halves" if both_halves else "test half",
        "n": len(comparison.portraits),
        "device": device_name(comparison.instruments.device),
    }


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
