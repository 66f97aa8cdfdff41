"""Second half of an evaluation: metrics read the PNG files of any method, ours or not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gazebench import metrics, progress
from gazebench.dataset import Domain, Split
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import DiskError, GazebenchError, StoppedError
from gazebench.evaluation.animation import Animations
from gazebench.evaluation.contenders import BATCH
from gazebench.evaluation.predictions import Predictions
from gazebench.metrics import Instruments, Metric
from gazebench.results import Score

if TYPE_CHECKING:
    import numpy as np


# hook of a metric → why it has no score where there is nothing for it
_NOTHING_FOR = {
    "update_camera": "no corrected portraits of the test half's domain X; the method was not "
    "given them",
    "update_animation": "the method gives no pictures between the source and its correction",
}


class Scoring:
    """The metrics ``names`` of one run, from their construction to their scores.

    Metrics that ``scores`` has already are not computed. One metric's failure marks its cell
    (``skipped``) and never the run.
    """

    def __init__(
        self,
        package: ModuleType,
        names: Sequence[str],
        instruments: Instruments,
        scores: Mapping[str, Score],
    ) -> None:
        kinds = {name: metrics.load(package, name) for name in names}
        self.cards = {name: kind.card for name, kind in kinds.items()}
        self.skipped: dict[str, str] = {}
        self.scores: dict[str, Score] = dict(scores)
        self.features: dict[str, np.ndarray] = {}
        self._ready: dict[str, Metric] = {}
        self._instruments = instruments
        for name, kind in kinds.items():
            if name in scores:
                continue
            self._guarded(name, lambda name=name, kind=kind: self._build(name, kind, instruments))

    def run(
        self,
        pixels: Pixels,
        made: Predictions,
        camera: Predictions | None = None,
        animated: Animations | None = None,
        *,
        label: str,
        quiet: bool,
    ) -> None:
        """Feed reference and predictions to every metric and compute.

        ``camera``: what the method made of domain-X test portraits; None where that is not known.
        ``animated``: its animations, where it makes some.
        """
        folders = {"update": made, "update_camera": camera, "update_animation": animated}
        for hook in [hook for hook, folder in folders.items() if folder is None]:
            self._skip_takers(hook)
        if not self._ready:
            return
        real = pixels.manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
        total = len(real) + sum(len(folder.portraits) for folder in folders.values() if folder)
        shown = progress.bar(total=total, desc=f"{label}: score", unit="face", quiet=quiet)
        with shown:
            with self._instruments.shared():
                self._each(lambda metric: _hook(metric, "prepare")(pixels))
                with torch.no_grad():
                    for batch in pixels.batches(real, BATCH):
                        self._each(lambda metric, batch=batch: metric.update_reference(batch))
                        shown.update(len(batch))
            with torch.no_grad():
                for hook, folder in folders.items():
                    for source, corrected in _pairs(pixels, folder):
                        self._each(lambda m, s=source, c=corrected, h=hook: _hook(m, h)(s, c))
                        shown.update(len(source))
                for name, metric in list(self._ready.items()):
                    self._guarded(name, lambda name=name, metric=metric: self._finish(name, metric))

    def _skip_takers(self, hook: str) -> None:
        for name in [n for n, metric in self._ready.items() if hasattr(metric, hook)]:
            self.skipped[name] = _NOTHING_FOR[hook]
            del self._ready[name]

    def _build(self, name: str, kind: type[Metric], instruments: Instruments) -> None:
        self._ready[name] = kind(instruments)

    def _finish(self, name: str, metric: Metric) -> None:
        self.scores[name] = metric.compute()
        features: Callable[[], Mapping[str, np.ndarray]] | None = getattr(metric, "features", None)
        self.features |= features() if features else {}

    def _each(self, action: Callable[[Metric], None]) -> None:
        for name, metric in list(self._ready.items()):
            self._guarded(name, lambda metric=metric: action(metric))

    def _guarded(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except (DiskError, StoppedError):
            raise
        except GazebenchError as error:
            self.skipped[name] = str(error)
            self._ready.pop(name, None)


def _hook(metric: Metric, name: str) -> Callable[..., None]:
    """The metric's method of that name, or one that does nothing."""
    return getattr(metric, name, lambda *_: None)


def _pairs(
    pixels: Pixels, folder: Predictions | Animations | None
) -> Iterator[tuple[Batch, Tensor]]:
    portraits = folder.portraits if folder else ()
    for start in range(0, len(portraits), BATCH):
        some = portraits[start : start + BATCH]
        if folder:
            yield pixels.batch(some), folder.image(some)
