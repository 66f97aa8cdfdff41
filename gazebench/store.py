"""The only module that writes to the disk: a file is whole and durable, or it is not there.

Each file is written to a temporary name in its own folder, fsynced, renamed, and the folder
fsynced. A batch of files shares its folder syncs.
"""

import contextlib
import errno
import fcntl
import io
import math
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from gazebench.errors import BusyError, DiskError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_SPACE = "no space left on the disk; free some and run the same command again"
_TEMPORARY = ".partial-"
_LONGEST_NAME = 255  # bytes, on most disks
_NO_FILE = "is a link or no regular file, so nothing is written to it; remove it"


def write(path: Path, data: bytes | str) -> None:
    """Write one file durably; missing folders are made.

    Raises:
        DiskError: no space, not writable, or an I/O error. Nothing is left half-written.
    """
    write_many([(path, data)])


def full_disk(error: OSError, place: object) -> DiskError | None:
    """The error of a disk that has no space left, if it is that; ``place`` is a path, or words."""
    return DiskError(f"{place}: {_NO_SPACE}") if error.errno in _FULL else None


def write_arrays(path: Path, arrays: "Mapping[str, NDArray[np.generic]]") -> None:
    """Write arrays by name as one ``.npz`` file, the same bytes for the same arrays.

    Raises:
        DiskError: as ``write``.
    """
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write(path, buffer.getvalue())


def write_private(path: Path, data: bytes | str) -> None:
    """Write one file that only its owner may read (mode 0600): a key, a secret.

    Raises:
        DiskError: as ``write``.
    """
    _write_one(path, data.encode() if isinstance(data, str) else data, mode=0o600)
    _sync_folders([path.parent])


def write_many(files: Iterable[tuple[Path, bytes | str]]) -> None:
    """Write files durably, with one fsync of each folder at the end.

    Raises:
        DiskError: as ``write``; files before the failing one are whole.
    """
    folders: dict[Path, None] = {}
    for path, data in files:
        _write_one(path, data.encode() if isinstance(data, str) else data)
        folders[path.parent] = None
    _sync_folders(folders)


def link_or_copy(files: Iterable[tuple[Path, Path]]) -> None:
    """Give each file (first) another place (second): a hard link, else a copy; then sync.

    Raises:
        DiskError: as ``write``.
    """
    folders: dict[Path, None] = {}
    for source, path in files:
        folders[path.parent] = make_folder(path.parent)
        remove(path)
        try:
            os.link(source, path)
        except OSError:  # another disk, or one without links
            with _disk_errors(path):
                _write_one(path, source.read_bytes())
    _sync_folders(folders)


