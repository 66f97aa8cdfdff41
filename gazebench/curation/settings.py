"""Settings of a build, and the fingerprint that a resume must match."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from gazebench import landmarks, weights
from gazebench.config import Settings
from gazebench.curation.encoding import JPEG_QUALITY
from gazebench.dataset import ImageFormat
from gazebench.dataset.boxes import eye_window
from gazebench.dataset.pictures import MAX_PIXELS, MOST_MEGAPIXELS
from gazebench.errors import InputError
from gazebench.sources import SourceFace

if TYPE_CHECKING:
    from gazebench.curation import BuildPlan

# Raised when the same picture would give another portrait, box or decision.
RECIPE = 5
ALIKE = (3, 4, RECIPE)  # that make the same portrait of a picture that declares no colours

# What a build that was begun before there was such a setting has done.
BEFORE: dict[str, Any] = {"image_format": "png", "jpeg_quality": None, "write_masks": False}
BEFORE |= {"test_x": 100, "test_y": 300, "split_seed": 0, "attributes": ""}


class FilterSettings(Settings):
    """Which faces are kept, by their measures; None asks nothing."""

    min_sharpness: float | None = Field(default=None, description="variance of the Laplacian")
    min_brightness: float | None = Field(default=None, description="mean grey, 0-255")
    max_brightness: float | None = None
    min_eye_distance: float | None = Field(default=None, description="portrait pixels")
    max_yaw_deg: float | None = Field(default=None, ge=0, description="of the head, either side")
    max_pitch_deg: float | None = Field(default=None, ge=0)
    max_roll_deg: float | None = Field(default=None, ge=0)
    min_openness: float | None = Field(
        default=None, description="of the narrower eye; about 0.3 is open, 0.15 is closing"
    )
    max_outside: float | None = Field(
        default=None, ge=0, le=1, description="share that had to be mirrored"
    )


class DatasetSettings(Settings):
    """How a source face becomes a portrait. Lengths are portrait pixels unless a name says so."""

    resolution: int = Field(default=512, ge=64, le=2048)
    window_height: int | None = Field(
        default=None, ge=4, description="of an eye box; None: the published"
    )
    window_width: int | None = Field(default=None, ge=4)
    align: Literal["none", "eyes", "ffhq"] | None = Field(
        default=None, description="None: the source's own"
    )
    landmarks: str = "dlib"
    split: Literal["identity", "partition", "paper"] = "identity"
    test_fraction: float = Field(
        default=0.1, ge=0, le=1, description='of the identities; split "identity"'
    )
    test_x: int = Field(default=100, ge=0, description='portraits, as in the paper; split "paper"')
    test_y: int = Field(default=300, ge=0)
    split_seed: int = 0
    min_eye_distance_source: float = Field(
        default=16.0, ge=1, description="inter-ocular, pixels of the source"
    )
    max_megapixels: int = Field(
        default=MAX_PIXELS // 1_000_000,
        ge=1,
        le=MOST_MEGAPIXELS,
        description="of a source picture; a PNG takes up to 14 MB of memory for each",
    )
    image_format: ImageFormat = ImageFormat.PNG
    jpeg_quality: int | None = Field(
        default=None, ge=1, le=100, description="None: 95, where it is JPEG"
    )
    write_masks: bool = Field(default=False, description="masks/ID.png beside images")
    filter: FilterSettings = FilterSettings()

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of an eye box."""
        height, width = eye_window(self.resolution)
        return self.window_height or height, self.window_width or width

    def resolved(self, alignment: str) -> Self:
        """With every default that depends on the source or on another setting filled in.

        Raises:
            InputError: a quality of JPEG, and the portraits are none.
        """
        height, width = self.window
        found = {"align": self.align or alignment, "window_height": height, "window_width": width}
        return self.model_copy(update={**found, "jpeg_quality": self._quality()})

    def _quality(self) -> int | None:
        if self.image_format is ImageFormat.JPEG:
            return self.jpeg_quality or JPEG_QUALITY
        if self.jpeg_quality is not None:
            raise InputError(
                f"setting dataset.jpeg_quality = {self.jpeg_quality}: can only be used with "
                f"--image-format jpeg, not {self.image_format}"
            )
        return None


def fingerprint(plan: "BuildPlan") -> dict[str, Any]:
    """Everything the dataset depends on, as plain values that can be compared one by one."""
    model = landmarks.load(landmarks, plan.settings.landmarks).model
    pictures, attributes = _digests(plan.faces)
    filters = plan.settings.filter.model_dump()
    if filters["max_outside"] is None:  # a build begun before there was this filter has none of it
        del filters["max_outside"]
    return {
        **plan.settings.model_dump(),
        "filter": filters,
        "source": plan.source,
        "pictures": len(plan.faces),
        "list of pictures": pictures,
        "attributes": attributes,
        "landmark model": weights.digest(model)[:16] if model else "",
        "recipe": RECIPE,
    }


def _digests(faces: Iterable[SourceFace]) -> tuple[str, str]:
    """Of all that a list says of the faces, wherever they lie, and of their attributes, if any."""
    pictures, attributes = hashlib.sha256(), hashlib.sha256()
    is_known = False
    for face in faces:
        words = (face.id, face.name, face.identity, face.partition, face.eyes, face.mouth, face.box)
        pictures.update(_line(words))
        if face.attributes is not None:
            is_known = True
            attributes.update(_line((face.id, face.attributes)))
    return pictures.hexdigest()[:16], attributes.hexdigest()[:16] if is_known else ""


def _line(words: Sequence[object]) -> bytes:
    return f"{json.dumps(words)}\n".encode()
