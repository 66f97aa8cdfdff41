"""What a ZIP archive of pictures holds. It is read in place and never extracted."""

import stat
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

from gazebench.errors import InputError

_MOST = 1_000_000  # members


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
        sentence = f"{path}: is no whole ZIP archive ({error}); download it again"
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


def pictures(path: Path, folder: str) -> list[str]:
    """Its JPEG files, or else its PNG files, that are in ``folder`` or in no folder.

    Raises:
        InputError: see ``members``; also two pictures with the same file name.
    """
    here = [m for m in map(PurePosixPath, members(path)) if m.parent.name in (folder, "")]
    shown = [m for m in here if not m.name.startswith(".") and "__MACOSX" not in m.parts]
    chosen = [m for m in shown if m.suffix == ".jpg"] or [m for m in shown if m.suffix == ".png"]
    by_name: dict[str, PurePosixPath] = {}
    for member in chosen:
        if by_name.setdefault(member.name, member) != member:
            raise InputError(f"{path}: has both {by_name[member.name]} and {member}")
    return [str(member) for member in chosen]


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
