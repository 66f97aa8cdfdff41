"""Where the eyes of a portrait look, by frozen estimators.

Axes of a direction: x to the image's right, y up, z to the camera. Yaw is positive to the image's
right, pitch upwards; (0, 0) is into the camera. A portrait's camera is taken to be far away and
straight ahead, which crops of photographs never say exactly.
"""

from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from gazebench.dataset.batches import Batch
from gazebench.metrics import _open_model_zoo as zoo
from gazebench.metrics._eye_contact import MOST
from gazebench.metrics._networks import Instruments

# in units of the distance between the eyes; the eye crop is 1.8 times an eye's width, as in the
# publisher's demo
_EYE_SIDE = 0.7
_FACE_WIDTH, _FACE_HEIGHT, _FACE_BELOW = (
    3.4,
    3.8,
    0.35,
)  # of the face crop, its centre below the eyes


class GazeEstimator(Protocol):
    """A frozen network behind one interface."""

    name: ClassVar[str]  # of its scale in a dataset's cache folder
    zeroed: ClassVar[bool]  # its mean over real training X stands for the camera's direction
    most: ClassVar[int]  # portraits of each domain and half that it is measured on

    def __init__(self, instruments: Instruments) -> None:
        """Load the network.

        Raises:
            MissingPartError: its weights cannot be had.
        """
        ...

    def directions(self, batch: Batch, image: Tensor) -> Tensor:
        """Unit vectors (N, 3) of ``image`` (N, 3, H, W) in [-1, 1], with the boxes of ``batch``.

        What is no matter of the eyes, such as the pose of the head, is taken from ``batch``.
        """
        ...


class OpenModelZoo(GazeEstimator):
    """``gaze-estimation-adas-0002`` on both eyes, with the head's pose by another network."""

    name = "open-model-zoo"
    zeroed = False
    most = MOST

    def __init__(self, instruments: Instruments) -> None:
        gaze, head = (instruments.file(name) for name in (zoo.GAZE, zoo.HEAD_POSE))
        self._device = instruments.device
        self._gaze = zoo.load(zoo.GazeNetwork(), gaze).to(self._device)
        self._head = zoo.load(zoo.HeadPoseNetwork(), head).to(self._device)

    @torch.inference_mode()
    def directions(self, batch: Batch, image: Tensor) -> Tensor:
        """Unit vectors (N, 3): the mean over the portrait and its mirror image."""
        boxes = batch.eyes.to(self._device)
        source, image = batch.image.to(self._device), image.to(self._device)
        mirrored = boxes.flip(1)[..., [2, 1, 0, 3]]
        mirrored[..., ::2] = image.shape[-1] - mirrored[..., ::2]
        back = boxes.new_tensor([-1, 1, 1])
        other = self._one_way(mirrored, source.flip(-1), image.flip(-1)) * back
        return functional.normalize(self._one_way(boxes, source, image) + other, dim=1)

    def _one_way(self, boxes: Tensor, source: Tensor, image: Tensor) -> Tensor:
        eyes = EyeLine(boxes)
        left, right = (eyes.patch(image, eye) for eye in (0, 1))
        head = self._head(eyes.face(source))
        head[:, 2] = 0  # the eye patches stand upright
        return eyes.to_image(self._gaze(left, right, head))


class EyeLine:
    """Centres of the eyes and the line through them, from the boxes (N, 2, 4)."""

    def __init__(self, boxes: Tensor) -> None:
        corners = boxes.to(torch.float32)
        self.centers = (corners[..., :2] + corners[..., 2:]) / 2  # (N, 2, 2), edges count from 0
        right = self.centers[:, 1] - self.centers[:, 0]
        self.distance = right.norm(dim=1)  # (N,)
        self.right = right / self.distance[:, None]  # (N, 2)
        self.down = torch.stack([-self.right[:, 1], self.right[:, 0]], dim=1)

    def patch(self, image: Tensor, eye: int) -> Tensor:
        """An upright crop (N, 3, 60, 60) around one eye, BGR 0-255."""
        side = _EYE_SIDE * self.distance
        across, down = _steps(self.right, side), _steps(self.down, side)
        return _cut(image, self.centers[:, eye], across, down, fine=_times_256(image))

    def face(self, image: Tensor) -> Tensor:
        """The face as it is in the portrait (N, 3, 60, 60), BGR 0-255."""
        center = self.centers.mean(dim=1) + _FACE_BELOW * self.distance[:, None] * self.down
        right, down = torch.tensor([[1.0, 0.0], [0.0, 1.0]], device=image.device)
        right, down = (axis.expand_as(center) for axis in (right, down))
        across = _steps(right, _FACE_WIDTH * self.distance)
        down = _steps(down, _FACE_HEIGHT * self.distance)
        return _cut(image, center, across, down, fine=3 * _times_256(image))

    def to_image(self, direction: Tensor) -> Tensor:
        """A direction in an upright patch, in the portrait's axes."""
        return to_image(direction, self.right)


def to_image(direction: Tensor, right: Tensor) -> Tensor:
    """Directions (N, 3) of upright cuts in the axes of their portraits.

    ``right``: what is to the cut's right there, unit vectors (N, 2), x and y of pixels.
    """
    x, up, towards = direction.unbind(dim=1)
    cos, sin = right.unbind(dim=1)
    return torch.stack([x * cos + up * sin, up * cos - x * sin, towards], dim=1)


def _steps(axis: Tensor, length: Tensor) -> Tensor:
    return axis * length[:, None] / zoo.SIDE  # (N, 2): one pixel of the crop, in the portrait


def _times_256(image: Tensor) -> int:
    return max(1, round(image.shape[-1] / 256))


def _cut(image: Tensor, center: Tensor, across: Tensor, down: Tensor, *, fine: int) -> Tensor:
    """A 60x60 crop, BGR 0-255, see ``cut``."""
    return (cut(image, center, across, down, side=zoo.SIDE, fine=fine).flip(1) + 1) * 127.5


def cut(
    image: Tensor, center: Tensor, across: Tensor, down: Tensor, *, side: int, fine: int
) -> Tensor:
    """A crop (N, 3, side, side) whose pixels are ``across`` and ``down`` apart, (N, 2) each.

    Each is the mean of ``fine``² places; ``center`` (N, 2) counts edges from 0. Outside the image
    its border goes on.
    """
    height, width = image.shape[-2:]
    ticks = (torch.arange(side * fine, device=image.device) + 0.5) / fine - side / 2
    places = (
        center[:, None, None]
        + ticks[None, :, None, None] * down[:, None, None]
        + ticks[None, None, :, None] * across[:, None, None]
    )  # (N, side fine, side fine, 2), edges count from 0
    grid = 2 * places / places.new_tensor([width, height]) - 1
    found = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    return functional.avg_pool2d(found, fine)


def angles_deg(directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Yaw, pitch and the angle to the camera's direction, in degrees, of unit vectors (N, 3)."""
    x, up, towards = directions.double().unbind(dim=1)
    yaw = torch.atan2(x, towards)
    pitch = torch.asin(up.clamp(-1, 1))
    off = torch.atan2(torch.hypot(x, up), towards)  # exact near 0, where acos is not
    return torch.rad2deg(yaw), torch.rad2deg(pitch), torch.rad2deg(off)
