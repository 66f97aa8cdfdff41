"""The portraits of a dataset as the labelling screen needs them, held in little memory."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gazebench.dataset import Heading, Split, read_csv, read_heading
from gazebench.errors import InputError

_SIDES = ("left", "top", "right", "bottom")
_BOXES = [f"{eye}_eye_{side}" for eye in ("left", "right") for side in _SIDES]


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Ids, eye boxes and halves, in the order of the manifest. N portraits."""

    heading: Heading
    ids: list[str]
    is_test: NDArray[np.bool_]  # (N,)
    eyes: NDArray[np.int16]  # (N, 2, 4): left then right eye: left, top, right, bottom

    @classmethod
    def read(cls, dataset: Path) -> Self:
        """Those of the dataset at ``dataset``.

        Raises:
            InputError: no finished dataset, or a damaged manifest.
        """
        path = dataset / "manifest.csv"
        ids: list[str] = []
        is_test: list[bool] = []
        boxes: list[list[int]] = []
        heading = read_heading(dataset)
        for line, row in read_csv(path, ("id", "split", *_BOXES)):
            try:
                boxes.append([int(row[name]) for name in _BOXES])
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}, line {line}: {error}; build the dataset again") from None
            ids.append(row["id"])
            is_test.append(row["split"] == Split.TEST)
        return cls(
            heading=heading,
            ids=ids,
            is_test=np.array(is_test, bool),
            eyes=np.array(boxes, np.int16).reshape(-1, 2, 4),
        )

    @cached_property
    def index(self) -> dict[str, int]:
        """Places by id."""
        return {id_: place for place, id_ in enumerate(self.ids)}

    def path(self, id_: str) -> Path:
        """Image file of a portrait."""
        return self.heading.root / self.heading.image_format.file(id_)

    def boxes(self, id_: str) -> list[list[float]]:
        """Both eye boxes as shares of the portrait's side: left, top, right, bottom."""
        return (self.eyes[self.index[id_]] / self.heading.resolution).round(5).tolist()
