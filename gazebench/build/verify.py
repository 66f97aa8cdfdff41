"""Is a dataset still what its build made?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from gazebench.build.publish import tree_hash
from gazebench.errors import InputError
from gazebench.manifest import LABELS, Manifest, Portrait, manifest_csv, read_labels
from gazebench.reader import PictureError, decode, read_bytes


def faults(root: Path, *, quiet: bool = False) -> list[str]:
    """Sentences on everything that differs from what was built; empty for a sound dataset.

    Every image is read and hashed, every box checked, labels and lists compared.

    Raises:
        InputError: the folder is no finished dataset.
    """
    manifest = Manifest.load(root)
    found = [*_list_faults(manifest), *_label_faults(manifest)]
    for portrait in tqdm(manifest.portraits, desc="verify", unit="portrait", disable=quiet):
        found += _portrait_faults(manifest, portrait)
    known = {p.image for p in manifest.portraits}
    for path in sorted((root / "images").glob("*")):
        if f"images/{path.name}" not in known:
            found.append(f"images/{path.name}: not in manifest.csv")
    return found


def _list_faults(manifest: Manifest) -> Iterator[str]:
    try:
        texts = [
            (manifest.root / n).read_bytes().decode() for n in ("manifest.csv", "quarantine.csv")
        ]
    except (OSError, UnicodeDecodeError) as error:
        yield f"quarantine.csv or manifest.csv cannot be read: {error}"
        return
    if tree_hash(manifest.portraits, *texts) != manifest.tree_hash:
        yield "manifest.csv or quarantine.csv was changed after the build: the tree hash differs"
    if manifest_csv(manifest.portraits) != texts[0]:
        yield "manifest.csv is not as gazebench writes it"


def _label_faults(manifest: Manifest) -> Iterator[str]:
    for id_, label in read_labels(manifest.root / "labels.csv").items():
        if id_ not in manifest.by_id:
            yield f"labels.csv: {id_!r} is no portrait of this dataset"
        if label not in LABELS:
            yield f"labels.csv: {id_!r} has the label {label!r}"


def _portrait_faults(manifest: Manifest, portrait: Portrait) -> list[str]:
    side, window = manifest.resolution, manifest.window
    found = []
    try:
        data = read_bytes(manifest.path(portrait))
        if hashlib.sha256(data).hexdigest() != portrait.sha256:
            found.append(f"{portrait.image}: content changed after the build")
        if decode(data, portrait.image).size != (side, side):
            found.append(f"{portrait.image}: not {side}x{side} pixels")
    except PictureError as error:
        found.append(str(error).replace(f"{manifest.root}/", ""))
    for box in portrait.eyes:
        if (box.height, box.width) != window or not box.inside(side, side):
            found.append(
                f"{portrait.id}: eye box {box} is not {window[0]}x{window[1]} in the frame"
            )
    if portrait.left_eye.overlaps(portrait.right_eye):
        found.append(f"{portrait.id}: eye boxes overlap")
    return found


def check(root: Path, *, quiet: bool = False) -> Manifest:
    """The dataset, if nothing is wrong with it.

    Raises:
        InputError: with the first faults.
    """
    found = faults(root, quiet=quiet)
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise InputError(f"{root}: {'; '.join(found[:5])}{more}; build it again with --overwrite")
    return Manifest.load(root)
