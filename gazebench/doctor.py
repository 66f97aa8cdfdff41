"""Is this machine ready? Each problem comes with the command that fixes it."""

import importlib.util
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from gazebench import store, weights
from gazebench.errors import GazebenchError

EXTRAS = {
    "label": "fiftyone",
    "cluster": "distributed",
    "face-alignment": "face_alignment",
    "tensorboard": "tensorboard",
    "export": "pyarrow",
    "video": "av",
    "provenance": "c2pa",
}
_OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_LEAST_GB = 5.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    state: Literal["ok", "note", "bad"]  # "note": an optional part; "bad": something will fail
    text: str
    fix: str = ""  # command, "" where nothing needs fixing


def examine(folder: Path) -> Iterator[Finding]:
    """Findings on Python, torch, weights, disk (of ``folder``), extras and OpenCV builds."""
    yield _python()
    yield _torch()
    yield _torchvision()
    yield from map(_weight, weights.names())
    for place in dict.fromkeys((folder.absolute(), weights.cache_folder())):
        yield _disk(place)
    for extra, module in EXTRAS.items():
        yield _extra(extra, module)
    yield _opencv()


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(
        name="python",
        state="ok" if good else "bad",
        text=platform.python_version(),
        fix="" if good else "install Python 3.11 or newer",
    )


def _torch() -> Finding:
    def look() -> str:
        import torch

        cuda = torch.cuda.is_available()
        device = torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads"
        return f"{torch.__version__}, {device}"

    return _tried("torch", look, "python -m pip install --upgrade torch torchvision")


def _torchvision() -> Finding:
    def look() -> str:
        import torch
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)  # fails where builds differ
        return torchvision.__version__

    return _tried("torchvision", look, "python -m pip install --upgrade torch torchvision")


def _tried(name: str, look: Callable[[], str], fix: str) -> Finding:
    try:
        return Finding(name=name, state="ok", text=look())
    except Exception as error:  # a broken install raises anything: OSError, RuntimeError, ...
        first = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding(name=name, state="bad", text=f"does not work: {first}", fix=fix)


def _weight(name: str) -> Finding:
    label = f"weights {name}"
    try:
        path = weights.path(name, fetch=False)
    except GazebenchError:
        return Finding(
            name=label,
            state="note",
            text="not fetched yet",
            fix=f"gazebench weights fetch {name}",
        )
    return Finding(name=label, state="ok", text=path.name)


def _disk(place: Path) -> Finding:
    free = store.free_bytes(place) / 1e9
    return Finding(
        name=f"disk {place.name}",
        state="ok" if free >= _LEAST_GB else "bad",
        text=f"{free:.0f} GB free",
        fix="" if free >= _LEAST_GB else "free some space: CelebA-HQ at 512 px needs about 15 GB",
    )


def _extra(extra: str, module: str) -> Finding:
    there = importlib.util.find_spec(module) is not None
    return Finding(
        name=f"extra {extra}",
        state="ok" if there else "note",
        text=f"{module} is {'there' if there else 'not installed'}",
        fix="" if there else f"python -m pip install 'gazebench[{extra}]'",
    )


def _opencv() -> Finding:
    builds = [name for name in _OPENCV if _installed(name)]
    if len(builds) < 2:
        text = f"{builds[0]} only" if builds else "none installed; gazebench needs none"
        return Finding(name="opencv", state="ok", text=text)
    return Finding(
        name="opencv",
        state="bad",
        text=f"{len(builds)} builds share one folder: {', '.join(builds)}",
        fix=f"python -m pip uninstall -y {' '.join(builds)} && "
        "python -m pip install opencv-python-headless",
    )


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
