"""A judge of eye contact, learned from the labels of a dataset's training half alone.

Two small networks, each trained on one half of the training portraits, see both eye patches and
nothing else: with the face they go by the head, which is turned where people look away and which no
correction changes. Where the line between "at the camera" and "elsewhere" lies is read
from what each says of the half that it has not seen: there it errs as often on X as on Y. Nothing
of the test half is used; it says afterwards how good the judge is.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from gazebench import store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, eye_patches
from gazebench.errors import InputError
from gazebench.metrics._networks import Instruments
from gazebench.reading import check_tensors, read_bytes

RECIPE = 2  # rises when the same labels would give another judge
FEWEST = 20  # training portraits of each domain
_PATCH = (30, 50)  # pixels that the networks see of an eye
MOST = 4000  # portraits of a domain and half; more are thinned out evenly
_BATCH, _EPOCHS, _STEPS = 64, 15, (40, 1500)  # of a network: at least, at most
_LEARNING_RATE, _SMOOTHING = 3e-3, 0.05
_CHUNK = 64
TURNED = "real training X with heads turned as those of test Y"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How well something tells X from Y on the real test half; None where it has none of a domain.

    The rates are shares judged "at the camera": what corrected portraits can reach, and what they
    have without a correction.
    """

    auc: float | None  # area under the ROC curve
    real_x: float | None
    real_y: float | None
    auc_by_head: float | None = None  # of the turn of the head alone, where it was measured
    x_turned: float | None = None  # rate of training X with heads turned as those of test Y

    @classmethod
    def of(cls, x: Tensor, y: Tensor, threshold: float) -> Self:
        """From scores of real test portraits, of which higher is more at the camera."""
        rates = [float((s >= threshold).double().mean()) if len(s) else None for s in (x, y)]
        return cls(auc=area(x, y), real_x=rates[0], real_y=rates[1])

    def sentence(self, title: str) -> str:
        """What a reader should know beside a rate."""
        auc, x, y = ("-" if v is None else f"{v:.3f}" for v in (self.auc, self.real_x, self.real_y))
        head = (
            f" ({self.auc_by_head:.3f} by the turn of the head alone)" if self.auc_by_head else ""
        )
        turned = "" if self.x_turned is None else f"{TURNED} {self.x_turned:.3f}, "
        rates = f"real test X {x} (ceiling), {turned}real test Y {y} (floor)"
        return f"{title}: {rates}, AUC on them {auc}{head}."


def area(x: Tensor, y: Tensor) -> float | None:
    """Area under the ROC curve: how often one of ``x`` lies above one of ``y``."""
    if not len(x) or not len(y):
        return None
    above = (x[:, None] > y[None]).double() + 0.5 * (x[:, None] == y[None]).double()
    return float(above.mean())


