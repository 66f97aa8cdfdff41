"""First half of an evaluation: a method writes one PNG per domain-Y test portrait."""

import contextlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from gazebench import progress, store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.errors import InputError, MethodError, RefusedError, counted
from gazebench.evaluation import animation, cost, predictions
from gazebench.evaluation.contenders import BATCH, Contender
from gazebench.methods import animates
from gazebench.metrics import ALPHAS
from gazebench.reading import MissingFileError, read_object
from gazebench.results import Score

OF_CAMERA = "predictions_x"  # folder of the corrected domain-X portraits, below the run's
_TIMED = 20  # portraits that take turns when a method's speed is measured
_MOST = 300  # portraits of domain X, and of animations
_LARGEST = 2.0  # of a returned value: a network may overshoot [-1, 1], 0 to 255 is no such range
_ANEW = "--overwrite makes them again"
_TOOK = "took_seconds"  # in the JSON beside a folder of pictures
_PHASES = {"correct": "predictions", "correct_x": OF_CAMERA, "animate": animation.FOLDER}


def portraits_to_correct(manifest: Manifest) -> tuple[Portrait, ...]:
    """The portraits that every method corrects: domain Y, test half.

    Raises:
        InputError: there are none.
    """
    portraits = manifest.select(split=Split.TEST, domain=Domain.AWAY)
    if not portraits:
        raise InputError(
            f"{manifest.root}: no test portrait is labelled Y; label some with "
            f"`gazebench label import {manifest.root} LABELS.csv`"
        )
    return portraits


