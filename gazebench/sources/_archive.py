"""What an archive of pictures holds, ZIP or tar. It is read in place and never extracted."""

import io
import stat
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gazebench.dataset.containers import TAR, Member, read, tar_members
from gazebench.errors import InputError

ENDINGS = (".zip", TAR)
_MOST = 1_000_000  # members
_LISTS = (".txt", ".csv")
_MOST_OF_A_LIST = 256 << 20  # bytes; the largest of CelebA has 26 million


def members(path: Path) -> list[str]:
    """Names of the regular files in the archive.

    Raises:
        InputError: no ZIP archive, or one that is refused as a whole: encrypted, a name that
            leads out of the archive, a link or a device, the same name twice.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        sentence = f"{path}: is not a whole ZIP archive ({error}); download it again"
        raise InputError(sentence) from None
    if len(infos) > _MOST:
        raise InputError(f"{path}: {len(infos):,} members, limit {_MOST:,}")
    for info in infos:
        if fault := _fault(info):
            raise InputError(f"{path}: refused, its member {info.orig_filename!r} {fault}")
    names = [info.filename for info in infos if not info.is_dir()]
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise InputError(f"{path}: refused, it has two members {twice!r}")
    return names


def pictures(path: Path, folder: str) -> list[Member]:
    """Its JPEG files, or else its PNG files, that are in ``folder`` or in no folder.

    Raises:
        InputError: see ``members``; also two pictures with the same file name.
    """
    every = tar_members(path) if path.suffix.lower() == TAR else map(_zipped, members(path))
    named = [(PurePosixPath(member.name), member) for member in every]
    here = [(m, member) for m, member in named if m.parent.name in (folder, "")]
    shown = [pair for pair in here if not pair[0].name.startswith(".") and _is_own(pair[0])]
    chosen = [pair for pair in shown if pair[0].suffix == ".jpg"]
    chosen = chosen or [pair for pair in shown if pair[0].suffix == ".png"]
    by_name: dict[str, PurePosixPath] = {}
    for picture, _ in chosen:
        if by_name.setdefault(picture.name, picture) != picture:
            raise InputError(f"{path}: has both {by_name[picture.name]} and {picture}")
    return [member for _, member in chosen]


def has_folder(path: Path, folder: str) -> bool:
    """Whether the archive has a picture in ``folder``.

    Raises:
        InputError: see ``members``.
    """
    every = tar_members(path) if path.suffix.lower() == TAR else map(_zipped, members(path))
    return any(PurePosixPath(member.name).parent.name == folder for member in every)


def is_archive(path: Path) -> bool:
    """Whether its name says so."""
    return path.suffix.lower() in ENDINGS and path.is_file()


@dataclass(frozen=True, slots=True)
class TarPath:
    """A place in a tar archive, as ``zipfile.Path`` is one in a ZIP archive."""

    archive: Path
    addresses: Mapping[str, str]  # of the archive's lists, by name
    name: str = ""  # "" is the top

    def __truediv__(self, part: str) -> "TarPath":
        """A place in this one."""
        return replace(self, name=f"{self.name}/{part}".lstrip("/"))

    def __str__(self) -> str:
        """The archive's path and the place in it."""
        return f"{self.archive}/{self.name}"

    def is_file(self) -> bool:
        """Whether a list is there."""
        return self.name in self.addresses

    def open(self, *, encoding: str) -> io.TextIOWrapper:
        """The list, as text.

        Raises:
            OSError: it cannot be read.
        """
        try:
            data = read(self.archive, self.addresses[self.name], limit=_MOST_OF_A_LIST)
        except (OverflowError, ValueError) as error:
            raise OSError(str(error)) from None
        return io.TextIOWrapper(io.BytesIO(data), encoding)


def folders(path: Path) -> list[zipfile.Path] | list[TarPath]:
    """The top of an archive and the folders in it that hold lists, those near the top first.

    Raises:
        InputError: see ``members``.
    """
    every = tar_members(path) if path.suffix.lower() == TAR else map(_zipped, members(path))
    lists = {
        str(PurePosixPath(member.name)): member.address
        for member in every
        if member.name.lower().endswith(_LISTS) and _is_own(PurePosixPath(member.name))
    }
    found = {str(PurePosixPath(name).parent) for name in lists} - {"."}
    inner = sorted(found, key=lambda name: (name.count("/"), name))
    if path.suffix.lower() == TAR:
        return [TarPath(path, lists, name) for name in ("", *inner)]
    top = zipfile.Path(path)
    return [top, *(top / name for name in inner)]


def _zipped(name: str) -> Member:
    return Member(name, name)


def _is_own(member: PurePosixPath) -> bool:
    return "__MACOSX" not in member.parts


def _fault(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    parts = name.split("/")
    if "\\" in name or not name.isprintable():
        return "has a backslash or a control character in its name"
    if name.startswith("/") or ":" in parts[0] or ".." in parts:
        return "leads out of the archive"
    kind = stat.S_IFMT(info.external_attr >> 16)  # Unix file type; 0 where the packer has none
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if info.flag_bits & 1:
        return "is encrypted; pack the pictures without a password"
    return ""
