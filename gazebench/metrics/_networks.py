"""The frozen networks that metrics share, and what they have already seen.

LPIPS (Zhang et al. 2018) is the ``lpips`` package's, AlexNet v0.1, BSD-2-Clause. Inception is
Inception-2015-12-05, the network of the first FID code (Heusel et al. 2017), as torch-fidelity
implements it, Apache-2.0. Neither downloads anything here: weights are gazebench's own.
"""

import contextlib
import hashlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gazebench import store, weights
from gazebench.errors import InputError, MissingPartError
from gazebench.reading import MissingFileError, read_arrays, sha256_of

if TYPE_CHECKING:
    import lpips

T = TypeVar("T")

PATCH_SIDE = 299  # input of Inception, pixels
FEATURES = 2048  # of its last pooling
_HASH = 16  # bytes
_SAME = 1e-3  # between devices; features are 0 to 5
_LPIPS_LINEAR = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"


class Instruments:
    """Loads each network once and keeps patch features, so that all metrics share one pass."""

    def __init__(
        self,
        device: torch.device | str = "cpu",
        *,
        chunk: int | None = None,
        cache: Path | None = None,
        threads: int | None = None,
    ) -> None:
        """``chunk``: patches that Inception sees at once; by default what fits the device.

        ``cache``: folder in which features of real patches wait for the next evaluation.
        ``threads``: of the CPU, for work that other processes wait for.
        """
        self.device = torch.device(device)
        self.used_weights: dict[str, str] = {}  # name → sha256, of what was loaded so far
        # on a CPU eight at once are no faster, and take 90 MB more
        self._chunk = chunk or (4 if self.device.type == "cpu" else 32)
        self._features: dict[bytes, NDArray[np.float32]] = {}  # hash of a patch → its features
        self._real: dict[bytes, None] = {}  # hashes of patches that later evaluations meet again
        self._stored: dict[bytes, NDArray[np.float32]] | None = None if cache else {}
        self._cache = cache
        self._threads = threads
        self._kept: dict[Hashable, Any] = {}
        self._missing: dict[str, str] = {}  # name of weights → why they cannot be had

    def require(self, name: str) -> None:
        """Have weights fetched now; once they could not be had, they are not tried again.

        Raises:
            MissingPartError: they cannot be had.
        """
        if name in self._missing:
            raise MissingPartError(self._missing[name])
        try:
            weights.path(name)
        except MissingPartError as error:
            self._missing[name] = str(error)
            raise

    def file(self, name: str) -> Path:
        """The file of weights that are kept as their publisher made them.

        Raises:
            MissingPartError: they cannot be had.
        """
        self.require(name)
        self.used_weights[name] = weights.digest(name)
        return weights.path(name)

    @cached_property
    def lpips(self) -> "lpips.LPIPS":
        """LPIPS with AlexNet v0.1: two (N, 3, H, W) in [-1, 1] → (N, 1, 1, 1).

        Raises:
            MissingPartError: AlexNet's weights cannot be had.
        """
        backbone = self._load("lpips_alexnet")
        linear = _lpips_linear()
        self.used_weights["lpips_linear"] = _LPIPS_LINEAR
        return _build_lpips(backbone, linear).to(self.device)

    def inception_features(self, patches: Tensor, *, real: bool = False) -> NDArray[np.float32]:
        """Pool features (N, 2048) of patches (N, 3, h, w) uint8.

        A patch seen before costs nothing; the others go through ``resize_patches``. ``real``: of
        the dataset's own portraits, so that ``store_features`` keeps them.

        Raises:
            MissingPartError: Inception's weights cannot be had.
            InputError: what the cache has is not what the network says.
        """
        patches = patches.cpu().contiguous()
        keys = [_key(patch) for patch in patches.numpy()]
        if real:
            self._recall(keys, patches)
            self._real.update(dict.fromkeys(keys))
        rows = {key: row for row, key in enumerate(keys) if key not in self._features}
        new = list(rows.items())
        for start in range(0, len(new), self._chunk):
            part = new[start : start + self._chunk]
            found = self._infer(patches[[row for _, row in part]])
            self._features.update(zip((key for key, _ in part), found, strict=True))
        if not keys:
            return np.empty((0, FEATURES), np.float32)
        return np.stack([self._features[key] for key in keys])

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Around work on the dataset's own portraits: another process waits and then reads it.

        Raises:
            DiskError: as ``store_features``, which ends it.
        """
        if self._cache is None:
            yield
            return
        with store.turn(self._cache / ".turn"), _threads(self._threads):
            self._stored = None  # another process may have written more by now
            yield
            self.store_features()

    def store_features(self) -> None:
        """Write the features of real patches into the cache folder, if there are new ones.

        Raises:
            DiskError: no space or not writable.
        """
        if self._cache is None or not self._real or self._stored is None:
            return
        if self._real.keys() <= self._stored.keys():
            return
        self._stored |= {key: self._features[key] for key in self._real}
        hashes = np.frombuffer(b"".join(self._stored), np.uint8).reshape(len(self._stored), -1)
        arrays = {"hashes": hashes, "features": np.stack(list(self._stored.values()))}
        store.write_arrays(self._features_file(), arrays)

    def _recall(self, keys: list[bytes], patches: Tensor) -> None:
        """Take features from the cache; the first patch that it has is looked at all the same."""
        if self._stored is None:
            read = _read_features(self._features_file())
            known = next((row for row, key in enumerate(keys) if key in read), None)
            if known is not None:
                found = self._features.get(keys[known])
                if found is None:
                    found = self._infer(patches[[known]])[0]
                if not np.allclose(read[keys[known]], found, atol=_SAME):
                    raise InputError(
                        f"{self._features_file()}: damaged cache; delete it and run the same "
                        "command again"
                    )
            self._stored = read
        self._features.update({key: self._stored[key] for key in keys if key in self._stored})

    def _features_file(self) -> Path:
        assert self._cache is not None
        return self._cache / f"inception-{weights.digest('inception_fid')[:16]}.npz"

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave for ``key``, made once: references are the same for every method."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    @cached_property
    def _inception(self) -> nn.Module:
        # channels last: a third less time on a CPU
        network = _build_inception(self._load("inception_fid")).to(self.device)
        return network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def _infer(self, patches: Tensor) -> NDArray[np.float32]:
        inputs = (resize_patches(patches.to(self.device)).to(torch.float32) - 128) / 128
        found: Tensor = self._inception(inputs.contiguous(memory_format=torch.channels_last))
        return found.cpu().numpy()

    def _load(self, name: str) -> dict[str, Tensor]:
        self.require(name)
        tensors = weights.tensors(name)
        self.used_weights[name] = weights.digest(name)
        return tensors


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def resize_patches(patches: Tensor) -> Tensor:
    """(N, 3, 299, 299) uint8 of (N, 3, h, w) uint8: bicubic with antialias, then rounded.

    In float32 on 0-255, half-pixel centres, values outside clamped: the recipe of Parmar et al.
    2022 ("clean FID"). Inception's own resizing then has nothing left to do.
    """
    resized = functional.interpolate(
        patches.to(torch.float32),
        size=(PATCH_SIDE, PATCH_SIDE),
        mode="bicubic",
        align_corners=False,
        antialias=True,
    )
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def _read_features(path: Path) -> dict[bytes, NDArray[np.float32]]:
    try:
        arrays = read_arrays(path)
    except MissingFileError:
        return {}
    hashes, features = arrays.get("hashes"), arrays.get("features")
    if (
        hashes is None
        or features is None
        or hashes.shape != (len(features), _HASH)
        or features.shape[1:] != (FEATURES,)
        or (hashes.dtype, features.dtype) != (np.uint8, np.float32)
    ):
        raise InputError(f"{path}: damaged cache; delete it and run the same command again")
    return dict(zip((row.tobytes() for row in hashes), features.astype(np.float32), strict=True))


def _key(patch: NDArray[np.uint8]) -> bytes:
    digest = hashlib.blake2b(patch.tobytes(), digest_size=_HASH)
    digest.update(repr(patch.shape).encode())
    return digest.digest()


def _lpips_linear() -> Path:
    """The linear layers that come with ``lpips``, its version 0.1 for AlexNet."""
    spec = importlib.util.find_spec("lpips")
    roots = spec.submodule_search_locations if spec else None
    path = Path(roots[0], "weights", "v0.1", "alex.pth") if roots else None
    if path and path.is_file() and sha256_of(path) == _LPIPS_LINEAR:
        return path
    raise MissingPartError(
        f"{path or 'lpips'}: not the file of lpips 0.1.4; run `pip install lpips==0.1.4`"
    )


def _build_lpips(backbone: dict[str, Tensor], linear: Path) -> "lpips.LPIPS":
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        # it draws weights that are replaced below, and calls torchvision by an old argument
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        network = lpips.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    # lpips keeps torchvision's layer numbers, spread over five slices
    places = {name.partition(".")[2]: name for name in network.net.state_dict()}
    own = {f"net.{places[k.removeprefix('features.')]}": v for k, v in backbone.items()}
    own |= torch.load(linear, map_location="cpu", weights_only=True)
    missing, unexpected = network.load_state_dict(own, strict=False)
    left = [k for k in missing if not k.startswith(("lins.", "scaling_layer."))]
    if left or unexpected:
        raise MissingPartError(f"lpips: layers {left + unexpected} do not fit; need lpips 0.1.4")
    return network.requires_grad_(False).eval()


def _build_inception(tensors: dict[str, Tensor]) -> nn.Module:
    """From (N, 3, 299, 299) in [-1, 1) to (N, 2048): torch-fidelity's layers, in less time.

    Its own forward also resizes, from 299 to 299 pixels, and normalises after each convolution;
    here the convolutions have that in their weights. Together 1.8 times as fast on two CPU cores.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import (
        BasicConv2d,
        FeatureExtractorInceptionV3,
    )

    state = dict(tensors)
    for name, bias in tensors.items():
        if name.endswith(".bn.bias"):
            layer = name.removesuffix("bias")
            state[f"{layer}weight"] = torch.ones_like(bias)  # the original graph has no scale
            state[f"{layer}num_batches_tracked"] = torch.tensor(0)
    # the classifier is not used, but the constructor asks for it
    state |= {"fc.weight": torch.zeros(1008, FEATURES), "fc.bias": torch.zeros(1008)}
    buffer = io.BytesIO()  # the constructor reads weights from a file: it gets our checked ones
    torch.save(state, buffer)
    buffer.seek(0)
    with torch.random.fork_rng(devices=[]):  # it draws weights before it loads ours
        network = FeatureExtractorInceptionV3("inception-v3-compat", [str(FEATURES)], buffer)
    for block in network.modules():
        if isinstance(block, BasicConv2d):
            block.conv = fuse_conv_bn_eval(block.conv, block.bn)
            block.register_module("bn", nn.Identity())
    *layers, _ = network.children()  # in the order of its forward; the last one is the classifier
    return nn.Sequential(*layers, nn.Flatten())
