"""What is known of the test portraits, so that a report can slice scores by it.

It travels with a result: a report has no dataset at hand.
"""

import math
from collections.abc import Iterator

from gazebench.dataset import Manifest, Portrait
from gazebench.dataset.attributes import ATTRIBUTES, FILE, read_attributes
from gazebench.dataset.glasses import LIKELY, bridge_edge
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.evaluation.correct import portraits_of_camera, portraits_to_correct

_GLASSES = ATTRIBUTES.index("Eyeglasses")


def traits(manifest: Manifest) -> dict[str, dict[str, float]]:
    """Of domain-Y and domain-X test portraits: trait → id → value, where it was measured.

    ``yaw_deg``: how far the head is turned, without its side; ``openness`` of the eyes;
    ``eye_distance``: between the eyes in the source picture, pixels; ``glasses``: 1 or 0, from
    CelebA's attributes where the dataset has them, else by ``glasses.bridge_edge``.
    """
    attributes = read_attributes(manifest.root / FILE)
    found: dict[str, dict[str, float]] = {}
    for portrait in (*portraits_to_correct(manifest), *portraits_of_camera(manifest)):
        for trait, value in _of(portrait, manifest, attributes.get(portrait.id)):
            found.setdefault(trait, {})[portrait.id] = value
    return found


def _of(portrait: Portrait, manifest: Manifest, bits: int | None) -> Iterator[tuple[str, float]]:
    measures = portrait.measures
    if measures.yaw_deg is not None:
        yield "yaw_deg", round(abs(measures.yaw_deg), 2)
    if measures.openness is not None:
        yield "openness", round(measures.openness, 4)
    a, _, _, d, *_ = portrait.transform
    eyes = portrait.left_center, portrait.right_center
    if scale := math.hypot(a, d):
        yield "eye_distance", round(math.dist(*eyes) / scale, 1)
    if bits is not None:
        yield "glasses", float(bits >> _GLASSES & 1)
        return
    try:
        picture = read_picture(manifest.path(portrait))
    except PictureError:
        return  # whoever scores it will say so
    yield "glasses", float(bridge_edge(picture, eyes) >= LIKELY)
