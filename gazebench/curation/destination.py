"""The folder that a dataset is made in: is it ours, is there room, and emptying it."""

from pathlib import Path

from gazebench import store
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import ImageFormat
from gazebench.errors import InputError

FOLDERS = ("images", "masks")  # of files named by portraits' ids
_MADE = ("manifest.csv", "quarantine.csv", "attributes.csv", "README.md", "croissant.json")
_MADE += (*FOLDERS, "cache")
_MB_PER_PORTRAIT = {256: 0.12, 512: 0.45}  # as PNG
_SHARE = {ImageFormat.PNG: 1.0, ImageFormat.WEBP: 0.7, ImageFormat.JPEG: 0.25}  # of those
_MB_PER_MASK = 0.004  # a block of the disk


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
    # labels are people's work: they stay, whatever is built next. The journal is emptied before
    # the images go, so that a kill in between leaves none that it takes for done
    for name in ("dataset.json", "build.sqlite-wal", "build.sqlite-shm"):
        store.remove(out / name)
    store.write(out / "build.sqlite", b"")
    for name in _MADE:
        store.remove(out / name)


def check_space(out: Path, faces: int, settings: DatasetSettings) -> None:
    """Check that so many more portraits can be expected to fit on the disk.

    Raises:
        DiskError: they cannot.
    """
    side, share = settings.resolution, _SHARE[settings.image_format]
    per_face = _MB_PER_PORTRAIT.get(side, 0.45 * (side / 512) ** 2) * share * 0.5
    masks = _MB_PER_MASK if settings.write_masks else 0.0
    store.require_space(out, int(faces * (per_face + masks) * 1e6))
