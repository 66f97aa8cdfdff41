"""Corrected photographs as files, each of which says what it was made of and by what.

A file that was made of the same photograph by the same weights in the same way is kept. One of an
earlier version that drew otherwise is not: the text has the ``RECIPE``.
"""

import hashlib
import io
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from gazebench import progress, store
from gazebench.dataset.pictures import Original, PictureError, most_pixels, png, read_bytes
from gazebench.errors import InputError, MethodError, RefusedError
from gazebench.methods import Method, corrects
from gazebench.photographs import Photograph, Photographer, in_words
from gazebench.photographs.provenance import Signature
from gazebench.reading import json_value
from gazebench.sources import text_name
from gazebench.sources.folder import Claim, claim_of, kinds_of, passed_over

FORMATS = {"png": ".png", "jpeg": ".jpg"}  # of corrections, with the endings of their names
_LONGEST_JPEG = 65_500  # pixels of a side
JPEG_QUALITY = 95  # of a photograph that was no JPEG itself
JPEG_CHANGES = (
    "JPEG compresses the whole photograph again, so pixels outside the eyes change by a few "
    "levels; PNG keeps them bit by bit"
)
# rises when the same weights and options would give another correction: of how faces are found,
# of what a method does with its weights, of how eyes are put back or files written
RECIPE = 4
_KEY = "gazebench"  # of the text in the file
_ENDS = (b"IEND\xaeB`\x82", b"\xff\xd9")  # of a whole PNG, of a whole JPEG


def destinations(
    photographs: Sequence[Path], out: Path, *, ending: str = ".png"
) -> dict[Path, Path]:
    """Where each photograph's correction goes: ``out/NAME.png``.

    Names that differ only in case, or in how an accent is written, are one: on many disks they are.

    Raises:
        InputError: two photographs would go to one place, or one over itself.
    """
    places: dict[Path, Path] = {}
    owners: dict[str, Path] = {}
    with store.asking(out):
        taken = {_alike(photograph.resolve()) for photograph in photographs}
    for photograph in photographs:
        place = out / f"{photograph.stem}{ending}"
        owner = owners.setdefault(_alike(place), photograph)
        if owner is not photograph:
            pair = f"{text_name(owner)} and {text_name(photograph)}"
            raise InputError(f"{pair}: both would become {text_name(place)}")
        with store.asking(place):
            if _alike(place.resolve()) in taken:
                name = text_name(place)
                raise InputError(f"{name}: is one of the photographs; give another --out")
        places[photograph] = place
    return places


