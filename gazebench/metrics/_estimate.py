"""What a frozen estimator says of a dataset's own labelled portraits: the scale for its verdicts.

The largest angle that counts as "at the camera" is read from the training half, where it errs as
often on X as on Y. The test half says how good it is, and what real X has: the floor of an error.
People who look away mostly turn their heads, where an estimator errs more, on X too. So portraits
of training X with heads turned as those of test Y say what a perfect correction can expect.
An estimator that is off by as much on every portrait has its mean over the training half's X taken
for the camera's direction.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from gazebench import store
from gazebench.dataset import Domain, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.errors import InputError
from gazebench.metrics import _open_model_zoo as zoo
from gazebench.metrics._eye_contact import Standing, equal_error, labelled
from gazebench.metrics._gaze import GazeEstimator, OpenModelZoo, angles_deg
from gazebench.metrics._networks import Instruments
from gazebench.metrics._per_portrait import PerPortrait
from gazebench.reading import MissingFileError, read_object

ANGLES = ("yaw", "pitch", "error")
REGION = "both eyes and the pose of the head, 60x60 crops"
WEIGHTS = (zoo.GAZE, zoo.HEAD_POSE)
RECIPE = 4  # rises when the same portraits would give another scale
_CHUNK = 16
_NEAREST = 4  # training portraits whose heads are turned as that of a test portrait


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What an estimator's angles mean on one dataset."""

    zero_deg: tuple[float, float] | None  # yaw and pitch of the camera; None where unknown
    threshold_deg: float | None  # at most so far from the camera counts as at it
    standing: Standing
    real_x: dict[str, float | None]  # means over the real test half of X: error, yaw, pitch
    # of those means of yaw and pitch: covariance in square degrees, and from how many portraits
    real_x_spread: tuple[tuple[float, float], tuple[float, float]] | None
    real_x_n: int
    error_x_turned: float | None  # mean error of training X with heads turned as those of test Y

    @classmethod
    def of(
        cls, pixels: Pixels, instruments: Instruments, kind: type[GazeEstimator] = OpenModelZoo
    ) -> Self:
        """The scale of a dataset, from its cache folder or measured now (a minute or two).

        Raises:
            MissingPartError: the estimator's weights cannot be had.
            DiskError: no space for the cache.
        """
        key = ("scale of the gaze", kind.name, pixels.manifest.fingerprint)
        return instruments.kept(key, lambda: cls._found(pixels, instruments, kind))

    @classmethod
    def _found(cls, pixels: Pixels, instruments: Instruments, kind: type[GazeEstimator]) -> Self:
        manifest = pixels.manifest
        name = f"gaze-{kind.name}-{RECIPE}-{manifest.fingerprint}.json"
        path = manifest.root / "cache" / name
        try:
            facts = read_object(path)
        except MissingFileError:
            facts = _measured(pixels, estimator(instruments, kind))
            if (manifest.root / "dataset.json").is_file():  # not in memory alone
                store.write(path, json.dumps(facts, indent=1) + "\n")
        try:
            return TypeAdapter(cls).validate_python(facts)
        except ValidationError:
            raise InputError(
                f"{path}: damaged cache; delete it and run the same command again"
            ) from None

    def errors(self, found: dict[str, list[float]]) -> list[float]:
        """Degrees from the camera's direction, of what ``angles_of`` gives.

        Raises:
            InputError: the training half has no domain X, whose mean would be that direction.
        """
        if self.zero_deg is None:
            raise InputError("needs labelled training portraits of domain X")
        rows = torch.tensor([found[name] for name in ANGLES], dtype=torch.float64).T
        return _from(rows, self.zero_deg)[:, 2].tolist()


def estimator(instruments: Instruments, kind: type[GazeEstimator] = OpenModelZoo) -> GazeEstimator:
    """An estimator, loaded once.

    Raises:
        MissingPartError: its weights cannot be had.
    """
    return instruments.kept(("gaze estimator", kind.name), lambda: kind(instruments))


def angles_of(
    instruments: Instruments,
    batch: Batch,
    image: Tensor,
    kind: type[GazeEstimator] = OpenModelZoo,
) -> dict[str, list[float]]:
    """``yaw``, ``pitch`` and ``error`` of N portraits in degrees; a picture is looked at once."""
    known: dict[bytes, list[float]] = instruments.kept(("angles of the gaze", kind.name), dict)
    keys = _keys(batch, image)
    new = [row for row, key in enumerate(keys) if key not in known]
    if new:
        part = replace(
            batch,
            ids=tuple(batch.ids[row] for row in new),
            **{name: getattr(batch, name)[new] for name in ("image", "mask", "eyes")},
        )
        found = angles_deg(estimator(instruments, kind).directions(part, image[new]))
        rows = torch.stack(found, dim=1).tolist()
        known.update(zip((keys[row] for row in new), rows, strict=True))
    columns = zip(*(known[key] for key in keys), strict=True)
    return {name: list(column) for name, column in zip(ANGLES, columns, strict=True)}


def _keys(batch: Batch, image: Tensor) -> list[bytes]:
    parts = [to_uint8(batch.image).cpu(), to_uint8(image).cpu(), batch.eyes.cpu()]
    rows = zip(*(part.contiguous().numpy() for part in parts), strict=True)
    return [hashlib.blake2b(b"".join(a.tobytes() for a in row)).digest() for row in rows]


