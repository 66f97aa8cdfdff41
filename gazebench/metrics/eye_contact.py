"""Share of corrected portraits that a judge, learned from the labels, takes to look at the camera.

The judge is trained once per dataset on the training half's labels, at most a minute or two on a
CPU, and kept in the dataset's cache folder; see ``_eye_contact``. It needs no outside weights.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import InputError
from gazebench.metrics import Instruments
from gazebench.metrics._eye_contact import Judge
from gazebench.metrics._per_portrait import PerPortrait
from gazebench.reading import sha256_of


class EyeContact(PerPortrait):
    """Mean over corrected portraits of 1 (at the camera) and 0."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Eye contact",
        higher_is_better=True,
        help="Share of corrected portraits that a small network, trained on the labels of the "
        "training half, judges to look at the camera by both eye patches. Beside it: the shares of "
        "real X and real Y (ceiling and floor), how well it tells them apart (AUC), and how well "
        "the turn of the head alone does. Where people who look away turn their heads, patches "
        "show that too, and a judge of few Y goes by it: a corrected eye in a turned head then "
        "counts for little, and eyes that resemble training eyes count though they meet nobody's.",
        region="both eye patches at 30x50",
        bounds=(0.0, 1.0),
        share=True,
        group="gaze",
        order=10,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        self._judge: Judge | None = None

    @classmethod
    def judge_of(cls, manifest: Manifest) -> str:
        """Of the judge that the dataset has now; "" where none was trained, or it is unreadable."""
        try:
            return sha256_of(Judge.place(manifest))
        except InputError:
            return ""

    def prepare(self, pixels: Pixels) -> None:
        """Have the dataset's judge.

        Raises:
            InputError: too few labels to train one.
        """
        self._judge = Judge.of(pixels, self.instruments)

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """1 or 0.

        Raises:
            InputError: nobody gave it a dataset.
        """
        if self._judge is None:
            raise InputError("the judge of eye contact needs a dataset with labels")
        return self._judge.at_camera(source, corrected).double().tolist()

    def note(self) -> str:
        """How good the judge is."""
        return self._judge.standing.sentence(self.card.title) if self._judge else ""

    def judge(self) -> str:
        """Of the dataset's judge, which another training may not give again, bit for bit."""
        return self._judge.sha256 if self._judge else ""
