"""Fréchet inception distance of eye patches (Heusel et al. 2017), corrected against test ones.

The number of ``fid_eyes`` with another reference: real domain-X portraits of the test half, as many
as corrected ones. A distance between two sets of equal size is what others print; for few portraits
it is far from 0 even for two halves of one set.
"""

from typing import ClassVar

from gazebench.cards import MetricCard
from gazebench.metrics._eyes import WEIGHTS
from gazebench.metrics._eyes_of_tests import OF_TESTS, EyesOfTests
from gazebench.metrics.fid_eyes import FidEyes
from gazebench.results import Score


class FidEyesTest(EyesOfTests):
    """Over as many patches of each set as the smaller one has; depends on their number."""

    card: ClassVar[MetricCard] = MetricCard(
        title="FID eyes, test",
        higher_is_better=False,
        digits=2,
        help="How far corrected eyes as a set are from as many real eyes that look at the camera, "
        "of test portraits: Fréchet distance of Inception-2015-12-05 features. Depends on the "
        "number of patches, and is far from 0 for few.",
        region=OF_TESTS,
        weights=WEIGHTS,
        bounds=(0.0, None),
        group="quality",
        order=15,
        optional=True,
    )

    def compute(self) -> Score:
        """The distance; ``n`` counts the corrected patches that went into it.

        Raises:
            InputError: no corrected portraits, or no domain-X test portraits.
        """
        return FidEyes.between(*self.sets())
