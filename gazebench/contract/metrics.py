"""What every metric promises, checked with synthetic portraits."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gazebench import weights
from gazebench.cards import METRIC_GROUPS, MetricCard
from gazebench.contract.portraits import synthetic_dataset
from gazebench.contract.verdicts import Check, Verdict, everyone, judge
from gazebench.dataset import Split
from gazebench.dataset.batches import Batch, Pixels, to_float, to_uint8
from gazebench.errors import GazebenchError, MethodError
from gazebench.metrics import ALPHAS, Instruments, Metric
from gazebench.results import Score

__all__ = ["METRIC_CHECKS", "Bench", "examine_metric"]

_SIDE = 176  # pixels; some metrics need over 160
_NOISE = (0, 20, 80)  # grey values, standard deviation
_SHUFFLED = ((3, 1), (0, 6, 7), (2,), (5, 4))


class Bench:
    """What metrics are checked with: networks that they share, and portraits."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.instruments = Instruments(device)
        # other networks, which have seen nothing yet and take patches singly
        self.one_by_one = Instruments(device, chunk=1)

    @cached_property
    def source(self) -> Batch:
        """Eight portraits."""
        return _all_of(self._painted[0])

    @cached_property
    def real(self) -> Batch:
        """Eight others, for the reference."""
        return _all_of(self._painted[1])

    @cached_property
    def dataset(self) -> Pixels:
        """Eighty labelled portraits, both domains in both halves: those sixteen, five times."""
        painted = self._painted * 5
        halves = itertools.cycle([Split.TRAIN, Split.TRAIN, Split.TEST, Split.TEST])
        portraits = tuple(
            replace(portrait, id=f"real-{number}", split=next(halves))
            for number, portrait in enumerate(p for one in painted for p in one.manifest.portraits)
        )
        return Pixels(
            replace(painted[0].manifest, portraits=portraits),
            np.concatenate([one.array for one in painted]),
            {portrait.id: row for row, portrait in enumerate(portraits)},
        )

    @cached_property
    def _painted(self) -> list[Pixels]:
        return [synthetic_dataset(_SIDE, seed) for seed in (0, 1)]


def _all_of(pixels: Pixels) -> Batch:
    return pixels.batch(pixels.manifest.portraits)


def has_card(kind: type[Metric], bench: Bench) -> None:
    """A card that says what is measured."""
    card: Any = kind.card
    if not isinstance(card, MetricCard):
        raise MethodError("`card` must be a MetricCard")
    for field in ("title", "region"):
        if not getattr(card, field):
            raise MethodError(f"`card` has no {field}")
    if not card.help.endswith("."):
        raise MethodError("the card's `help` must be a sentence that ends with a full stop")
    if card.group not in METRIC_GROUPS:
        raise MethodError(f"the card's group {card.group!r} is none of {', '.join(METRIC_GROUPS)}")
    if unknown := sorted(set(card.weights) - set(weights.names())):
        raise MethodError(f"the card names weights that do not exist: {unknown[0]!r}")
    if card.group == "preservation" and _perfect(card) is None:
        raise MethodError("a preservation metric's card must say its best value in `bounds`")


def ignores_batches(kind: type[Metric], bench: Bench) -> None:
    """Eight portraits at once score as eight batches of one."""
    made = _noisy(bench.source.image, 20)
    singles = [(row,) for row in range(len(bench.source))]
    together = _score(kind, bench, made)
    _check_close(together, _score(kind, bench, made, singles, bench.one_by_one), 1e-4)


def ignores_order(kind: type[Metric], bench: Bench) -> None:
    """Portraits in another order score the same."""
    made = _noisy(bench.source.image, 20)
    _check_close(_score(kind, bench, made), _score(kind, bench, made, _SHUFFLED), 1e-6)


def leaves_pictures(kind: type[Metric], bench: Bench) -> None:
    """What it is given is as it was afterwards."""
    source, made = replace(bench.source, image=bench.source.image.clone()), bench.real.image.clone()
    metric = _prepared(kind, bench, bench.instruments)
    metric.update_reference(bench.real)
    for update in _updates(metric):
        update(source, made)
    if not torch.equal(source.image, bench.source.image) or not torch.equal(made, bench.real.image):
        raise MethodError("`update` changes the pictures that it is given")


def preserves_identity(kind: type[Metric], bench: Bench) -> None:
    """An unchanged portrait has the best value that there is."""
    best = _perfect(kind.card)
    found = _score(kind, bench, bench.source.image)
    values = (found.per_portrait or {"the set": found.value}).items()
    worst = next(((id_, v) for id_, v in values if best is None or abs(v - best) > 1e-6), None)
    if worst:
        raise MethodError(f"an unchanged portrait scores {worst[1]}, expected {best}")


def ignores_eyes(kind: type[Metric], bench: Bench) -> None:
    """If its card says so, what happens inside the eye boxes changes nothing."""
    source = bench.source
    other_eyes = torch.where(source.mask.bool(), -source.image, source.image)
    values = [_score(kind, bench, made).value for made in (source.image, other_eyes)]
    if values[0] != values[1]:
        raise MethodError(
            f"the card says that it does not see the eyes, but other eyes score {values[1]}, "
            f"the source's {values[0]}"
        )


def dislikes_noise(kind: type[Metric], bench: Bench) -> None:
    """More noise never scores better, and much of it scores worse."""
    # sources from the reference itself: the best that eyes can be
    values = [
        _score(kind, bench, _noisy(bench.real.image, level), source=bench.real).value
        for level in _NOISE
    ]
    ordered = sorted(values, reverse=kind.card.higher_is_better)
    if values != ordered or values[0] == values[-1]:
        pairs = ", ".join(f"{v:.6g} at {n}" for v, n in zip(values, _NOISE, strict=True))
        raise MethodError(
            f"more noise does not score worse: {pairs} grey values; if that is as it should be, "
            "the card says noise_hurts=False"
        )


