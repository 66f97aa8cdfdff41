"""What a frozen estimator says of a dataset's own labelled portraits: the scale for its verdicts.

The largest angle that counts as "at the camera" is read from the training half, where it errs as
often on X as on Y. The test half says how good it is, and what real X has: the floor of an error.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from gazebench import store
from gazebench.dataset import Domain, Split
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.errors import InputError
from gazebench.metrics import _open_model_zoo as zoo
from gazebench.metrics._eye_contact import Standing, equal_error, labelled
from gazebench.metrics._gaze import GazeEstimator, OpenModelZoo, angles_deg
from gazebench.metrics._networks import Instruments
from gazebench.reading import MissingFileError, read_object

ANGLES = ("yaw", "pitch", "error")
REGION = "both eyes and the pose of the head, 60x60 crops"
WEIGHTS = (zoo.GAZE, zoo.HEAD_POSE)
RECIPE = 1  # rises when the same portraits would give another scale
_CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What an estimator's angles mean on one dataset."""

    threshold_deg: float | None  # at most so far from the camera counts as at it
    standing: Standing
    real_x: dict[str, float | None]  # means over the real test half of X: error, yaw, pitch

    @classmethod
    def of(cls, pixels: Pixels, instruments: Instruments) -> Self:
        """The scale of a dataset, from its cache folder or measured now.

        Raises:
            MissingPartError: the estimator's weights cannot be had.
            DiskError: no space for the cache.
        """
        key = ("scale of the gaze", pixels.manifest.fingerprint)
        return instruments.kept(key, lambda: cls._found(pixels, instruments))

    @classmethod
    def _found(cls, pixels: Pixels, instruments: Instruments) -> Self:
        manifest = pixels.manifest
        path = manifest.root / "cache" / f"gaze-{RECIPE}-{manifest.fingerprint}.json"
        try:
            facts = read_object(path)
        except MissingFileError:
            facts = _measured(pixels, estimator(instruments))
            if (manifest.root / "dataset.json").is_file():  # not in memory alone
                store.write(path, json.dumps(facts, indent=1) + "\n")
        try:
            return TypeAdapter(cls).validate_python(facts)
        except ValidationError:
            raise InputError(
                f"{path}: damaged cache; delete it and run the same command again"
            ) from None


def estimator(instruments: Instruments) -> GazeEstimator:
    """The estimator of this protocol, loaded once.

    Raises:
        MissingPartError: its weights cannot be had.
    """
    return instruments.kept("gaze estimator", lambda: OpenModelZoo(instruments))


def angles_of(instruments: Instruments, batch: Batch, image: Tensor) -> dict[str, list[float]]:
    """``yaw``, ``pitch`` and ``error`` of N portraits in degrees; a picture is looked at once."""
    known: dict[bytes, list[float]] = instruments.kept("angles of the gaze", dict)
    keys = _keys(batch, image)
    new = [row for row, key in enumerate(keys) if key not in known]
    if new:
        part = replace(
            batch,
            ids=tuple(batch.ids[row] for row in new),
            **{name: getattr(batch, name)[new] for name in ("image", "mask", "eyes")},
        )
        found = angles_deg(estimator(instruments).directions(part, image[new]))
        rows = torch.stack(found, dim=1).tolist()
        known.update(zip((keys[row] for row in new), rows, strict=True))
    columns = zip(*(known[key] for key in keys), strict=True)
    return {name: list(column) for name, column in zip(ANGLES, columns, strict=True)}


def _keys(batch: Batch, image: Tensor) -> list[bytes]:
    parts = [to_uint8(batch.image).cpu(), to_uint8(image).cpu(), batch.eyes.cpu()]
    rows = zip(*(part.contiguous().numpy() for part in parts), strict=True)
    return [hashlib.blake2b(b"".join(a.tobytes() for a in row)).digest() for row in rows]


def _measured(pixels: Pixels, found: GazeEstimator) -> dict[str, Any]:
    x, y = (_angles(pixels, found, Split.TRAIN, domain) for domain in Domain)
    test_x, test_y = (_angles(pixels, found, Split.TEST, domain) for domain in Domain)
    threshold = None
    if len(x) and len(y):
        threshold = -equal_error(-x[:, 2], -y[:, 2])
    line = threshold if threshold is not None else float("nan")
    standing = Standing.of(-test_x[:, 2], -test_y[:, 2], -line)
    means = test_x.mean(dim=0).tolist() if len(test_x) else [None] * 3
    return {
        "threshold_deg": threshold,
        "standing": vars(standing),
        "real_x": dict(zip(ANGLES, means, strict=True)),
    }


def _angles(pixels: Pixels, found: GazeEstimator, split: Split, domain: Domain) -> Tensor:
    rows = [
        torch.stack(angles_deg(found.directions(batch, batch.image)), dim=1).cpu()
        for batch in pixels.batches(labelled(pixels.manifest, split, domain), _CHUNK)
    ]
    return torch.cat(rows) if rows else torch.zeros(0, 3, dtype=torch.float64)
