"""What every method and every metric promises, as checks that anyone can run on their own file.

May use what a run is made of (dataset, synthetic, training, metrics), not what is in ``baselines``.
"""

from collections.abc import Iterator

from pydantic import ValidationError

from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.contract import corrections, training
from gazebench.contract.building import built
from gazebench.contract.metrics import METRIC_CHECKS, Bench, examine_metric
from gazebench.contract.portraits import drawn_dataset
from gazebench.contract.verdicts import Check, Verdict, everyone, judge
from gazebench.errors import MethodError, first_fault
from gazebench.methods import Method, animates, corrects, is_trainable

__all__ = [
    "CHECKS",
    "METRIC_CHECKS",
    "Bench",
    "Check",
    "Verdict",
    "drawn_dataset",
    "examine",
    "examine_metric",
]


def _has_card(kind: type[Method], resolution: int) -> None:
    if not isinstance(getattr(kind, "card", None), MethodCard) or not kind.card.title:
        raise MethodError("`card` must be a MethodCard with a title")
    config = getattr(kind, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Settings)):
        raise MethodError("`Config` must be a class of gazebench.config.Settings")
    for name in sorted(getattr(kind, "__abstractmethods__", ())):
        raise MethodError(f"`{name}` is missing; gazebench/methods.py says what it does")
    fields = set(config.model_fields)
    if is_trainable(kind) and not {"steps", "batch"} <= fields:
        raise MethodError("`Config` of a method with networks must have `steps` and `batch`")
    for values in ({}, getattr(kind, "small_settings", {})):
        try:
            config(**values)
        except ValidationError as error:
            raise MethodError(
                f"`Config` with {values or 'no values'}: {first_fault(error)}"
            ) from None


CHECKS = (
    Check("has a card and settings", _has_card, everyone),
    Check("returns images like its input", corrections.returns_images, corrects),
    Check("leaves the batch alone", corrections.leaves_batch, corrects),
    Check("leaves everything else alone", corrections.leaves_the_rest, corrects),
    Check("gives the same output twice", corrections.repeats, corrects),
    Check("does not care how portraits are batched", corrections.batches, corrects),
    Check("keeps what its card promises", corrections.keeps_outside, corrects),
    Check("animates", corrections.animates, animates),
    Check("has networks", training.has_networks, is_trainable),
    Check("trains", training.trains, is_trainable),
    Check("trains the same way twice", training.trains_alike, is_trainable),
    Check("scales its learning rates", training.scales_rates, is_trainable),
    Check("comes back from its weights", training.round_trips, is_trainable),
    Check("resumes from a checkpoint", training.resumes, is_trainable),
)


def examine(kind: type[Method], resolution: int = 256) -> Iterator[Verdict]:
    """A verdict on each promise that the method makes, as they are reached.

    The first one is about its card; without that, and when the method declines portraits of the
    size, it is the last.

    Raises:
        MissingPartError: weights that its training needs cannot be had.
    """
    first, *others = CHECKS
    verdict = judge(kind, first, resolution)
    yield verdict
    if verdict.outcome != "ok":
        return
    refusal = _refusal(kind, resolution)
    if refusal:
        yield Verdict("is built", "declines", 0.0, refusal)
        return
    yield from (judge(kind, check, resolution) for check in others if check.concerns(kind))


def _refusal(kind: type[Method], resolution: int) -> str | None:
    try:
        built(kind, drawn_dataset(resolution))
    except MethodError as error:
        return str(error)
    except Exception:  # the checks tell
        return None
    return None