def portraits_of_camera(manifest: Manifest) -> tuple[Portrait, ...]:
    """Domain-X test portraits that every method is given too: is somebody harmed who needs nothing?

    At most 300 of them, evenly chosen; none where none is labelled.
    """
    portraits = manifest.select(split=Split.TEST, domain=Domain.CAMERA)
    return portraits[:: max(1, -(-len(portraits) // _MOST))]


def portraits_to_animate(manifest: Manifest) -> tuple[Portrait, ...]:
    """Domain-Y test portraits whose gaze is moved: at most 300, evenly chosen."""
    portraits = portraits_to_correct(manifest)
    return portraits[:: max(1, -(-len(portraits) // _MOST))]


def correct(
    contender: Contender,
    pixels: Pixels,
    *,
    device: torch.device,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Write ``RUN/predictions/ID.png`` for every test portrait, then ``RUN/predictions.json``.

    The same for the domain-X test portraits, as ``RUN/predictions_x``, and, of a method that
    animates, ``RUN/animation``, see ``animation``. What is complete for the same dataset and
    weights is kept.

    Raises:
        RefusedError: it was made with another dataset or other weights, and not ``overwrite``.
        MethodError: the method declines, or breaks its contract.
        DiskError: no space or not writable.
    """
    made_from = _made_from(contender, pixels.manifest)
    away = portraits_to_correct(pixels.manifest)
    job = _Job(contender, pixels, device, overwrite=overwrite, quiet=quiet)
    if job.write("predictions", made_from, away):
        told = getattr(contender.method, "told", dict)()  # before other corrections are timed
        costs = _costs(contender, [pixels.batch([one]).to(device) for one in away[:_TIMED]])
        facts = {
            **made_from,
            **contender.facts,
            **told,
            "costs": {name: asdict(score) for name, score in costs.items()},
            "device": device_name(device),
        }
        job.finish("predictions", facts)
    camera = portraits_of_camera(pixels.manifest)
    of_camera = {**made_from, "portraits": len(camera)}
    if camera and job.write(OF_CAMERA, of_camera, camera):
        job.finish(OF_CAMERA, of_camera)
    if animates(type(contender.method)):
        moved = portraits_to_animate(pixels.manifest)
        of_animation = {**made_from, "portraits": len(moved), "alphas": list(ALPHAS)}
        if job.animate(of_animation, moved):
            job.finish(animation.FOLDER, of_animation)


class _Job:
    """One method that writes folders of corrected portraits."""

    def __init__(
        self,
        contender: Contender,
        pixels: Pixels,
        device: torch.device,
        *,
        overwrite: bool,
        quiet: bool,
    ) -> None:
        self._contender, self._pixels, self._device = contender, pixels, device
        self._overwrite, self._quiet = overwrite, quiet
        self._run = contender.entry.folder
        self._began = self._took = 0.0

    def write(
        self, folder: str, made_from: Mapping[str, Any], portraits: Sequence[Portrait]
    ) -> bool:
        """Write the corrections of ``portraits``; False where they are complete already."""
        if not self._begin(folder, made_from):
            return False
        what = "correct" if folder == "predictions" else "correct X"
        for batch in self._batches(what, portraits):
            corrected = _checked(self._contender, batch)
            predictions.write(self._run / folder, batch.ids, to_uint8(corrected))
        return True

    def animate(self, made_from: Mapping[str, Any], portraits: Sequence[Portrait]) -> bool:
        """Write ``portraits`` at every one of ``ALPHAS``; False where they are complete already."""
        if not self._begin(animation.FOLDER, made_from):
            return False
        for batch in self._batches("animate", portraits):
            made = animation.checked(self._contender, batch)
            animation.write(self._run / animation.FOLDER, batch.ids, to_uint8(made))
        return True

    def _begin(self, folder: str, made_from: Mapping[str, Any]) -> bool:
        """Make ready to write a folder; False where it is complete already."""
        if not self._overwrite and _is_complete(self._run, folder, made_from):
            return False
        self._began = time.monotonic()
        store.remove(self._run / f"{folder}.json")
        store.remove(self._run / folder)
        self._contender.prepare(self._pixels, self._device)
        return True

    def _batches(self, what: str, portraits: Sequence[Portrait]) -> Iterator[Batch]:
        """Batches on the device, with a progress bar."""
        label = f"{self._run.name}: {what}"
        bar = progress.bar(total=len(portraits), desc=label, unit="face", quiet=self._quiet)
        with bar, torch.no_grad():
            for batch in self._pixels.batches(portraits, BATCH):
                yield batch.to(self._device)
                bar.update(len(batch))
        self._took = time.monotonic() - self._began

    def finish(self, folder: str, facts: Mapping[str, Any]) -> None:
        """Say that a folder is complete, of what, and how long it took."""
        told = {**facts, _TOOK: round(self._took, 3)}
        text = json.dumps(told, indent=1, sort_keys=True) + "\n"
        store.write(self._run / f"{folder}.json", text)


def read_facts(run: Path) -> tuple[dict[str, Score], dict[str, Any]]:
    """Costs, and everything else that ``correct`` left in ``RUN/predictions.json``."""
    path = run / "predictions.json"
    facts = read_object(path, _ANEW)
    try:
        costs = TypeAdapter(dict[str, Score]).validate_python(facts.pop("costs", None))
    except ValidationError:
        raise InputError(f"{path}: damaged (costs); {_ANEW}") from None
    unknown = costs.keys() - cost.CARDS.keys()
    if unknown or not all(math.isfinite(score.value) for score in costs.values()):
        raise InputError(f"{path}: damaged (costs); {_ANEW}")
    facts.pop(_TOOK, None)
    return costs, facts


def timings_of(run: Path) -> dict[str, float]:
    """Seconds that each folder of pictures took, by phase, as far as that is known."""
    found: dict[str, float] = {}
    for phase, folder in _PHASES.items():
        with contextlib.suppress(InputError):
            took = read_object(run / f"{folder}.json", _ANEW).get(_TOOK)
            if isinstance(took, int | float) and math.isfinite(took):
                found[phase] = float(took)
    return found


def device_name(device: torch.device) -> str:
    """What a person calls the device: "NVIDIA H200", "CPU, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"CPU, {counted(torch.get_num_threads(), 'thread')}"
    return str(device)


def _made_from(contender: Contender, manifest: Manifest) -> dict[str, Any]:
    return {
        "method": contender.entry.name,
        "dataset": manifest.fingerprint,
        "checkpoint_sha256": contender.checkpoint,
        "portraits": len(portraits_to_correct(manifest)),
        **({"file_sha256": contender.file_sha256} if contender.file_sha256 else {}),
    }


def _is_complete(run: Path, folder: str, made_from: Mapping[str, Any]) -> bool:
    try:
        there = read_object(run / f"{folder}.json", _ANEW)
    except MissingFileError:
        return False
    differences = [
        f"{key}: {str(there.get(key))[:16]} → {str(value)[:16]}"
        for key, value in made_from.items()
        if there.get(key) != value
    ]
    if differences:
        raise RefusedError(
            f"{run}: holds predictions of something else ({'; '.join(differences)}); {_ANEW}"
        )
    return True


def _checked(contender: Contender, batch: Batch) -> torch.Tensor:
    corrected = contender.method.correct(batch)
    fault = next(faults_of(corrected, batch.image), None)
    if fault:
        raise MethodError(f"{contender.entry.name} returned {fault}")
    return corrected


def faults_of(corrected: object, image: torch.Tensor) -> Iterator[str]:
    """What is wrong with a method's answer to ``image`` (N, 3, H, W), the first fault first."""
    if not isinstance(corrected, torch.Tensor):
        yield f"{type(corrected).__name__}, no tensor"
        return
    if corrected.layout != torch.strided or corrected.is_quantized:
        yield f"a tensor of layout {corrected.layout}, expected a dense one"
        return
    for what in ("dtype", "device"):
        found, expected = getattr(corrected, what), getattr(image, what)
        if found != expected:
            yield f"images of {what} {found}, expected {expected}"
    if corrected.shape != image.shape:
        yield f"images of shape {tuple(corrected.shape)} for {tuple(image.shape)}"
    elif not torch.isfinite(corrected).all():
        yield "values that are not finite"
    elif (largest := float(corrected.abs().max())) > _LARGEST:
        yield f"values as large as {largest:.4g}, expected -1 to 1"


def _costs(contender: Contender, batches: Sequence[Batch]) -> dict[str, Score]:
    costs = cost.parameters(*contender.parameters)
    if contender.card.kind == "control":  # looking things up is not a network's speed
        return costs
    method = contender.method
    forget = getattr(method, "forget", lambda: None)
    return {**costs, "fps": cost.frames_per_second(method.correct, batches, forget)}
