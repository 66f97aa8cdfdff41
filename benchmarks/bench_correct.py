"""What `gazebench correct` spends its time on, beside finding the face alone.

    python benchmarks/bench_correct.py [PHOTO ...] [--method NAME] [--repeat N]

Without photographs, shipped portraits that look away. Every phase in CPU milliseconds on one
thread, the best of N: what a process does once (imports, the face's and the irises' networks), then
for each photograph reading and finding the face (dlib), irises, the method, pasting and writing.
The ratios: all that is done for a photograph to dlib's detector and landmarks on the same one,
which every tool needs; and `animate` at five points to the five one by one, irises found each time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gazebench import baselines, demo
from gazebench.irises import find_eyes
from gazebench.landmarks.dlib import Dlib, models
from gazebench.photographs import Photograph, Photographer, choosing
from gazebench.photographs.correct import correct
from gazebench.sources import SourceFace

_IMPORTS = "import gazebench.photographs.choosing, gazebench.photographs.correct"
_AWAY = ("00083", "00102", "00130")  # shipped portraits


def main() -> None:
    """Print the phases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photographs", nargs="*", type=Path)
    parser.add_argument("--method", default=choosing.BEST)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    shipped = Path(demo.__file__).parent / "portraits"
    photographs = arguments.photographs or [shipped / f"{name}.jpg" for name in _AWAY]
    torch.set_num_threads(1)
    print(f"once a process, {arguments.method}:")
    _tell("imports", _of_process("-c", _IMPORTS))
    _tell("`gazebench --help`", _of_process("-m", "gazebench", "--help"))
    start, cpu = time.process_time(), torch.device("cpu")
    chosen = choosing.of_name(baselines, arguments.method, {}, None, cpu)
    _tell("method and its weights", time.process_time() - start)
    start = time.process_time()
    models()
    _tell("models that find a face", time.process_time() - start)
    cut = Photographer(chosen.task, align=chosen.cut.of_photographs(None, ""), finder="dlib")
    for path in photographs:
        _phases(path, cut, chosen, arguments.repeat)


def _phases(path: Path, cut: Photographer, chosen: choosing.Chosen, repeat: int) -> None:
    photograph = cut.open(path)
    batch, method = photograph.batch("cpu"), chosen.method
    picture = photograph.original.opaque()
    with torch.no_grad():
        method.correct(batch)  # warm: the irises' networks
        made = method.correct(batch)
    print(f"{path.name}, {picture.width}x{picture.height}, portrait of {batch.image.shape[-1]}:")
    seconds = {
        "reading, finding and cutting": _best(lambda: cut.open(path), repeat),
        "irises": _best(lambda: _irises(photograph), repeat),
        "method, irises known": _best(lambda: _corrected(method, batch), repeat),
        "pasting": _best(lambda: photograph.with_portraits(made), repeat),
    }
    with tempfile.TemporaryDirectory() as folder:
        place = {path: Path(folder) / "out.png"}
        options: dict[str, Any] = {"weights_sha256": "", "device": "cpu", "overwrite": True}
        whole = _best(lambda: correct(_fresh(method), cut, place, **options), repeat)
    seconds["writing and the rest"] = max(0.0, whole - sum(seconds.values()))
    for name, value in seconds.items():
        _tell(name, value)
    face = SourceFace(id="x", name="x", path=path)
    rival = _best(lambda: _found(picture, face), repeat)
    _tell("all", whole, f"{whole / rival:.1f} x dlib alone ({1e3 * rival:.0f} ms)")
    if hasattr(method, "animate"):
        five = [0.2, 0.4, 0.6, 0.8, 1.0]
        naive = _best(lambda: [_fresh(method).animate(batch, [a]) for a in five], repeat)
        once = _best(lambda: _fresh(method).animate(batch, five), repeat)
        _tell("animate at five points", once, f"{once / naive:.2f} x one by one")


def _corrected(method: Any, batch: Any) -> None:
    with torch.no_grad():
        method.correct(batch)


def _fresh(method: Any) -> Any:
    """The method without the eyes that it has found before."""
    getattr(method, "forget", lambda: None)()
    return method


def _found(picture: Image.Image, face: SourceFace) -> None:
    Dlib().find(picture, face)


def _irises(photograph: Photograph) -> None:
    for portrait, pixels in zip(photograph.portraits, photograph.crops, strict=True):
        find_eyes(pixels, (portrait.left_center, portrait.right_center))


def _best(work: Callable[[], object], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def _of_process(*words: str) -> float:
    """CPU seconds of another Python."""
    before = os.times()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - sum(before[2:4])


def _tell(name: str, seconds: float, more: str = "") -> None:
    print(f"  {name:32} {1e3 * seconds:7.0f} ms   {more}".rstrip())


if __name__ == "__main__":
    main()
