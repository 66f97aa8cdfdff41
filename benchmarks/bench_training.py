"""What the training engine costs beside the arithmetic of a method.

    python benchmarks/bench_training.py [DATASET] [--method gazegan_v2] [--set width=4 ...]

Any labelled dataset will do; by default the demo's is built. Things are timed in turn, round after
round, so that other load on the machine falls on all alike: a step of the engine with its line in
the log, the loader alone, and for PRGAN a plain fp32 loop that is written out below and takes
patches that are already in memory. The fastest of the rounds are compared. The step's share outside
the arithmetic is what is not ``training_step``, plus what that waits for its batches: at most 5 %.
The loader alone gives at least 5 times the portraits per second that the step takes.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from gazebench import baselines, config, curation, demo, methods, sources
from gazebench.annotation.labels import import_csv
from gazebench.baselines.prgan import PRGAN, Discriminator, Generator
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Batch, Draw, Pixels
from gazebench.methods import Task, TrainableMethod
from gazebench.signals import Stop
from gazebench.training.batches import Loader, training_portraits
from gazebench.training.engine import Engine
from gazebench.training.job import Job
from gazebench.training.loop import Loop

Step = Callable[[], object]
_WARMUP = 3
_SMALL: dict[str, dict[str, Any]] = {
    "prgan": dict(config.read(demo.SETTINGS)["methods"]["prgan"]),
    "gazegan_v2": {"preset": "paper", "batch": 2, "width": 4},  # no loss by VGG
}


def main() -> None:
    """Time, and print the ratios."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    kind: Any = methods.load(baselines, arguments.method)
    given = config.read(None, (f"methods.own.{text}" for text in arguments.set))
    table = {**_SMALL[arguments.method], **given.get("methods", {}).get("own", {})}
    settings = config.build(kind.Config, {**table, "steps": 10**6})
    accelerator = Accelerator(cpu=arguments.device == "cpu")
    with tempfile.TemporaryDirectory() as folder:
        manifest = Manifest.load(arguments.dataset or demo_dataset(Path(folder, "demo")))
        loop = loop_of(kind, manifest, arguments.method, settings, accelerator, Path(folder, "run"))
        inside = Inside(loop.engine.method)
        loop.engine.method.training_step = inside
        steps: dict[str, Step] = {"engine": partial(loop.advance, tqdm(disable=True))}
        steps["loader"] = loader(manifest, loop.engine, inside)
        if arguments.method == "prgan":
            steps["plain"] = plain(manifest, settings, accelerator.device)
        times: dict[str, list[float]] = {name: [] for name in (*steps, "inside")}
        for _ in range(_WARMUP + arguments.steps):
            for name, step in steps.items():
                times[name].append(timed(step))
            times["inside"].append(inside.seconds)
    report({name: values[_WARMUP:] for name, values in times.items()})


class Inside:
    """A ``training_step`` that notes how long it computes, without its waits for batches."""

    def __init__(self, method: TrainableMethod) -> None:
        self._step, self.calls, self.seconds = method.training_step, 0, 0.0

    def __call__(self, draw: Draw) -> dict[str, Tensor]:
        """The step's losses."""
        waiting = Waiting(draw)
        _settle()
        began = time.perf_counter()
        losses = self._step(waiting)  # type: ignore[arg-type]
        _settle()
        whole = time.perf_counter() - began
        self.calls, self.seconds = waiting.calls, whole - waiting.seconds
        return losses


class Waiting:
    """A draw that notes how long it takes."""

    def __init__(self, draw: Draw) -> None:
        self._draw, self.calls, self.seconds = draw, 0, 0.0
        self.step, self.generator = draw.step, draw.generator

    def __call__(self) -> tuple[Batch, Batch]:
        """The next batches."""
        began = time.perf_counter()
        pair = self._draw()
        self.calls += 1
        self.seconds += time.perf_counter() - began
        return pair


def demo_dataset(folder: Path) -> Path:
    """The dataset of ``gazebench demo``."""
    chosen = config.build(DatasetSettings, config.read(demo.SETTINGS)["dataset"])
    found = curation.plan(sources, demo.PORTRAITS, chosen, source="folder", limit=None)
    curation.build(found, folder, workers=2, overwrite=False, quiet=True)
    import_csv(folder, demo.PORTRAITS / "labels.csv")
    return folder


