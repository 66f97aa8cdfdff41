"""Portraits as tensors: decoded once, then read as batches.

Training draws are pure functions of (seed, step), so that a resume needs no sampler state and
two runs with one seed see the same pictures.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazebench import store
from gazebench.dataset import Manifest, Portrait, intact
from gazebench.dataset.masks import eye_mask
from gazebench.dataset.pictures import read_picture
from gazebench.errors import InputError
from gazebench.progress import bar
from gazebench.reading import read_array, read_object, sha256_of


@dataclass(frozen=True, slots=True)
class Batch:
    """N portraits of one size. A method must not write to it."""

    ids: tuple[str, ...]  # N
    image: Tensor  # (N, 3, H, W) float32, RGB in [-1, 1]
    mask: Tensor  # (N, 1, H, W) float32, 1 inside the two eye boxes, else 0
    eyes: Tensor  # (N, 2, 4) int64, left eye then right: left, top, right, bottom, pixels

    def to(self, device: torch.device | str) -> Self:
        """The same batch on a device."""
        return replace(
            self,
            image=self.image.to(device),
            mask=self.mask.to(device),
            eyes=self.eyes.to(device),
        )

    def __len__(self) -> int:
        """How many portraits."""
        return len(self.ids)


def to_float(pixels: Tensor) -> Tensor:
    """Values in [-1, 1] of 8-bit pixels: v / 127.5 - 1."""
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(image: Tensor) -> Tensor:
    """8-bit pixels of values in [-1, 1], rounded: ``to_uint8(to_float(v)) == v`` for every v.

    The code released with Zhang et al. truncates, which would darken an unchanged pixel by one.
    """
    return image.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def to_arrays(images: Tensor) -> NDArray[np.uint8]:
    """8-bit pixels (..., H, W, 3) of pictures (..., 3, H, W) with values in [-1, 1]."""
    return to_uint8(images.float()).movedim(-3, -1).cpu().numpy()


@dataclass(frozen=True)
class Pixels:
    """Decoded portraits of a dataset, memory-mapped: (N, H, W, 3) uint8 in manifest order."""

    manifest: Manifest
    array: NDArray[np.uint8]
    rows: dict[str, int] = field(repr=False)  # id → row of the array

    @classmethod
    def open(cls, manifest: Manifest) -> Self:
        """The cache of decoded portraits under ``DATASET/cache``, made when it is not there.

        Also when it is not what was made: its name has a digest of ids and image files in their
        order, and beside it stands its own.

        Raises:
            InputError: the dataset was changed after it was built, see ``intact.hold``; or a
                portrait cannot be read or has another size, see `gazebench verify`.
            DiskError: no space for the cache.
        """
        intact.hold(manifest)
        path = manifest.root / "cache" / f"pixels-{_key(manifest)}.npy"
        if not _is_whole(path):
            _decode(manifest, path)
        array = np.asarray(read_array(path, mapped=True), np.uint8)
        return cls(manifest, array, {p.id: i for i, p in enumerate(manifest.portraits)})

    def batch(self, portraits: Sequence[Portrait], device: torch.device | str = "cpu") -> Batch:
        """The portraits as one batch on a device, to which they travel as 8-bit pixels."""
        array = self.array[[self.rows[p.id] for p in portraits]]
        pixels = torch.from_numpy(array).to(device).permute(0, 3, 1, 2)
        return batch_of(portraits, to_float(pixels.contiguous()))

    def batches(self, portraits: Sequence[Portrait], size: int) -> Iterator[Batch]:
        """The portraits in order, ``size`` at a time."""
        for start in range(0, len(portraits), size):
            yield self.batch(portraits[start : start + size])


def _key(manifest: Manifest) -> str:
    """Of what a cache of pixels is made from."""
    digest = hashlib.sha256(f"{manifest.resolution} {manifest.image_format}\n".encode())
    for portrait in manifest.portraits:
        digest.update(f"{portrait.id} {portrait.sha256}\n".encode())
    return digest.hexdigest()[:16]


def _decode(manifest: Manifest, path: Path) -> None:
    """Write the cache of pixels, and beside it what it is known by."""
    store.remove(path.with_name(f"pixels-{manifest.tree_hash[:16]}.npy"))  # its earlier name
    side = manifest.resolution
    shown = bar(manifest.portraits, desc="decode", unit="portrait", delay=2)
    with store.new_array(path, (len(manifest.portraits), side, side, 3)) as array:
        for row, portrait in enumerate(shown):
            array[row] = read_portrait(manifest, portrait)
    _note(path, sha256_of(path))


def _note(path: Path, sha256: str) -> None:
    stamp = intact.file_stamps([path])[0].tolist()
    store.write(path.with_suffix(".json"), json.dumps({"sha256": sha256, "stamp": stamp}) + "\n")


def _is_whole(path: Path) -> bool:
    """Whether the cache at ``path`` is the one that was made: read again where its times differ."""
    try:
        noted = read_object(path.with_suffix(".json"))
        if noted.get("stamp") == intact.file_stamps([path])[0].tolist():
            return True
        if sha256_of(path) != noted.get("sha256"):
            return False
    except InputError:
        return False
    _note(path, noted["sha256"])
    return True


def read_portrait(manifest: Manifest, portrait: Portrait) -> NDArray[np.uint8]:
    """Pixels of one portrait, (H, W, 3) uint8 RGB.

    Raises:
        InputError: unreadable, or not of the dataset's size.
    """
    pixels = np.asarray(read_picture(manifest.path(portrait)))
    side = manifest.resolution
    if pixels.shape != (side, side, 3):
        raise InputError(
            f"{manifest.path(portrait)}: {pixels.shape[1]}x{pixels.shape[0]} pixels, the dataset "
            f"has {side}x{side}; run `gazebench verify {manifest.root}`"
        )
    return pixels


def batch_of(portraits: Sequence[Portrait], image: Tensor) -> Batch:
    """A batch of ``image`` (N, 3, H, W) in [-1, 1] with the portraits' masks and boxes."""
    height, width = image.shape[-2:]
    masks = np.stack([eye_mask(p.eyes, height, width) for p in portraits])
    boxes = [[[b.left, b.top, b.right, b.bottom] for b in p.eyes] for p in portraits]
    return Batch(
        ids=tuple(p.id for p in portraits),
        image=image,
        mask=torch.from_numpy(masks).to(image.device).to(torch.float32).unsqueeze(1),
        eyes=torch.tensor(boxes, dtype=torch.int64, device=image.device),
    )


