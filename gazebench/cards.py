"""What a table says of a method and of a metric.

Kept with every result, so that a report is made without importing either.
"""

from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from gazebench.errors import InputError

MetricGroup = Literal["preservation", "quality", "gaze", "harm", "animation", "cost", "other"]
METRIC_GROUPS: tuple[MetricGroup, ...] = get_args(MetricGroup)  # as columns of a table stand


@dataclass(frozen=True, kw_only=True)
class MethodCard:
    """What a reader of the leaderboard wants to know about a method."""

    title: str
    # a control bounds the scale; a part is trained for other methods and corrects nothing itself
    kind: Literal["method", "control", "part"] = "method"
    paper: str = ""  # citation, "" for a control
    year: int | None = None
    url: str = ""  # arXiv or DOI address
    code: str = ""  # address of the authors' own code, or "this package"
    license: str = ""  # of that code, as an SPDX id
    weights: str = ""  # where the authors' trained weights can be had: an address, "this package"
    data: str = ""  # where the pictures that those were trained on can be had
    supervision: str = ""  # what it learns from: "none", "unpaired X/Y"
    differs: str = ""  # what differs here from the paper or its code
    keeps_outside: bool = False  # every pixel outside the eye boxes is the source's, bit for bit


@dataclass(frozen=True, kw_only=True)
class MetricCard:
    """How a metric is written in a table, what it measures, and what it promises.

    ``group`` is what the metric is about: "preservation" (how much of the source is kept; an
    unchanged portrait scores the best value of ``bounds``), "quality" (how real the eyes look),
    "gaze" (where they look), "harm" (faults that the correction adds), "animation" (of pictures
    between source and correction), "cost" (of the method, not of its pictures) or "other".
    """

    title: str  # "MS-SSIM outside"
    higher_is_better: bool
    unit: str = ""  # "°", "M", "1/s"
    digits: int = 3  # after the decimal point
    help: str = ""  # one sentence for the reader of the leaderboard
    region: str = ""  # "portrait without eye boxes", "eye patches"
    weights: tuple[str, ...] = ()  # names in `gazebench weights list`
    bounds: tuple[float | None, float | None] = (None, None)  # possible values
    share: bool = False  # True: each portrait has 1 or 0, and the score is the share of those
    group: MetricGroup = "other"
    order: int = 100  # place among the columns of its group; equal ones stand by name
    sees_eyes: bool = True  # False: what happens inside the eye boxes changes no score
    optional: bool = False  # True: a dash, where it cannot be measured, is no failure of the run
    on_request: bool = False  # True: "all" metrics are without it; who wants it names it
    noise_hurts: bool = True  # False: more noise on a portrait may score better

    @property
    def meaning(self) -> tuple[object, ...]:
        """What two cards must agree on for their scores to compare."""
        return self.higher_is_better, self.unit, self.region


CardType = TypeVar("CardType", MethodCard, MetricCard)


def checked(card: object, kind: type[CardType], where: str) -> CardType:
    """``card``, if it is a card with values of the right kinds; ``where`` it stands, for messages.

    Raises:
        InputError: it is another thing, or has a value that a table cannot show.
    """
    from pydantic import TypeAdapter, ValidationError  # here, because --help needs none of it

    if not isinstance(card, kind):
        raise InputError(f"{where}: its card is a {type(card).__name__}, no {kind.__name__}")
    try:
        plain = TypeAdapter(kind).validate_python(vars(card))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(f"{where}: card.{key} = {first['input']!r}: {first['msg']}") from None
    for key, value in vars(card).items():
        if getattr(plain, key) != value:
            raise InputError(f"{where}: card.{key} = {value!r}: is {type(value).__name__}")
        # bytes of a command line that are no UTF-8 become half surrogate pairs
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise InputError(f"{where}: card.{key} = {value!r}: is not text in UTF-8")
    return card
