"""Inception features of both eye patches of portraits, and what distances between sets share."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch, eye_patches, to_uint8
from gazebench.errors import InputError
from gazebench.metrics._networks import FEATURES, Instruments
from gazebench.metrics._similarity import perceptual_distance, structural_similarity
from gazebench.results import Score

ENLARGED = "both eye patches, resized to 256x256 (bicubic)"
_ENLARGED_SIDE = 256
REGION = "both eye patches, resized to 299x299 (bicubic, antialias)"
WEIGHTS = ("inception_fid",)
PER_PORTRAIT = 2  # patches


def enlarged_eyes(image: Tensor, eyes: Tensor) -> Tensor:
    """Both eye patches (2N, 3, 256, 256) of (N, 3, H, W), a portrait's two beside each other.

    MS-SSIM needs over 160 pixels, and LPIPS more than a patch has.
    """
    patches = eye_patches(image, eyes).flatten(0, 1)
    size = (_ENLARGED_SIDE, _ENLARGED_SIDE)
    return functional.interpolate(patches, size, mode="bicubic", align_corners=False).clamp(-1, 1)


def eyes_ms_ssim(instruments: Instruments, source: Batch, made: Tensor) -> Sequence[float]:
    """Structural similarity of the eyes of N portraits with their sources'."""
    pair = (enlarged_eyes(image, source.eyes) for image in (source.image, made))
    return mean_of_eyes(structural_similarity(instruments, *pair))


def eyes_lpips(instruments: Instruments, source: Batch, made: Tensor) -> Sequence[float]:
    """Distances of the eyes of N portraits to their sources'."""
    pair = (enlarged_eyes(image, source.eyes) for image in (source.image, made))
    return mean_of_eyes(perceptual_distance(instruments, *pair))


def mean_of_eyes(values: Sequence[float]) -> list[float]:
    """One value for each portrait of two that lie beside each other, 2N."""
    pairs = torch.tensor(values, dtype=torch.float64).reshape(-1, PER_PORTRAIT)
    return pairs.mean(dim=1).tolist()


@dataclass
class EyeFeatures:
    """What was seen of one set of portraits, in whatever order and batches it came."""

    instruments: Instruments
    by_id: dict[str, NDArray[np.float32]] = field(default_factory=dict)  # id → (2, 2048)

    def add_real(self, batch: Batch) -> None:
        """Take in portraits of the dataset."""
        self.add(batch.ids, batch.image, batch.eyes, real=True)

    def add(self, ids: tuple[str, ...], image: Tensor, eyes: Tensor, *, real: bool = False) -> None:
        """Take in portraits (N, 3, H, W) in [-1, 1] with their eye boxes (N, 2, 4)."""
        patches = eye_patches(to_uint8(image), eyes).flatten(0, 1)  # (2N, 3, h, w)
        features = self.instruments.inception_features(patches, real=real)
        pairs = features.reshape(len(ids), PER_PORTRAIT, FEATURES)
        self.by_id.update(zip(ids, pairs, strict=True))

    def rows(self, what: str) -> NDArray[np.float32]:
        """The patches' features (2P, 2048), a portrait's two beside each other, sorted by id.

        Raises:
            InputError: there are none; ``what`` says of what.
        """
        if not self.by_id:
            raise InputError(f"needs at least 2 eye patches of {what}, there are 0")
        return np.concatenate([self.by_id[key] for key in sorted(self.by_id)])

    def digest(self) -> bytes:
        """Equal for equal sets of features."""
        digest = hashlib.blake2b(digest_size=16)
        for key in sorted(self.by_id):
            digest.update(self.by_id[key].tobytes())
        return digest.digest()


class EyeSets(ABC):
    """A metric between two sets of eye patches; what is computed of them is the subclass's."""

    card: ClassVar[MetricCard]

    def __init__(self, instruments: Instruments) -> None:
        for name in WEIGHTS:
            instruments.require(name)
        self._instruments = instruments
        self._real = EyeFeatures(instruments)
        self._corrected = EyeFeatures(instruments)

    @classmethod
    def between(cls, corrected: EyeFeatures, real: EyeFeatures) -> Score:
        """The distance between two sets that were seen already."""
        metric = cls(corrected.instruments)
        metric._corrected, metric._real = corrected, real
        return metric.compute()

    def update_reference(self, real: Batch) -> None:
        """Take in real domain-X training portraits."""
        self._real.add_real(real)

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        self._corrected.add(source.ids, corrected, source.eyes)

    @abstractmethod
    def compute(self) -> Score:
        """The distance; ``n`` counts the corrected patches."""
