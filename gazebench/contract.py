"""What every method promises, as checks that anyone can run on a method of their own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.data import Batch, Draw, Pixels
from gazebench.errors import MethodError
from gazebench.geometry import Box, Point, eye_window
from gazebench.manifest import Domain, Manifest, Portrait, Split
from gazebench.methods import Method, Task, is_trainable

_PORTRAITS = 8  # of the drawn dataset, half of them X
_STEPS = 3


def checks(resolution: int = 256) -> dict[str, Callable[[type[Method]], None]]:
    """Checks by name. Each takes a method's class and raises MethodError with what is broken."""
    pixels = drawn_dataset(resolution)
    return {
        "has a card and settings": _has_card,
        "returns images like its input": lambda kind: _returns_images(kind, pixels),
        "leaves the batch alone": lambda kind: _leaves_batch(kind, pixels),
        "gives the same output twice": lambda kind: _repeats(kind, pixels),
        "does not care how portraits are batched": lambda kind: _batches(kind, pixels),
        "keeps what its card promises": lambda kind: _keeps_outside(kind, pixels),
        "trains": lambda kind: _trains(kind, pixels),
        "comes back from its weights": lambda kind: _round_trips(kind, pixels),
    }


def drawn_dataset(resolution: int, seed: int = 0) -> Pixels:
    """Eight drawn portraits in memory: smooth noise with dark discs in the eye boxes."""
    height, width = eye_window(resolution)
    rng = np.random.default_rng(seed)
    array = np.stack([_drawn(rng, resolution, height, width) for _ in range(_PORTRAITS)])
    portraits = tuple(_portrait(i, resolution, height, width) for i in range(_PORTRAITS))
    manifest = Manifest(
        root=Path("drawn"),
        name="drawn",
        source="drawn",
        resolution=resolution,
        window=(height, width),
        tree_hash="",
        portraits=portraits,
    )
    return Pixels(manifest, array, {p.id: i for i, p in enumerate(portraits)})


