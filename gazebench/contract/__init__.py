"""What every method promises, as checks that anyone can run on a method of their own."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from gazebench import plugins
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.contract import correcting, training
from gazebench.contract.building import built
from gazebench.contract.portraits import drawn_dataset
from gazebench.errors import GazebenchError, MethodError, MissingPartError
from gazebench.methods import Method, animates, corrects, is_trainable

__all__ = ["CHECKS", "Check", "Verdict", "drawn_dataset", "examine"]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and which methods make it."""

    name: str
    run: Callable[[type[Method], int], None]  # resolution → MethodError with what is broken
    concerns: Callable[[type[Method]], bool]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a method did in one check."""

    check: str
    outcome: Literal["ok", "broken", "declines"]
    seconds: float
    sentence: str = ""  # what is broken, or why it declines
    error: Exception | None = None


def _has_card(kind: type[Method], resolution: int) -> None:
    if not isinstance(getattr(kind, "card", None), MethodCard) or not kind.card.title:
        raise MethodError("`card` must be a MethodCard with a title")
    config = getattr(kind, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Settings)):
        raise MethodError("`Config` must be a class of gazebench.config.Settings")
    fields = set(config.model_fields)
    if is_trainable(kind) and not {"steps", "batch"} <= fields:
        raise MethodError("`Config` of a method with networks must have `steps` and `batch`")
    for values in ({}, getattr(kind, "small_settings", {})):
        try:
            config(**values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise MethodError(
                f"`Config` with {values or 'no values'}: {key}: {first['msg']}"
            ) from None


def _any(kind: type[Method]) -> bool:
    return True


CHECKS = (
    Check("has a card and settings", _has_card, _any),
    Check("returns images like its input", correcting.returns_images, corrects),
    Check("leaves the batch alone", correcting.leaves_batch, corrects),
    Check("leaves everything else alone", correcting.leaves_the_rest, corrects),
    Check("gives the same output twice", correcting.repeats, corrects),
    Check("does not care how portraits are batched", correcting.batches, corrects),
    Check("keeps what its card promises", correcting.keeps_outside, corrects),
    Check("animates", correcting.animates, animates),
    Check("has networks", training.has_networks, is_trainable),
    Check("trains", training.trains, is_trainable),
    Check("trains the same way twice", training.trains_alike, is_trainable),
    Check("scales its learning rates", training.scales_rates, is_trainable),
    Check("comes back from its weights", training.round_trips, is_trainable),
    Check("goes on from a checkpoint", training.goes_on, is_trainable),
)


def examine(kind: type[Method], resolution: int = 256) -> Iterator[Verdict]:
    """A verdict on each promise that the method makes, as they are reached.

    The first one is about its card; without that, and when the method declines portraits of the
    size, it is the last.

    Raises:
        MissingPartError: weights that its training needs cannot be had.
    """
    first, *others = CHECKS
    verdict = _verdict(kind, first, resolution)
    yield verdict
    if verdict.outcome != "ok":
        return
    refusal = _refusal(kind, resolution)
    if refusal:
        yield Verdict("is built", "declines", 0.0, refusal)
        return
    yield from (_verdict(kind, check, resolution) for check in others if check.concerns(kind))


def _refusal(kind: type[Method], resolution: int) -> str | None:
    try:
        built(kind, drawn_dataset(resolution))
    except MethodError as error:
        return str(error)
    except Exception:  # the checks tell
        return None
    return None


def _verdict(kind: type[Method], check: Check, resolution: int) -> Verdict:
    began = time.monotonic()
    fault = None
    try:
        check.run(kind, resolution)
    except MissingPartError:
        raise
    except Exception as error:
        fault = error
    seconds = time.monotonic() - began
    if fault is None:
        return Verdict(check.name, "ok", seconds)
    return Verdict(check.name, "broken", seconds, _told(kind, fault), fault)


def _told(kind: type[Method], error: Exception) -> str:
    if isinstance(error, GazebenchError):
        return str(error)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return plugins.sentence(error, Path(file or kind.__module__))
