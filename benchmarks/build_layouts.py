"""Every layout of source pictures, made of real portraits, built and counted in one table.

python benchmarks/build_layouts.py [--pictures 150] [--workers 2]
"""

import argparse
import os
import tempfile
from pathlib import Path

from layouts import LAYOUTS, Built, built

RESOLUTIONS = (256, 512)


def main() -> None:
    """Make, build, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _rows(Path(folder, "warm"), 4, words.workers)  # the first build starts the workers' server
        print("layout                px  pictures = portraits + quarantined  faces/s  tree hash")
        done = _rows(Path(folder), words.pictures, words.workers, show=True)
    for side in RESOLUTIONS:
        plain, packed = (done[name, side].report.counts for name in ("CelebA", "CelebA, ZIP"))
        same = plain.tree_hash == packed.tree_hash
        print(f"CelebA's folder and its ZIP at {side} px: {'one tree hash' if same else 'DIFFER'}")


def _rows(
    folder: Path, pictures: int, workers: int, *, show: bool = False
) -> dict[tuple[str, int], Built]:
    rows: dict[tuple[str, int], Built] = {}
    for number, (name, layout) in enumerate(LAYOUTS.items() if show else [*LAYOUTS.items()][:1]):
        tree = layout.make(layout.of(pictures), folder / f"source{number}")
        for side in RESOLUTIONS:
            out = folder / f"out{number}-{side}"
            rows[name, side] = built(layout, tree, out, side, workers=workers)
            if show:
                _show(name, side, rows[name, side])
    return rows


def _show(name: str, side: int, done: Built) -> None:
    counts, seconds = done.report.counts, done.report.seconds
    lost = ", ".join(f"{reason} {n}" for reason, n in counts.quarantined.items())
    print(
        f"{name:20} {side:4} {done.found:9} = {counts.portraits:9} + "
        f"{counts.found - counts.portraits:<11} {done.found / seconds:8.1f}  "
        f"{counts.tree_hash[:12]}  {lost}"
    )


if __name__ == "__main__":
    main()
