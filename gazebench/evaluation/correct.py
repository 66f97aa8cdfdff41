"""First half of an evaluation: a method writes one PNG per domain-Y test portrait."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gazebench import store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, to_uint8
from gazebench.errors import InputError, MethodError, RefusedError
from gazebench.evaluation import cost, predictions
from gazebench.evaluation.contenders import Contender
from gazebench.methods import Method
from gazebench.results import Score

BATCH = 8


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


def correct(
    contender: Contender,
    pixels: Pixels,
    *,
    device: torch.device,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Write ``RUN/predictions/ID.png`` for every test portrait, then ``RUN/predictions.json``.

    What is complete for the same dataset and weights is kept.

    Raises:
        RefusedError: it was made with another dataset or other weights, and not ``overwrite``.
        MethodError: the method declines, or breaks its contract.
        DiskError: no space or not writable.
    """
    run = contender.entry.folder
    made_from = _made_from(contender, pixels.manifest)
    if not overwrite and _is_complete(run, made_from):
        return
    store.remove(run / "predictions.json")
    store.remove(run / "predictions")
    portraits = portraits_to_correct(pixels.manifest)
    _prepare(contender.method, pixels, device)
    bar = tqdm(total=len(portraits), desc=f"{run.name}: correct", unit="face", disable=quiet)
    with bar, torch.no_grad():
        for batch in pixels.batches(portraits, BATCH):
            corrected = _checked(contender, batch.to(device))
            predictions.write(run / "predictions", batch.ids, to_uint8(corrected))
            bar.update(len(batch))
        costs = _costs(contender, pixels.batch(portraits[:1]).to(device))
    facts = {
        **made_from,
        **contender.facts,
        "costs": {name: asdict(score) for name, score in costs.items()},
        "device": device_name(device),
    }
    store.write(run / "predictions.json", json.dumps(facts, indent=1, sort_keys=True) + "\n")


def read_facts(run: Path) -> tuple[dict[str, Score], dict[str, Any]]:
    """Costs, and everything else that ``correct`` left in ``RUN/predictions.json``."""
    facts = json.loads((run / "predictions.json").read_text(encoding="utf-8"))
    costs = {
        name: Score(**{**row, "interval": tuple(row["interval"]) if row["interval"] else None})
        for name, row in facts.pop("costs").items()
    }
    return costs, facts


def device_name(device: torch.device) -> str:
    """What a person calls the device: "NVIDIA H200", "CPU, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads" if device.type == "cpu" else str(device)


def _made_from(contender: Contender, manifest: Manifest) -> dict[str, Any]:
    return {
        "method": contender.entry.name,
        "dataset": manifest.fingerprint,
        "checkpoint_sha256": contender.checkpoint,
        "portraits": len(portraits_to_correct(manifest)),
        **({"file_sha256": contender.file_sha256} if contender.file_sha256 else {}),
    }


def _is_complete(run: Path, made_from: Mapping[str, Any]) -> bool:
    path = run / "predictions.json"
    if not path.exists():
        return False
    there = json.loads(path.read_text(encoding="utf-8"))
    differences = [
        f"{key}: {str(there.get(key))[:16]} → {str(value)[:16]}"
        for key, value in made_from.items()
        if there.get(key) != value
    ]
    if differences:
        raise RefusedError(
            f"{run}: holds predictions of something else ({'; '.join(differences)}); "
            "--overwrite makes them anew"
        )
    return True


def _prepare(method: Method, pixels: Pixels, device: torch.device) -> None:
    prepare = getattr(method, "prepare", None)
    if prepare is not None:
        bank = pixels.manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
        prepare(batch.to(device) for batch in pixels.batches(bank, BATCH))


def _checked(contender: Contender, batch: Batch) -> torch.Tensor:
    corrected = contender.method.correct(batch)
    name = contender.entry.name
    if corrected.shape != batch.image.shape:
        shapes = f"{tuple(corrected.shape)} for {tuple(batch.image.shape)}"
        raise MethodError(f"{name} returned images of shape {shapes}")
    if not torch.isfinite(corrected).all():
        raise MethodError(f"{name} returned values that are not finite")
    return corrected


def _costs(contender: Contender, batch: Batch) -> dict[str, Score]:
    costs = cost.parameters(*contender.parameters)
    if contender.card.kind == "control":  # looking things up is no network's speed
        return costs
    return {**costs, "fps": cost.frames_per_second(contender.method.correct, batch)}
