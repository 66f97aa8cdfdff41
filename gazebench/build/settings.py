"""Settings of a build, and the fingerprint that a resume must match."""

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from gazebench import weights
from gazebench.config import Settings
from gazebench.geometry import eye_window

if TYPE_CHECKING:
    from gazebench.build import Plan

# Raised when the same picture would give another portrait, box or decision.
RECIPE = 1


class FilterSettings(Settings):
    """Which faces are kept, by their measures; None asks nothing."""

    min_sharpness: float | None = None  # variance of the Laplacian
    min_brightness: float | None = None  # mean grey, 0-255
    max_brightness: float | None = None
    min_eye_distance: float | None = None  # portrait pixels
    max_yaw_deg: float | None = Field(default=None, ge=0)  # of the head, either side
    max_pitch_deg: float | None = Field(default=None, ge=0)
    max_roll_deg: float | None = Field(default=None, ge=0)
    min_openness: float | None = None  # of the narrower eye; about 0.3 is open, 0.15 is closing


class DatasetSettings(Settings):
    """How a source face becomes a portrait. Lengths are portrait pixels unless a name says so."""

    resolution: int = Field(default=512, ge=64, le=2048)
    window_height: int | None = Field(default=None, ge=4)  # of an eye box; None: the published
    window_width: int | None = Field(default=None, ge=4)
    align: Literal["none", "eyes", "ffhq"] | None = None  # None: the source's own
    landmarks: str = "dlib"
    split: Literal["identity", "partition"] = "identity"
    test_fraction: float = Field(default=0.1, ge=0, le=1)  # of the identities
    min_eye_distance_source: float = Field(default=16.0, ge=1)  # inter-ocular, pixels of the source
    filter: FilterSettings = FilterSettings()

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of an eye box."""
        height, width = eye_window(self.resolution)
        return self.window_height or height, self.window_width or width

    def resolved(self, alignment: str) -> Self:
        """With every default that depends on the source or the resolution filled in."""
        height, width = self.window
        found = {"align": self.align or alignment, "window_height": height, "window_width": width}
        return self.model_copy(update=found)


def fingerprint(plan: "Plan") -> dict[str, Any]:
    """Everything the dataset depends on, as plain values that can be compared one by one."""
    model = plan.settings.landmarks
    rows = [(f.id, f.name, f.identity, f.partition, f.eyes, f.mouth, f.box) for f in plan.faces]
    names = json.dumps(rows)
    return {
        **plan.settings.model_dump(),
        "source": plan.source,
        "pictures": len(plan.faces),
        "list of pictures": hashlib.sha256(names.encode()).hexdigest()[:16],
        "landmark model": weights.digest("dlib_landmarks_68")[:16] if model == "dlib" else "",
        "recipe": RECIPE,
    }
