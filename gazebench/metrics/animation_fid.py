"""Fréchet inception distance of animated eyes (Heusel et al. 2017) from real ones.

Paper: Zhang et al. 2022, Tables II and V, where neither the points nor the reference set is given;
here the five uniform points of its Fig. 16, from alpha 0, the portrait as it is, to alpha 1, its
correction, against the real training portraits of both domains: on its way from Y to X a gaze
passes through both.
"""

from typing import ClassVar

import numpy as np
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset import Domain, Split
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import InputError
from gazebench.metrics import ALPHAS, Instruments
from gazebench.metrics._eyes import PER_PORTRAIT, REGION, WEIGHTS, EyeFeatures
from gazebench.metrics._frechet import Gaussian, fid_score
from gazebench.results import Score

_BATCH = 8
_GROUPS = 20  # of portraits, left out in turn for the standard error; each costs seconds


class AnimationFid:
    """Over the patches of all points at once; depends on their number."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Animation FID",
        higher_is_better=False,
        digits=2,
        help="How far the eyes of animations as a set are from real eyes (training portraits of "
        "both domains): Fréchet distance of Inception-2015-12-05 features at five uniform points, "
        "from alpha 0, the portrait as it is, to alpha 1, its correction. A method that hardly "
        "moves the eyes scores well.",
        region=f"five points of an animation: {REGION}",
        weights=WEIGHTS,
        bounds=(0.0, None),
        group="animation",
        order=10,
        optional=True,
        noise_hurts=True,
    )

    def __init__(self, instruments: Instruments) -> None:
        for name in WEIGHTS:
            instruments.require(name)
        self._instruments = instruments
        self._camera = EyeFeatures(instruments)
        self._away = EyeFeatures(instruments)
        self._animated = [EyeFeatures(instruments) for _ in ALPHAS]
        self._prepared = False

    def prepare(self, pixels: Pixels) -> None:
        """Take in the dataset's domain-Y training portraits, which belong to the reference."""
        away = pixels.manifest.select(split=Split.TRAIN, domain=Domain.AWAY)
        for batch in pixels.batches(away, _BATCH):
            self._away.add_real(batch)
        self._prepared = True

    def update_reference(self, real: Batch) -> None:
        """Take in real domain-X training portraits."""
        self._camera.add_real(real)

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Not used: these are corrections."""

    def update_animation(self, source: Batch, animated: Tensor) -> None:
        """Take in a batch, (N, A, 3, H, W)."""
        for point, features in enumerate(self._animated):
            features.add(source.ids, animated[:, point], source.eyes)

    def compute(self) -> Score:
        """The distance; ``n`` counts the patches of all points.

        Raises:
            InputError: no animated or no real portraits.
        """
        rows = [features.rows("animated portraits") for features in self._animated]
        portraits = np.arange(len(rows[0])) // PER_PORTRAIT
        reference = self._instruments.kept(
            ("frechet", "both domains", self._camera.digest()), self._reference
        )
        numbers = np.tile(portraits, len(rows))
        return fid_score(np.concatenate(rows), reference, numbers, groups=_GROUPS)

    def _reference(self) -> Gaussian:
        if not self._prepared:
            raise InputError("needs the dataset, see `prepare`")
        camera = self._camera.rows("real training portraits looking at the camera")
        if not self._away.by_id:
            return Gaussian.of(camera)
        rows = self._away.rows("real training portraits looking elsewhere")
        return Gaussian.of(np.concatenate([camera, rows]))
