"""What an evaluation leaves behind: ``scores.json``, all that a report is made from.

It describes itself: a report imports no method and no metric.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError
from scipy.special import ndtri, stdtrit

from gazebench import store
from gazebench.cards import MethodCard, MetricCard
from gazebench.errors import InputError, first_fault
from gazebench.reading import MissingFileError, read_object

BENCHMARK = "2"  # rises when the same images would score differently
FORMAT = 1  # of scores.json

# group and order of the metrics that were scored before cards said so; nothing is added here
_BEFORE_GROUPS = {
    "ms_ssim_outside": ("preservation", 10),
    "lpips_outside": ("preservation", 20),
    "fid_eyes": ("quality", 10),
    "kid_eyes": ("quality", 20),
    "parameters_inference": ("cost", 10),
    "parameters_training": ("cost", 20),
    "parameters_training_vgg": ("cost", 30),
    "fps": ("cost", 40),
    "peak_memory_mb": ("cost", 50),
}


Bounds = tuple[float | None, float | None]


def t_interval(
    value: float, stderr: float, freedom: int, bounds: Bounds = (None, None)
) -> tuple[float, float]:
    """Student's 95 % interval with ``freedom`` degrees of freedom, cut at the possible values.

    Of an estimate from few portraits: percentiles of a bootstrap are too narrow there (six
    normal values: 87 % instead of 95 % of intervals hold the mean).
    """
    margin = stderr * float(stdtrit(freedom, 0.975))
    low, high = bounds
    return (
        value - margin if low is None else max(value - margin, min(low, value)),
        value + margin if high is None else min(value + margin, max(high, value)),
    )


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of ``n`` portraits (Wilson 1927).

    Student's has no width where all agree: 0 of 12 portraits says no more than "below 0.24".
    """
    z = float(ndtri(0.975))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    margin = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - margin), min(1.0, middle + margin)


def pseudo_values(value: float, left_out: NDArray[np.float64]) -> dict[str, float]:
    """What each group of portraits adds to a set metric: numbers with its mean and its spread.

    ``left_out`` are the values without each group in turn. The mean of the result is ``value``, its
    standard error the jackknife's, and a mean over resampled groups is to first order what the
    metric would be of those portraits (Efron 1982, section 6), at no cost.
    """
    found = value + (len(left_out) - 1) * (left_out.mean() - left_out)
    return {str(number): float(one) for number, one in enumerate(found)}


