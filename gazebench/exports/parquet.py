"""One Parquet file per half: the columns of ``manifest.csv``, the domain, the picture as bytes."""

import csv
import functools
import io
from collections.abc import Iterator, Sequence
from typing import Any

from gazebench.dataset import COLUMNS, manifest_csv
from gazebench.errors import MissingPartError
from gazebench.exports import Export, ExportContent, Exported, ExportFile

_GROUP = {True: 100, False: 10_000}  # portraits of a row group, with and without pixels
_SIDES = ("_left", "_top", "_right", "_bottom")
_TEXTS = ("id", "source_name", "identity", "split", "domain")
_TEXTS += ("source_sha256", "sha256", "phash", "near_duplicate")
_FILES = {
    "train.parquet": "the train half: columns of manifest.csv, domain, and image where pixels are",
    "test.parquet": "the test half",
}


class Parquet(Export):
    """``train.parquet`` and ``test.parquet``."""

    title = "Parquet, one file per half"

    def files(self, content: ExportContent) -> Iterator[ExportFile]:
        """The card, then a file per half."""
        _pyarrow()
        yield ExportFile("README.md", lambda: content.card(_FILES).encode())
        for half, rows in content.halves().items():
            make = functools.partial(_pieces, content, rows)
            yield ExportFile(f"{half}.parquet", make, len(rows) if content.with_pixels else 0)


class _Drain(io.RawIOBase):
    """A file to write to, from which the bytes are taken as they come."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self._at += len(self._pieces[-1])
        return len(self._pieces[-1])

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _pieces(content: ExportContent, rows: Sequence[Exported]) -> Iterator[bytes]:
    pa = _pyarrow()
    drain, size = _Drain(), _GROUP[content.with_pixels]
    schema = _schema(content.with_pixels)
    with pa.parquet.ParquetWriter(drain, schema, compression="zstd") as writer:
        for start in range(0, len(rows), size):
            values = [_values(content, row) for row in rows[start : start + size]]
            writer.write_table(pa.Table.from_pylist(values, schema))
            yield drain.take()
    yield drain.take()


def _schema(with_pixels: bool) -> Any:
    pa = _pyarrow()
    kinds = {str: pa.string(), int: pa.int32(), float: pa.float64()}
    columns = [(column, kinds[_kind(column)]) for column in (*COLUMNS, "domain")]
    return pa.schema([*columns, ("image", pa.binary())] if with_pixels else columns)


def _kind(column: str) -> type:
    if column in _TEXTS:
        return str
    return int if column == "faces" or column.endswith(_SIDES) else float


def _values(content: ExportContent, row: Exported) -> dict[str, Any]:
    line = manifest_csv([row.portrait])  # the manifest's own cells, digit by digit
    cells = next(csv.DictReader(io.StringIO(line, newline="")))
    values: dict[str, Any] = {
        column: _kind(column)(cells[column]) if cells[column] else None for column in COLUMNS
    }
    values["domain"] = row.label if row.label in ("X", "Y") else None
    return {**values, "image": content.image(row)} if content.with_pixels else values


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingPartError(
            "this export needs pyarrow, which is not installed; "
            "run `pip install 'gazebench[export]'`"
        ) from None
    return pyarrow
