"""dlib's HOG face detector and its 68-point shape model, the paper's choice.

King, Dlib-ml, JMLR 2009; Kazemi and Sullivan, One Millisecond Face Alignment, CVPR 2014. The
face is detected on a reduced copy of the picture, the landmarks are fitted at full size.

``dlib_faces.svm`` is the detector that dlib has within its code (Boost licence, see
``dlib_faces.LICENSE``), as its own ``save`` writes it.
"""

import functools
import math
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gazebench import weights
from gazebench.dataset.boxes import Point
from gazebench.dataset.pictures import piece
from gazebench.landmarks import (
    RIVAL,
    Edges,
    FaceError,
    FoundFace,
    LandmarkFinder,
    eyes_of_68,
    ordered,
)
from gazebench.landmarks._meant import chosen
from gazebench.sources import SourceFace

_DETECTOR = "dlib_faces.svm"
SIDES = (320, 640, 1024)  # longest side of the copies that are searched, one after the other
_SMALLEST = 72  # side in pixels of the smallest box that dlib's detector gives
_CERTAIN = math.sqrt(RIVAL) * _SMALLEST  # a face this large cannot have a rival that is not seen
_STEP = 1.02  # boxes come in steps of 1.2: a copy this much larger than needed is large enough
_FINEST = 2.0  # scale of a copy that shows faces smaller than the detector's smallest
_MOST_SEARCHED = 64e6  # pixels of the copy that is searched for every face: about 6 s
_SURE = 0.25  # score of a face among many: a finer search also sees folds of a curtain
_LAST_SIDES = (2048, 4096)  # of the copies that are searched where the others show no face
_AROUND = 0.5  # of a face's box, on each side: the landmark model looks no further


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
        found = self._search(picture, thorough=face.box is not None)
        if not found:
            raise FaceError("no_face", "no face found")
        best = found[chosen([detection[:4] for detection in found], face)]
        return self._found(picture, best, len(found))

    def boxes(self, picture: Image.Image) -> list[Edges]:
        """Every face of the picture, from 36 pixels on in one of at most 16 megapixels."""
        scale = min(_FINEST, math.sqrt(_MOST_SEARCHED / (picture.width * picture.height)))
        found = self._detect(picture, scale)
        return [detection[:4] for detection in found if detection.score >= _SURE]

    def find_at(self, picture: Image.Image, box: Edges, faces: int) -> FoundFace:
        """The face in a box of ``boxes``, of which there were so many."""
        return self._found(picture, _Detection(*box, 1.0), faces)

    def _found(self, picture: Image.Image, best: _Detection, faces: int) -> FoundFace:
        points = self._landmarks(picture, best)
        left, right, mouth = eyes_of_68(points)
        left, right = ordered(left, right)
        return FoundFace(
            left_eye=left,
            right_eye=right,
            mouth=mouth,
            score=best.score,
            faces=faces,
            points=tuple(points),
        )

    def _search(self, picture: Image.Image, *, thorough: bool) -> list[_Detection]:
        longest = max(picture.size)
        sides = sorted({min(s, longest) for s in SIDES})
        if thorough:  # the finest copy shows all that the coarser ones do
            del sides[:-1]
        found: list[_Detection] = []
        while sides:
            side = sides.pop(0)
            found = self._detect(picture, side / longest)
            if thorough or not found:
                continue
            largest = math.sqrt(max(d.area for d in found)) * side / longest
            if largest >= _CERTAIN:
                return found
            enough = math.ceil(side * _CERTAIN / largest * _STEP)
            if sides and enough < sides[0]:
                sides.insert(0, enough)
        for side in _LAST_SIDES:
            if not found and (side == _LAST_SIDES[0] or longest > _LAST_SIDES[0]):
                found = self._detect(picture, min(_FINEST, side / longest))
        return found

    def _detect(self, picture: Image.Image, scale: float) -> list[_Detection]:
        copy = _grey(picture, scale)
        boxes, scores, _ = self._detector.run(np.asarray(copy), 0, 0.0)
        sx, sy = picture.width / copy.width, picture.height / copy.height
        return [
            _Detection(b.left() * sx, b.top() * sy, b.right() * sx, b.bottom() * sy, score)
            for b, score in zip(boxes, scores, strict=True)
        ]

    def _landmarks(self, picture: Image.Image, box: _Detection) -> list[Point]:
        left, top, right, bottom = (round(v) for v in box[:4])
        margin = math.ceil(_AROUND * max(right - left, bottom - top))
        x, y = max(0, left - margin), max(0, top - margin)
        near = piece(
            picture,
            (x, y, min(picture.width, right + margin), min(picture.height, bottom + margin)),
        )
        face = self._dlib.rectangle(left - x, top - y, right - x, bottom - y)
        shape = self._predictor(np.asarray(near), face)
        return [Point(float(p.x + x), float(p.y + y)) for p in shape.parts()]


def _grey(picture: Image.Image, scale: float) -> Image.Image:
    """A grey copy of ``scale`` times the size."""
    width, height = (max(1, round(side * scale)) for side in picture.size)
    whole = min(math.floor(1 / scale + 1e-9), *picture.size)
    copy = (picture.reduce(whole) if whole > 1 else picture).convert("L")
    if copy.size == (width, height):
        return copy
    return copy.resize((width, height), Image.Resampling.BILINEAR)


@functools.cache
def models() -> tuple[Any, Any]:
    """The face detector and the 68-point predictor, loaded once per process.

    Raises:
        GazebenchError: the predictor's file is missing or damaged.
    """
    import dlib

    path = str(weights.path(Dlib.model))
    return _detector(), dlib.shape_predictor(path)  # type: ignore[attr-defined]


def _detector() -> Any:
    """The frontal face detector of dlib, read in 3 ms; dlib takes 300 to unpack its own copy."""
    import dlib

    try:
        with resources.as_file(resources.files(__package__ or "") / _DETECTOR) as path:
            return dlib.fhog_object_detector(str(path))  # type: ignore[attr-defined]
    except (RuntimeError, OSError):  # of a version that writes it in another way
        return dlib.get_frontal_face_detector()  # type: ignore[attr-defined]
