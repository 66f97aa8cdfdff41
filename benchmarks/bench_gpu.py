"""What a step and a correction take on a GPU, as Markdown for benchmarks/gpu.md.

    python benchmarks/bench_gpu.py [--seconds 3] [--minutes 5] [--res 256 512] [--method NAME ...]

Of PAM and every method that is trained but `undo`, which learns from eyes that it finds in a
dataset on the disk. Portraits are drawn, so that none is needed; settings and batches are those of
the tracks celebgaze (256 px) and celebhqgaze (512 px), networks of other runs have random weights.
A step is the engine's: batches, updates, its one wait for the device. Rows come in the order of the
list below, and with --minutes those that no longer fit are named at the end. The loader's share is
what drawing a step's portraits takes by itself, over the step; the GPU's loader reads ahead, so
that up to 100 % costs nothing. The last table has corrections per second at batch 1 and the ratio
of GazeGANV2 to GazeGAN beside the paper's, 38.40 / 30.29 at 256 px and 27.70 / 23.20 at 512.
"""

import argparse
import gc
import platform
import time
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gazebench import baselines, config, contract, methods
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import GazebenchError
from gazebench.evaluation.cost import frames_per_second
from gazebench.signals import Stop
from gazebench.training.batches import Loader
from gazebench.training.engine import Engine, accelerator_for
from gazebench.training.job import Job
from gazebench.training.loop import step
from gazebench.training.run import TrainingSettings

METHODS = ("gazegan_v2", "gazegan", "prgan", "stargan", "cyclegan", "pam")
MODES = {  # channels-last is the engine's own choice on a GPU
    "bf16": TrainingSettings(precision="bf16"),
    "fp32": TrainingSettings(),
    "bf16, contiguous": TrainingSettings(precision="bf16"),
    "bf16, compiled": TrainingSettings(precision="bf16", compile=True),
}
TRACKS = {256: "celebgaze", 512: "celebhqgaze"}
PAPER = {256: 38.40 / 30.29, 512: 27.70 / 23.20}  # Table I of Zhang et al. 2022
_WARM_UP = 4  # steps that choose kernels, and compile
_HEAD = "| method | px | mode | batch | ms per step | portraits/s | peak MB | loader |\n" + (
    "|---|--:|---|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    method: str
    resolution: int
    mode: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.method} at {self.resolution}, {self.mode}"


def main() -> None:
    """Time, and print the tables."""
    arguments = _arguments()
    if arguments.device == "cpu" and not arguments.small:
        print("no GPU here: nothing is measured; --small tries the program with tiny networks")
        return
    end = time.monotonic() + 60 * arguments.minutes
    cases = [
        Case(method, side, mode)
        for mode, side, method in product(arguments.mode, arguments.res, arguments.method)
    ]
    print(f"{_device(arguments.device)}, PyTorch {torch.__version__}\n\n{_HEAD}", flush=True)
    left: list[str] = []
    speeds: dict[tuple[str, int, str], float] = {}
    for case in cases:
        if time.monotonic() > end:
            left.append(str(case))
            continue
        try:
            print(_row(case, arguments, speeds), flush=True)
        except (GazebenchError, torch.OutOfMemoryError) as error:
            left.append(f"{case}: {str(error).splitlines()[0]}")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    print(_corrections(speeds))
    if left:
        print("\nNot measured:\n" + "\n".join(f"- {sentence}" for sentence in left))


