"""dlib's HOG face detector and its 68-point shape model, the paper's choice.

King, Dlib-ml, JMLR 2009; Kazemi and Sullivan, One Millisecond Face Alignment, CVPR 2014. The
face is detected on a reduced copy of the picture, the landmarks are fitted at full size.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gazebench import weights
from gazebench.geometry import Point
from gazebench.landmarks import RIVAL, FaceError, FoundFace, LandmarkFinder, eyes_of_68, ordered
from gazebench.landmarks._meant import meant
from gazebench.sources import SourceFace

SIDES = (320, 640, 1024)  # longest side of the copies that are searched, one after the other
_SMALLEST = 80  # side in pixels of the smallest face that dlib's detector finds


class _Detection(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


class Dlib(LandmarkFinder):
    """The largest face, if no other is near its size, with its eyes and mouth."""

    model = "dlib_landmarks_68"

    def __init__(self) -> None:
        import dlib

        self._dlib: Any = dlib
        self._detector, self._predictor = models()

    def find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        """The picture's face: the one in the source's box where there is one, else the largest."""
        found = sorted(self._search(picture, thorough=face.box is not None), key=lambda d: -d.area)
        if not found:
            raise FaceError("no_face", "no face found")
        best = found[0]
        if face.box:
            best = found[meant([detection[:4] for detection in found], face.box)]
        elif len(found) > 1 and best.area < RIVAL * found[1].area:
            raise FaceError("multiple_faces", f"{len(found)} faces, the largest two of like size")
        points = self._landmarks(picture, best)
        left, right, mouth = eyes_of_68(points)
        left, right = ordered(left, right)
        return FoundFace(
            left_eye=left,
            right_eye=right,
            mouth=mouth,
            score=best.score,
            faces=len(found),
            points=tuple(points),
        )

    def _search(self, picture: Image.Image, *, thorough: bool) -> list[_Detection]:
        longest = max(picture.size)
        found: list[_Detection] = []
        for side in sorted({min(s, longest) for s in SIDES}):
            found = self._detect(picture, side / longest)
            # a face this large cannot have a rival below the detector's smallest face
            large = any(d.area * (side / longest) ** 2 >= RIVAL * _SMALLEST**2 for d in found)
            if large and not thorough:
                return found
        return found or self._detect(picture, min(2.0, 2 * SIDES[-1] / longest))

    def _detect(self, picture: Image.Image, scale: float) -> list[_Detection]:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        copy = picture.convert("L")
        if (width, height) != picture.size:
            copy = copy.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        boxes, scores, _ = self._detector.run(np.asarray(copy), 0, 0.0)
        sx, sy = picture.width / width, picture.height / height
        return [
            _Detection(b.left() * sx, b.top() * sy, b.right() * sx, b.bottom() * sy, score)
            for b, score in zip(boxes, scores, strict=True)
        ]

    def _landmarks(self, picture: Image.Image, box: _Detection) -> list[Point]:
        corners = (round(v) for v in (box.left, box.top, box.right, box.bottom))
        shape = self._predictor(np.asarray(picture), self._dlib.rectangle(*corners))
        return [Point(float(p.x), float(p.y)) for p in shape.parts()]


@functools.cache
def models() -> tuple[Any, Any]:
    """The face detector and the 68-point predictor, loaded once per process.

    Raises:
        GazebenchError: the predictor's file is missing or damaged.
    """
    import dlib

    path = str(weights.path(Dlib.model))
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(path)  # type: ignore[attr-defined]
