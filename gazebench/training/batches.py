"""Which portraits a step sees; those of the coming step are read while this one computes."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Self

import torch

from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Draw, Pixels
from gazebench.errors import InputError
from gazebench.training.run import Recipe

if TYPE_CHECKING:  # half a second that a correction needs not
    from accelerate import Accelerator

Pair = tuple[Batch, Batch]


class _Ahead(Draw):
    """A draw whose first batches a thread reads before they are asked for.

    The batches are those of ``Draw``: reading them early changes nothing.
    """

    ready: deque[Future[Pair]]
    used: int

    def start(self, pool: ThreadPoolExecutor, calls: int) -> None:
        self.used = 0
        read = super().__call__
        self.ready = deque(pool.submit(read) for _ in range(calls))

    def __call__(self) -> Pair:
        self.used += 1
        return self.ready.popleft().result() if self.ready else super().__call__()


class Loader:
    """Draws, step after step.

    ``ahead`` reads the coming step's batches in a thread; on the CPU that only takes time from the
    step that computes.
    """

    def __init__(
        self,
        pixels: Pixels,
        x: Sequence[Portrait],
        y: Sequence[Portrait],
        *,
        batch: int,
        seed: int,
        device: torch.device,
        process: int = 0,
        processes: int = 1,
        ahead: bool,
    ) -> None:
        place = {"device": device, "process": process, "processes": processes}
        self._make = partial(_Ahead, pixels, x, y, batch=batch, seed=seed, **place)
        self._pool = ThreadPoolExecutor(1, "loader") if ahead else None
        self._pair = 2 * batch * processes
        self._current: _Ahead | None = None
        self._coming: _Ahead | None = None

    @classmethod
    def of(
        cls,
        pixels: Pixels,
        x: Sequence[Portrait],
        y: Sequence[Portrait],
        recipe: Recipe,
        accelerator: "Accelerator",
        *,
        ahead: bool | None = None,
    ) -> Self:
        """The draws of a recipe, this process's share of them; read ahead where there is a GPU."""
        return cls(
            pixels,
            x,
            y,
            batch=recipe.settings["batch"],
            seed=recipe.seed,
            device=accelerator.device,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
            ahead=accelerator.device.type != "cpu" if ahead is None else ahead,
        )

    def draw(self, step: int) -> Draw:
        """The draw of ``step``; as many of the next one's batches as the last one used are read."""
        calls = self._current.used if self._current else 0
        if self._coming and self._coming.step == step:
            self._current = self._coming
        else:
            self._current = self._started(step, 0)
        if self._pool:
            self._coming = self._started(step + 1, calls)
        return self._current

    @property
    def images(self) -> int:
        """Portraits that the present step has taken, over all processes."""
        return self._current.used * self._pair if self._current else 0

    def close(self) -> None:
        """Stop the thread."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _started(self, step: int, calls: int) -> _Ahead:
        draw = self._make(step=step)
        if self._pool:
            draw.start(self._pool, calls)
        else:
            draw.ready, draw.used = deque(), 0
        return draw


def training_portraits(
    manifest: Manifest,
) -> tuple[tuple[Portrait, ...], tuple[Portrait, ...]]:
    """The portraits of the training half in domain X, and in Y.

    Raises:
        InputError: there are none of one of them.
    """
    x = manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
    y = manifest.select(split=Split.TRAIN, domain=Domain.AWAY)
    if not x or not y:
        raise InputError(
            f"{manifest.root}: training needs portraits of both domains, and its training half has "
            f"{len(x)} labelled X and {len(y)} labelled Y; label some with "
            f"`gazebench label import {manifest.root} LABELS.csv`"
        )
    return x, y
