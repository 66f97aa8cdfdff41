"""Do the points of a list belong to these pictures? Told before the work, not found after it."""

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence

from gazebench import landmarks
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset.boxes import Point
from gazebench.dataset.pictures import decode, read_bytes
from gazebench.errors import GazebenchError, InputError
from gazebench.landmarks import FaceError
from gazebench.sources import SourceFace, SpooledFaces

SAMPLE = 32  # pictures in which a finder looks for the eyes itself
_READ = 10_000  # first lines whose points are looked at: a list is right or wrong as a whole
_FAR = 0.4  # of the inter-ocular distance: no list that fits is so far off
_SOME = 0.25  # share of the sample that may be so
_MANY = 10  # pictures that do not all have their eyes in one place

Eyes = tuple[Point, Point]


def remarks(faces: SpooledFaces, settings: DatasetSettings) -> list[str]:
    """What is odd about the listed points; dlib looks only where they will be used.

    Raises:
        InputError: left and right are exchanged in most lines, and the list will be used.
    """
    if not faces.given("eyes"):
        return []
    some = list(itertools.islice((f for f in faces if f.eyes), _READ))
    found = [*_exchanged(some, settings), *_equal(some), *_outside_boxes(some)]
    if settings.landmarks == "listed":
        found += _contradicted(_sample(some))
    return found


def _exchanged(faces: Sequence[SourceFace], settings: DatasetSettings) -> Iterator[str]:
    wrong = sum(eyes[0].x > eyes[1].x for eyes in _eyes(faces))
    if 2 * wrong <= len(faces):
        return
    sentence = (
        f"in {wrong:,} of {len(faces):,} lines of eye points the left eye stands to the right of "
        "the right one; left is the one nearer to the picture's left edge"
    )
    if settings.landmarks == "listed":
        raise InputError(f"{sentence}: exchange the columns of the list")
    yield sentence


def _equal(faces: Sequence[SourceFace]) -> Iterator[str]:
    if len(faces) >= _MANY and len(set(_eyes(faces))) == 1:
        left, right = next(_eyes(faces))
        yield (
            f"all {len(faces):,} lines of eye points are equal ({left.x:g} {left.y:g} "
            f"{right.x:g} {right.y:g}): are they those of these pictures?"
        )


def _outside_boxes(faces: Sequence[SourceFace]) -> Iterator[str]:
    boxed = [face for face in faces if face.box]
    outside = sum(not _is_inside(face) for face in boxed)
    if outside > _SOME * len(boxed):
        yield (
            f"{outside:,} of {len(boxed):,} pictures have their listed eyes outside their listed "
            "box: the two lists are not for the same pictures (aligned and in the wild?)"
        )


def _is_inside(face: SourceFace) -> bool:
    x, y, width, height = face.box or (0.0, 0.0, 0.0, 0.0)
    return all(x <= p.x <= x + width and y <= p.y <= y + height for p in face.eyes or ())


def _contradicted(faces: Sequence[SourceFace]) -> Iterator[str]:
    pairs = [(face, found) for face in faces if (found := _found(face))]
    far = [face for face, found in pairs if face.eyes and _distance(face.eyes, found) > _FAR]
    if len(far) > _SOME * len(pairs):
        yield (
            f"dlib finds the eyes elsewhere in {len(far)} of {len(pairs)} pictures looked at, such "
            f"as {far[0].name}: is the list for these pictures, at this size? If not, use "
            "--landmarks dlib"
        )


def _distance(listed: Eyes, found: Eyes) -> float:
    """Of the further eye, in inter-ocular distances of what was found."""
    between = math.dist(*found)
    return max(math.dist(*pair) for pair in zip(listed, found, strict=True)) / max(between, 1.0)


def _sample(faces: Sequence[SourceFace]) -> Sequence[SourceFace]:
    return faces[:: math.ceil(len(faces) / SAMPLE)]


def _found(face: SourceFace) -> Eyes | None:
    """Where dlib sees the eyes; None where it cannot say, or the picture cannot be read."""
    try:
        data = read_bytes(face.path, face.member)
        digest = hashlib.sha256(data).digest()
        if digest not in _SEEN:
            _SEEN[digest] = _look(data, face)
        return _SEEN[digest]
    except GazebenchError:  # no such model here, or a picture that the build will name
        return None


_SEEN: dict[bytes, Eyes | None] = {}  # by digest of the picture: a plan may be made again


def _look(data: bytes, face: SourceFace) -> Eyes | None:
    try:
        found = _finder().find(decode(data, face.name), face)
    except FaceError:
        return None
    return found.left_eye, found.right_eye


@functools.cache
def _finder() -> landmarks.LandmarkFinder:
    return landmarks.load(landmarks, "dlib")()


def _eyes(faces: Sequence[SourceFace]) -> Iterator[Eyes]:
    return (face.eyes for face in faces if face.eyes)
