"""S3FD and FAN, as the package face-alignment has them: 68 landmarks also where dlib fails.

Zhang et al., S3FD: Single Shot Scale-Invariant Face Detector, ICCV 2017; Bulat and Tzimiropoulos,
How Far Are We from Solving the 2D & 3D Face Alignment Problem?, ICCV 2017. Code:
github.com/1adrianb/face-alignment, BSD-3-Clause, of which the networks and the crop are used. What
differs: weights are pinned and come through ``gazebench.weights``; faces are searched on a copy of
at most 1024 pixels. It takes a GPU where there is one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench import weights
from gazebench.dataset.boxes import Point
from gazebench.errors import MissingPartError
from gazebench.landmarks import Edges, FaceError, FoundFace, LandmarkFinder, eyes_of_68, ordered
from gazebench.landmarks._meant import chosen
from gazebench.sources import SourceFace

DETECTOR = "face_alignment_s3fd"
_LONGEST = 1024  # side in pixels of the copy that is searched
_STACKS = 4  # hourglasses of the network


class FaceAlignment(LandmarkFinder):
    """The largest face, if no other is near its size, with its eyes and mouth.

    Raises:
        MissingPartError: the extra is not installed, or the weights cannot be had.
    """

    model = "face_alignment_2dfan4"
    memory_bytes = None  # torch reserves more address space than it will ever use

    @classmethod
    def prepare(cls) -> None:
        """Fetch the weights, and see that the package is there."""
        _parts()
        for name in (cls.model, DETECTOR):
            weights.path(name)

    def __init__(self) -> None:
        fan, sfd, self._utils = _parts()
        import torch

        torch.set_num_threads(1)  # every worker process has a finder of its own
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._detector = sfd(self._device, path_to_detector=str(weights.path(DETECTOR)))
        state = torch.load(weights.path(self.model), map_location="cpu", weights_only=True)
        self._net = fan(_STACKS)
        self._net.load_state_dict(state)
        self._net.to(self._device).eval()

    def find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        """The picture's face: the one in the source's box where there is one, else the largest."""
        found = self._detect(picture)
        if not found:
            raise FaceError("no_face", "no face found")
        left, top, right, bottom, score = found[chosen([box[:4] for box in found], face)]
        points = self._landmarks(picture, (left, top, right, bottom))
        return face_of(points, score=score, faces=len(found))

    def boxes(self, picture: Image.Image) -> list[Edges]:
        """Every face of the picture."""
        return [detection[:4] for detection in self._detect(picture)]

    def find_at(self, picture: Image.Image, box: Edges, faces: int) -> FoundFace:
        """The face in a box of ``boxes``, of which there were so many."""
        return face_of(self._landmarks(picture, box), score=1.0, faces=faces)

    def _detect(self, picture: Image.Image) -> list[tuple[float, float, float, float, float]]:
        copy = picture.copy()
        copy.thumbnail((_LONGEST, _LONGEST))
        scale = picture.width / copy.width, picture.height / copy.height
        rows = self._detector.detect_from_image(np.array(copy))
        return [in_picture(row, scale) for row in rows if len(row)]

    def _landmarks(self, picture: Image.Image, box: tuple[float, ...]) -> NDArray[np.float32]:
        import torch

        left, top, right, bottom = box
        height = bottom - top
        middle = ((left + right) / 2, (top + bottom) / 2 - height * self._utils.CENTER_Y_OFFSET)
        center = np.array(middle)
        scale = (right - left + height) / self._detector.reference_scale
        crop = self._utils.crop(np.array(picture), center, scale)  # (256, 256, 3)
        tensor = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32) / 255)
        with torch.inference_mode():
            maps = self._heat_maps(tensor[None].to(self._device))
        _, points, _ = self._utils.get_preds_fromhm(maps, center, scale)
        return points[0]

    def _heat_maps(self, crop: Any) -> NDArray[np.float32]:
        """Heat maps (1, 68, 64, 64) of the crop plus those of its mirror image, turned back."""
        flip = self._utils.flip
        mirrored = flip(self._net(flip(crop))[-1], is_label=True)
        return (self._net(crop)[-1] + mirrored).cpu().numpy()


def in_picture(
    row: Sequence[float], scale: tuple[float, float]
) -> tuple[float, float, float, float, float]:
    """A detection (left, top, right, bottom, score) of a copy that is smaller by ``scale``."""
    left, top, right, bottom, score = map(float, row)
    x, y = scale
    return left * x, top * y, right * x, bottom * y, score


def face_of(points: NDArray[np.float32], *, score: float, faces: int) -> FoundFace:
    """The face with these 68 landmarks, (68, 2) in pixels of the picture.

    Raises:
        FaceError: the landmarks make no upright face.
    """
    listed = [Point(float(x), float(y)) for x, y in points]
    left, right, mouth = eyes_of_68(listed)
    left, right = ordered(left, right)
    return FoundFace(
        left_eye=left,
        right_eye=right,
        mouth=mouth,
        score=score,
        faces=faces,
        points=tuple(listed),
    )


def _parts() -> tuple[Any, Any, Any]:
    try:
        from face_alignment import utils  # pyright: ignore[reportAttributeAccessIssue]
        from face_alignment.detection.sfd import (  # pyright: ignore[reportMissingImports]
            FaceDetector,
        )
        from face_alignment.models import FAN  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingPartError(
            "--landmarks face_alignment needs the package face-alignment, 1.5 or newer; run "
            "`pip install 'gazebench[face-alignment]'`"
        ) from None
    return FAN, FaceDetector, utils
