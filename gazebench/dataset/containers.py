"""Pictures inside files that hold many: tar archives and Parquet tables; nothing is extracted.

A picture's address says where it lies, so that each is read without a look at the others:
``NAME@OFFSET+BYTES`` in a tar archive, ``COLUMN@GROUP:ROW`` in a Parquet table.
"""

import functools
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gazebench.errors import InputError, MissingPartError

TAR, PARQUET = ".tar", ".parquet"
_MOST_BYTES = 1 << 30  # of the pictures in a row group
_MOST = 1_000_000  # members


class Member(NamedTuple):
    """A regular file in an archive."""

    name: str
    address: str


def holds_many(path: Path) -> bool:
    """Whether pictures in the file have such addresses."""
    return path.suffix.lower() in (TAR, PARQUET)


def tar_members(path: Path) -> Iterator[Member]:
    """The regular files of a tar archive, one at a time.

    Raises:
        InputError: no whole tar archive, a compressed one, or one that is refused as a whole: a
            name that leads out of it, a link or a device.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            for number, info in enumerate(archive):
                archive.members = []  # type: ignore[attr-defined] - else it keeps them all
                if number >= _MOST:
                    raise InputError(f"{path}: over {_MOST:,} members")
                if fault := _fault(info):
                    raise InputError(f"{path}: refused, its member {info.name!r} {fault}")
                if info.isreg():
                    yield Member(info.name, f"{info.name}@{info.offset_data}+{info.size}")
    except tarfile.ReadError:
        raise InputError(
            f"{path}: is not a plain tar archive; a compressed one must be unpacked (tar xf), "
            "because its pictures cannot be reached one by one"
        ) from None
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise InputError(f"{path}: is not a whole tar archive ({error}); get it again") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _fault(info: tarfile.TarInfo) -> str:
    if not (info.isreg() or info.isdir()) or info.issparse():
        return "is a link or a device"
    if info.name.startswith("/") or ".." in info.name.split("/"):
        return "leads out of the archive"
    is_odd = "\\" in info.name or not info.name.isprintable()
    return "has a backslash or a control character in its name" if is_odd else ""


def read(path: Path, address: str, *, limit: int) -> bytes:
    """The picture at an address.

    Raises:
        OSError: the file cannot be read.
        OverflowError: the picture has ``limit`` bytes or more.
        ValueError: there is no such picture.
        MissingPartError: pyarrow is not installed.
    """
    _, _, place = address.rpartition("@")
    if path.suffix.lower() == TAR:
        offset, _, size = place.partition("+")
        data = _piece(path, int(offset), int(size), limit)
    else:
        group, _, row = place.partition(":")
        data = _cell(path, address.rpartition("@")[0], int(group), int(row))
    if len(data) >= limit:
        raise OverflowError(f"{len(data)} bytes, limit {limit}")
    return data


def _piece(path: Path, offset: int, size: int, limit: int) -> bytes:
    if size >= limit:
        raise OverflowError(f"{size} bytes, limit {limit}")
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    if len(data) < size:
        raise ValueError("the archive ends before it")
    return data


def pyarrow() -> Any:
    """The library that reads Parquet.

    Raises:
        MissingPartError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPartError(
            "Parquet needs pyarrow; run `pip install 'gazebench[export]'`"
        ) from None
    return pyarrow


def parquet_file(path: Path) -> Any:
    """An open Parquet file.

    Raises:
        InputError: it is none, or cannot be read.
    """
    pa = pyarrow()
    try:
        return pa.parquet.ParquetFile(path, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from None


def check_groups(path: Path, file: Any, column: str) -> None:
    """That each row group's pictures fit into a worker's memory.

    Raises:
        InputError: one has over a gigabyte of them.
    """
    places = [n for n in range(file.metadata.num_columns) if _top(file, n) == column]
    for group in range(file.num_row_groups):
        chunks = file.metadata.row_group(group)
        size = sum(chunks.column(n).total_uncompressed_size for n in places)
        if size > _MOST_BYTES:
            raise InputError(
                f"{path}: row group {group} holds {size >> 20:,} MB of pictures, limit "
                f"{_MOST_BYTES >> 20:,}; write it again with smaller row groups (100 rows)"
            )


def _top(file: Any, column: int) -> str:
    return str(file.metadata.schema.column(column).path).partition(".")[0]


def _cell(path: Path, column: str, group: int, row: int) -> bytes:
    """A picture's bytes; the row group that it is in is held for the next ones."""
    reader = _rows(path, path.stat().st_mtime_ns, os.getpid(), column)
    value = reader.at(group, row)
    if isinstance(value, dict):  # as Hugging Face's datasets write an image
        value = value.get("bytes")
    return bytes(value) if value is not None else b""


class _Rows:
    """One column, of which one row group is held."""

    def __init__(self, path: Path, column: str) -> None:
        self._file, self._column = parquet_file(path), column
        self._group, self._values = -1, None

    def at(self, group: int, row: int) -> Any:
        if group != self._group:
            self._values = None  # before the next one comes
            # no threads: a worker has a limit of memory under which Arrow's may wait for ever
            table = self._file.read_row_group(group, columns=[self._column], use_threads=False)
            self._group, self._values = group, table.column(0)
        if self._values is None or row >= len(self._values):
            raise ValueError(f"row group {group} has no row {row}")
        return self._values[row].as_py()


@functools.lru_cache(maxsize=4)
def _rows(path: Path, mtime_ns: int, process: int, column: str) -> _Rows:
    del mtime_ns, process  # a changed file has other rows; a fork shares the place where one reads
    return _Rows(path, column)
