"""What the training engine costs beside the arithmetic of PRGAN.

    python benchmarks/bench_training.py [DATASET] [--steps 30] [--device cpu] [--set width=16 ...]

Any labelled dataset will do; by default the demo's is built, and its settings are taken. Three
things are timed in turn, round after round, so that other load on the machine falls on all alike:
a step of the engine with its line in the log, the loader alone, and a plain fp32 loop that is
written out below and takes patches that are already in memory. The fastest of the rounds are
compared.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from gazebench import build, config, demo, sources
from gazebench.annotation.labels import import_csv
from gazebench.baselines.prgan import PRGAN, Discriminator, Generator
from gazebench.build.settings import DatasetSettings
from gazebench.data import Draw, Pixels
from gazebench.manifest import Manifest
from gazebench.methods import Task
from gazebench.training.drawing import Loader, training_portraits
from gazebench.training.folder import Recipe, RunFolder
from gazebench.training.loop import Loop
from gazebench.training.session import Session
from gazebench.training.signals import Stop

Step = Callable[[], None]
_WARMUP = 3


def main() -> None:
    """Time, and print the ratios."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    tables = config.read(demo.SETTINGS, (f"methods.prgan.{text}" for text in arguments.set))
    settings = config.build(PRGAN.Config, {**tables["methods"]["prgan"], "steps": 10**6})
    accelerator = Accelerator(cpu=arguments.device == "cpu")
    with tempfile.TemporaryDirectory() as folder:
        manifest = Manifest.load(arguments.dataset or demo_dataset(Path(folder, "demo")))
        steps = {
            "engine": engine(manifest, settings, accelerator, Path(folder, "run")),
            "loader": loader(manifest, settings, accelerator.device),
            "plain": plain(manifest, settings, accelerator.device),
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(_WARMUP + arguments.steps):
            for name, step in steps.items():
                times[name].append(timed(step))
    report({name: min(values[_WARMUP:]) for name, values in times.items()})


def demo_dataset(folder: Path) -> Path:
    """The dataset of ``gazebench demo``."""
    chosen = config.build(DatasetSettings, config.read(demo.SETTINGS)["dataset"])
    found = build.plan(sources, demo.PORTRAITS, chosen, source="folder", limit=None)
    build.build(found, folder, workers=2, overwrite=False, quiet=True)
    import_csv(folder, demo.PORTRAITS / "labels.csv")
    return folder


def engine(manifest: Manifest, settings: PRGAN.Config, device: Accelerator, run: Path) -> Step:
    """A step as ``gazebench train`` makes it."""
    recipe = Recipe.of(manifest, "prgan", settings, seed=0, precision="no", processes=1)
    session = Session(PRGAN, settings, recipe, device)
    loop = Loop(RunFolder(run), session, manifest, None, Stop(), progress=False)
    bar = tqdm(disable=True)

    def step() -> None:
        loop.advance(bar)

    return step


def loader(manifest: Manifest, settings: PRGAN.Config, device: torch.device) -> Step:
    """All the drawing of a step, one picture after the other, and nothing else."""
    pixels = Pixels.open(manifest)
    draws = Loader(
        pixels,
        *training_portraits(manifest),
        batch=settings.batch,
        seed=0,
        device=device,
        ahead=False,
    )

    def step() -> None:
        draw = draws.draw(0)
        for _ in range(settings.critic_steps + 1):
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
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def report(seconds: dict[str, float]) -> None:
    """Print milliseconds and shares of the engine's step."""
    whole = seconds["engine"]
    for name, value in seconds.items():
        print(f"{name:8} {value * 1e3:9.2f} ms/step   {value / whole:6.1%} of the engine's step")
    print(f"engine / plain loop           {whole / seconds['plain']:.3f}")
    print(f"outside the arithmetic        {1 - seconds['plain'] / whole:.1%}")
    print(f"loader speed / what is needed {whole / seconds['loader']:.1f}")


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
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
