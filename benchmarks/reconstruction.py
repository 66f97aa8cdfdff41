"""How well a trained GazeGAN or GazeGANV2 paints eyes that it has the codes of: Tables III and IV.

    python benchmarks/reconstruction.py RUN DATASET [--limit 100]

Table III of Zhang et al. (2022): G_x on the test portraits of domain X, x against x with a tilde.
Table IV: G_y on those of Y. Both over eye patches resized to 256x256 (bicubic), MS-SSIM and LPIPS,
and the mean absolute difference in levels of 255. The same networks before their training stand
beside it.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from pytorch_msssim import ms_ssim
from torch import Tensor

from gazebench import baselines, config, methods, training
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels, eye_patches
from gazebench.methods import Task
from gazebench.metrics import Instruments

_SIDE, _BATCH = 256, 8


class Distance(NamedTuple):
    """Means over eyes."""

    levels: float
    ms_ssim: float
    lpips: float


def main() -> None:
    """Print the two tables."""
    arguments = _arguments()
    manifest = Manifest.load(arguments.dataset)
    pixels, instruments = Pixels.open(manifest), Instruments()
    trained = training.load_trained(baselines, arguments.run, manifest, device="cpu")
    for title, domain, repaint in (
        ("Table III: G_x on X", Domain.CAMERA, lambda m: m.correct),
        ("Table IV: G_y on Y", Domain.AWAY, lambda m: lambda b: m.animate(b, [0.0])[:, 0]),
    ):
        portraits = manifest.select(split=Split.TEST, domain=domain)[: arguments.limit]
        print(f"{title}, {len(portraits)} test portraits, {trained.facts['step']} steps")
        for name, method in (("untrained", _untrained(trained)), ("trained", trained.method)):
            found = _measure(pixels, portraits, repaint(method), instruments)
            print(
                f"  {name:10} L1 {found.levels:6.2f}  MS-SSIM {found.ms_ssim:.4f}  "
                f"LPIPS {found.lpips:.4f}"
            )


def _untrained(trained: training.Trained) -> Any:
    """The method as its training began, with the same E_c."""
    kind = methods.load(baselines, trained.name)
    settings = config.build(kind.Config, trained.facts["settings"])
    torch.manual_seed(0)
    method: Any = kind(settings, Task(trained.task.resolution, trained.task.window))
    networks: dict[str, Any] = trained.method.networks
    if "E_c" in networks:
        method.networks["E_c"].load_state_dict(networks["E_c"].state_dict())
    for network in method.networks.values():
        network.eval()
    return method


@torch.inference_mode()
def _measure(
    pixels: Pixels,
    portraits: Sequence[Portrait],
    repaint: Callable[[Batch], Tensor],
    instruments: Instruments,
) -> Distance:
    rows: list[Tensor] = []
    for batch in pixels.batches(portraits, _BATCH):
        pair = [_eyes(image, batch) for image in (batch.image, repaint(batch))]
        levels = (pair[0] - pair[1]).abs().mean((1, 2, 3)) * 127.5
        doubles = [(image.double() + 1) * 127.5 for image in pair]
        alike = ms_ssim(*doubles, data_range=255, size_average=False)
        rows.append(torch.stack([levels, alike.float(), instruments.lpips(*pair).flatten()]))
    return Distance(*torch.cat(rows, 1).mean(1).tolist())


def _eyes(image: Tensor, batch: Batch) -> Tensor:
    patches = eye_patches(image, batch.eyes).flatten(0, 1)  # (2N, 3, h, w)
    size = (_SIDE, _SIDE)
    return F.interpolate(patches, size, mode="bicubic", align_corners=False).clamp(-1, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tables III and IV of a trained run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
