"""What StarGAN and CycleGAN cost in the training engine, against plain loops.

    python benchmarks/bench_baselines.py [--steps 12] [--side 128] [--width 16] [--device cpu]

The rivals are written out below in plain fp32 PyTorch, without a line of the package: the same
networks, batches, augmentation and losses, on portraits that are already in memory. Engine and
rival take turns, so that other load falls on both alike; the fastest steps are compared.
"""

import argparse
import itertools
import tempfile
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from accelerate import Accelerator
from bench_training import Step, timed
from torch import Tensor, nn
from tqdm import tqdm

from gazebench import baselines, config, curation, demo, sources
from gazebench.annotation.labels import import_csv
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Manifest
from gazebench.dataset.batches import Pixels
from gazebench.signals import Stop
from gazebench.training.batches import training_portraits
from gazebench.training.engine import Engine
from gazebench.training.job import Job, trainable
from gazebench.training.loop import Loop

_WARMUP = 2
_PER_DOMAIN = {"stargan": 2, "cyclegan": 1}  # portraits in a batch


def main() -> None:
    """Time, and print the ratios."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        manifest = dataset(Path(folder, "data"), arguments.side)
        for name, rival in {"stargan": plain_stargan, "cyclegan": plain_cyclegan}.items():
            accelerator = Accelerator(cpu=arguments.device == "cpu")
            x, y = in_memory(manifest, accelerator.device)
            steps = {
                "engine": engine(manifest, name, arguments.width, accelerator, Path(folder, name)),
                "plain": rival(x, y, arguments.width),
            }
            report(name, fastest(steps, arguments.steps))


def dataset(folder: Path, side: int) -> Manifest:
    """The portraits of ``gazebench demo``, smaller."""
    table = {**config.read(demo.SETTINGS)["dataset"], "resolution": side}
    chosen = config.build(DatasetSettings, table)
    found = curation.plan(sources, demo.PORTRAITS, chosen, source="folder", limit=None)
    curation.build(found, folder, workers=2, overwrite=False, quiet=True)
    import_csv(folder, demo.PORTRAITS / "labels.csv")
    return Manifest.load(folder)


def engine(manifest: Manifest, name: str, width: int, device: Accelerator, run: Path) -> Step:
    """A step as ``gazebench train`` makes it, with its line in the log."""
    table = {"width": width, "batch": _PER_DOMAIN[name], "steps": 10**6}
    kind = trainable(baselines, name)
    settings = config.build(kind.Config, table)
    job = Job(
        manifest=manifest, run=run, collection=baselines, method=name, kind=kind, settings=settings
    )
    loop = Loop(Engine(job, device), None, Stop(), progress=False)
    bar = tqdm(disable=True)

    def step() -> None:
        loop.advance(bar)

    return step


def in_memory(manifest: Manifest, device: torch.device) -> list[Tensor]:
    """The training portraits of X and of Y, (N, 3, side, side) in 8 bits."""
    pixels = Pixels.open(manifest)
    rows = [[pixels.rows[p.id] for p in half] for half in training_portraits(manifest)]
    return [torch.from_numpy(pixels.array[r]).movedim(3, 1).contiguous().to(device) for r in rows]


def drawn(portraits: Tensor, count: int) -> Tensor:
    """Some of the portraits in [-1, 1]."""
    return portraits[torch.randint(len(portraits), (count,))].float() / 127.5 - 1


def plain_stargan(x: Tensor, y: Tensor, width: int) -> Step:
    """Five critic steps and one of the generator."""
    g = stargan_generator(width).to(x.device)
    d = StarDiscriminator(x.shape[-1], width).to(x.device)
    of_g, of_d = (torch.optim.Adam(n.parameters(), 1e-4, (0.5, 0.999), fused=True) for n in (g, d))
    count = _PER_DOMAIN["stargan"]
    own = torch.tensor([[1.0]] * count + [[0.0]] * count, device=x.device)

    def under(image: Tensor, label: Tensor) -> Tensor:
        plane = label[:, :, None, None].expand(-1, 1, *image.shape[-2:])
        return g(torch.cat([image, plane], 1))

    def batch() -> tuple[Tensor, Tensor]:
        real = torch.cat([drawn(x, count), drawn(y, count)])
        flips = torch.rand(len(real), 1, 1, 1, device=x.device) < 0.5
        order = torch.randperm(len(real), device=x.device)
        return torch.where(flips, real.flip(-1), real), own[order]

    def critic_step(real: Tensor, target: Tensor) -> None:
        value, logit = d(real)
        loss = -value.mean() + F.binary_cross_entropy_with_logits(logit, own)
        with torch.no_grad():
            fake = under(real, target)
        loss = loss + d(fake)[0].mean()
        share = torch.rand(len(real), 1, 1, 1, device=x.device)
        between = (share * real + (1 - share) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(d(between)[0].sum(), between, create_graph=True)
        loss = loss + 10 * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
        update(of_d, loss)

    def step() -> None:
        batches = [batch() for _ in range(5)]
        for real, target in batches:
            critic_step(real, target)
        real, target = batches[-1]
        d.requires_grad_(False)
        fake = under(real, target)
        value, logit = d(fake)
        loss = -value.mean() + F.binary_cross_entropy_with_logits(logit, target)
        update(of_g, loss + 10 * F.l1_loss(under(fake, own), real))
        d.requires_grad_(True)

    return step


def plain_cyclegan(x: Tensor, y: Tensor, width: int) -> Step:
    """One step of both generators, then of both discriminators."""
    g_a, g_b = (cycle_generator(width).to(x.device) for _ in "AB")
    judges = nn.ModuleList(cycle_discriminator(width).to(x.device) for _ in "AB")
    d_a, d_b = judges
    of_g, of_d = (
        torch.optim.Adam([*p.parameters(), *q.parameters()], 2e-4, (0.5, 0.999), fused=True)
        for p, q in ((g_a, g_b), (d_a, d_b))
    )
    pools: tuple[list[Tensor], list[Tensor]] = ([], [])

    def against(network: nn.Module, image: Tensor, target: float) -> Tensor:
        return ((network(image) - target) ** 2).mean()

    def step() -> None:
        a, b = augmented(drawn(y, 1)), augmented(drawn(x, 1))
        judges.requires_grad_(False)
        fake_b, fake_a = g_a(a), g_b(b)
        loss = against(d_a, fake_b, 1) + against(d_b, fake_a, 1)
        loss = loss + 10 * (F.l1_loss(g_b(fake_b), a) + F.l1_loss(g_a(fake_a), b))
        update(of_g, loss + 5 * (F.l1_loss(g_a(b), b) + F.l1_loss(g_b(a), a)))
        judges.requires_grad_(True)
        old_b, old_a = map(exchanged, pools, (fake_b.detach(), fake_a.detach()))
        loss = against(d_a, b, 1) + against(d_a, old_b, 0)
        update(of_d, 0.5 * (loss + against(d_b, a, 1) + against(d_b, old_a, 0)))

    return step


def augmented(image: Tensor) -> Tensor:
    """Enlarged by 286/256, cropped and perhaps mirrored."""
    side = image.shape[-1]
    large = F.interpolate(image, round(side * 286 / 256), mode="bicubic").clamp(-1, 1)
    top, left, flip = (int(torch.randint(n, ())) for n in (*[large.shape[-1] - side + 1] * 2, 2))
    crop = large[..., top : top + side, left : left + side]
    return crop.flip(-1) if flip else crop


def exchanged(pool: list[Tensor], image: Tensor) -> Tensor:
    """The image, or an older one."""
    if len(pool) < 50:
        pool.append(image)
    elif torch.rand(()) > 0.5:
        place = int(torch.randint(50, ()))
        pool[place], image = image, pool[place]
    return image


def update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the loss."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


class Sum(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The sum."""
        return x + self.layers(x)