def jackknife_error(left_out: NDArray[np.float64]) -> float:
    """Standard error of a metric from its values without each group of portraits in turn."""
    spread = np.square(left_out - left_out.mean()).sum()
    return float(np.sqrt((len(left_out) - 1) / len(left_out) * spread))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of a table."""

    value: float
    n: int  # portraits (or, for a set metric, patches) that went into it
    interval: tuple[float, float] | None = None  # 95 %
    stderr: float | None = None
    per_portrait: Mapping[str, float] | None = None  # id → value; None for a set metric
    note: str = ""  # what a reader needs beside it: "real test X 8.3° (floor)"
    # of a set metric: group of portraits → jackknife pseudo-value, see ``pseudo_values``
    groups: Mapping[str, float] | None = None
    judge: str = ""  # sha256 of what was trained to measure it; others' scores do not compare

    @classmethod
    def of(
        cls,
        values: Mapping[str, float],
        *,
        bounds: Bounds = (None, None),
        share: bool = False,
        note: str = "",
        judge: str = "",
    ) -> Self:
        """Mean of per-portrait values with a 95 % interval over portraits.

        ``bounds``: the values that are possible, and ``share``: whether each is 1 or 0 (a metric's
        card has both). The interval of a share is Wilson's, any other Student's.

        Raises:
            InputError: no values, or one that is not finite, or of a share neither 1 nor 0.
        """
        bad = next((id_ for id_, value in values.items() if not math.isfinite(value)), None)
        if not values or bad is not None:
            raise InputError(f"no finite value for {bad or 'any portrait'}")
        if share and not set(values.values()) <= {0.0, 1.0}:
            raise InputError("a share is a mean of values 1 and 0, and there are others")
        ordered = np.array([values[key] for key in sorted(values)], np.float64)
        mean, n = float(ordered.mean()), len(ordered)
        stderr = float(ordered.std(ddof=1) / math.sqrt(n)) if n > 1 else None
        interval = None if stderr is None else t_interval(mean, stderr, n - 1, bounds)
        return cls(
            value=mean,
            n=n,
            interval=share_interval(mean, n) if share else interval,
            stderr=stderr,
            per_portrait=dict(sorted(values.items())),
            note=note,
            judge=judge,
        )


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """The dataset that a result was scored on."""

    name: str
    fingerprint: str
    resolution: int
    window: tuple[int, int]  # height, width of an eye box
    n_test: int  # domain-Y test portraits, the ones that are corrected
    n_reference: int  # domain-X training portraits, the real ones of FID and KID


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Scores of one run of one method on one dataset.

    Two results compare only where benchmark version and dataset fingerprint agree.
    """

    run: str  # name of the run's folder
    name: str  # of the method, which is its file's name
    method: MethodCard
    dataset: DatasetFacts
    scores: dict[str, Score]
    metrics: dict[str, MetricCard]
    skipped: dict[str, str] = field(default_factory=dict)  # metric → why it has no score
    notes: tuple[str, ...] = ()  # footnotes: "8 of 12 portraits", "equal to its input"
    ranked: bool = True  # False for partial predictions
    n_predicted: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)  # versions, device, command, steps
    pictures: str = ""  # folder of the corrected PNGs, relative to scores.json
    dataset_folder: str = ""  # relative to scores.json
    # what is known of the test portraits: trait → id → value
    traits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    benchmark: str = BENCHMARK

    def save(self, path: Path) -> None:
        """Write JSON, byte for byte the same for the same result."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True)
        store.write(path, text + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            InputError: missing, damaged, or of another format.
        """
        again = "run `gazebench eval` again"
        try:
            row = read_object(path, again)
        except MissingFileError:
            raise InputError(f"{path}: no such file; run `gazebench eval` first") from None
        if row.pop("format", None) != FORMAT:
            raise InputError(f"{path}: no scores of this version (another format); {again}")
        return cls.checked(row, f"{path}: damaged", again)

    @classmethod
    def checked(cls, row: Mapping[str, Any], what: str, remedy: str) -> Self:
        """A result from plain values, each of the right kind and one that a table can show.

        Raises:
            InputError: "WHAT (the first fault); REMEDY".
        """
        try:
            result = TypeAdapter(cls).validate_python(_with_groups(row))
            fault = next(_faults(result), "")
        except ValidationError as error:
            fault = first_fault(error)
        else:
            if not fault:
                return result
        raise InputError(f"{what} ({fault}); {remedy}")


def _with_groups(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a group for the metrics of results that are older than groups."""
    metrics = row.get("metrics")
    if not isinstance(metrics, Mapping):
        return dict(row)
    older = {
        name: {**card, **dict(zip(("group", "order"), _BEFORE_GROUPS[name], strict=True))}
        for name, card in metrics.items()
        if name in _BEFORE_GROUPS and isinstance(card, Mapping) and "group" not in card
    }
    return {**row, "metrics": {**metrics, **older}}


class _PartFacts(BaseModel, strict=True):
    method: str
    step: int


class _Facts(BaseModel, strict=True):
    """What reports read of a provenance, where it is there; other keys may be anything."""

    step: int = 0
    images: int | None = None  # null in runs of early checkpoints
    training_seconds: float = 0.0
    parts: dict[str, _PartFacts] = {}
    predictions_sha256: str = ""


def _faults(result: RunResult) -> Iterator[str]:
    try:
        _Facts.model_validate(result.provenance)
    except ValidationError as error:
        yield f"provenance.{first_fault(error)}"
    for key, score in result.scores.items():
        values = [score.value, score.stderr or 0.0, *(score.interval or ())]
        values += [*(score.per_portrait or {}).values(), *(score.groups or {}).values()]
        if not all(map(math.isfinite, values)):
            yield f"score {key} has a value that is not finite"
        if key not in result.metrics:
            yield f"score {key} has no metric card"
        elif result.metrics[key].share and not {*(score.per_portrait or {}).values()} <= {0.0, 1.0}:
            yield f"score {key} is a share, and has values other than 0 and 1"
    for trait, values in result.traits.items():
        if not all(map(math.isfinite, values.values())):
            yield f"trait {trait} has a value that is not finite"
    for key, card in result.metrics.items():
        if not 0 <= card.digits <= 12:
            yield f"metric {key} asks for {card.digits} digits"