def _alike(place: Path) -> str:
    """The same for two names that may be one file where a disk knows no upper case."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(place)).casefold())


def places_of(
    words: Iterable[Path], out: Path, form: str, note: Callable[[str], None]
) -> dict[Path, Path]:
    """Where the correction of each photograph that ``words`` name goes; ``form``: of ``FORMATS``.

    Raises:
        InputError: see ``photographs_of`` and ``destinations``, or there is no such format.
    """
    if form not in FORMATS:
        raise InputError(f"format {form!r}: give {' or '.join(FORMATS)}")
    if form == "jpeg":
        note(JPEG_CHANGES)
    return destinations(photographs_of(words, note), out, ending=FORMATS[form])


def photographs_of(
    words: Iterable[Path], note: Callable[[str], None] = lambda sentence: None
) -> list[Path]:
    """The photographs that ``words`` name, each once, whatever names it has there.

    A word is a file, a folder (the pictures directly in it, sorted, but for corrections) or a
    pattern such as ``photos/*.jpg``, which means hidden files only where it begins with a dot.
    ``note`` gets a sentence on other files of a folder.

    Raises:
        InputError: a folder has no pictures but corrections, or a word names nothing.
    """
    found: dict[Path, Path] = {}
    for word in words:
        with store.asking(word):
            for path in _named_by(word, note):
                found.setdefault(path.resolve(), path)
    return list(found.values())


def _named_by(word: Path, note: Callable[[str], None]) -> list[Path]:
    if word.is_dir():
        return _inside(word, note)
    if word.exists():
        return [word]
    if shown := [path for path in _matches(word) if _is_shown(path)]:
        return shown
    what = "no such photograph, folder or run; where corrections go is given by --out"
    raise InputError(f"{text_name(word)}: {what}")


def _matches(pattern: Path) -> list[Path]:
    parts = pattern.parts
    first = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), None)
    if first is None:
        return []
    try:
        found = sorted(Path(*parts[:first]).glob(str(Path(*parts[first:]))))
    except ValueError as error:  # such as "**.jpg", until Python 3.13
        raise InputError(f"{text_name(pattern)}: {error}") from None
    hidden = parts[-1].startswith(".")  # asked for; else left out, as a shell does
    return [path for path in found if hidden or not path.name.startswith(".")]


def _inside(folder: Path, note: Callable[[str], None]) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    shown = [path for path in files if _is_shown(path)]
    if not shown:
        raise InputError(
            f"{text_name(folder)}: no pictures (JPEG, PNG ...) in this folder, and no run, which "
            f"`gazebench train --method METHOD DATASET {text_name(folder)}` would make"
        )
    for sentence in passed_over(kinds_of(set(files) - set(shown))):
        note(f"{text_name(folder)}: {sentence}")
    others = [path for path in shown if mark_of(path) is None]
    if not others:
        raise InputError(f"{text_name(folder)}: all pictures in it are corrections already")
    if len(others) < len(shown):
        ours = len(shown) - len(others)
        note(f"{text_name(folder)}: {ours} passed over, corrected already")
    return others


def _is_shown(path: Path) -> bool:
    return path.is_file() and claim_of(path) is Claim.PICTURE


def correct(
    method: Method,
    photographer: Photographer,
    places: Mapping[Path, Path],
    *,
    weights_sha256: str,
    device: torch.device | str,
    facts: Mapping[str, Any] | None = None,
    signature: Signature | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
    note: Callable[[str], None] = lambda sentence: None,
) -> dict[Path, str]:
    """Write the correction of each photograph (key) as a PNG or JPEG file (value, by its ending).

    Returns a sentence for each that could not be corrected. What is there already is kept, if it is
    whole.
    ``facts``: what else the corrections depend on, for the text in the files. ``signature``: also
    signs each that was changed. ``say`` gets a sentence for each photograph that the method left as
    it is, with the reason; ``note`` one for each that has faces left out, or a colour profile that
    is broken or cannot be kept.

    Raises:
        MethodError: the method corrects nothing itself.
        RefusedError: what is there was made of or by something else, such as another version of
            this package, and not ``overwrite``.
        DiskError: no space or not writable.
    """
    if not corrects(type(method)):
        title = method.card.title
        raise MethodError(f"{title} corrects no portraits; it is a part of other methods")
    own = {"recipe": RECIPE, "method": method.card.title, "weights": weights_sha256}
    made_by = {**own, **photographer.facts, **(facts or {})}
    given = made_by, signature.facts if signature else {}
    unsigned = "; not signed" if signature else ""
    left = places if overwrite else _not_done(places, *given, say=lambda s: say(s + unsigned))
    failures: dict[Path, str] = {}
    for path in progress.bar(left, desc="correct", unit="photo", quiet=quiet or len(left) < 2):
        try:
            photograph = photographer.open(path)
            made, reasons = _made(method, photograph, device)
            changed = not np.array_equal(_channels(made), _channels(photograph.original))
            mark = {**_marks(path, *given)[changed], "area": photograph.area()}
            data = _encoded(made, json.dumps(mark), left[path], path)
            if signature and changed:
                data = signature.sign(data, left[path], path, type(method))
        except MethodError:
            raise
        except InputError as error:
            failures[path] = str(error)
            continue
        if not changed:
            why = ", ".join(reasons) or "nothing to change"
            say(f"{text_name(path)}: left as it is: {why}{unsigned}")
        for sentence in notes(photograph, reasons, all_faces=photographer.facts["all_faces"]):
            note(f"{text_name(path)}: {sentence}")
        store.write(left[path], data)
    return failures


def _not_done(
    places: Mapping[Path, Path],
    made_by: Mapping[str, Any],
    signed: Mapping[str, str],
    *,
    say: Callable[[str], None],
) -> dict[Path, Path]:
    """The photographs without a correction; ``say`` tells which were left as they are before."""
    kept = {path: _kept(path, place, made_by, signed) for path, place in places.items()}
    for path in (path for path, changed in kept.items() if changed is False):
        say(f"{text_name(path)}: left as it is, by an earlier run")
    return {path: place for path, place in places.items() if kept[path] is None}


def _made(
    method: Method, photograph: Photograph, device: torch.device | str
) -> tuple[Original, Counter[str]]:
    """The photograph corrected, and why faces of it were left as they are."""
    before = unchanged(method)
    with torch.no_grad():
        made = photograph.with_portraits(
            method.correct(batch)[0] for batch in photograph.batches(device)
        )
    return made, unchanged(method) - before


def notes(
    photograph: Photograph, left: Mapping[str, int], *, all_faces: bool, done: str = "corrected"
) -> list[str]:
    """What a user should know of a photograph: lost colours, and faces that were left out.

    ``left``: how many faces the method left as they are, by reason; ``done``: what became of the
    others.
    """
    sentences = [photograph.original.note] if photograph.original.note else []
    used, refused = len(photograph.portraits), sum(photograph.refused.values())
    if all_faces and used + refused > 1:
        others = [in_words(photograph.refused)] if refused else []
        others += [f"{number} left as they are ({why})" for why, number in left.items()]
        count = f"{used - sum(left.values())} of {used + refused} faces {done}"
        sentences.append("; ".join([count, ", ".join(others)]) if others else count)
    return sentences


def _encoded(made: Original, mark: str, place: Path, path: Path) -> bytes:
    if place.suffix == FORMATS["png"]:
        return png(_channels(made), profile=made.colours.profile, text={_KEY: mark})
    if made.alpha is not None:
        raise InputError(f"{text_name(path)}: has transparency, which JPEG cannot hold; write PNG")
    if max(made.pixels.size) > _LONGEST_JPEG:
        side = f"{max(made.pixels.size):,} pixels wide or high"
        raise InputError(f"{text_name(path)}: {side}, which JPEG cannot hold; write PNG")
    buffer = io.BytesIO()
    comment = f"{_KEY} {mark}".encode()
    profile = made.colours.profile
    made.pixels.save(buffer, "JPEG", icc_profile=profile, comment=comment, **_as_source(path, made))
    return buffer.getvalue()


def _as_source(path: Path, made: Original) -> dict[str, Any]:
    """Options that compress as the photograph was compressed, if it was a JPEG."""
    best = {"quality": JPEG_QUALITY, "subsampling": 0}
    try:
        with most_pixels(None), Image.open(path, formats=["JPEG"]) as source:
            if (
                not isinstance(source, JpegImagePlugin.JpegImageFile)
                or source.mode != made.pixels.mode
            ):
                return best
            sampling = JpegImagePlugin.get_sampling(source)
            kept = {"subsampling": sampling} if sampling >= 0 else {"subsampling": 0}
            return {"qtables": source.quantization, **kept} if source.quantization else best
    except (OSError, SyntaxError, ValueError):
        return best


def _channels(photograph: Original) -> NDArray[np.uint8]:
    """(H, W, C): grey or RGB, and alpha where there is some."""
    picture = photograph.pixels
    if photograph.alpha is not None:
        picture = picture.copy()
        picture.putalpha(photograph.alpha)
    return np.atleast_3d(np.asarray(picture))


def unchanged(method: Method) -> Counter[str]:
    """Why the method left portraits as they are, so far; how often for each reason."""
    return Counter(getattr(method, "unchanged", {}))


def _kept(
    path: Path, place: Path, made_by: Mapping[str, Any], signed: Mapping[str, str]
) -> bool | None:
    """Whether the correction that is there changed the photograph; None: there is none, or torn."""
    with store.asking(place):
        if not place.exists():
            return None
    try:
        marks = _marks(path, made_by, signed)
    except PictureError:
        return None  # opening it says why
    found = mark_of(place)
    changed = next((key for key, mark in marks.items() if _agree(found, mark)), None)
    if changed is None:
        raise RefusedError(
            f"{text_name(place)}: already exists, from another photograph, or made with other "
            "weights, other options or another version of gazebench; --overwrite replaces it"
        )
    return changed if _is_whole(place) else None


def _agree(found: Mapping[str, Any] | None, mark: Mapping[str, Any]) -> bool:
    """Whether a file is what ``mark`` says, whatever the order of its facts."""
    own = {key: value for key, value in (found or {}).items() if key != "area"}
    return own == json.loads(json.dumps(mark))


def _is_whole(place: Path) -> bool:
    """Whether the end of a PNG or JPEG file is there, as it is not in a copy that broke off."""
    with place.open("rb") as file:
        file.seek(-len(_ENDS[0]), os.SEEK_END)
        return file.read().endswith(_ENDS)


def _marks(
    path: Path, made_by: Mapping[str, Any], signed: Mapping[str, str]
) -> dict[bool, dict[str, Any]]:
    """What a correction of the photograph at ``path`` is made of and by.

    By whether the method changed it: what it left as it is, is not signed.
    """
    photograph = hashlib.sha256(read_bytes(path)).hexdigest()
    left = {"gaze": "left as it is", "photograph": photograph, **made_by}
    changed = {**left, "gaze": "corrected", **signed}
    return {False: left, True: changed}


def mark_of(place: Path) -> dict[str, Any] | None:
    """What a corrected photograph says of itself, see ``_marks``; None of any other picture.

    ``area`` is where its eyes are: left, top, right and bottom, pixels.
    """
    try:
        with most_pixels(None), Image.open(place, formats=["PNG", "JPEG"]) as picture:
            found = picture.info.get(_KEY, picture.info.get("comment"))
    except (OSError, SyntaxError, ValueError):
        return None
    if isinstance(found, bytes):
        found = found.decode("utf-8", "replace").removeprefix(f"{_KEY} ")
    try:
        said = json_value(found, place) if isinstance(found, str) else None
    except InputError:  # another program's comment
        return None
    return said if isinstance(said, dict) and "gaze" in said else None
