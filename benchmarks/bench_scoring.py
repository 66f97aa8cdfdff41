"""What scoring costs: one decode and one pass for all metrics, against the packages in turn.

    python benchmarks/bench_scoring.py [--portraits 300] [--reference 300] [--threads 2]

The rival scores with pytorch-msssim, lpips and torch-fidelity's Inception (once for FID, once for
KID), each of which decodes the pictures for itself, as somebody does who calls one package after
the other. Then all metrics score a first and a second method: in whole, and their part for the
dataset's own portraits alone (the reference), which a second method finds done. All is measured in
seconds of the processor, which other load does not lengthen much. The faces are the demo's, each
several times in other brightness, so that eyes are found and no two pictures are equal.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pytorch_msssim import ms_ssim
from torch import Tensor

import gazebench
from gazebench import metrics
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.batches import Pixels, eye_patches, to_float, to_uint8
from gazebench.demo import PORTRAITS
from gazebench.evaluation import predictions
from gazebench.evaluation.predictions import Predictions
from gazebench.evaluation.score import Scoring
from gazebench.metrics import Instruments

_SIDE, _BATCH = 256, 8
PACKAGED = ("ms_ssim_outside", "lpips_outside", "fid_eyes", "kid_eyes")


def main() -> None:
    """Time, and print the ratios."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        pixels = dataset(root / "demo", asked.portraits, asked.reference)
        made = [corrected(pixels, root / f"method-{n}", seed=n) for n in (1, 2)]
        same = seconds(lambda: scored(pixels, made[0], Instruments(), only=PACKAGED))
        print(f"four metrics of pictures: peak memory {peak_mb():.0f} MB", flush=True)
        every(pixels, made)
        rival = seconds(lambda: packages(pixels, root / "sources", made[0][0].folder))
        print(f"four metrics: {same:.1f} s, packages in turn {rival:.1f} s: {same / rival:.2f}")


def every(pixels: Pixels, made: Sequence[tuple[Predictions, Predictions]]) -> None:
    """All metrics of two methods."""
    instruments = Instruments()
    of_y, of_x = (replace(some, portraits=()) for some in made[0])
    alone = [seconds(lambda: scored(pixels, (of_y, of_x), instruments)) for _ in range(2)]
    print(
        f"all metrics: reference {alone[0]:.1f} s, for a second method {alone[1]:.1f} s: "
        f"{alone[1] / alone[0]:.3f}"
    )
    first, second = (seconds(lambda m=m: scored(pixels, m, instruments)) for m in made)
    print(f"  pictures of a first method {first:.1f} s, of a second one {second:.1f} s")
    print(f"  peak memory {peak_mb():.0f} MB", flush=True)


def peak_mb() -> float:
    """The most memory that the process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def dataset(root: Path, portraits: int, reference: int) -> Pixels:
    """Portraits in memory: ``reference`` of X to train, ``portraits`` of each domain to test.

    Twenty of Y to train, so that there is a judge of eye contact.
    """
    gazebench.build_dataset(PORTRAITS, root, resolution=_SIDE, align="none", quiet=True)
    faces = Pixels.open(Manifest.load(root))
    wanted = [(Split.TRAIN, Domain.CAMERA)] * reference + [(Split.TRAIN, Domain.AWAY)] * 20
    wanted += [(Split.TEST, domain) for domain in Domain] * portraits
    known = faces.manifest.portraits
    rows = np.arange(len(wanted)) % len(known)
    darker = (np.arange(len(wanted)) // len(known)).astype(np.uint8)
    array = faces.array[rows] - np.minimum(faces.array[rows], darker[:, None, None, None])
    made = tuple(
        replace(known[row], id=f"{number:04d}", split=split, domain=domain)
        for number, (row, (split, domain)) in enumerate(zip(rows, wanted, strict=True))
    )
    manifest = replace(faces.manifest, root=root / "memory", portraits=made)
    return Pixels(manifest, array, {p.id: row for row, p in enumerate(made)})


def corrected(pixels: Pixels, folder: Path, *, seed: int) -> tuple[Predictions, Predictions]:
    """Test portraits of Y and of X with noise in their eyes, as PNG files."""
    generator = torch.Generator().manual_seed(seed)
    checked = []
    for domain in (Domain.AWAY, Domain.CAMERA):
        portraits = pixels.manifest.select(split=Split.TEST, domain=domain)
        for batch in pixels.batches(portraits, _BATCH):
            noise = torch.randn(batch.image.shape, generator=generator) * 0.1 * batch.mask
            predictions.write(folder / domain, batch.ids, to_uint8(batch.image + noise))
        checked.append(Predictions.check(folder / domain, pixels.manifest, portraits))
    return checked[0], checked[1]


def scored(
    pixels: Pixels,
    made: tuple[Predictions, Predictions],
    instruments: Instruments,
    only: tuple[str, ...] = (),
) -> None:
    """Score as an evaluation does, by all metrics or ``only`` some."""
    scoring = Scoring(metrics, only or metrics.chosen(metrics, ["all"]), instruments, {})
    scoring.run(pixels, *made, label="bench", quiet=True)
    for name, why in scoring.skipped.items() if made[0].portraits else ():
        print(f"  no {name}: {why}")


def packages(pixels: Pixels, sources: Path, made: Path) -> None:
    """The four metrics, each with its own package and its own look at the files."""
    test = pixels.manifest.select(split=Split.TEST, domain=Domain.AWAY)
    train = pixels.manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)
    for batch in pixels.batches([*test, *train], _BATCH):
        predictions.write(sources, batch.ids, to_uint8(batch.image.clone()))
    networks = Instruments()
    with torch.inference_mode():
        for mask, *pair in pairs(pixels, test, sources, made):
            before, after = ((image * (1 - mask) + 1).double() * 127.5 for image in pair)
            ms_ssim(before, after, data_range=255, size_average=False)
        for mask, *pair in pairs(pixels, test, sources, made):
            networks.lpips(*(image * (1 - mask) for image in pair))
        for _ in ("FID", "KID"):
            for portraits, folder in ((train, sources), (test, made)):
                inception(networks, pixels, portraits, folder)


def pairs(
    pixels: Pixels, portraits: tuple[Portrait, ...], *folders: Path
) -> Iterator[tuple[Tensor, ...]]:
    """Masks, and the pictures of each folder."""
    for start in range(0, len(portraits), _BATCH):
        some = portraits[start : start + _BATCH]
        yield pixels.batch(some).mask, *(decoded(folder, some) for folder in folders)


def inception(
    networks: Instruments, pixels: Pixels, portraits: tuple[Portrait, ...], folder: Path
) -> None:
    """Features of eye patches, without the memory of patches that ``Instruments`` has."""
    for start in range(0, len(portraits), _BATCH):
        some = portraits[start : start + _BATCH]
        patches = eye_patches(to_uint8(decoded(folder, some)), pixels.batch(some).eyes)
        networks._infer(patches.flatten(0, 1))


def decoded(folder: Path, portraits: tuple[Portrait, ...]) -> Tensor:
    """The pictures of a folder, (N, 3, H, W) in [-1, 1]."""
    arrays = [np.asarray(Image.open(folder / f"{p.id}.png")) for p in portraits]
    return to_float(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous())


def seconds(work: Callable[[], None]) -> float:
    """Of the processor."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--portraits", type=int, default=300)
    parser.add_argument("--reference", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
