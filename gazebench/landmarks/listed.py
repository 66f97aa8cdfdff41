"""The eye points of CelebA's own landmark list; no model, no detection."""

from PIL import Image

from gazebench.landmarks import FaceError, FoundFace, LandmarkFinder, ordered
from gazebench.sources import SourceFace


class CelebAList(LandmarkFinder):
    """Eye centres as ``list_landmarks_align_celeba.txt`` gives them."""

    model = ""

    def find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        """The eyes of the list; the mouth stays unknown."""
        if face.eyes is None:
            raise FaceError("landmark_invalid", "not in list_landmarks_align_celeba.txt")
        left, right = ordered(*face.eyes)
        if not all(0 <= p.x < picture.width and 0 <= p.y < picture.height for p in (left, right)):
            raise FaceError("landmark_invalid", "the list puts an eye outside the picture")
        return FoundFace(left_eye=left, right_eye=right, mouth=None, score=1.0, faces=1)