def gives_numbers(kind: type[Metric], bench: Bench) -> None:
    """Finite numbers within the card's bounds and the score's own interval; or a clear refusal."""
    image = bench.source.image
    noisy = _noisy(image, 20)
    cases = {
        "noisy portraits": (noisy, None),
        "portraits equal to the source": (image, None),
        "black portraits": (torch.full_like(image, -1.0), None),
        "inverted portraits": (-image, None),
        "one portrait": (image, [(0,)]),
        "two portraits": (noisy, [(0, 1)]),
        "three portraits": (noisy, [(0, 1, 2)]),
    }
    for what, (made, splits) in cases.items():
        try:
            found = _score(kind, bench, made, splits)
        except GazebenchError:  # a reason, which the table prints
            continue
        _check_numbers(kind.card, found, what)


def _check_numbers(card: MetricCard, found: Score, what: str) -> None:
    numbers = (found.value, found.stderr or 0.0, *(found.interval or ()))
    numbers = (*numbers, *(found.per_portrait or {}).values())
    if not all(map(math.isfinite, numbers)):
        raise MethodError(f"{what}: a value that is not finite; raise InputError with the reason")
    low, high = card.bounds
    if (low is not None and found.value < low) or (high is not None and found.value > high):
        raise MethodError(f"{what}: {found.value} is outside the card's bounds {card.bounds}")
    if found.interval and not found.interval[0] <= found.value <= found.interval[1]:
        raise MethodError(f"{what}: {found.value} is outside its interval {found.interval}")


METRIC_CHECKS = (
    Check("has a card", has_card, everyone),
    Check("does not care how portraits are batched", ignores_batches, everyone),
    Check("does not care in which order they come", ignores_order, everyone),
    Check("leaves the pictures alone", leaves_pictures, everyone),
    Check("gives finite numbers", gives_numbers, everyone),
    Check(
        "scores an unchanged portrait best",
        preserves_identity,
        lambda kind: kind.card.group == "preservation",
    ),
    Check("does not see the eyes", ignores_eyes, lambda kind: not kind.card.sees_eyes),
    Check("scores noise worse", dislikes_noise, lambda kind: kind.card.noise_hurts),
)


def examine_metric(kind: type[Metric], device: torch.device | str = "cpu") -> Iterator[Verdict]:
    """A verdict on each promise that the metric makes; the first, about its card, may be the last.

    Raises:
        MissingPartError: weights that it needs cannot be had.
    """
    bench = Bench(device)
    first, *others = METRIC_CHECKS
    verdict = judge(kind, first, bench)
    yield verdict
    if verdict.outcome == "ok":
        yield from (judge(kind, check, bench) for check in others if check.concerns(kind))


def _score(
    kind: Callable[[Instruments], Metric],
    bench: Bench,
    made: Tensor,
    splits: Sequence[Sequence[int]] | None = None,
    instruments: Instruments | None = None,
    *,
    source: Batch | None = None,
) -> Score:
    """The score of ``made``, fed in the batches that ``splits`` lists the rows of."""
    metric = _prepared(kind, bench, instruments or bench.instruments)
    source = source or bench.source
    with torch.no_grad():
        for rows in splits or [range(len(source))]:
            for update in _updates(metric):
                update(_rows(source, rows), made[list(rows)])
        for rows in splits if splits and len(splits) > 1 else [range(len(bench.real))]:
            metric.update_reference(_rows(bench.real, rows))
        return metric.compute()


def _prepared(
    kind: Callable[[Instruments], Metric], bench: Bench, instruments: Instruments
) -> Metric:
    """A metric, made ready with a dataset if it wants to know one."""
    metric = kind(instruments)
    if prepare := getattr(metric, "prepare", None):
        prepare(bench.dataset)
    return metric


def _updates(metric: Metric) -> Iterator[Callable[[Batch, Tensor], None]]:
    """What takes in portraits: those to be corrected, those that need none, and animations."""
    yield metric.update
    if of_camera := getattr(metric, "update_camera", None):
        yield of_camera
    if of_animation := getattr(metric, "update_animation", None):
        yield lambda source, made: of_animation(source, torch.stack([made] * len(ALPHAS), dim=1))


def _rows(batch: Batch, rows: Sequence[int]) -> Batch:
    keep = list(rows)
    return replace(
        batch,
        ids=tuple(batch.ids[row] for row in keep),
        image=batch.image[keep],
        mask=batch.mask[keep],
        eyes=batch.eyes[keep],
    )


def _noisy(image: Tensor, level: int) -> Tensor:
    """8-bit ``image`` with Gaussian noise of ``level`` grey values everywhere."""
    rng = np.random.default_rng(1)
    noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    return to_float(to_uint8(image + noise * level / 127.5))


def _perfect(card: MetricCard) -> float | None:
    return card.bounds[1] if card.higher_is_better else card.bounds[0]


def _check_close(one: Score, other: Score, tolerance: float) -> None:
    pairs = [(float(one.n), float(other.n)), (one.value, other.value)]
    theirs = other.per_portrait or {}
    pairs += [(value, theirs.get(id_, math.nan)) for id_, value in (one.per_portrait or {}).items()]
    for a, b in pairs:
        if not math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance / 100):
            raise MethodError(f"the same portraits score {a} and {b}")