def labelled(
    manifest: Manifest, split: Split, domain: Domain, most: int = MOST
) -> tuple[Portrait, ...]:
    """Portraits of one half and domain, at most ``most``."""
    portraits = manifest.select(split=split, domain=domain)
    return portraits[:: max(1, -(-len(portraits) // most))]


def equal_error(x: Tensor, y: Tensor) -> float:
    """The score at which as large a share of ``x`` lies below as of ``y`` lies at or above it."""
    places = torch.cat([x, y]).double().unique()
    middles = (places[1:] + places[:-1]) / 2 if len(places) > 1 else places
    below = (x.double()[None] < middles[:, None]).double().mean(dim=1)
    above = (y.double()[None] >= middles[:, None]).double().mean(dim=1)
    return float(middles[(below - above).abs().argmin()])


@dataclass(frozen=True)
class Judge:
    """The two networks, the line they draw, and how well that does on the real test half."""

    networks: tuple["_Network", ...]
    threshold: float
    standing: Standing
    sha256: str  # of its file

    @classmethod
    def of(cls, pixels: Pixels, instruments: Instruments) -> Self:
        """The judge of a dataset, from its cache folder or trained now (a minute or two).

        Raises:
            InputError: fewer than 20 labelled training portraits of a domain.
            DiskError: no space for the cache.
        """
        key = ("judge of eye contact", pixels.manifest.fingerprint)
        return instruments.kept(key, lambda: cls._found(pixels))

    @staticmethod
    def place(manifest: Manifest) -> Path:
        """Where the judge of a dataset is kept, once it is trained."""
        name = f"eye-contact-{RECIPE}-{manifest.fingerprint}.safetensors"
        return manifest.root / "cache" / name

    @classmethod
    def _found(cls, pixels: Pixels) -> Self:
        manifest = pixels.manifest
        path = cls.place(manifest)
        there = path.exists()
        data = read_bytes(check_tensors(path)) if there else _train(pixels)
        if (manifest.root / "dataset.json").is_file() and not there:  # not in memory alone
            store.write(path, data)
        try:
            return cls._read(data)
        except Exception:  # whatever damage leads the readers to
            raise InputError(
                f"{path}: damaged cache; delete it and run the same command again"
            ) from None

    @classmethod
    def _read(cls, data: bytes) -> Self:
        tensors = safetensors.torch.load(data)
        size = int.from_bytes(data[:8], "little")  # of the header, which safetensors hides
        facts = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["judge"])
        with torch.random.fork_rng(devices=[]):  # a new network draws weights, which are replaced
            networks = tuple(_Network().eval() for _ in range(2))
        for number, network in enumerate(networks):
            prefix = f"{number}."
            own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            network.load_state_dict(own)
        standing = Standing(**facts["standing"])
        return cls(networks, facts["threshold"], standing, hashlib.sha256(data).hexdigest())

    def scores(self, batch: Batch, image: Tensor) -> Tensor:
        """Logits (N,), higher for eyes more at the camera, of ``image`` (N, 3, H, W) in [-1, 1]."""
        return _logits(self.networks, _views(batch, image))

    def at_camera(self, batch: Batch, image: Tensor) -> Tensor:
        """Which portraits are judged to look at the camera, (N,) bool."""
        return self.scores(batch, image) >= self.threshold


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Sequential(*_halved(3, 8), *_halved(8, 16), *_halved(16, 16), nn.Flatten())
        self.answer = nn.Sequential(
            *(nn.Dropout(0.5), nn.Linear(2 * 16 * 4 * 7, 32), nn.ReLU()),
            *(nn.Dropout(0.3), nn.Linear(32, 1)),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (N,) of eye patches (N, 2, 3, 30, 50)."""
        left, right = self.eye(patches[:, 0]), self.eye(patches[:, 1].flip(-1))
        return self.answer(torch.cat([left, right], dim=1))[:, 0]


def _halved(channels: int, out: int) -> Sequence[nn.Module]:
    return nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.GroupNorm(4, out), nn.ReLU()


def _views(batch: Batch, image: Tensor) -> Tensor:
    """What the networks see: patches (N, 2, 3, 30, 50) in [-1, 1]."""
    image = image.cpu()
    patches = eye_patches(image, batch.eyes.cpu()).flatten(0, 1)
    patches = functional.interpolate(patches, _PATCH, mode="bilinear", antialias=True)
    return patches.reshape(-1, 2, 3, *_PATCH)


@torch.inference_mode()
def _logits(networks: Sequence[_Network], patches: Tensor) -> Tensor:
    total = torch.zeros(len(patches))
    for network in networks:
        for views in (patches, _mirrored(patches)):
            total += network(views) / (2 * len(networks))
    return total


def _mirrored(patches: Tensor) -> Tensor:
    return patches.flip(1).flip(-1)


@dataclass(frozen=True)
class _Seen:
    """Views of the portraits of one half, and which look at the camera."""

    patches: Tensor
    camera: Tensor  # (N,) bool

    @classmethod
    def of(cls, pixels: Pixels, split: Split) -> Self:
        x, y = (labelled(pixels.manifest, split, domain) for domain in Domain)
        views = [_views(b, b.image) for b in pixels.batches([*x, *y], _CHUNK)]
        patches = torch.cat([torch.zeros(0, 2, 3, *_PATCH), *views])
        return cls(patches, torch.arange(len(x) + len(y)) < len(x))

    def logits(self, networks: Sequence[_Network], rows: Tensor) -> Tensor:
        parts = [_logits(networks, self.patches[r]) for r in rows.split(_CHUNK) if len(r)]
        return torch.cat(parts) if parts else torch.zeros(0)


def _train(pixels: Pixels) -> bytes:
    seen = _Seen.of(pixels, Split.TRAIN)
    x, y = torch.nonzero(seen.camera)[:, 0], torch.nonzero(~seen.camera)[:, 0]
    if min(len(x), len(y)) < FEWEST:
        raise InputError(
            f"the judge of eye contact needs {FEWEST} labelled training portraits of each domain, "
            f"there are {len(x)} X and {len(y)} Y"
        )
    networks, unseen = [], torch.zeros(len(seen.camera))
    for number in range(2):
        own = (x[number::2], y[number::2])
        others = torch.cat([x[1 - number :: 2], y[1 - number :: 2]])
        network = _fit(seen, *own, seed=number)
        networks.append(network)
        unseen[others] = seen.logits([network], others)
    threshold = equal_error(unseen[x], unseen[y])
    test = _Seen.of(pixels, Split.TEST)
    logits = test.logits(networks, torch.arange(len(test.camera)))
    standing = Standing.of(logits[test.camera], logits[~test.camera], threshold)
    standing = replace(standing, auc_by_head=_by_head(pixels.manifest))
    facts = json.dumps({"threshold": threshold, "standing": vars(standing)})
    tensors = {f"{n}.{k}": v for n, net in enumerate(networks) for k, v in net.state_dict().items()}
    return safetensors.torch.save(tensors, {"judge": facts})


def _by_head(manifest: Manifest) -> float | None:
    """How well the turn of the head alone tells the real test portraits of X from those of Y."""
    turns = [
        [abs(yaw) for p in portraits if (yaw := p.measures.yaw_deg) is not None]
        for portraits in (labelled(manifest, Split.TEST, domain) for domain in Domain)
    ]
    x, y = (-torch.tensor(found) for found in turns)
    return area(x, y)


def _fit(seen: _Seen, x: Tensor, y: Tensor, *, seed: int) -> _Network:
    """A network trained on the portraits ``x`` and ``y`` (rows), as many of each in a batch."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(seed)
        network = _Network().train()
        steps = int(np.clip(_EPOCHS * (len(x) + len(y)) // _BATCH, *_STEPS))
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
        target = torch.full((_BATCH,), _SMOOTHING)
        target[: _BATCH // 2] = 1 - _SMOOTHING
        for _ in range(steps):
            picks = [r[torch.randint(len(r), (_BATCH // 2,), generator=generator)] for r in (x, y)]
            rows = torch.cat(picks)
            views = _varied(seen.patches[rows], generator)
            loss = functional.binary_cross_entropy_with_logits(network(views), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def _varied(patches: Tensor, generator: torch.Generator) -> Tensor:
    """Some mirrored, all a little lighter or darker, shifted by up to two pixels."""
    chance = torch.rand(3, len(patches), 1, 1, 1, 1, generator=generator)
    patches = torch.where(chance[0] < 0.5, _mirrored(patches), patches)
    gain, bias = 0.85 + 0.3 * chance[1], 0.3 * (chance[2] - 0.5)
    shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
    return torch.roll(patches * gain + bias, shift, (-2, -1))
