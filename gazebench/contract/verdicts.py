"""One promise of a method or a metric, and how a file of anybody did in it."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gazebench import plugins
from gazebench.errors import GazebenchError, MissingPartError


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and which classes make it."""

    name: str
    run: Callable[[type[Any], Any], None]  # (class, what to check it with) → MethodError
    concerns: Callable[[type[Any]], bool]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a method or a metric did in one check."""

    check: str
    outcome: Literal["ok", "broken", "declines"]
    seconds: float
    sentence: str = ""  # what is broken, or why it declines
    error: Exception | None = None


def everyone(kind: type[Any]) -> bool:
    """A promise that every class makes."""
    return True


def judge(kind: type[Any], check: Check, given: Any) -> Verdict:
    """Run a check with what it needs: a resolution for a method, a bench for a metric.

    Raises:
        MissingPartError: weights that the class needs cannot be had.
    """
    began = time.monotonic()
    fault = None
    try:
        check.run(kind, given)
    except MissingPartError:
        raise
    except Exception as error:
        fault = error
    seconds = time.monotonic() - began
    if fault is None:
        return Verdict(check.name, "ok", seconds)
    return Verdict(check.name, "broken", seconds, _sentence(kind, fault), fault)


def _sentence(kind: type[Any], error: Exception) -> str:
    if isinstance(error, GazebenchError):
        return str(error)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return plugins.sentence(error, Path(file or kind.__module__))
