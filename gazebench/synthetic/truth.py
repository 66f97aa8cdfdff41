"""What is true of a drawn portrait, and ``truth.csv``, where that is kept."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazebench.dataset import Domain, csv_text, read_csv
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError

FILE = "truth.csv"
_EYES = ("left_center_x", "left_center_y", "right_center_x", "right_center_y")
_HEAD = ("head_yaw_deg", "head_pitch_deg", "head_roll_deg")
_GAZE = ("gaze_yaw_deg", "gaze_pitch_deg")
_LANDMARKS = tuple(f"{axis}{number}" for number in range(68) for axis in "xy")
COLUMNS = ("name", "identity", *_EYES, *_HEAD, *_GAZE, "label", *_LANDMARKS)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Exact facts of one portrait. Points are pixels; angles are degrees.

    A yaw is positive to the image's right, a pitch upwards; a gaze is relative to the camera,
    which is far away, so both eyes have the same. The head's forward axis has the head's yaw and
    pitch, its roll is a turn about that axis, clockwise in the image.
    """

    name: str  # of the file in images/
    identity: str
    eyes: tuple[Point, Point]  # left and right centre: means of an eye's six landmarks
    head_deg: tuple[float, float, float]  # yaw, pitch, roll
    gaze_deg: tuple[float, float]  # yaw, pitch
    domain: Domain
    landmarks: tuple[Point, ...]  # 68


def truth_csv(truths: Iterable[Truth]) -> str:
    """Text of a ``truth.csv``; numbers have three digits after the point."""
    return csv_text(COLUMNS, map(_row, truths))


def is_truth(path: Path) -> bool:
    """Whether a file is there whose header is that of a ``truth.csv``, perhaps a damaged one."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline(10_000).split(",")
    except (OSError, UnicodeDecodeError):
        return False
    return header[0] == "name" and {"gaze_yaw_deg", "head_yaw_deg"} <= set(header)


def read_truth(path: Path) -> list[Truth]:
    """The lines of a ``truth.csv``.

    Raises:
        InputError: missing, unreadable, or a line that cannot be true; the line is named.
    """
    truths: dict[str, Truth] = {}
    for line, row in read_csv(path, COLUMNS):
        try:
            truth = _truth(row)
        except ValueError as error:
            raise InputError(
                f"{path}, line {line}: {error}; make it again with `gazebench synthesize`"
            ) from None
        if truths.setdefault(truth.name.lower(), truth) is not truth:
            raise InputError(f"{path}, line {line}: a second {truth.name!r}")
    if not truths:
        raise InputError(f"{path}: has no lines below its header")
    return list(truths.values())


def _row(truth: Truth) -> list[str]:
    numbers = [*truth.eyes[0], *truth.eyes[1], *truth.head_deg, *truth.gaze_deg]
    points = [v for point in truth.landmarks for v in point]
    return [
        truth.name,
        truth.identity,
        *(f"{v:.3f}" for v in numbers),
        truth.domain.value,
        *(f"{v:.3f}" for v in points),
    ]


def _truth(row: Mapping[Any, Any]) -> Truth:
    if None in row or None in row.values():
        raise ValueError("not as many columns as the header")
    left_x, left_y, right_x, right_y = (_number(row, column) for column in _EYES)
    if not left_x < right_x:
        raise ValueError(f"left eye at x = {left_x:g}, right eye at x = {right_x:g}")
    yaw, pitch, roll = (_number(row, column) for column in _HEAD)
    gaze_yaw, gaze_pitch = (_number(row, column) for column in _GAZE)
    values = [_number(row, column) for column in _LANDMARKS]
    return Truth(
        name=_file_name(row["name"]),
        identity=_identity(row["identity"]),
        eyes=(Point(left_x, left_y), Point(right_x, right_y)),
        head_deg=(yaw, pitch, roll),
        gaze_deg=(gaze_yaw, gaze_pitch),
        domain=_domain(row["label"]),
        landmarks=tuple(map(Point, values[::2], values[1::2])),
    )


def _number(row: Mapping[Any, Any], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} is {row[column]!r}, no number")
    return value


def _file_name(text: str) -> str:
    if not text or Path(text).name != text:  # it must not lead out of images/
        raise ValueError(f"name {text!r} is not a file name")
    return text


def _identity(text: str) -> str:
    if not text:
        raise ValueError("identity is empty")
    return text


def _domain(text: str) -> Domain:
    if text not in set(Domain):
        raise ValueError(f"label {text!r}; it must be X or Y")
    return Domain(text)