def eye_patches(image: Tensor, eyes: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """The pixels inside boxes of one size: (N, 2, 3, h, w) of (N, 3, H, W) and (N, 2, 4).

    ``size``: height and width of a box; without it the first box is asked, which a GPU waits for.
    """
    portrait, rows, columns = _places(eyes, size or _size(eyes))
    return image.permute(0, 2, 3, 1)[portrait, rows, columns].movedim(-1, 2).contiguous()


def paste_patches(image: Tensor, eyes: Tensor, patches: Tensor) -> Tensor:
    """A copy of ``image`` with ``patches`` (N, 2, 3, h, w) in the eye boxes, all else untouched.

    The boxes of a portrait do not overlap.
    """
    height, width = patches.shape[-2:]
    portrait, rows, columns = _places(eyes, (height, width))
    pasted = image.permute(0, 2, 3, 1).clone()
    pasted[portrait, rows, columns] = patches.movedim(2, -1)
    return pasted.permute(0, 3, 1, 2).contiguous()


def _size(eyes: Tensor) -> tuple[int, int]:
    left, top, right, bottom = eyes[0, 0].tolist()
    return bottom - top, right - left


def _places(eyes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of portrait, row and column that broadcast to (N, 2, h, w)."""
    height, width = size
    portrait = torch.arange(len(eyes), device=eyes.device)[:, None, None, None]
    rows = eyes[:, :, 1, None, None] + torch.arange(height, device=eyes.device)[:, None]
    columns = eyes[:, :, 0, None, None] + torch.arange(width, device=eyes.device)
    return portrait, rows, columns


class Draw:
    """What one training step may draw: batches of both domains, and random numbers.

    Calling it gives the next (x, y) pair of batches of this step. Everything is a function of
    (seed, step, process), so a resumed run draws what an uninterrupted one would have drawn.
    """

    def __init__(
        self,
        pixels: Pixels,
        x: Sequence[Portrait],
        y: Sequence[Portrait],
        *,
        batch: int,
        seed: int,
        step: int,
        device: torch.device | str = "cpu",
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.step = step
        self.generator = torch.Generator(device).manual_seed(seed_of(seed, "noise", step, process))
        self._pixels, self._x, self._y = pixels, x, y
        self._batch, self._seed, self._device = batch, seed, device
        self._process, self._processes = process, processes
        self._calls = 0

    def __call__(self) -> tuple[Batch, Batch]:
        """The next unpaired batches of ``batch`` portraits each, domain X and domain Y."""
        call = self._calls
        self._calls += 1
        return self._pick(self._x, "X", call), self._pick(self._y, "Y", call)

    def _pick(self, portraits: Sequence[Portrait], domain: str, call: int) -> Batch:
        rng = np.random.default_rng(seed_of(self._seed, domain, self.step, call))
        # one drawing for all processes, each takes its share: N processes with batch b see
        # what one process with batch N * b sees
        total = self._batch * self._processes
        rows = rng.choice(len(portraits), total, replace=total > len(portraits))
        mine = rows[self._process * self._batch : (self._process + 1) * self._batch]
        return self._pixels.batch([portraits[row] for row in mine], self._device)


def seed_of(*parts: object) -> int:
    """A seed that depends on every part, the same in every process and on every machine."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