def _drawn(rng: np.random.Generator, side: int, height: int, width: int) -> np.ndarray:
    coarse = rng.uniform(60, 200, (4, 4, 3))
    image = np.kron(coarse, np.ones((side // 4, side // 4, 1)))
    rows, columns = np.mgrid[:side, :side]
    for center in _centers(side):
        x = center.x + rng.uniform(-0.2, 0.2) * width
        disc = (columns - x) ** 2 + (rows - center.y) ** 2 < (height / 3) ** 2
        image[disc] = rng.uniform(0, 50)
    return image.astype(np.uint8)


def _centers(side: int) -> tuple[Point, Point]:
    return Point(0.31 * side, 0.36 * side), Point(0.69 * side, 0.36 * side)


def _portrait(index: int, side: int, height: int, width: int) -> Portrait:
    left, right = _centers(side)
    return Portrait(
        id=f"drawn-{index}",
        source_name=f"drawn-{index}",
        identity=None,
        split=Split.TRAIN,
        domain=Domain.CAMERA if index % 2 else Domain.AWAY,
        left_eye=Box.around(left, height, width),
        right_eye=Box.around(right, height, width),
        left_center=left,
        right_center=right,
        transform=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        score=1.0,
        faces=1,
        source_sha256="",
        sha256="",
    )


def _has_card(kind: type[Method]) -> None:
    if not isinstance(getattr(kind, "card", None), MethodCard) or not kind.card.title:
        raise MethodError(f"{kind.__name__}: `card` must be a MethodCard with a title")
    config = getattr(kind, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Settings)):
        raise MethodError(f"{kind.__name__}: `Config` must be a class of gazebench.config.Settings")


def _returns_images(kind: type[Method], pixels: Pixels) -> None:
    batch = _away(pixels)
    corrected = _corrected(kind, pixels, batch)
    if corrected.shape != batch.image.shape:
        shapes = f"{tuple(corrected.shape)} for {tuple(batch.image.shape)}"
        raise MethodError(f"{kind.__name__}: `correct` returned the shape {shapes}")
    if corrected.dtype != torch.float32 or not torch.isfinite(corrected).all():
        raise MethodError(f"{kind.__name__}: `correct` must return finite float32 values")
    if corrected.abs().max() > 1 + 1e-6:
        top = corrected.abs().max().item()
        raise MethodError(f"{kind.__name__}: `correct` returned {top:.3g}, outside [-1, 1]")


def _leaves_batch(kind: type[Method], pixels: Pixels) -> None:
    batch, before = _away(pixels), _away(pixels)
    _corrected(kind, pixels, batch)
    for name in ("image", "mask", "eyes"):
        if not torch.equal(getattr(batch, name), getattr(before, name)):
            raise MethodError(f"{kind.__name__}: `correct` changed the batch's `{name}`")


def _repeats(kind: type[Method], pixels: Pixels) -> None:
    method, batch = _prepared(kind, pixels), _away(pixels)
    with torch.no_grad():
        if not torch.equal(method.correct(batch), method.correct(batch)):
            raise MethodError(f"{kind.__name__}: `correct` gave two outputs for one batch")


def _batches(kind: type[Method], pixels: Pixels) -> None:
    method, batch = _prepared(kind, pixels), _away(pixels)
    with torch.no_grad():
        together = method.correct(batch)
        alone = torch.cat([method.correct(_row(batch, i)) for i in range(len(batch))])
    if not torch.allclose(together, alone, atol=1e-3):
        raise MethodError(f"{kind.__name__}: a portrait's correction depends on its neighbours")


def _keeps_outside(kind: type[Method], pixels: Pixels) -> None:
    batch = _away(pixels)
    changed = (_corrected(kind, pixels, batch) != batch.image) & (batch.mask == 0)
    if kind.card.keeps_outside and changed.any():
        count = int(changed.any(dim=1).sum())
        raise MethodError(
            f"{kind.__name__}: the card says keeps_outside, but {count} pixels outside changed"
        )


def _trains(kind: type[Method], pixels: Pixels) -> None:
    if not is_trainable(kind):
        return
    method: Any = _built(kind, pixels)
    before = _weights(method)
    for step in range(_STEPS):
        for name, loss in method.training_step(_draw(pixels, step)).items():
            if not torch.isfinite(torch.as_tensor(loss)):
                raise MethodError(f"{kind.__name__}: loss {name!r} is {loss} at step {step}")
    after = _weights(method)
    if all(torch.equal(before[key], after[key]) for key in before):
        raise MethodError(f"{kind.__name__}: no weight changed in {_STEPS} training steps")


def _round_trips(kind: type[Method], pixels: Pixels) -> None:
    if not is_trainable(kind):
        return
    trained: Any = _built(kind, pixels)
    trained.training_step(_draw(pixels, 0))
    torch.manual_seed(1)
    again: Any = _built(kind, pixels)
    for name, network in again.networks.items():
        network.load_state_dict(trained.networks[name].state_dict())
    batch = _away(pixels)
    with torch.no_grad():
        if not torch.equal(_eval(trained).correct(batch), _eval(again).correct(batch)):
            raise MethodError(f"{kind.__name__}: loses something that is not in its networks")


def _corrected(kind: type[Method], pixels: Pixels, batch: Batch) -> Tensor:
    with torch.no_grad():
        return _prepared(kind, pixels).correct(batch)


def _prepared(kind: type[Method], pixels: Pixels) -> Method:
    torch.manual_seed(0)
    method = _built(kind, pixels)
    prepare = getattr(method, "prepare", None)
    if prepare is not None:
        bank = pixels.manifest.select(domain=Domain.CAMERA)
        prepare(pixels.batches(bank, 2))
    return _eval(method)


def _built(kind: type[Method], pixels: Pixels) -> Method:
    manifest = pixels.manifest
    task = Task(resolution=manifest.resolution, window=manifest.window)
    return kind(kind.Config(**getattr(kind, "small_settings", {})), task)


def _eval(method: Any) -> Any:
    for network in getattr(method, "networks", {}).values():
        network.eval()
    return method


def _away(pixels: Pixels) -> Batch:
    return pixels.batch(pixels.manifest.select(domain=Domain.AWAY))


def _row(batch: Batch, index: int) -> Batch:
    keep = slice(index, index + 1)
    return replace(
        batch,
        ids=batch.ids[keep],
        image=batch.image[keep],
        mask=batch.mask[keep],
        eyes=batch.eyes[keep],
    )


def _draw(pixels: Pixels, step: int) -> Draw:
    x, y = (pixels.manifest.select(domain=d) for d in (Domain.CAMERA, Domain.AWAY))
    return Draw(pixels, x, y, batch=2, seed=0, step=step)


def _weights(method: Any) -> dict[str, Tensor]:
    return dict(_each_weight(method))


def _each_weight(method: Any) -> Iterator[tuple[str, Tensor]]:
    for name, network in method.networks.items():
        for key, value in network.state_dict().items():
            yield f"{name}.{key}", value.clone()
