"""Predictions of an outside program with a card, checked before anybody scores them.

A submission is a folder::

    card.toml        what the method is: title and, where known, the other fields of a card
    predictions/     ID.png for every domain-Y test portrait
    predictions_x/   the same of domain-X test portraits, for the columns on harm; may be absent
    animation/       000/ID.png to 100/ID.png, see ``animation``; may be absent
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gazebench import config
from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError
from gazebench.evaluation import animation
from gazebench.evaluation.animation import Animations
from gazebench.evaluation.contenders import BATCH
from gazebench.evaluation.correct import (
    OF_CAMERA,
    portraits_of_camera,
    portraits_to_animate,
    portraits_to_correct,
)
from gazebench.evaluation.predictions import PARTLY, Predictions, pixel_digest
from gazebench.reading import read_toml

CARD = "card.toml"
_CAMERA = "domain-X test portraits"


class _Card(Settings):
    title: str = ""
    paper: str = ""
    year: int | None = None
    url: str = ""
    code: str = ""
    license: str = ""
    weights: str = ""
    data: str = ""
    supervision: str = ""
    differs: str = ""
    keeps_outside: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    kind: Literal["ok", "note", "fault"]  # a note is no fault, but readers will miss something
    text: str


def read_card(path: Path) -> MethodCard:
    """What a ``card.toml`` says of a method.

    Raises:
        InputError: missing, not TOML, without a title, or with a key that no card has.
    """
    values = read_toml(path, 'it needs at least a line title = "..."')
    try:
        card = config.build(_Card, values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not card.title.strip():
        raise InputError(f'{path}: has no title; add a line title = "..."')
    return MethodCard(**card.model_dump())


def check(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """What is right and wrong with the submission in ``folder`` for a dataset."""
    keeps_outside = False
    try:
        card = read_card(folder / CARD)
        keeps_outside = card.keeps_outside
        yield Finding("ok", f"{CARD}: {card.title}")
        yield from _gaps(card)
    except InputError as error:
        yield Finding("fault", str(error))
    try:
        wanted = portraits_to_correct(manifest)
        made = Predictions.check(folder / "predictions", manifest, wanted, remedy=PARTLY)
    except InputError as error:
        yield Finding("fault", str(error))
    else:
        yield Finding("ok", f"predictions: {len(made.portraits)} portraits")
        yield from _contents(made, manifest, keeps_outside=keeps_outside)
    yield from _optional(folder, manifest)


def _gaps(card: MethodCard) -> Iterator[Finding]:
    for field in ("paper", "code", "license"):
        if not getattr(card, field):
            yield Finding("note", f"{CARD}: no {field}; the leaderboard shows a dash")


def _contents(made: Predictions, manifest: Manifest, *, keeps_outside: bool) -> Iterator[Finding]:
    """Whether the pictures are what the card says, and no copies of their sources."""
    same = [p for p in made.portraits if made.digests[p.id] == pixel_digest(manifest.path(p))]
    if len(same) == len(made.portraits):
        yield Finding("fault", "predictions: every one equals its source; nothing was corrected")
    elif same:
        yield Finding("note", f"predictions: {len(same)} equal their sources, such as {same[0].id}")
    if keeps_outside:
        changed = _changed_outside(made, Pixels.open(manifest))
        if changed:
            text = f"{len(changed)} differ outside the eye boxes, such as {changed[0]}"
            yield Finding("fault", f"{CARD} says keeps_outside, but {text}")


def _changed_outside(made: Predictions, pixels: Pixels) -> list[str]:
    changed: list[str] = []
    for start in range(0, len(made.portraits), BATCH):
        some = made.portraits[start : start + BATCH]
        source = pixels.batch(some)
        other = ((source.image != made.image(some)) & (source.mask == 0)).flatten(1).any(dim=1)
        changed += [
            id_ for id_, is_other in zip(source.ids, other.tolist(), strict=True) if is_other
        ]
    return changed


def _optional(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """What of a submission may be absent."""
    camera, moved = portraits_of_camera(manifest), portraits_to_animate(manifest)
    places = {
        OF_CAMERA: ("harm", lambda at: Predictions.check(at, manifest, camera, what=_CAMERA)),
        animation.FOLDER: ("animation", lambda at: Animations.check(at, manifest, moved)),
    }
    for name, (columns, look) in places.items():
        if not (folder / name).exists():
            yield Finding("note", f"{name}: not there; the columns on {columns} will be dashes")
            continue
        try:
            found = look(folder / name)
            yield Finding("ok", f"{name}: {len(found.portraits)} portraits")
        except InputError as error:
            yield Finding("fault", str(error))
