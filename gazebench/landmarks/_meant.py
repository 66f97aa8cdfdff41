"""Which of several detections is the face that the source means."""

from collections.abc import Sequence

from gazebench.landmarks import RIVAL, Edges, FaceError
from gazebench.sources import SourceFace

_LEAST = 0.15  # of the union; boxes that people drew take in the whole head, detectors' do not


def chosen(found: Sequence[Edges], face: SourceFace) -> int:
    """Index of the detection to take: the one in the source's box, else the largest.

    Raises:
        FaceError: none is in the box, or the largest is not ``RIVAL`` times as large as the next.
    """
    if face.box:
        return meant(found, face.box)
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in found]
    best, *others = sorted(range(len(found)), key=lambda index: -areas[index])
    if others and areas[best] < RIVAL * areas[others[0]]:
        raise FaceError("multiple_faces", f"{len(found)} faces, the largest two of like size")
    return best


def meant(found: Sequence[Edges], box: tuple[float, float, float, float]) -> int:
    """Index of the detection that shares most with ``box`` (x, y, width, height).

    Raises:
        FaceError: none shares enough with it (``no_face``).
    """
    x, y, width, height = box
    wanted = (x, y, x + width, y + height)
    shares = [overlap(edges, wanted) for edges in found]
    if max(shares, default=0.0) < _LEAST:
        raise FaceError("no_face", "no face found where the source's box is")
    return shares.index(max(shares))


def overlap(a: Edges, b: Edges) -> float:
    """Intersection over union of two rectangles, 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
