"""GazeGANV2 against GazeGAN, and against itself without its coarse-to-fine module.

    python benchmarks/bench_gazegan.py [--rounds 15] [--steps 4] [--width 16] [--device cpu]

Three tables. Corrections per second at batch 1, all channels as published, beside the ratios of
table I of Zhang et al. (2022): 38.40 / 30.29 = 1.27 at 256 and 27.70 / 23.20 = 1.19 at 512. Then a
training step with and without the module (ablation D), its time and the most memory; each in a
process of its own. Last, a step with the perceptual loss in bf16 against one in fp32, as the engine
takes them. Weights are not trained: speed does not depend on them.
"""

import argparse
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gazebench import baselines, contract, methods
from gazebench.dataset import Domain
from gazebench.dataset.batches import Batch, Draw, Pixels
from gazebench.dataset.boxes import eye_window
from gazebench.methods import Task

_PAPER = {256: 38.40 / 30.29, 512: 27.70 / 23.20}
_WARMUP = 2


class Cost(NamedTuple):
    """Of a training step."""

    seconds: float
    megabytes: float  # the most the process had, less what it had before the first step


def main() -> None:
    """Time, and print the tables."""
    arguments = _arguments()
    print(f"corrections, batch 1, {torch.get_num_threads()} threads")
    for resolution, published in _PAPER.items():
        first, second = _rates(resolution, arguments.rounds, arguments.device)
        print(
            f"  {resolution}: GazeGAN {first:6.2f}/s  GazeGANV2 {second:6.2f}/s  "
            f"ratio {second / first:.2f} (paper {published:.2f})"
        )
    print(f"training step, 256 px, batch 1, width {arguments.width}, no perceptual loss")
    with_module, without = (
        _apart(_step_cost, coarse, arguments.width, arguments.steps) for coarse in (True, False)
    )
    _compare(("with CFM", with_module), ("without", without))
    print("training step, 256 px, batch 16, width 8, with the perceptual loss")
    half, full = (_apart(_precise_cost, bf16, arguments.steps) for bf16 in (True, False))
    _compare(("bf16", half), ("fp32", full))


def _compare(one: tuple[str, Cost], other: tuple[str, Cost]) -> None:
    for name, cost in (one, other):
        print(f"  {name:9} {cost.seconds:7.2f} s  {cost.megabytes:7.0f} MB")
    (_, first), (_, second) = one, other
    seconds, memory = first.seconds / second.seconds, first.megabytes / second.megabytes
    print(f"  ratio     {seconds:7.2f}    {memory:7.2f}")


def _rates(resolution: int, rounds: int, device: str) -> tuple[float, float]:
    """Corrections per second of GazeGAN and GazeGANV2, which take turns; the fastest count."""
    pixels = contract.drawn_dataset(resolution)
    batch = pixels.batch(pixels.manifest.select(domain=Domain.AWAY)[:1], device)
    corrects = [_correction(name, resolution, batch, device) for name in ("gazegan", "gazegan_v2")]
    best = [float("inf")] * 2
    for round_ in range(_WARMUP + rounds):
        for place, correct in enumerate(corrects):
            began = time.perf_counter()
            correct()
            seconds = time.perf_counter() - began
            best[place] = min(best[place], seconds) if round_ >= _WARMUP else best[place]
    return 1 / best[0], 1 / best[1]


def _correction(name: str, resolution: int, batch: Batch, device: str) -> Callable[[], None]:
    kind = methods.load(baselines, name)
    method: Any = kind(kind.Config(), Task(resolution, eye_window(resolution)))
    for network in method.networks.values():
        network.eval().to(device)

    @torch.inference_mode()
    def correct() -> None:
        method.correct(batch)
        if batch.image.is_cuda:
            torch.cuda.synchronize()

    return correct


def _apart(function: Callable[..., Cost], *arguments: Any) -> Cost:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _step_cost(coarse_to_fine: bool, width: int, steps: int) -> Cost:
    settings = {"preset": "paper", "batch": 1, "width": width, "coarse_to_fine": coarse_to_fine}
    return _cost(settings, steps, contextlib.nullcontext)


def _precise_cost(bf16: bool, steps: int) -> Cost:
    torch.set_num_threads(1)

    def precision() -> contextlib.AbstractContextManager[Any]:
        return torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()

    settings = {"preset": "repro", "batch": 16, "width": 8, "code": 64}
    return _cost(settings, steps, precision, channels_last=bf16)


def _cost(
    settings: dict[str, Any],
    steps: int,
    precision: Callable[[], contextlib.AbstractContextManager[Any]],
    *,
    channels_last: bool = False,
) -> Cost:
    pixels = contract.drawn_dataset(256)
    kind = methods.load(baselines, "gazegan_v2")
    method: Any = kind(kind.Config(**settings), Task(256, eye_window(256)))
    method.autocast = precision
    method.start_training(torch.device("cpu"))  # loads VGG-16 for the perceptual loss
    for network in method.networks.values() if channels_last else ():
        network.to(memory_format=torch.channels_last)
    Path("/proc/self/clear_refs").write_text("5")  # the most is counted from here on (Linux)
    before = _kilobytes("VmRSS")
    seconds = []
    for step in range(1 + steps):
        with precision():
            seconds.append(_timed(method, pixels, step, settings["batch"]))
    return Cost(min(seconds[1:]), (_kilobytes("VmHWM") - before) / 1e3)


def _kilobytes(name: str) -> int:
    """A line of this process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _timed(method: Any, pixels: Pixels, step: int, batch: int) -> float:
    x, y = (pixels.manifest.select(domain=domain) for domain in (Domain.CAMERA, Domain.AWAY))
    draw = Draw(pixels, x, y, batch=batch, seed=0, step=step)
    began = time.perf_counter()
    method.training_step(draw)
    return time.perf_counter() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="GazeGANV2 against GazeGAN.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
