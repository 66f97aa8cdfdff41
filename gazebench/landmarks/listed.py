"""The eye points that the source's own list, or the user's ``--eyes`` file, gives; no model."""

from PIL import Image

from gazebench.landmarks import FaceError, FoundFace, LandmarkFinder, ordered
from gazebench.sources import SourceFace


class Listed(LandmarkFinder):
    """Eye centres, and the mouth where it is listed, as they were given with the picture."""

    model = ""

    def find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        """The listed points; the mouth stays unknown where the list does not have it."""
        if face.eyes is None:
            raise FaceError("landmark_invalid", "the list of eye points does not have it")
        left, right = ordered(*face.eyes)
        for what, point in [("an eye", left), ("an eye", right), ("the mouth", face.mouth)]:
            if point and not (0 <= point.x < picture.width and 0 <= point.y < picture.height):
                raise FaceError("landmark_invalid", f"the list puts {what} outside the picture")
        return FoundFace(left_eye=left, right_eye=right, mouth=face.mouth, score=1.0, faces=1)