def append(path: Path, line: str) -> None:
    """Append one line to a log; a torn last line of an earlier crash is cut off first.

    Raises:
        DiskError: as ``write``.
    """
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(_opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab+") as file:
            _cut_torn_line(file)
            file.write(line.encode() + b"\n")


@contextlib.contextmanager
def appending(path: Path) -> Iterator[BinaryIO]:
    """A file to add to, for what another program says.

    Raises:
        DiskError: as ``write``.
    """
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(_opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
    with file:
        yield file


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Fill a new file piece by piece; it appears when the block ends well.

    Raises:
        DiskError: as ``write``. Nothing is left half-written.
    """
    temporary = _temporary(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _fresh(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folders([path.parent])
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_array(path: Path, shape: tuple[int, ...]) -> "Iterator[NDArray[np.uint8]]":
    """Fill a new memory-mapped uint8 ``.npy`` file; it appears when the block ends well.

    Raises:
        DiskError: as ``write``; the space is reserved first, so a full disk shows at once.
    """
    import numpy as np

    require_space(path, math.prod(shape))
    temporary = _temporary(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fresh(temporary).close()
            array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            _reserve(temporary)
            yield array
            array.flush()
            _sync_file(temporary)
            temporary.replace(path)
            _sync_folders([path.parent])
        finally:
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and its parents.

    Raises:
        DiskError: it cannot be made.
    """
    with _disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds; nothing there is fine.

    Raises:
        DiskError: it cannot be removed.
    """
    with _disk_errors(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove temporary files that a killed process left directly in ``folder``."""
    with _disk_errors(folder):
        for path in folder.glob(f"{_TEMPORARY}*"):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` as its only writer; the lock dies with the process.

    Temporary files that a killed writer left directly in ``folder`` are removed.

    Raises:
        BusyError: another process holds it; the message names that process.
    """
    make_folder(folder)
    path = folder / ".lock"
    with _disk_errors(path):
        handle = _opened(path, os.O_RDWR | os.O_CREAT)
    try:
        _acquire(handle, folder)
        os.ftruncate(handle, 0)
        with contextlib.suppress(OSError):  # a name is good to have, the disk may be full
            os.pwrite(handle, f"process {os.getpid()} ({_command()})".encode(errors="replace"), 0)
        remove_partial(folder)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)  # names nobody when nobody holds it
    finally:
        os.close(handle)


@contextlib.contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait until no other process holds the file ``path``, then hold it; for what all may make.

    It is made where it is missing, and let go with the process. Where it cannot be made or locked,
    as on a disk that is only read, nobody waits.
    """
    handle = None
    with contextlib.suppress(DiskError), _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _opened(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def refuse_link(path: Path) -> Path:
    """``path``, where another library opens it for writing: no link, and a regular file or none.

    Raises:
        InputError: writing there would change a file elsewhere.
    """
    with _disk_errors(path):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise InputError(f"{path}: {_NO_FILE}")
    return path


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk that holds ``folder`` or its nearest existing parent."""
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    return shutil.disk_usage(there).free


def require_space(folder: Path, size: int) -> None:
    """Check that the disk of ``folder`` has ``size`` bytes left.

    Raises:
        DiskError: it has not; nothing was written.
    """
    free = free_bytes(folder)
    if free < size + (1 << 20):
        raise DiskError(
            f"{folder}: needs about {size / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB left; "
            "free some and run the same command again"
        )


@contextlib.contextmanager
def asking(path: Path) -> Iterator[None]:
    """Around a question whether ``path`` exists or is a folder.

    Raises:
        InputError: the system cannot tell: a name too long, a parent folder that may not be read.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _opened(path: Path, flags: int) -> int:
    """A handle on a regular file that may be written to; no link is followed, nothing waits.

    Raises:
        InputError: a link, a pipe or a device stands there.
        OSError: it cannot be opened.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a pipe that nobody reads
            raise InputError(f"{path}: {_NO_FILE}") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(f"{path}: {_NO_FILE}")
    return handle


def _temporary(path: Path) -> Path:
    """Beside ``path``; of a long name the end, so that it is not too long where that fits."""
    start = f"{_TEMPORARY}{os.getpid()}-"
    end = os.fsencode(path.name)[-(_LONGEST_NAME - len(start)) :]
    return path.with_name(start + end.decode(errors="ignore"))


def _fresh(temporary: Path) -> BinaryIO:
    """A new file; what stands there, which another process of this number left, is removed."""
    temporary.unlink(missing_ok=True)
    return os.fdopen(_opened(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL), "wb")


def _acquire(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 200, 0).decode(errors="replace") or "another process"
        raise BusyError(f"{folder}: {holder} is writing here; wait for it or stop it") from None
    except OSError as error:
        raise DiskError(
            f"{folder}: cannot be locked ({error.strerror or error}); use a disk that allows locks"
        ) from None


def _command() -> str:
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return " ".join([name, *sys.argv[1:2]])


def _write_one(path: Path, data: bytes, mode: int | None = None) -> None:
    temporary = _temporary(path)
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _fresh(temporary) as file:
                if mode is not None:
                    os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def _sync_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        with _disk_errors(folder):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _reserve(path: Path) -> None:
    # a memory map of a sparse file would die by SIGBUS when the disk is full
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file.fileno(), 0, size)


def _cut_torn_line(file: BinaryIO) -> None:
    end = kept = file.seek(0, os.SEEK_END)
    while kept:
        start = max(0, kept - 65536)
        file.seek(start)
        newline = file.read(kept - start).rfind(b"\n")
        if newline >= 0:
            kept = start + newline + 1
            break
        kept = start
    if kept < end:
        file.truncate(kept)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{path}: is a file where a folder is needed") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder where a file is needed") from None
    except OSError as error:
        if full := full_disk(error, path):
            raise full from error
        reason = f"cannot be written ({error.strerror or error}); check the folder's permissions"
        raise DiskError(f"{path}: {reason}") from error
