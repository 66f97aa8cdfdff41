"""A folder that the datasets library of Hugging Face loads as it is, and that its hub takes.

``train`` and ``test`` with the portraits (its "imagefolder") and a ``metadata.csv`` each, and a
``README.md`` whose head is the hub's. Without pixels the lists are loaded as tables.
"""

import functools
import json
from collections.abc import Iterator, Sequence

from gazebench.dataset import csv_text
from gazebench.exports import Export, ExportContent, Exported, ExportFile

_SIDES = ("left", "top", "right", "bottom")
_COLUMNS = (
    "file_name",
    "domain",
    "sha256",
    *(f"{eye}_eye_{side}" for eye in ("left", "right") for side in _SIDES),
)
_TABLES = {
    "train/metadata.csv, test/metadata.csv": "file_name, domain (X, Y or empty), sha256, the "
    "eye boxes",
}


class HuggingFaceFolder(Export):
    """Pictures, a table per half, and the card."""

    title = "folder for Hugging Face datasets"

    def files(self, content: ExportContent) -> Iterator[ExportFile]:
        """The card, then each half's table and pictures."""
        suffix = content.suffix
        pictures = {f"train/ID{suffix}, test/ID{suffix}": "the portraits, where pixels are"}
        card = functools.partial(content.card, {**pictures, **_TABLES})
        yield ExportFile("README.md", lambda: (_head(content) + card()).encode())
        for half, rows in content.halves().items():
            yield ExportFile(f"{half}/metadata.csv", functools.partial(_table, rows, suffix))
            for row in rows if content.with_pixels else ():
                yield ExportFile(
                    f"{half}/{row.id}{suffix}", functools.partial(content.image, row), 1
                )


def _table(rows: Sequence[Exported], suffix: str) -> bytes:
    lines = (
        [
            f"{row.id}{suffix}",
            row.label if row.label in ("X", "Y") else "",
            row.sha256,
            *row.left_eye,
            *row.right_eye,
        ]
        for row in rows
    )
    return csv_text(_COLUMNS, lines).encode()


def _head(content: ExportContent) -> str:
    name = json.dumps(content.manifest.name, ensure_ascii=True)
    path = "**" if content.with_pixels else "metadata.csv"
    splits = "".join(f"  - split: {half}\n    path: {half}/{path}\n" for half in content.halves())
    return f"""---
pretty_name: {name}
license: other
task_categories:
- image-to-image
tags:
- gaze-correction
- portraits
size_categories:
- {_size(len(content.rows))}
configs:
- config_name: default
  data_files:
{splits}---

"""


def _size(portraits: int) -> str:
    if portraits < 1_000:
        return "n<1K"
    if portraits < 10_000:
        return "1K<n<10K"
    return "10K<n<100K" if portraits < 100_000 else "100K<n<1M"