def _row(
    case: Case, arguments: argparse.Namespace, speeds: dict[tuple[str, int, str], float]
) -> str:
    pixels = contract.drawn_dataset(case.resolution)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    engine = _engine(case, pixels, arguments)
    portraits, place = engine.job.portraits, engine.accelerator
    make = partial(Loader.of, pixels, *portraits, engine.recipe, place)
    loader = make()
    seconds = _seconds_per_step(engine, loader, arguments.seconds)
    images, memory = loader.images, engine.memory_mb()
    loader.close()
    drawing = _seconds_to_draw(make(ahead=False), images // (2 * engine.recipe.settings["batch"]))
    if methods.corrects(engine.job.kind):
        batch = pixels.batch(pixels.manifest.portraits[:1]).to(place.device)
        speeds[case.method, case.resolution, case.mode] = _frames(engine, batch)
    return (
        f"| {engine.method.card.title} | {case.resolution} | {case.mode} "
        f"| {engine.recipe.settings['batch']} | {1e3 * seconds:.1f} | {images / seconds:.0f} "
        f"| {memory:.0f} | {drawing / seconds:.0%} |"
    )


def _engine(case: Case, pixels: Pixels, arguments: argparse.Namespace) -> Engine:
    """The engine of ``gazebench train``, with random weights for networks of other runs."""
    kind: Any = methods.load(baselines, case.method)
    table = config.read(config.track(TRACKS[case.resolution]))["methods"].get(case.method, {})
    if arguments.small:
        table = {**kind.small_settings, "batch": 1}
    options = MODES[case.mode].model_copy(update={"device": arguments.device})
    job = Job(
        manifest=pixels.manifest,
        run=Path("nowhere"),
        collection=baselines,
        method=case.method,
        kind=kind,
        settings=config.build(kind.Config, table, f"methods.{case.method}"),
        options=options,
    )
    engine = Engine(job, accelerator_for(options))
    if case.mode.endswith("contiguous"):
        for network in engine.networks.values():
            network.to(memory_format=torch.contiguous_format)
    return engine


def _seconds_per_step(engine: Engine, loader: Loader, wanted: float) -> float:
    done = 0
    for _ in range(_WARM_UP):
        step(engine, done, loader, Stop())
        done += 1
    began = time.perf_counter()
    while (seconds := time.perf_counter() - began) < wanted or done == _WARM_UP:
        step(engine, done, loader, Stop())
        done += 1
    return seconds / (done - _WARM_UP)


def _seconds_to_draw(loader: Loader, calls: int) -> float:
    times: list[float] = []
    for number in range(3):
        began = time.perf_counter()
        draw = loader.draw(number)
        for _ in range(calls):
            draw()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)


@torch.no_grad()
def _frames(engine: Engine, batch: Batch) -> float:
    method = engine.method
    method.networks = {name: network.eval() for name, network in engine.networks.items()}

    def correct(one: Batch) -> Tensor:
        with engine.accelerator.autocast():
            return method.correct(one)

    return frames_per_second(correct, [batch]).value


def _corrections(speeds: dict[tuple[str, int, str], float]) -> str:
    lines = ["\n| method | px | mode | corrections/s |", "|---|--:|---|--:|"]
    lines += [f"| {m} | {side} | {mode} | {fps:.1f} |" for (m, side, mode), fps in speeds.items()]
    for (method, side, mode), fps in speeds.items():
        first = speeds.get(("gazegan", side, mode))
        if method == "gazegan_v2" and first:
            lines.append(
                f"\nGazeGANV2 / GazeGAN at {side} px, {mode}: {fps / first:.2f} "
                f"(paper: {PAPER[side]:.2f})"
            )
    return "\n".join(lines)


def _device(name: str) -> str:
    if name == "cpu":
        return platform.processor() or platform.machine()
    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {total / 1e9:.0f} GB ({free / 1e9:.0f} free)"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--method", nargs="*", choices=METHODS, default=METHODS)
    parser.add_argument("--res", nargs="*", type=int, choices=TRACKS, default=list(TRACKS))
    parser.add_argument("--mode", nargs="*", choices=MODES, default=list(MODES))
    parser.add_argument("--seconds", type=float, default=3.0, help="of steps for a row")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which no row begins")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--small", action="store_true", help="tiny networks, to try this program")
    return parser.parse_args()


if __name__ == "__main__":
    main()