def _measured(pixels: Pixels, found: GazeEstimator) -> dict[str, Any]:
    portraits = [
        labelled(pixels.manifest, split, domain, found.most)
        for split in (Split.TRAIN, Split.TEST)
        for domain in Domain
    ]
    known: dict[str, Tensor] = {}  # id → angles: some training X are asked for twice
    x, y, test_x, test_y = (_angles(pixels, found, some, known) for some in portraits)
    zero = _zero(x) if found.zeroed else (0.0, 0.0)
    x, y, test_x, test_y = (_from(rows, zero or (0.0, 0.0)) for rows in (x, y, test_x, test_y))
    threshold = None
    if len(x) and len(y):
        threshold = -equal_error(-x[:, 2], -y[:, 2])
    line = threshold if threshold is not None else float("nan")
    standing = Standing.of(-test_x[:, 2], -test_y[:, 2], -line)
    alike = _heads_like(pixels, portraits[-1])
    turned = _from(_angles(pixels, found, alike, known), zero or (0.0, 0.0))[:, 2]
    if len(turned) and threshold is not None:
        standing = replace(standing, x_turned=float((turned <= line).double().mean()))
    means = test_x.mean(dim=0).tolist() if len(test_x) else [None] * 3
    return {
        "zero_deg": zero,
        "threshold_deg": threshold,
        "standing": vars(standing),
        "real_x": dict(zip(ANGLES, means, strict=True)),
        "real_x_spread": mean_spread(test_x[:, :2].numpy()),
        "real_x_n": len(test_x),
        "error_x_turned": float(turned.mean()) if len(turned) else None,
    }


def mean_spread(rows: NDArray[np.float64]) -> list[list[float]] | None:
    """Covariance (2, 2) of the mean of rows (N, 2); None of fewer than two."""
    return (np.cov(rows.T) / len(rows)).tolist() if len(rows) > 1 else None


def _heads_like(pixels: Pixels, wanted: Sequence[Portrait]) -> list[Portrait]:
    """The training X whose heads are turned most like each of ``wanted``, some several times.

    None of them where the turn of the heads is not known.
    """
    x = pixels.manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)  # all: the nearest count
    alike = nearest_heads(x, wanted, _NEAREST)
    return [] if alike is None else [x[row] for row in alike.flatten().tolist()]


def nearest_heads(
    found: Sequence[Portrait], wanted: Sequence[Portrait], count: int
) -> Tensor | None:
    """Rows of ``found`` whose heads are turned most like each of ``wanted``, (N, at most count).

    By yaw and pitch in degrees. None where a portrait has no such measure, or there is none.
    """
    turns = [
        [(p.measures.yaw_deg, p.measures.pitch_deg) for p in portraits]
        for portraits in (found, wanted)
    ]
    if not all(turns) or any(None in turn for some in turns for turn in some):
        return None
    there, goal = (torch.tensor(some, dtype=torch.float64) for some in turns)
    far = torch.cdist(goal, there)
    return far.sort(dim=1, stable=True).indices[:, :count]


def _angles(
    pixels: Pixels, found: GazeEstimator, portraits: Sequence[Portrait], known: dict[str, Tensor]
) -> Tensor:
    """Yaw, pitch and error of the portraits, (N, 3); ``known`` keeps them by id."""
    new = list({p.id: p for p in portraits if p.id not in known}.values())
    for batch in pixels.batches(new, _CHUNK):
        rows = torch.stack(angles_deg(found.directions(batch, batch.image)), dim=1).cpu()
        known.update(zip(batch.ids, rows, strict=True))
    rows = [known[p.id] for p in portraits]
    return torch.stack(rows) if rows else torch.zeros(0, 3, dtype=torch.float64)


def _zero(x: Tensor) -> tuple[float, float] | None:
    """Mean yaw and pitch of domain X, from rows (N, 3)."""
    if not len(x):
        return None
    yaw, pitch = x[:, :2].mean(dim=0).tolist()
    return yaw, pitch


def _from(rows: Tensor, zero_deg: tuple[float, float]) -> Tensor:
    """Rows (N, 3) of yaw, pitch and error with ``zero_deg`` as the camera's direction."""
    if zero_deg == (0.0, 0.0):
        return rows
    angles = rows[:, :2] - rows.new_tensor(zero_deg)
    yaw, pitch = torch.deg2rad(angles).unbind(dim=1)
    x, up, towards = pitch.cos() * yaw.sin(), pitch.sin(), pitch.cos() * yaw.cos()
    off = torch.rad2deg(torch.atan2(torch.hypot(x, up), towards))
    return torch.cat([angles, off[:, None]], dim=1)


class ByEstimator(PerPortrait):
    """A mean over corrected portraits of what ``kind`` says of them."""

    kind: ClassVar[type[GazeEstimator]] = OpenModelZoo

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        self.scale: Scale | None = None
        estimator(instruments, self.kind)

    def prepare(self, pixels: Pixels) -> None:
        """Measure the dataset's real portraits."""
        self.scale = Scale.of(pixels, self.instruments, self.kind)

    def errors(self, source: Batch, corrected: Tensor) -> list[float]:
        """Degrees between the estimated gaze and the camera's direction.

        Raises:
            InputError: that direction is not known.
        """
        found = angles_of(self.instruments, source, corrected, self.kind)
        if self.scale:
            return self.scale.errors(found)
        if self.kind.zeroed:
            raise InputError("needs a dataset with labels")
        return found["error"]
