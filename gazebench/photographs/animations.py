"""Animations of a dataset's portraits or of a photograph, with a run or with what ships."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gazebench import methods, photographs, plugins, training
from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.batches import Pixels
from gazebench.errors import InputError, MethodError
from gazebench.evaluation import portraits_to_correct
from gazebench.methods import Direction, Method
from gazebench.photographs import choosing
from gazebench.photographs.correct import notes, unchanged
from gazebench.photographs.moving import Frames, Mover, animated
from gazebench.plugins import Collection
from gazebench.weights import trained as shipped

FIRST = 6  # portraits that are shown where no id is given


def chosen(
    collection: Collection,
    run: Path | None,
    name: str | None,
    manifest: Manifest | None,
    *,
    device: torch.device,
    directions: bool = False,
    changes: dict[str, Any] | None = None,
) -> choosing.Chosen:
    """The method of ``run``, else the one called ``name``, else the best that needs no run.

    ``directions``: it is to turn eyes to directions in degrees, not only towards the camera.
    ``manifest``: the dataset whose portraits are animated; without one it is a photograph, and the
    settings are those of photographs.

    Raises:
        InputError: no run, no checkpoint that can be read, no such method, or two of them.
        MethodError: the method cannot; those that can are named.
    """
    if run is not None and name is None and not run.exists() and str(run) in shipped.names():
        run, name = None, str(run)  # as if it were given by --method
    if run is None:
        name = name or choosing.BEST
        if name in plugins.names(collection):
            _require(collection, name, directions=directions)
        photo = manifest is None
        return choosing.of_name(collection, name, changes or {}, None, device, of_photographs=photo)
    if name and not plugins.outside(collection, name):
        raise InputError(f"{run}: a run says the method itself; leave out --method {name}")
    collection = training.with_own_file(collection, run)
    trained_as = training.run_method_name(run)
    if trained_as in plugins.names(collection):
        _require(collection, trained_as, directions=directions)
        if manifest is None:
            changes = choosing.careful(methods.load(collection, trained_as), changes or {})
    trained = training.load_trained(collection, run, manifest, device=device, changes=changes)
    return choosing.of_trained(trained, changes or {}, collection, run)


def mover(method: Method, alphas: Sequence[float], directions: Sequence[Direction]) -> Mover:
    """What draws every moment of a batch: one for each of ``directions``, else of ``alphas``.

    Alphas go from 0, the picture as it is, to 1, its correction.
    """
    moves: Any = method
    if directions:
        return partial(moves.redirect, directions=directions)
    return partial(moves.animate, alphas=alphas)


def of_portraits(
    move: Mover,
    found: choosing.Chosen,
    manifest: Manifest,
    ids: Sequence[str],
    *,
    eyes_only: bool,
    device: torch.device,
    note: Callable[[str], None],
) -> Frames:
    """Every moment of portraits of a dataset, see ``moving.animated``; without ids the first ones.

    ``note`` gets a sentence on those that the method leaves as they are.

    Raises:
        InputError: the dataset has no such portrait, or the method is made for another size.
    """
    task = found.task
    if task and (task.resolution, task.window) != (manifest.resolution, manifest.window):
        raise InputError(f"{manifest.root}: the method is made for {task.resolution} px")
    chosen_ones = _portraits(manifest, ids)
    batches = (batch.to(device) for batch in Pixels.open(manifest).batches(chosen_ones, 1))
    frames = animated(move, batches, eyes_only=eyes_only)
    for sentence in _left(unchanged(found.method), of=len(frames)):
        note(sentence)
    return frames


def of_photograph(
    move: Mover,
    found: choosing.Chosen,
    photograph: Path,
    *,
    eyes_only: bool,
    device: torch.device,
    note: Callable[[str], None],
    **finding: Any,
) -> Frames:
    """Every moment of a photograph; ``finding``: see ``Photographer``.

    ``note`` gets a sentence on faces that are left out, and on a colour profile that is not used.

    Raises:
        InputError: it cannot be read, or has no usable face.
    """
    cut = found.cut.of_photographs(finding.get("align"), found.name)
    opened = photographs.Photographer(found.task, **{**finding, "align": cut}).open(photograph)
    if eyes_only:
        frames = animated(move, opened.batches(device), eyes_only=True)
    else:
        frames = photographs.animate(move, opened, device=device)
    still = unchanged(found.method)
    several = len(opened.portraits) + sum(opened.refused.values()) > 1
    all_faces = bool(finding.get("all_faces"))
    said = notes(opened, still, all_faces=all_faces, done="moved")
    for sentence in [*said, *([] if all_faces and several else _left(still))]:
        note(sentence)
    return frames


def _left(reasons: Mapping[str, int], *, of: int = 1) -> list[str]:
    """A sentence for each reason why some ``of`` so many portraits were left as they are."""
    return [
        f"{number} of {of} portraits left as they are: {why}" if of > 1 else f"left as it is: {why}"
        for why, number in reasons.items()
    ]


def _require(collection: Collection, name: str, *, directions: bool) -> None:
    able = methods.redirects if directions else methods.animates
    if able(methods.load(collection, name)):
        return
    others = [o for o in plugins.names(collection) if able(methods.load(collection, o))]
    does = "turns no eyes to a direction" if directions else "does not animate the gaze"
    raise MethodError(f"{name} {does}; these do: {', '.join(others)}")


def _portraits(manifest: Manifest, ids: Sequence[str]) -> Sequence[Portrait]:
    if unknown := [id_ for id_ in ids if id_ not in manifest.by_id]:
        raise InputError(f"--id {unknown[0]}: {manifest.root} has no such portrait")
    return [manifest.by_id[id_] for id_ in ids] or portraits_to_correct(manifest)[:FIRST]
