"""Reads two foreign layouts of pretrained networks without running what their pickles name.

A pickle may name any function to be called at loading. Here a name is looked up in a short list
of stand-ins instead of being imported, and a name that is not in the list ends the reading.
"""

import _codecs
import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ARRAY_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    # numpy moved this function; an array of any version tells where it is
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],  # pyright: ignore[reportAssignmentType]
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows only the names it is given."""

    def __init__(self, data: bytes, names: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._names = names

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) in self._names:
            return self._names[module, name]
        raise pickle.UnpicklingError(f"names {module}.{name}, which is not allowed")


def read_arrays(data: bytes) -> Any:
    """Nested dicts of arrays from a pickle that names nothing but numpy's own constructors.

    Raises:
        pickle.UnpicklingError: it names something else, or is damaged.
    """
    return _Reader(data, _ARRAY_NAMES).load()


class _Module:
    """Stands in for every TorchScript class: keeps the attributes, does nothing."""


class _ScriptReader(_Reader):
    """Reads the object tree of a TorchScript archive; its code is never looked at."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        names = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch.jit._pickle", "build_intlist"): list,
        }
        super().__init__(archive.read(f"{root}/data.pkl"), names)
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str, /) -> Any:
        return _Module if module.startswith("__torch__.") else super().find_class(module, name)

    def persistent_load(self, pid: Any, /) -> Array:
        _, dtype, key, _, size = pid
        return np.frombuffer(self._archive.read(f"{self._root}/data/{key}"), dtype, size)


def _rebuild(storage: Array, offset: int, shape: tuple[int, ...], stride: Any, *_: Any) -> Array:
    values = storage[offset : offset + int(np.prod(shape))].reshape(shape)
    contiguous = tuple(step // values.itemsize for step in values.strides)
    if contiguous != tuple(stride):
        raise pickle.UnpicklingError(f"strides {stride} of a tensor of shape {shape}")
    return values


def read_torchscript(data: bytes) -> dict[str, Array]:
    """Tensors of a TorchScript archive by dotted name, in the order of their definition.

    Raises:
        pickle.UnpicklingError: not such an archive, or it names something not allowed.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        root = archive.namelist()[0].partition("/")[0]
        return dict(_walk(_ScriptReader(archive, root).load(), ""))


def _walk(module: _Module, prefix: str) -> list[tuple[str, Array]]:
    found: list[tuple[str, Array]] = []
    for name, value in vars(module).items():
        if isinstance(value, _Module):
            found += _walk(value, f"{prefix}{name}.")
        elif isinstance(value, np.ndarray):
            found.append((f"{prefix}{name}", value))
    return found