def loop_of(
    kind: type[TrainableMethod],
    manifest: Manifest,
    name: str,
    settings: config.Settings,
    device: Accelerator,
    run: Path,
) -> Loop:
    """The loop of ``gazebench train``, with random weights for other methods' parts."""
    job = Job(
        manifest=manifest, run=run, collection=baselines, method=name, kind=kind, settings=settings
    )
    return Loop(Engine(job, device), None, Stop(), progress=False)


def loader(manifest: Manifest, engine: Engine, inside: Inside) -> Step:
    """All the drawing of the last step, one picture after the other, and nothing else."""
    portraits, place = engine.job.portraits, engine.accelerator
    draws = Loader.of(Pixels.open(manifest), *portraits, engine.recipe, place, ahead=False)

    def step() -> None:
        draw = draws.draw(0)
        for _ in range(inside.calls):
            draw()

    return step


def plain(manifest: Manifest, settings: PRGAN.Config, device: torch.device) -> Step:
    """The same arithmetic with nothing around it."""
    s = settings
    real, own = _patches(manifest, s, device)
    generator = Generator(s.width, s.residual_blocks).to(device)
    discriminator = Discriminator(s.width, s.discriminator_layers).to(device)
    g, d = (
        torch.optim.Adam(network.parameters(), s.lr, s.betas, fused=True)
        for network in (generator, discriminator)
    )

    def critic_step() -> None:
        with torch.no_grad():
            fake = generator(real, -own)
        critic, label = discriminator(torch.cat([real, fake]))
        share = torch.rand(len(real), 1, 1, 1, device=device)
        between = (share * real + (1 - share) * fake).requires_grad_(True)
        value = discriminator(between)[0].sum()
        (slope,) = torch.autograd.grad(value, between, create_graph=True)
        loss = critic[len(real) :].mean() - critic[: len(real)].mean()
        loss = loss + s.weight_gp * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        loss = loss + s.weight_cls_critic * F.mse_loss(label[: len(own)], own)
        _update(d, loss)

    def generator_step() -> None:
        discriminator.requires_grad_(False)
        fake = generator(real, -own)
        critic, label = discriminator(fake)
        loss = s.weight_cls * F.mse_loss(label, -own) - critic.mean()
        loss = loss + s.weight_cyc * F.l1_loss(generator(fake, own), real)
        if s.weight_rec:
            loss = loss + s.weight_rec * F.l1_loss(generator(real, own), real)
        _update(g, loss)
        discriminator.requires_grad_(True)

    def step() -> None:
        for _ in range(s.critic_steps):
            critic_step()
        generator_step()

    return step


def timed(step: Step) -> float:
    """Seconds of a step, the GPU's work included."""
    _settle()
    began = time.perf_counter()
    step()
    _settle()
    return time.perf_counter() - began


def _settle() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def report(seconds: dict[str, list[float]]) -> None:
    """Print milliseconds and shares of the engine's step."""
    best = {name: min(values) for name, values in seconds.items()}
    whole = best["engine"]
    for name, value in best.items():
        print(f"{name:8} {value * 1e3:9.2f} ms/step   {value / whole:6.1%} of the engine's step")
    pairs = zip(seconds["engine"], seconds["inside"], strict=True)
    outside = statistics.median(1 - inside / engine for engine, inside in pairs)
    print(f"outside the arithmetic        {outside:.1%}")
    print(f"loader speed / what is needed {whole / best['loader']:.1f}")
    if "plain" in best:
        print(f"engine / plain loop           {whole / best['plain']:.3f}")


def _patches(
    manifest: Manifest, settings: PRGAN.Config, device: torch.device
) -> tuple[Tensor, Tensor]:
    method = PRGAN(settings, Task(manifest.resolution, manifest.window))
    x, y = training_portraits(manifest)
    draw = Draw(Pixels.open(manifest), x, y, batch=settings.batch, seed=0, step=0)
    real, own = method._draw(draw)
    return real.to(device), own.to(device)


def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--method", choices=_SMALL, default="prgan")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
