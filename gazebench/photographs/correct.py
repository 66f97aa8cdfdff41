"""Corrected photographs as PNG files, each of which says what it was made of and by what.

A file that was made of the same photograph by the same weights in the same way is kept.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from gazebench import progress, store
from gazebench.dataset.pictures import Original, PictureError, png, read_bytes
from gazebench.errors import InputError, MethodError, RefusedError
from gazebench.methods import Method, corrects
from gazebench.photographs import Photographer
from gazebench.sources.folder import Claim, claim_of

_KEY = "gazebench"  # of the text in the PNG file


def destinations(photographs: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where each photograph's correction goes: ``out/NAME.png``.

    Raises:
        InputError: two photographs would go to one place, or one over itself.
    """
    places: dict[Path, Path] = {}
    for photograph in photographs:
        place = out / f"{photograph.stem}.png"
        if place in places:
            raise InputError(f"{places[place]} and {photograph}: both would become {place}")
        with store.asking(place):
            if place.resolve() in {p.resolve() for p in photographs}:
                raise InputError(f"{place}: is one of the photographs; give another --out")
        places[place] = photograph
    return {photograph: place for place, photograph in places.items()}


def photographs_of(words: Iterable[Path]) -> list[Path]:
    """The photographs that ``words`` name: files, and the pictures directly in folders, sorted.

    Raises:
        InputError: a folder has no pictures, or a word names nothing.
    """
    found: list[Path] = []
    for word in words:
        with store.asking(word):
            if word.is_dir():
                inside = sorted(p for p in word.iterdir() if _is_shown(p))
                if not inside:
                    raise InputError(
                        f"{word}: has neither photographs nor a run; "
                        f"`gazebench train --method METHOD DATASET {word}` makes a run"
                    )
                found += inside
            elif word.exists():
                found.append(word)
            else:
                raise InputError(f"{word}: no such photograph, folder or run")
    return list(dict.fromkeys(found))


def _is_shown(path: Path) -> bool:
    is_plain = path.is_file() and not path.name.startswith(".")
    return is_plain and claim_of(path) is Claim.PICTURE


def correct(
    method: Method,
    photographer: Photographer,
    places: Mapping[Path, Path],
    *,
    weights_sha256: str,
    device: torch.device | str,
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> list[str]:
    """Write the correction of each photograph (key) as a PNG file (value).

    Returns a sentence for each that could not be corrected. What is there already is kept.
    ``facts``: what else the corrections depend on, for the text in the files. ``say`` gets a
    sentence for each photograph that the method left as it is, with the reason.

    Raises:
        MethodError: the method corrects nothing itself.
        RefusedError: what is there was made of or by something else, and not ``overwrite``.
        DiskError: no space or not writable.
    """
    if not corrects(type(method)):
        title = method.card.title
        raise MethodError(f"{title} corrects no portraits; it is a part of other methods")
    made_by = {
        "method": method.card.title,
        "weights": weights_sha256,
        **photographer.facts,
        **(facts or {}),
    }
    left = {
        path: place
        for path, place in places.items()
        if overwrite or not _is_done(path, place, made_by)
    }
    failures: list[str] = []
    for path in progress.bar(left, desc="correct", unit="photo", quiet=quiet or len(left) < 2):
        try:
            photograph = photographer.open(path)
        except InputError as error:
            failures.append(str(error))
            continue
        before = _unchanged(method)
        with torch.no_grad():
            corrected = method.correct(photograph.batch(device))
        made = photograph.with_portraits(corrected)
        changed = made.pixels.tobytes() != photograph.original.pixels.tobytes()
        if not changed:
            reasons = ", ".join(_unchanged(method) - before) or "nothing to change"
            say(f"{path}: left as it is: {reasons}")
        mark = {_KEY: _mark(path, made_by, changed=changed)}
        store.write(left[path], png(_channels(made), profile=made.colours.profile, text=mark))
    return failures


def _channels(photograph: Original) -> NDArray[np.uint8]:
    """(H, W, C): grey or RGB, and alpha where there is some."""
    picture = photograph.pixels
    if photograph.alpha is not None:
        picture = picture.copy()
        picture.putalpha(photograph.alpha)
    return np.atleast_3d(np.asarray(picture))


def _unchanged(method: Method) -> Counter[str]:
    """Why the method left portraits as they are, so far; how often for each reason."""
    return Counter(getattr(method, "unchanged", {}))


def _is_done(path: Path, place: Path, made_by: Mapping[str, Any]) -> bool:
    with store.asking(place):
        if not place.exists():
            return False
    try:
        mark = _mark(path, made_by)
    except PictureError:
        return False  # opening it says why
    if _mark_of(place) not in (mark, _mark(path, made_by, changed=False)):
        raise RefusedError(
            f"{place}: already exists, from another photograph or with other weights or options; "
            "--overwrite replaces it"
        )
    return True


def _mark(path: Path, made_by: Mapping[str, Any], *, changed: bool = True) -> str:
    """What a correction of the photograph at ``path`` is made of and by, as JSON."""
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    gaze = "corrected" if changed else "left as it is"
    return json.dumps({"gaze": gaze, "photograph": digest, **made_by})


def _mark_of(place: Path) -> str | None:
    try:
        with Image.open(place, formats=["PNG"]) as picture:
            found = picture.info.get(_KEY)
    except (OSError, SyntaxError, ValueError):
        return None
    return found if isinstance(found, str) else None
