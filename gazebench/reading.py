"""The one way to read files back: regular, of a sane size, and what they should be.

Whatever is on the disk may have been edited, forged, cut off, or be no file at all. A file is
opened without waiting (a pipe or a device is refused, not read), read up to a limit, and what a
parser finds is held to limits on depth, digits and text. What is wrong is an `InputError` with one
sentence.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazebench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_JSON, MAX_TOML = 256 << 20, 1 << 20  # bytes
MAX_DEPTH = 40  # of lists and tables within each other
MAX_DIGITS = 20  # of a whole number
MAX_HEADER = 16 << 20  # bytes of a safetensors header


class MissingFileError(InputError):
    """There is no such file."""


@contextlib.contextmanager
def opened(path: Path, limit: int | None = None) -> Iterator[io.BufferedReader]:
    """A regular file, to read from.

    Raises:
        MissingFileError: nothing is there.
        InputError: no regular file, over ``limit`` bytes, or it may not be read.
    """
    try:
        # a pipe that nobody writes to would keep an open() waiting for ever
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({_reason(error)})") from None
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        os.close(handle)
        raise InputError(f"{path}: is not a regular file")
    with os.fdopen(handle, "rb") as file:
        if limit is not None and facts.st_size > limit:
            raise InputError(f"{path}: {facts.st_size:,} bytes, at most {limit:,} are read")
        yield file


def read_bytes(path: Path, limit: int = MAX_JSON) -> bytes:
    """Content of a regular file of at most ``limit`` bytes.

    Raises:
        InputError: as ``opened``.
    """
    with opened(path, limit) as file:
        try:
            return file.read(limit)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({_reason(error)})") from None


def read_text(path: Path, limit: int = MAX_JSON, remedy: str = "") -> str:
    """Text of a UTF-8 file, without its byte order mark; ``remedy`` ends the sentence on another.

    Raises:
        InputError: as ``opened``, or no UTF-8.
    """
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _damaged(path, ValueError(f"no UTF-8 text: {error.reason}"), remedy) from None


def read_json(path: Path, remedy: str = "") -> Any:
    """The value in a JSON file; ``remedy`` ends the sentence on a damaged one.

    Raises:
        InputError: as ``opened``; no JSON, too deep, a number of too many digits, or a text that
            is none.
    """
    return json_value(read_text(path, remedy=remedy), path, remedy)


def json_value(text: str, where: str | Path, remedy: str = "") -> Any:
    """The value that JSON text from ``where`` is; ``remedy`` ends the sentence on damaged text.

    Raises:
        InputError: no JSON, too deep, a number of too many digits, or a text that is none.
    """
    try:
        value = json.loads(text)
        _check(value)
    except (ValueError, RecursionError) as error:
        raise _damaged(where, error, remedy) from None
    return value


def read_object(path: Path, remedy: str = "") -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InputError: as ``read_json``, or another kind of value.
    """
    value = read_json(path, remedy)
    if not isinstance(value, dict):
        raise _damaged(path, ValueError("no JSON object"), remedy)
    return value


def read_toml(path: Path, remedy: str = "") -> dict[str, Any]:
    """The tables of a TOML file; ``remedy`` ends the sentence on a damaged one.

    Raises:
        InputError: as ``read_json``.
    """
    try:
        values = tomllib.loads(read_text(path, MAX_TOML, remedy))
        _check(values)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error, remedy) from None
    return values


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells of a CSV file, one row at a time; a BOM and CRLF are fine.

    Raises:
        InputError: as ``opened``, no UTF-8, or no CSV; when it comes to that line.
    """
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            for row in reader:
                yield reader.line_num, row
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path}: cannot be read as CSV: {error}") from None


def whole_number(text: str) -> int:
    """The whole number that ``text`` is, in plain digits.

    Raises:
        ValueError: something else: "1_0", digits of another script, too many of them.
    """
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def real_number(text: str) -> float:
    """The finite number that ``text`` is.

    Raises:
        ValueError: something else, such as "nan".
    """
    value = float(text) if text.isascii() and "_" not in text else float("nan")
    if not abs(value) < float("inf"):
        raise ValueError(f"{text[:40]!r} is not a finite number")
    return value


def read_array(path: Path, *, mapped: bool = False) -> "NDArray[np.generic]":
    """The array in a ``.npy`` file; ``mapped`` leaves it on the disk.

    Raises:
        InputError: as ``opened``, or no such array; nothing in it is run.
    """
    import numpy as np

    with opened(path):
        pass
    try:
        found = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except Exception as error:  # the reader of headers raises whatever damage leads it to
        raise _damaged(path, error, "") from None
    if not isinstance(found, np.ndarray):
        raise _damaged(path, ValueError("an archive, no array"), "")
    return found


def read_arrays(path: Path, limit: int = 1 << 32) -> "dict[str, NDArray[np.generic]]":
    """The arrays in a ``.npz`` file, by name.

    Raises:
        InputError: as ``opened``, or no such archive, or over ``limit`` bytes unpacked.
    """
    import zipfile

    import numpy as np

    with opened(path, limit) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > limit:
                    raise ValueError(f"over {limit:,} bytes unpacked")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception as error:  # likewise
            raise _damaged(path, error, "") from None


def check_tensors(path: Path) -> Path:
    """``path``, if it may be given to safetensors: a regular file with a header of sane size.

    Raises:
        InputError: as ``opened``, or the header is over 16 MB or longer than the file.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        header = int.from_bytes(file.read(8), "little")
    if size < 8 or not 0 < header <= min(size - 8, MAX_HEADER):
        said = f"its header claims {header:,} bytes of {size:,}"
        raise _damaged(path, ValueError(said), f"at most {MAX_HEADER:,} are read")
    return path


def sha256_of(path: Path) -> str:
    """Digest of a regular file, 64 hex digits; a piece of it is held at a time.

    Raises:
        InputError: as ``opened``.
    """
    with opened(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({_reason(error)})") from None


def _damaged(where: str | Path, error: BaseException, remedy: str) -> InputError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, RecursionError):
        said = "lists or tables within each other too deeply"
    return InputError(f"{where}: damaged ({said}){f'; {remedy}' if remedy else ''}")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _check(value: Any) -> None:
    """Hold a parsed value to the limits.

    Raises:
        ValueError: it is too deep, or has a number or text that is none.
    """
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"over {MAX_DEPTH} lists or tables within each other")
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str):
                item.encode()  # half a surrogate pair is not text
            elif isinstance(item, int) and abs(item) >= 10**MAX_DIGITS:
                raise ValueError(f"a whole number of over {MAX_DIGITS} digits")
        level = below
