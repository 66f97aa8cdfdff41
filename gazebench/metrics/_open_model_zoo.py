"""Two networks of Intel's Open Model Zoo in torch: gaze of two eyes, pose of a head.

``gaze-estimation-adas-0002`` and ``head-pose-estimation-adas-0001``, Apache-2.0, release 2020.4.
The publisher offers them for OpenVINO only: a graph (``.xml``) and its numbers (``.bin``, half
precision, in the graph's order). The graphs are written out here, so that neither OpenVINO nor the
``.xml`` is needed, and a batch of any size runs on any device.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

SIDE = 60  # of their inputs: BGR, 0 to 255
GAZE = "gaze_estimation_adas_0002"  # names in `gazebench weights list`
HEAD_POSE = "head_pose_estimation_adas_0001"


class GazeNetwork(nn.Module):
    """Where two eyes look, from both of them and the pose of the head."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = _eye(), _eye()  # the eye nearer the image's left edge comes first
        self.both = nn.Sequential(
            *_block(64, 128, 64, stride=2),
            *_block(64, 128, 64, stride=2, padding=0),
            *_block(64, 256, 512, padding=0),
        )
        self.skipped = Skipped(32)
        self.direction = nn.Sequential(
            *(_Convolution(515, 320, 1), nn.ReLU(), _Convolution(320, 80, 1), nn.ReLU()),
            *(_Affine(80), _Convolution(80, 3, 1)),
        )

    def forward(self, left: Tensor, right: Tensor, head_deg: Tensor) -> Tensor:
        """Directions (N, 3) of unit length: x to the image's right, y up, z to the camera.

        ``left``, ``right``: (N, 3, 60, 60), the eye nearer the image's left edge and the other;
        ``head_deg``: (N, 3), yaw, pitch and roll as ``HeadPoseNetwork`` gives them.
        """
        eyes = torch.cat([self.left(left), self.right(right)], dim=1)
        seen = torch.cat([self.both(eyes), head_deg[:, :, None, None]], dim=1)
        towards = seen.new_tensor([1.0, 1.0, -1.0])  # the network's z leads away from the camera
        return nn.functional.normalize(self.direction(seen).flatten(1), dim=1) * towards


class HeadPoseNetwork(nn.Module):
    """How a head is turned."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _Affine(3),
            *_block(3, 32, 16, stride=2),
            *(_Convolution(16, 64), nn.ReLU(), _Affine(64), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *_block(64, 128, 64, stride=2),
            *(_Convolution(64, 128), nn.ReLU(), _Affine(128), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *_block(128, 256, 512, padding=0),
        )
        self.pitch = nn.Sequential(
            *(_Convolution(512, 128, 1), nn.ReLU(), _Affine(128), Skipped(16)),
            *(nn.Flatten(), nn.Linear(512, 1)),
        )
        self.roll = nn.Sequential(
            _Convolution(512, 128, 1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 1)
        )
        self.yaw = nn.Sequential(
            *(_Convolution(512, 128, 1), nn.ReLU(), _Affine(128)),
            *(nn.Flatten(), nn.Linear(512, 1)),
        )

    def forward(self, face: Tensor) -> Tensor:
        """Yaw, pitch and roll in degrees, (N, 3), of faces (N, 3, 60, 60)."""
        seen = self.body(face)
        return torch.cat([self.yaw(seen), self.pitch(seen), self.roll(seen)], dim=1)


class Skipped(nn.Module):
    """Bytes between the numbers: sizes that the publisher's graph keeps there."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, seen: Tensor) -> Tensor:
        """What comes in."""
        return seen


class _Affine(nn.Module):
    """A batch normalisation as the file has it: each channel scaled, then shifted."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(1, channels, 1, 1))
        self.shift = nn.Parameter(torch.empty(1, channels, 1, 1))

    def forward(self, seen: Tensor) -> Tensor:
        return seen * self.scale + self.shift


class _Convolution(nn.Conv2d):
    def __init__(
        self, channels: int, out: int, side: int = 3, stride: int = 1, padding: int | None = None
    ) -> None:
        padding = side // 2 if padding is None else padding
        super().__init__(channels, out, side, stride, padding)


def _block(
    channels: int, wide: int, out: int, stride: int = 1, padding: int = 1
) -> list[nn.Module]:
    last = _Convolution(wide, out, stride=stride, padding=padding)
    return [_Convolution(channels, wide), nn.ReLU(), _Affine(wide), last]


def _eye() -> nn.Sequential:
    return nn.Sequential(_Affine(3), *_block(3, 32, 16, stride=2), *_block(16, 64, 32, stride=2))


def load(network: nn.Module, path: Path) -> nn.Module:
    """``network`` with the numbers of a ``.bin`` file, frozen."""
    data, place = path.read_bytes(), 0
    with torch.no_grad():
        for module in network.modules():
            place += module.size if isinstance(module, Skipped) else 0
            for values in module.parameters(recurse=False):
                found = np.frombuffer(data, "<f2", values.numel(), place)
                values.copy_(torch.from_numpy(found.astype(np.float32)).reshape(values.shape))
                place += found.nbytes
    return network.requires_grad_(False).eval()
