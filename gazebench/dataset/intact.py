"""Is a dataset still what its build made? Asked by whatever trains, scores or shows it.

``dataset.json`` has one hash of the lists and of every image file. A full check reads and hashes
them all, and notes size and times of each file; as long as those stay the same, the next check
only looks at them. `gazebench verify` always reads everything, and more.
"""

import contextlib
import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazebench import store
from gazebench.dataset.manifest import Manifest
from gazebench.dataset.portraits import ImageFormat, Portrait
from gazebench.errors import DiskError, InputError
from gazebench.progress import bar
from gazebench.reading import read_array, sha256_of

_LISTS = ("manifest.csv", "quarantine.csv")
_SHOWN = 3  # faults in one sentence


class Tree:
    """One digest of everything a build made: image files, manifest and quarantine.

    Masks are not in it: they follow from the eye boxes of the manifest, so a dataset is the same
    with and without them. `gazebench verify` checks them against the boxes.
    """

    def __init__(self, images: ImageFormat = ImageFormat.PNG) -> None:
        self._images = images
        self._digest = hashlib.sha256()

    def add(self, portrait: Portrait) -> None:
        """Its image file, in the order of the manifest."""
        line = f"{self._images.file(portrait.id)} {portrait.sha256}\n"
        self._digest.update(line.encode())

    def hash(self, manifest: str, quarantine: str) -> str:
        """The digest, given the sha256 of ``manifest.csv`` and of ``quarantine.csv``."""
        whole = self._digest.copy()
        for name, digest in zip(_LISTS, (manifest, quarantine), strict=True):
            whole.update(f"{name} {digest}\n".encode())
        return whole.hexdigest()


def hold(manifest: Manifest) -> None:
    """Make sure that lists and image files are those that were built.

    Raises:
        InputError: they are not; the sentence says what changed.
    """
    found = faults(manifest)
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InputError(
            f"{manifest.root}: changed after it was built: {'; '.join(found[:_SHOWN])}{more}; run "
            "the same `gazebench build-dataset` with --overwrite, or put the files back"
        )


def faults(manifest: Manifest) -> list[str]:
    """What differs from what was built, files named below the dataset's folder; [] for nothing."""
    stamps = file_stamps([manifest.root / name for name in _files(manifest)])
    path = manifest.root / "cache" / f"checked-{manifest.tree_hash[:16]}.npy"
    known = _known(path, stamps)
    if np.array_equal(known, stamps):
        return []
    found = [*_list_faults(manifest), *_image_faults(manifest, (known != stamps).any(axis=1))]
    if not found:
        buffer = io.BytesIO()
        np.save(buffer, stamps)
        with contextlib.suppress(DiskError):  # a dataset that may not be written to is read again
            store.write(path, buffer.getvalue())
    return found


def file_stamps(paths: list[Path]) -> NDArray[np.int64]:
    """Size and times of files, in nanoseconds, (N, 3); -1 of one that is not there.

    The time of the last change of the file's entry cannot be set back, as that of its content can.
    """
    stamps = np.full((len(paths), 3), -1, np.int64)
    for row, path in enumerate(paths):
        with contextlib.suppress(OSError):
            facts = path.stat()
            stamps[row] = facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
    return stamps


def _files(manifest: Manifest) -> list[str]:
    return [*_LISTS, *(manifest.image_format.file(p.id) for p in manifest.portraits)]


def _known(path: Path, stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """The stamps of the last full check; of nothing, where there was none of so many files."""
    with contextlib.suppress(InputError):
        known = read_array(path)
        if known.shape == stamps.shape and known.dtype == stamps.dtype:
            return known.astype(np.int64)
    return np.full_like(stamps, -2)


def _list_faults(manifest: Manifest) -> list[str]:
    try:
        digests = [sha256_of(manifest.root / name) for name in _LISTS]
    except InputError as error:
        return [_below(manifest, str(error))]
    tree = Tree(manifest.image_format)
    for portrait in manifest.portraits:
        tree.add(portrait)
    if tree.hash(*digests) != manifest.tree_hash:
        return ["manifest.csv or quarantine.csv is another (the tree hash differs)"]
    return []


def _image_faults(manifest: Manifest, doubtful: NDArray[np.bool_]) -> list[str]:
    """Of those portraits whose stamp differs; ``doubtful`` has the lists' rows before theirs."""
    wanted = [p for p, is_new in zip(manifest.portraits, doubtful[2:], strict=True) if is_new]
    found = []
    # a short check shows nothing
    for portrait in bar(wanted, desc="check the dataset", unit="portrait", delay=2):
        try:
            if sha256_of(manifest.path(portrait)) != portrait.sha256:
                found.append(f"{manifest.image_format.file(portrait.id)}: other content")
        except InputError as error:
            found.append(_below(manifest, str(error)))
    return found


def _below(manifest: Manifest, sentence: str) -> str:
    return sentence.replace(f"{manifest.root}/", "")