def normed(layer: nn.Module, channels: int, affine: bool = False) -> list[nn.Module]:
    """The layer, instance normalisation, ReLU."""
    return [layer, nn.InstanceNorm2d(channels, affine=affine), nn.ReLU(True)]


def stargan_generator(w: int) -> nn.Sequential:
    """Portrait and label, (N, 4, H, W), to a portrait."""
    block = partial(normed, affine=True)

    def residual() -> Sum:
        one, two = (nn.Conv2d(4 * w, 4 * w, 3, 1, 1, bias=False) for _ in range(2))
        return Sum(*block(one, 4 * w), two, nn.InstanceNorm2d(4 * w, affine=True))

    return nn.Sequential(
        *block(nn.Conv2d(4, w, 7, 1, 3, bias=False), w),
        *block(nn.Conv2d(w, 2 * w, 4, 2, 1, bias=False), 2 * w),
        *block(nn.Conv2d(2 * w, 4 * w, 4, 2, 1, bias=False), 4 * w),
        *(residual() for _ in range(6)),
        *block(nn.ConvTranspose2d(4 * w, 2 * w, 4, 2, 1, bias=False), 2 * w),
        *block(nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False), w),
        *(nn.Conv2d(w, 3, 7, 1, 3, bias=False), nn.Tanh()),
    )


