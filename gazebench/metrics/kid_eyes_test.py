"""Kernel inception distance of eye patches (Binkowski et al. 2018), corrected against test ones.

The number of ``kid_eyes`` with the reference of ``fid_eyes_test``: real domain-X portraits of the
test half, as many as corrected ones.
"""

from typing import ClassVar

from gazebench.cards import MetricCard
from gazebench.metrics._eyes import WEIGHTS
from gazebench.metrics._eyes_of_tests import OF_TESTS, EyesOfTests
from gazebench.metrics.kid_eyes import KidEyes
from gazebench.results import Score


class KidEyesTest(EyesOfTests):
    """Over as many patches of each set as the smaller one has; may be just below 0."""

    card: ClassVar[MetricCard] = MetricCard(
        title="KID eyes, test",
        higher_is_better=False,
        digits=4,
        help="How far corrected eyes as a set are from as many real eyes that look at the camera, "
        "of test portraits: unbiased kernel distance (degree 3) of Inception-2015-12-05 features; "
        "near 0 means not told apart, and chance can bring it just below.",
        region=OF_TESTS,
        weights=WEIGHTS,
        group="quality",
        order=25,
        optional=True,
    )

    def compute(self) -> Score:
        """The distance; ``n`` counts the corrected patches that went into it.

        Raises:
            InputError: no corrected portraits, or no domain-X test portraits.
        """
        return KidEyes.between(*self.sets())
