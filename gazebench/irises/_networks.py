"""MediaPipe's face mesh and iris network, run by LiteRT on one thread.

Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, 2019
(468 points); Ablavatski et al., Real-time Pupil Tracking from Monocular Video for Digital
Puppetry, 2020 (71 points of an eye and its brow, 5 of the iris). Both Apache-2.0.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazebench import weights
from gazebench.errors import MissingPartError

Floats = NDArray[np.floating[Any]]

MESH, IRIS = "face_mesh_468", "iris_landmarks"
MESH_SIDE, IRIS_SIDE = 192, 64  # pixels of a network's input
_CERTAIN = 30.0  # logit; beyond it exp overflows nothing that matters


class _Network:
    """One network; an interpreter serves one call at a time."""

    def __init__(self, name: str) -> None:
        self._interpreter = _interpreter(weights.path(name).read_bytes(), name)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]
        self._lock = threading.Lock()

    def __call__(self, image: Floats) -> list[Floats]:
        with self._lock:
            self._interpreter.set_tensor(self._input, image[None].astype(np.float32))
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index).ravel().copy() for index in self._outputs]


def mesh(image: Floats) -> tuple[Floats, float]:
    """The 468 points (x, y, depth; input pixels) and how surely there is a face, 0 to 1.

    ``image``: (192, 192, 3) in [0, 1], a face upright in its middle two thirds.
    """
    points, logit = _network(MESH)(image)
    certainty = 1 / (1 + np.exp(-np.clip(logit[0], -_CERTAIN, _CERTAIN)))
    return points.reshape(468, 3), float(certainty)


def iris(image: Floats) -> tuple[Floats, Floats]:
    """Eye and brow (71, 2) and iris (5, 2: centre and four ends), input pixels.

    ``image``: (64, 64, 3) in [0, 1], an eye as on the image's left of a face, 1/2.3 wide.
    """
    contour, points = _network(IRIS)(image)
    return contour.reshape(71, 3)[:, :2], points.reshape(5, 3)[:, :2]


@functools.cache
def _network(name: str) -> _Network:
    return _Network(name)


def _interpreter(model: bytes, name: str) -> Any:
    try:
        with _quiet():
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_content=model, num_threads=1)
            interpreter.allocate_tensors()
            return interpreter
    except ImportError as error:
        raise MissingPartError(
            f"the network {name} needs the package ai-edge-litert ({error}); "
            "run `pip install ai-edge-litert`"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No lines on stderr from the library's C++ side, which has no other switch."""
    try:
        kept = os.dup(2)
    except OSError:  # closed
        yield
        return
    silent = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silent, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(silent)
        os.close(kept)