class StarDiscriminator(nn.Module):
    """Six halvings, and two heads."""

    def __init__(self, side: int, w: int) -> None:
        super().__init__()
        channels = [3] + [w * 2**i for i in range(6)]
        pairs = itertools.pairwise(channels)
        layers = [[nn.Conv2d(i, o, 4, 2, 1), nn.LeakyReLU(0.01, True)] for i, o in pairs]
        self.body = nn.Sequential(*itertools.chain(*layers))
        self.critic = nn.Conv2d(channels[-1], 1, 3, 1, 1, bias=False)
        self.label = nn.Conv2d(channels[-1], 1, side // 64, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Critic map and logit."""
        features = self.body(x)
        return self.critic(features), self.label(features).flatten(1)


def cycle_generator(w: int) -> nn.Sequential:
    """Portrait to portrait, with nine residual blocks."""
    block, pad = normed, nn.ReflectionPad2d(1)

    def residual() -> Sum:
        one, two = (nn.Conv2d(4 * w, 4 * w, 3) for _ in range(2))
        return Sum(pad, *block(one, 4 * w), pad, two, nn.InstanceNorm2d(4 * w))

    return nn.Sequential(
        *(nn.ReflectionPad2d(3), *block(nn.Conv2d(3, w, 7), w)),
        *block(nn.Conv2d(w, 2 * w, 3, 2, 1), 2 * w),
        *block(nn.Conv2d(2 * w, 4 * w, 3, 2, 1), 4 * w),
        *(residual() for _ in range(9)),
        *block(nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1), 2 * w),
        *block(nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1), w),
        *(nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh()),
    )


def cycle_discriminator(w: int) -> nn.Sequential:
    """Portrait to a map of judgements of 70x70 patches."""
    layers: list[nn.Module] = [nn.Conv2d(3, w, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for inputs, outputs, stride in ((w, 2 * w, 2), (2 * w, 4 * w, 2), (4 * w, 8 * w, 1)):
        layers += [nn.Conv2d(inputs, outputs, 4, stride, 1), nn.InstanceNorm2d(outputs)]
        layers += [nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * w, 1, 4, 1, 1))


def fastest(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Seconds of the fastest step of each, one after the other in every round."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(_WARMUP + rounds):
        for name, step in steps.items():
            times[name].append(timed(step))
    return {name: min(values[_WARMUP:]) for name, values in times.items()}


def report(name: str, seconds: dict[str, float]) -> None:
    """Print milliseconds and the ratio."""
    times = ", ".join(f"{who} {value * 1e3:.2f} ms/step" for who, value in seconds.items())
    ratio = seconds["engine"] / seconds["plain"]
    print(f"{name:9} {times}: engine / plain loop {ratio:.3f} (target: at most 1.02)")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    numbers = {"steps": 12, "side": 128, "width": 16, "threads": torch.get_num_threads()}
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
