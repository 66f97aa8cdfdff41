"""The folder that a dataset is made in: is it ours, is there room, and emptying it."""

from pathlib import Path

from gazebench import store
from gazebench.errors import InputError

_MADE = (
    "manifest.csv",
    "quarantine.csv",
    "README.md",
    "croissant.json",
    "images",
    "masks",
    "cache",
)
_MB_PER_PORTRAIT = {256: 0.12, 512: 0.45}


def check_folder(out: Path, source: Path) -> None:
    """That a dataset made of ``source`` can go to ``out``: new, empty, or begun by a build.

    Raises:
        InputError: it cannot.
    """
    with store.asking(out):
        if source.resolve().is_relative_to(out.resolve()):  # --overwrite would remove the pictures
            raise InputError(f"{out}: holds the pictures; give another folder for the dataset")
        if not out.exists():
            return
        if not out.is_dir():
            raise InputError(f"{out}: is a file; give a folder for the dataset")
        is_ours = (out / "build.sqlite").exists()
        names = [path.name for path in out.iterdir()]
    if not is_ours and any(name != ".lock" for name in names):
        raise InputError(f"{out}: holds other files; give a new or empty folder for the dataset")


def clear(out: Path) -> None:
    """Remove what a build made, for another one to begin."""
    # labels are people's work: they stay, whatever is built anew. The journal is emptied before
    # the images go, so that a kill in between leaves none that it takes for done
    for name in ("dataset.json", "build.sqlite-wal", "build.sqlite-shm"):
        store.remove(out / name)
    store.write(out / "build.sqlite", b"")
    for name in _MADE:
        store.remove(out / name)


def check_space(out: Path, faces: int, resolution: int) -> None:
    """That so many more portraits can be expected to fit on the disk.

    Raises:
        DiskError: they cannot.
    """
    per_face = _MB_PER_PORTRAIT.get(resolution, 0.45 * (resolution / 512) ** 2)
    store.require_space(out, int(faces * per_face * 1e6 * 0.5))
