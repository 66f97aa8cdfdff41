"""Fréchet inception distance of eye patches (Heusel et al. 2017), corrected against real.

Paper: Zhang et al. 2022, section IV-D, Table I, where neither the reference set nor the crop is
given; here the reference is the real domain-X training portraits, and both eyes count.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gazebench.cards import MetricCard
from gazebench.metrics._eyes import PER_PORTRAIT, REGION, WEIGHTS, EyeSets
from gazebench.metrics._frechet import Gaussian, fid_score
from gazebench.results import Score


class FidEyes(EyeSets):
    """Over all patches at once; biased upwards for few, so rows of different n do not compare."""

    card: ClassVar[MetricCard] = MetricCard(
        title="FID eyes",
        higher_is_better=False,
        digits=2,
        help="How far corrected eyes as a set are from real eyes that look at the camera "
        "(training portraits): Fréchet distance of Inception-2015-12-05 features. Depends on the "
        "number of patches; the interval is over corrected portraits, for this reference.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, None),
        group="quality",
        order=10,
    )

    def features(self) -> dict[str, NDArray[Any]]:
        """``ids`` (P,) and ``inception`` (P, 2, 2048) of corrected portraits, left eye first."""
        rows = self._corrected.rows("corrected portraits")
        ids = np.array(sorted(self._corrected.by_id))
        return {"ids": ids, "inception": rows.reshape(len(ids), PER_PORTRAIT, -1)}

    def compute(self) -> Score:
        """The distance; ``n`` counts the corrected patches.

        Raises:
            InputError: no corrected or no real portraits.
        """
        rows = self._corrected.rows("corrected portraits")
        real = self._instruments.kept(
            ("frechet", self._real.digest()),
            lambda: Gaussian.of(self._real.rows("real training portraits looking at the camera")),
        )
        return fid_score(rows, real, np.arange(len(rows)) // PER_PORTRAIT)
