"""Is this machine ready? Each problem comes with the command that fixes it."""

import importlib.util
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from gazebench import store, weights
from gazebench.errors import GazebenchError

EXTRAS = {  # what each brings and gazebench imports; a test compares them with pyproject.toml
    "label": ("fiftyone",),
    "study": ("starlette", "uvicorn"),
    "cluster": ("distributed",),
    "face-alignment": ("face_alignment",),
    "tensorboard": ("tensorboard",),
    "export": ("pyarrow.parquet",),
    "heif": ("pillow_heif",),
    "video": ("av",),
    "provenance": ("c2pa", "cryptography"),
}
NATIVE = {  # what gazebench always needs and may be installed without working: module by package
    "dlib-bin": "dlib",
    "pyvips[binary]": "pyvips",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "imagecodecs": "imagecodecs",
}
_TRY = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
_LONGEST = 180  # seconds that an import may take, on a busy machine
_OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_LEAST_GB = 5.0
_AT_ONCE = 3  # imports


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    state: Literal["ok", "note", "bad"]  # "note": an optional part; "bad": something will fail
    text: str
    fix: str = ""  # command, "" where nothing needs fixing


def examine(folder: Path) -> Iterator[Finding]:
    """Findings on Python, torch, what is written in C, weights, disk (of ``folder``), extras.

    Then on OpenCV builds. What may end a process is imported in one of its own.
    """
    yield _python()
    yield _torch()
    yield _torchvision()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(_native, *zip(*NATIVE.items(), strict=True))
    yield from map(_weight, weights.names())
    yield _disk(folder.absolute())
    yield _cache()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(_extra, *zip(*EXTRAS.items(), strict=True))
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


def _cache() -> Finding:
    """The disk of the folder for weights, which may be unusable."""
    try:
        place = weights.cache_folder()
        with store.asking(place):
            place.exists()
        return _disk(place)
    except GazebenchError as error:
        fix = "export GAZEBENCH_WEIGHTS=FOLDER"
        return Finding(name="disk weights", state="bad", text=str(error), fix=fix)


def _disk(place: Path) -> Finding:
    free = store.free_bytes(place) / 1e9
    return Finding(
        name=f"disk {place.name}",
        state="ok" if free >= _LEAST_GB else "bad",
        text=f"{free:.0f} GB free",
        fix="" if free >= _LEAST_GB else "free some space: CelebA-HQ at 512 px needs about 15 GB",
    )


def _native(package: str, module: str) -> Finding:
    fault = "is not installed" if _is_absent(module) else _import_fault([module])
    return Finding(
        name=module.partition(".")[0],
        state="bad" if fault else "ok",
        text=fault or "works",
        fix=_mend(fault, f"python -m pip install --force-reinstall '{package}'"),
    )


def _extra(extra: str, modules: Sequence[str]) -> Finding:
    absent = [module.partition(".")[0] for module in modules if _is_absent(module)]
    install = f"python -m pip install 'gazebench[{extra}]'"
    if absent:
        text = f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"
        return Finding(name=f"extra {extra}", state="note", text=text, fix=install)
    names = " and ".join(module.partition(".")[0] for module in modules)
    fault = _import_fault(modules)
    return Finding(
        name=f"extra {extra}",
        state="bad" if fault else "ok",
        text=f"{names}: {fault}" if fault else f"{names} there",
        fix=_mend(fault, f"python -m pip install --force-reinstall {_packages(modules)}"),
    )


def _packages(modules: Sequence[str]) -> str:
    tops = [module.partition(".")[0] for module in modules]
    known = metadata.packages_distributions()
    return " ".join(known.get(top, [top])[0] for top in tops)


def _is_absent(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is None


def _import_fault(modules: Sequence[str]) -> str:
    """Why installed modules cannot be imported, "" where they can."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TRY, *modules],  # -P: nothing from this folder
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not work: its import takes more than {_LONGEST} seconds"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"does not work: its import was ended by {signal.Signals(-done.returncode).name}"
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return f"does not work: {said[-1] if said else f'exit code {done.returncode}'}"


def _mend(fault: str, install: str) -> str:
    """What to do about a fault; pip cannot help where a library of the system is missing."""
    missing = re.search(r"(\S+\.so[.\d]*): cannot open shared object file", fault)
    if missing:
        return f"install your system's package that has {missing[1]}"
    return install if fault else ""


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
