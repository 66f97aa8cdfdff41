"""How the head is turned: the mesh against the mean head."""

import functools
import math
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazebench.irises._eyes import Head

Floats = NDArray[np.floating[Any]]

# points of the mesh that lids move
_LIDS = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
_STABLE = [index for index in range(468) if index not in _LIDS]
_EARS = (33, 263)  # outer corners of the eyes


def head_of(mesh: Floats) -> Head:
    """The turn of a mesh (468, 3) against the mean head, by Procrustes."""
    points = _normal(mesh)
    u, _, v = np.linalg.svd(points.T @ mean_head()[_STABLE])
    turn = u @ v  # from the mesh's axes to the mean head's, (3, 3); rows: image x, y, depth
    roll = mesh[_EARS[1], :2] - mesh[_EARS[0], :2]
    forward = turn[:, 2]  # the mean head's depth axis, which points away from the camera
    return Head(
        yaw_deg=math.degrees(math.atan2(-forward[0], forward[2])),
        pitch_deg=math.degrees(math.asin(max(-1.0, min(1.0, float(forward[1]))))),
        roll_deg=math.degrees(math.atan2(roll[1], roll[0])),
        scale=_scale(mesh),
    )


@functools.cache
def mean_head() -> Floats:
    """Mean mesh (468, 3) of generated portraits that look at the camera.

    Symmetric, upright; its mean is 0 and its points' root mean square distance from it 1.
    """
    with resources.files(__package__ or "").joinpath("head.npz").open("rb") as file:
        return np.load(file, allow_pickle=False)["points"].astype(float)


def mean_of(meshes: list[Floats]) -> Floats:
    """The mean head of meshes (468, 3): aligned to each other, then made symmetric."""
    mean = meshes[0] - meshes[0][_STABLE].mean(0)
    mean = mean / math.sqrt((mean[_STABLE] ** 2).sum(1).mean())
    for _ in range(6):
        mean = np.mean([_aligned(mesh, mean) for mesh in meshes], 0)
        mean = _symmetric(mean)
        mean = mean - mean[_STABLE].mean(0)
        mean /= math.sqrt((mean[_STABLE] ** 2).sum(1).mean())
    return mean


def _symmetric(mean: Floats) -> Floats:
    """The mean with its mirror image; partners are the nearest points."""
    mirrored = mean * [-1, 1, 1]
    distance = ((mean[:, None] - mirrored[None]) ** 2).sum(2)
    return (mean + mirrored[distance.argmin(1)]) / 2


def _aligned(mesh: Floats, mean: Floats) -> Floats:
    points = mesh - mesh[_STABLE].mean(0)
    points = points / math.sqrt((points[_STABLE] ** 2).sum(1).mean())
    u, _, v = np.linalg.svd(points[_STABLE].T @ mean[_STABLE])
    return points @ (u @ v)


def _normal(mesh: Floats) -> Floats:
    points = mesh[_STABLE] - mesh[_STABLE].mean(0)
    return points / math.sqrt((points**2).sum(1).mean())


def _scale(mesh: Floats) -> float:
    points = mesh[_STABLE] - mesh[_STABLE].mean(0)
    return math.sqrt((points**2).sum(1).mean())
