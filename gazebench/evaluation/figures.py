"""What the figures of a report need of networks, written where there is torch; a report has none.

``RUN/figures.json`` says what lies in ``RUN/figures/``:

- ``animation/ID.png``: a portrait at each of ``alphas``, side by side (figures 9, 10 and 12);
- ``pictures/ID.png``: what a part makes, such as PAM's inputs and outputs (figure 13);
- ``codes.npz``: ``ids`` with ``c`` and ``c_made``, ``r_ids`` with ``r`` at each of ``points``
  (figure 16), see ``methods.ShowsCodes``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gazebench import methods, progress, store
from gazebench.dataset import Portrait
from gazebench.dataset.batches import Pixels, to_uint8
from gazebench.dataset.random_order import in_random_order
from gazebench.errors import DiskError, GazebenchError, InputError, StoppedError
from gazebench.evaluation import predictions
from gazebench.evaluation.contenders import BATCH, Contender
from gazebench.evaluation.correct import portraits_to_correct
from gazebench.methods import Animator, Method, ShowsCodes, TrainableMethod
from gazebench.reading import read_object

FILE, FOLDER = "figures.json", "figures"
FORMAT = 1
ALPHAS = (-0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # of an animation
POINTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # I1 to I5 of figure 16
SHOWN = 6  # portraits with strips
_MOST_R, _MOST_C = 50, 300  # portraits with codes; the paper has 50, and all of the test half


def write_for_figures(
    contender: Contender, pixels: Pixels, *, device: torch.device, overwrite: bool, quiet: bool
) -> None:
    """Write what the method can show; what is complete for the same weights is kept.

    A method that fails here keeps its scores; the file says why, and a report repeats it.

    Raises:
        DiskError: no space or not writable.
    """
    method, run = contender.method, contender.entry.folder
    made_from = {
        "format": FORMAT,
        "method": contender.entry.name,
        "title": contender.card.title,
        "dataset": pixels.manifest.fingerprint,
        "checkpoint_sha256": contender.checkpoint,
        "file_sha256": contender.file_sha256 or "",
    }
    if not _shows(method) or (not overwrite and _is_complete(run / FILE, made_from)):
        return
    store.remove(run / FILE)
    for kind in ("animation", "pictures", "codes.npz"):  # others are of eval-upsampling
        store.remove(run / FOLDER / kind)
    try:
        contender.prepare(pixels, device)
        with torch.no_grad():
            facts = _written(method, pixels, run, device, quiet)
    except (DiskError, StoppedError):
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever a method raises costs its figures, never its scores
        facts = {"why": str(error) if isinstance(error, GazebenchError) else repr(error)}
    store.write(run / FILE, json.dumps({**made_from, **facts}, indent=1, sort_keys=True) + "\n")


def portraits_shown(pixels: Pixels) -> list[Portrait]:
    """The test portraits of domain Y with strips, the same for every method."""
    return _in_random_order(pixels)[:SHOWN]


def write_strips(folder: Path, ids: Sequence[str], images: Tensor) -> None:
    """Write K pictures of each portrait side by side, (N, K, 3, h, w) in [-1, 1]: ``ID.png``."""
    strips = to_uint8(images.float()).movedim(1, 3).flatten(3)  # (N, 3, h, K, w) → (N, 3, h, K w)
    predictions.write(folder, ids, strips)


def _shows(method: Method) -> bool:
    return methods.animates(type(method)) or hasattr(method, "codes") or _is_part(method)


def _is_part(method: Method) -> bool:
    return isinstance(method, TrainableMethod) and not methods.corrects(type(method))


def _written(
    method: Any, pixels: Pixels, run: Path, device: torch.device, quiet: bool
) -> dict[str, Any]:
    facts: dict[str, Any] = {"alphas": [], "points": [], "ids": [], "codes": [], "pictures": 0}
    shown = portraits_shown(pixels)
    for portrait in progress.bar(shown, desc=f"{run.name}: figures", unit="face", quiet=quiet):
        batch = pixels.batch([portrait], device)
        if methods.animates(type(method)):
            animator: Animator = method
            images = animator.animate(batch, ALPHAS)
            write_strips(run / FOLDER / "animation", batch.ids, images)
            facts["alphas"], facts["ids"] = list(ALPHAS), [p.id for p in shown]
        if _is_part(method) and (images := method.pictures(batch)) is not None:
            write_strips(run / FOLDER / "pictures", batch.ids, images)
            facts["pictures"], facts["ids"] = images.shape[1], [p.id for p in shown]
    if hasattr(method, "codes"):
        arrays = _codes(method, pixels, device)
        store.write_arrays(run / FOLDER / "codes.npz", arrays)
        facts["codes"], facts["points"] = sorted(arrays), list(POINTS)
    return facts


def _codes(
    method: ShowsCodes, pixels: Pixels, device: torch.device
) -> dict[str, np.ndarray[Any, Any]]:
    portraits = _in_random_order(pixels)[:_MOST_C]
    found: dict[str, list[np.ndarray[Any, Any]]] = {}
    for batch in pixels.batches(portraits, BATCH):
        for name, code in method.codes(batch.to(device), POINTS).items():
            found.setdefault(name, []).append(code.float().cpu().numpy())
    arrays = {name: np.concatenate(parts) for name, parts in found.items()}
    arrays = {name: array for name, array in arrays.items() if array.size}  # none without E_c
    ids = [p.id for p in portraits]
    if "r" in arrays:
        arrays["r"], arrays["r_ids"] = arrays["r"][:_MOST_R], np.array(ids[:_MOST_R])
    return {**arrays, "ids": np.array(ids)}


def _in_random_order(pixels: Pixels) -> list[Portrait]:
    portraits = {p.id: p for p in portraits_to_correct(pixels.manifest)}
    return [portraits[id_] for id_ in in_random_order(portraits)]


def _is_complete(path: Path, made_from: Mapping[str, Any]) -> bool:
    if not path.exists():
        return False
    try:
        there = read_object(path)
    except InputError:
        return False
    return "why" not in there and {key: there.get(key) for key in made_from} == made_from
