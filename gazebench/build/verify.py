"""Is a dataset still what its build made?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from gazebench.build.encoding import is_mask, mask_file
from gazebench.build.publish import tree_hash
from gazebench.errors import InputError
from gazebench.manifest import LABELS, Manifest, Portrait, load_info, manifest_csv, read_labels
from gazebench.manifest.attributes import FILE
from gazebench.reader import PictureError, decode, read_bytes


def faults(root: Path, *, quiet: bool = False) -> list[str]:
    """Sentences on everything that differs from what was built; empty for a sound dataset.

    Every image is read and hashed, every box and mask checked, labels and lists compared.

    Raises:
        InputError: the folder is no finished dataset.
    """
    manifest = Manifest.load(root)
    found = [*_list_faults(manifest), *_attribute_faults(root), *_label_faults(manifest)]
    for portrait in tqdm(manifest.portraits, desc="verify", unit="portrait", disable=quiet):
        found += _portrait_faults(manifest, portrait)
        if manifest.has_masks:
            found += _mask_faults(manifest, portrait)
    return [*found, *_strangers(manifest)]


def _strangers(manifest: Manifest) -> Iterator[str]:
    known = {"images": {manifest.path(p).name for p in manifest.portraits}}
    if manifest.has_masks:
        known["masks"] = {Path(mask_file(p.id)).name for p in manifest.portraits}
    for folder, names in known.items():
        for path in sorted((manifest.root / folder).glob("*")):
            if path.name not in names:
                yield f"{folder}/{path.name}: not in manifest.csv"


def _list_faults(manifest: Manifest) -> Iterator[str]:
    try:
        lines, quarantine = (
            (manifest.root / n).read_bytes().decode() for n in ("manifest.csv", "quarantine.csv")
        )
    except (OSError, UnicodeDecodeError) as error:
        yield f"quarantine.csv or manifest.csv cannot be read: {error}"
        return
    made = tree_hash(manifest.portraits, lines, quarantine, manifest.image_format)
    if made != manifest.tree_hash:
        yield "manifest.csv or quarantine.csv was changed after the build: the tree hash differs"
    if manifest_csv(manifest.portraits) != lines:
        yield "manifest.csv is not as gazebench writes it"


def _attribute_faults(root: Path) -> Iterator[str]:
    pinned = load_info(root).get("attributes")
    if not pinned:
        return
    try:
        found = hashlib.sha256((root / FILE).read_bytes()).hexdigest()
    except OSError as error:
        yield f"{FILE} cannot be read: {error.strerror or error}"
    else:
        if found != pinned:
            yield f"{FILE}: changed after the build"


def _label_faults(manifest: Manifest) -> Iterator[str]:
    for id_, label in read_labels(manifest.root / "labels.csv").items():
        if id_ not in manifest.by_id:
            yield f"labels.csv: {id_!r} is no portrait of this dataset"
        if label not in LABELS:
            yield f"labels.csv: {id_!r} has the label {label!r}"


def _portrait_faults(manifest: Manifest, portrait: Portrait) -> list[str]:
    side, window = manifest.resolution, manifest.window
    found, name = [], manifest.image_format.file(portrait.id)
    try:
        data = read_bytes(manifest.path(portrait))
        if hashlib.sha256(data).hexdigest() != portrait.sha256:
            found.append(f"{name}: content changed after the build")
        if decode(data, name).size != (side, side):
            found.append(f"{name}: not {side}x{side} pixels")
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


def _mask_faults(manifest: Manifest, portrait: Portrait) -> Iterator[str]:
    name = mask_file(portrait.id)
    try:
        data = read_bytes(manifest.root / name)
        if not is_mask(data, name, portrait.eyes, manifest.resolution):
            yield f"{name}: is not the mask of the eye boxes"
    except PictureError as error:
        yield str(error).replace(f"{manifest.root}/", "")


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
