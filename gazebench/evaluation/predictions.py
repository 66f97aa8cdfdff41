"""Corrected portraits on disk: one PNG per portrait, named by its id.

This is the contract between methods and metrics. Any program that writes such a folder can be
scored; ours are treated in the same way.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gazebench import store
from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.batches import to_float
from gazebench.dataset.pictures import (
    PictureError,
    decode,
    header,
    png,
    read_bytes,
    read_picture,
)
from gazebench.errors import InputError

PARTLY = "`gazebench score --allow-partial` scores what is there, without a rank"
_SHOWN = 8  # names in a list of faults
_ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """A checked folder of predictions."""

    folder: Path
    portraits: tuple[Portrait, ...]  # those that have a prediction, in manifest order
    missing: tuple[str, ...]  # ids without one; not empty only where that was allowed
    digests: dict[str, str]  # id → sha256 of the pixels
    constant: frozenset[str] = frozenset()  # ids of pictures of one colour

    @classmethod
    def check(
        cls,
        folder: Path,
        manifest: Manifest,
        portraits: Sequence[Portrait],
        *,
        allow_partial: bool = False,
        what: str = "domain-Y test portraits",
        remedy: str = "",
    ) -> "Predictions":
        """The predictions in ``folder`` for ``portraits``; each file is read once.

        ``remedy``: the end of the sentence that says that some are missing.

        Raises:
            InputError: missing, foreign, unreadable or wrong-size pictures, listed by name.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; it should hold one ID.png per portrait")
        wanted = {p.id: p for p in portraits}
        files, others = _listed(folder)
        missing = tuple(id_ for id_ in wanted if id_ not in files)
        problems = [*_strange(others, wanted), *_foreign(files, wanted, manifest, what)]
        if missing and (not allow_partial or len(missing) == len(wanted)):
            problems.append(f"{len(missing)} of {len(wanted)} missing: {_some(missing)}")
        digests, constant, broken = _digests(files, wanted, manifest.resolution)
        problems += broken
        if problems:
            told = "; ".join([*problems, remedy] if missing and remedy else problems)
            raise InputError(f"{folder}: {told}")
        there = tuple(p for p in portraits if p.id not in missing)
        return cls(
            folder=folder, portraits=there, missing=missing, digests=digests, constant=constant
        )

    def remarks(self) -> list[str]:
        """Sentences on pictures that no method makes: of one colour, or the same for several."""
        count, found = len(self.digests), []
        flat = [id_ for id_ in self.digests if id_ in self.constant]
        if flat:
            found.append(f"{len(flat)} of {count} pictures have one colour only: {_some(flat)}")
        counts = Counter(self.digests.values())
        repeated = [id_ for id_, d in self.digests.items() if counts[d] > 1 and id_ not in flat]
        if repeated:
            found.append(f"{len(repeated)} of {count} pictures equal another: {_some(repeated)}")
        return found

    @property
    def sha256(self) -> str:
        """Of all pixels and the ids that they belong to."""
        return digest_of(self.digests)

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


def digest_of(digests: Mapping[str, str]) -> str:
    """One sha256 of those of pictures by id."""
    lines = (f"{id_} {digests[id_]}\n" for id_ in sorted(digests))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pixel_digest(path: Path) -> str:
    """Sha256 of the decoded pixels, so that two encodings of one picture are equal."""
    return hashlib.sha256(np.asarray(read_picture(path)).tobytes()).hexdigest()


def _foreign(
    files: dict[str, Path], wanted: dict[str, Portrait], manifest: Manifest, what: str
) -> Iterator[str]:
    foreign = [f"{name}.png" for name in files if name not in wanted]
    doubled = [name for name in foreign if _bare(name) in wanted]
    if doubled:
        yield f"doubled endings, expected ID.png: {_some(doubled)}"
        foreign = [name for name in foreign if name not in doubled]
    unknown = [name for name in foreign if name.removesuffix(".png") not in manifest.by_id]
    if unknown:
        yield f"no portrait of the dataset is called {_some(unknown)}"
    elif foreign:
        yield f"not among the {len(wanted)} {what}: {_some(foreign)}"


def _listed(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Pictures by id, and the names of other files; hidden ones are nobody's business."""
    try:
        found = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from None
    files = {path.stem: path for path in found if path.suffix == ".png"}
    return files, [path.name for path in found if path.suffix != ".png"]


def _strange(names: Sequence[str], wanted: dict[str, Portrait]) -> Iterator[str]:
    """What is wrong with files of other endings that are meant as predictions."""
    meant = [n for n in names if _bare(n) in wanted and Path(n).suffix.lower() in _ENDINGS]
    if meant:
        yield f"predictions are ID.png, in this spelling, and not {_some(meant)}"


def _bare(name: str) -> str:
    """The name without all the endings of pictures."""
    while Path(name).suffix.lower() in _ENDINGS:
        name = name[: -len(Path(name).suffix)]
    return name


def _faults(path: Path) -> tuple[Image.Image | None, str]:
    """The picture at ``path``, and what is wrong with its file; "" for nothing."""
    try:
        data = read_bytes(path)
        kind, mode, has_alpha = header(data)
        if kind != "PNG":
            return None, f"is {kind}, not PNG, whatever its ending says"
        if has_alpha:
            return None, f"has transparency ({mode}), expected RGB"
        return decode(data, str(path)), ""
    except PictureError as error:
        return None, error.code


def _digests(
    files: dict[str, Path], wanted: dict[str, Portrait], side: int
) -> tuple[dict[str, str], frozenset[str], list[str]]:
    digests: dict[str, str] = {}
    constant: set[str] = set()
    broken: list[str] = []
    for id_ in wanted:
        if id_ not in files:
            continue
        picture, fault = _faults(files[id_])
        if picture is None:
            broken.append(f"{files[id_].name}: {fault}")
            continue
        if picture.size != (side, side):
            size = f"{picture.width}x{picture.height}"
            broken.append(f"{files[id_].name}: {size} pixels, expected {side}x{side}")
        pixels = np.asarray(picture)
        digests[id_] = hashlib.sha256(pixels.tobytes()).hexdigest()
        if (pixels == pixels[0, 0]).all():
            constant.add(id_)
    more = [f"and {len(broken) - _SHOWN} more"] if len(broken) > _SHOWN else []
    return digests, frozenset(constant), broken[:_SHOWN] + more


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
