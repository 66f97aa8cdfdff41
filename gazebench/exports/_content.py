"""What a layout has to write, and the files it answers with."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gazebench import dataset_card
from gazebench.dataset import Manifest
from gazebench.dataset.pictures import read_bytes
from gazebench.errors import InputError
from gazebench.exports._description import NAME, Exported
from gazebench.store import asking

_HALVES = ("train", "test")


def _silent(portraits: int) -> None:
    """Where nobody looks on."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export."""

    path: str  # below the folder of the export, parts joined by "/"
    make: Callable[[], bytes | Iterator[bytes]]  # whole, or piece by piece where it may be large
    portraits: int = 0  # whose pixels it holds


@dataclass(frozen=True, kw_only=True)
class ExportContent:
    """A dataset, as far as it travels."""

    manifest: Manifest
    info: Mapping[str, Any]  # dataset.json
    rows: tuple[Exported, ...]  # the portraits, in manifest order
    with_pixels: bool
    notice: str  # what may be done with the export
    progress: Callable[[int], object] = _silent  # called with how many more portraits were read

    def halves(self) -> dict[str, tuple[Exported, ...]]:
        """Portraits by "train" and "test"; a half without any is left out."""
        halves = {name: tuple(row for row in self.rows if row.split == name) for name in _HALVES}
        return {name: rows for name, rows in halves.items() if rows}

    @property
    def suffix(self) -> str:
        """Ending of the portraits' file names, with its dot."""
        return self.manifest.image_format.suffix

    def image(self, row: Exported) -> bytes:
        """A portrait's image file, checked to be the one that was built.

        Raises:
            InputError: it cannot be read, or it was changed.
        """
        path = self._path(row)
        data = read_bytes(path)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise InputError(
                f"{path}: changed after the build; run `gazebench verify {self.manifest.root}`"
            )
        self.progress(1)
        return data

    def size(self, row: Exported) -> int:
        """Bytes of a portrait's image file; 0 where pixels stay behind.

        Raises:
            InputError: it is not there.
        """
        if not self.with_pixels:
            return 0
        path = self._path(row)
        with asking(path):
            return path.stat().st_size

    def card(self, files: Mapping[str, str]) -> str:
        """The dataset card, with ``files`` as what this export holds."""
        files = {**files, NAME: "where each portrait comes from and what it must be"}
        return dataset_card.card_markdown(self.manifest, self.info, notice=self.notice, files=files)

    def _path(self, row: Exported) -> Path:
        return self.manifest.path(self.manifest.by_id[row.id])
