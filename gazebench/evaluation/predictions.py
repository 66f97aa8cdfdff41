"""Corrected portraits on disk: one PNG per portrait, named by its id.

This is the contract between methods and metrics. Any program that writes such a folder can be
scored; ours are treated in the same way.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gazebench import store
from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.batches import to_float
from gazebench.dataset.pictures import PictureError, png, read_picture
from gazebench.errors import InputError

_SHOWN = 8  # names in a list of faults


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """A checked folder of predictions."""

    folder: Path
    portraits: tuple[Portrait, ...]  # those that have a prediction, in manifest order
    missing: tuple[str, ...]  # ids without one; not empty only where that was allowed
    digests: dict[str, str]  # id → sha256 of the pixels

    @classmethod
    def check(
        cls,
        folder: Path,
        manifest: Manifest,
        portraits: Sequence[Portrait],
        *,
        allow_partial: bool = False,
        what: str = "domain-Y test portraits",
    ) -> "Predictions":
        """The predictions in ``folder`` for ``portraits``; each file is read once.

        Raises:
            InputError: missing, foreign, unreadable or wrong-size pictures, listed by name.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; it should hold one ID.png per portrait")
        wanted = {p.id: p for p in portraits}
        files = {path.stem: path for path in sorted(folder.glob("*.png"))}
        missing = tuple(id_ for id_ in wanted if id_ not in files)
        problems = [*_foreign(files, wanted, manifest, what)]
        if missing and (not allow_partial or len(missing) == len(wanted)):
            problems.append(f"{len(missing)} of {len(wanted)} missing: {_some(missing)}")
        digests, broken = _digests(files, wanted, manifest.resolution)
        problems += broken
        if problems:
            raise InputError(f"{folder}: {'; '.join(problems)}{_hint(missing, allow_partial)}")
        there = tuple(p for p in portraits if p.id not in missing)
        return cls(folder=folder, portraits=there, missing=missing, digests=digests)

    @property
    def sha256(self) -> str:
        """Of all pixels and the ids that they belong to."""
        lines = (f"{id_} {self.digests[id_]}\n" for id_ in sorted(self.digests))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def image(self, portraits: Iterable[Portrait]) -> Tensor:
        """Predictions of ``portraits``, (N, 3, H, W) float32 in [-1, 1]."""
        pixels = [np.asarray(read_picture(self.folder / f"{p.id}.png")) for p in portraits]
        stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
        return to_float(stacked).contiguous()


def write(folder: Path, ids: Sequence[str], pixels: Tensor) -> None:
    """Write corrected portraits, (N, 3, H, W) uint8, as PNG files named by ``ids``.

    Raises:
        DiskError: no space or not writable.
    """
    arrays = pixels.permute(0, 2, 3, 1).cpu().numpy()
    store.write_many(
        (folder / f"{id_}.png", png(array)) for id_, array in zip(ids, arrays, strict=True)
    )


def pixel_digest(path: Path) -> str:
    """Sha256 of the decoded pixels, so that two encodings of one picture are equal."""
    return hashlib.sha256(np.asarray(read_picture(path)).tobytes()).hexdigest()


def _foreign(
    files: dict[str, Path], wanted: dict[str, Portrait], manifest: Manifest, what: str
) -> Iterator[str]:
    foreign = [f"{name}.png" for name in files if name not in wanted]
    unknown = [name for name in foreign if name.removesuffix(".png") not in manifest.by_id]
    if unknown:
        yield f"no portrait of the dataset is called {_some(unknown)}"
    elif foreign:
        yield f"not among the {len(wanted)} {what}: {_some(foreign)}"


def _digests(
    files: dict[str, Path], wanted: dict[str, Portrait], side: int
) -> tuple[dict[str, str], list[str]]:
    digests: dict[str, str] = {}
    broken: list[str] = []
    for id_ in wanted:
        if id_ not in files:
            continue
        try:
            picture = read_picture(files[id_])
        except PictureError as error:
            broken.append(f"{files[id_].name}: {error.code}")
            continue
        if picture.size != (side, side):
            size = f"{picture.width}x{picture.height}"
            broken.append(f"{files[id_].name}: {size} pixels, expected {side}x{side}")
        digests[id_] = hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()
    more = [f"and {len(broken) - _SHOWN} more"] if len(broken) > _SHOWN else []
    return digests, broken[:_SHOWN] + more


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _hint(missing: Sequence[str], allow_partial: bool) -> str:
    if missing and not allow_partial:
        return "; --allow-partial scores what is there, without a rank"
    return ""
