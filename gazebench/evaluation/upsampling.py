"""One coarse reconstruction brought to full size in several ways, against the source (Table VI).

Paper: Zhang et al. 2022, section IV-F. Whether the printed numbers are of the full image or of the
eyes is not stated, so both are measured.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gazebench import plugins, progress, store, training
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, to_float, to_uint8
from gazebench.dataset.random_order import in_random_order
from gazebench.errors import GazebenchError, InputError
from gazebench.evaluation.correct import device_name
from gazebench.evaluation.cost import frames_per_second
from gazebench.evaluation.figures import SHOWN, write_strips
from gazebench.methods import TrainableMethod, count_parameters, pick_device
from gazebench.metrics import (
    Instruments,
    eyes_lpips,
    eyes_ms_ssim,
    perceptual_distance,
    structural_similarity,
)
from gazebench.plugins import Collection
from gazebench.results import BENCHMARK, Bounds, Score

FILE = "upsampling.json"  # in a run's folder
FOLDER = "figures/upsampling"  # and pictures of it
_BATCH = 4
_POSSIBLE: dict[str, Bounds] = {"ms_ssim": (0.0, 1.0), "lpips": (0.0, None)}


class Upsampler(Protocol):
    """Brings coarse portraits to full size."""

    title: ClassVar[str]
    parameters: int  # of its own networks

    def __init__(self, method: TrainableMethod, device: torch.device) -> None:
        """Build for a trained method.

        Raises:
            GazebenchError: it cannot be used; the table says why.
        """
        ...

    def double(self, coarse: Tensor, batch: Batch) -> Tensor:
        """Images (N, 3, 2R, 2R) of coarse ones (N, 3, R, R), both in [-1, 1], of ``batch``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What all up-samplers of a table share."""

    pixels: Pixels
    portraits: Sequence[Portrait]
    coarse: Callable[[Batch], Tensor]  # (N, 3, R, R) of portraits (N, 3, 2R, 2R)
    parameters: int  # of the networks behind ``coarse``
    instruments: Instruments

    def scores(self, upsampler: Upsampler, *, quiet: bool = True) -> dict[str, Score]:
        """MS-SSIM and LPIPS by region, FPS of reconstruction and up-sampling, parameters in M.

        Raises:
            InputError: the portraits are too small for MS-SSIM.
        """
        values: dict[str, dict[str, float]] = {}
        total = len(self.portraits)
        bar = progress.bar(total=total, desc=upsampler.title, unit="face", quiet=quiet)
        with bar, torch.inference_mode():
            for source in self.pixels.batches(self.portraits, _BATCH):
                batch = source.to(self.instruments.device)
                made = upsampler.double(self.coarse(batch), batch)
                for name, found in self._measured(batch, to_float(to_uint8(made.clone()))):
                    values.setdefault(name, {}).update(zip(batch.ids, found, strict=True))
                bar.update(len(batch))
            speed = self._speed(upsampler)
        scores = {
            name: Score.of(by_id, bounds=_POSSIBLE[name.rpartition("_")[0]])
            for name, by_id in values.items()
        }
        count = Score(value=(self.parameters + upsampler.parameters) / 1e6, n=1)
        return {**scores, "fps": speed, "parameters": count}

    def draw(self, upsamplers: Sequence[Upsampler], folder: Path) -> list[str]:
        """Write ``folder/ID.png`` of some portraits, and give their ids (figure 14).

        Side by side: source, coarse portrait with every pixel as four, then each up-sampler's.
        """
        by_id = {p.id: p for p in self.portraits}
        ids = in_random_order(by_id)[:SHOWN]
        store.remove(folder)
        for id_ in ids:
            batch = self.pixels.batch([by_id[id_]], self.instruments.device)
            with torch.inference_mode():
                coarse = self.coarse(batch)
                made = [upsampler.double(coarse, batch) for upsampler in upsamplers]
                large = F.interpolate(coarse, scale_factor=2, mode="nearest")
                write_strips(folder, [id_], torch.stack([batch.image, large, *made], 1))
        return ids

    def _measured(self, batch: Batch, made: Tensor) -> Iterator[tuple[str, Sequence[float]]]:
        yield "ms_ssim_full", structural_similarity(self.instruments, batch.image, made)
        yield "lpips_full", perceptual_distance(self.instruments, batch.image, made)
        yield "ms_ssim_eyes", eyes_ms_ssim(self.instruments, batch, made)
        yield "lpips_eyes", eyes_lpips(self.instruments, batch, made)

    def _speed(self, upsampler: Upsampler) -> Score:
        batch = self.pixels.batch(self.portraits[:1]).to(self.instruments.device)
        return frames_per_second(lambda b: upsampler.double(self.coarse(b), b), [batch])


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsamplingScores:
    """What a comparison measured, and what it could not."""

    titles: Mapping[str, str]  # by up-sampler
    scores: Mapping[str, Mapping[str, Score]]  # by up-sampler
    skipped: Mapping[str, str]  # title → why it was not measured
    ids: Sequence[str] = ()  # of the portraits that were drawn

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write JSON; ``facts`` say what was measured."""
        rows = {
            name: {"title": self.titles[name], "scores": {k: asdict(s) for k, s in made.items()}}
            for name, made in self.scores.items()
        }
        columns = ["source", "half size", *self.titles.values()]
        content = {
            "format": 1,
            "facts": dict(facts),
            "rows": rows,
            "skipped": dict(self.skipped),
            "pictures": {"ids": list(self.ids), "columns": columns},  # of FOLDER/ID.png
        }
        store.write(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseMethod:
    """The method whose coarse portraits are brought to full size, and the ways to do that."""

    methods: Collection
    name: str  # of the method there
    reconstruct: Callable[[TrainableMethod, Batch], Tensor]  # the coarse portraits of a batch
    letters: Sequence[str]  # of the networks behind them
    needed: Sequence[str]  # letters that a trained run must have
    upsamplers: Collection


def measure(
    coarse: CoarseMethod,
    run: Path,
    manifest: Manifest,
    *,
    names: Sequence[str] = (),
    both_halves: bool = False,
    device: str | None = None,
    date: str,
    quiet: bool = False,
) -> UpsamplingScores:
    """Compare up-samplers (all, or those in ``names``) of a trained run; written to the run.

    ``date`` is recorded in ``upsampling.json``; with ``both_halves``, portraits of the training
    half are measured too.

    Raises:
        InputError: ``run`` is not such a method, no up-sampler has that name, or no portraits.
    """
    place = pick_device(device)
    trained = training.load_trained(coarse.methods, run, manifest, device=place)
    networks = trained.method.networks
    if trained.name != coarse.name or not set(coarse.needed) <= networks.keys():
        raise InputError(f"{run}: is no GazeGANV2 with CFM; train one with --method {coarse.name}")
    kinds = {
        name: plugins.load(coarse.upsamplers, name, marker="title")
        for name in names or plugins.names(coarse.upsamplers)
    }
    comparison = Comparison(
        pixels=Pixels.open(manifest),
        portraits=portraits_of(manifest, both_halves=both_halves),
        coarse=lambda batch: coarse.reconstruct(trained.method, batch),
        parameters=count_parameters([networks[n] for n in coarse.letters if n in networks]),
        instruments=Instruments(place),
    )
    made = compare(comparison, kinds, trained.method, run=run, quiet=quiet)
    facts = {
        **facts_of(comparison, both_halves=both_halves),
        "run": run.resolve().name,
        "weights_sha256": trained.weights_sha256,
        "steps": trained.facts["step"],
        "date": date,
    }
    made.save(run / FILE, facts)
    return made


def compare(
    comparison: Comparison,
    kinds: Mapping[str, type[Upsampler]],
    method: TrainableMethod,
    *,
    run: Path | None = None,
    quiet: bool = True,
) -> UpsamplingScores:
    """Scores of each up-sampler of ``method``; one that cannot be used is named with its reason.

    ``run``: the folder that keeps some of the pictures, for figure 14.

    Raises:
        InputError: no portraits, or too small ones.
    """
    if not comparison.portraits:
        raise InputError("no portrait of domain Y to reconstruct; label some, or take --split all")
    found: dict[str, Upsampler] = {}
    skipped: dict[str, str] = {}
    for name, kind in kinds.items():
        try:
            found[name] = kind(method, comparison.instruments.device)
        except GazebenchError as error:
            skipped[kind.title] = str(error)
    return UpsamplingScores(
        titles={name: kinds[name].title for name in found},
        scores={name: comparison.scores(one, quiet=quiet) for name, one in found.items()},
        skipped=skipped,
        ids=comparison.draw(list(found.values()), run / FOLDER) if run else (),
    )


def portraits_of(manifest: Manifest, *, both_halves: bool) -> tuple[Portrait, ...]:
    """Portraits of domain Y: of the test half, or of both (as in the paper)."""
    halves = [Split.TRAIN, Split.TEST] if both_halves else [Split.TEST]
    return tuple(p for half in halves for p in manifest.select(split=half, domain=Domain.AWAY))


def facts_of(comparison: Comparison, *, both_halves: bool) -> dict[str, Any]:
    """What a comparison was made on, for ``UpsamplingScores.save``."""
    manifest = comparison.pixels.manifest
    return {
        "benchmark": BENCHMARK,
        "dataset": manifest.name,
        "fingerprint": manifest.fingerprint,
        "resolution": manifest.resolution,
        "split": "both halves" if both_halves else "test half",
        "n": len(comparison.portraits),
        "device": device_name(comparison.instruments.device),
    }
