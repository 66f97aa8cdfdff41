"""Whether it is still the same person: cosine between face embeddings before and after.

Network: dlib's ResNet (King, "High quality face recognition with deep metric learning", 2017),
CC0-1.0, from ``face_recognition_models``. Before and after are cut out at the same place, which is
found in the source.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch, to_uint8
from gazebench.metrics import Instruments
from gazebench.metrics._per_portrait import PerPortrait

# dlib's detector, in units of the distance between the eyes (medians over 60 portraits)
_FACE_SIDE, _FACE_BELOW = 2.7, 0.39
_CHIP = (150, 0.25)  # side in pixels and padding, which the network was trained with


class IdentityCosine(PerPortrait):
    """Mean over corrected portraits; 1 where nothing has changed."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Identity",
        higher_is_better=True,
        digits=4,
        help="Whether the corrected portrait still shows the same person: cosine between face "
        "embeddings (dlib's ResNet) before and after; 1 is unchanged. Not a scale from 0: two "
        "different people have about 0.85, and a change of the eyes alone moves it little.",
        region="face, 150x150 crop placed by the source's landmarks",
        weights=("dlib_landmarks_68", "dlib_face_embedding"),
        bounds=(-1.0, 1.0),
        group="preservation",
        order=30,
    )

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        self._faces = instruments.kept("dlib's face embedding", lambda: _Faces(instruments))

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Cosines."""
        before, after = (
            to_uint8(image).cpu().permute(0, 2, 3, 1).contiguous().numpy()
            for image in (source.image, corrected)
        )
        rows = zip(before, after, source.eyes.tolist(), strict=True)
        return [self._faces.cosine(*row) for row in rows]


class _Faces:
    """dlib's networks, and what they said of the sources."""

    def __init__(self, instruments: Instruments) -> None:
        import dlib

        self._dlib: Any = dlib
        landmarks, embedding = map(instruments.file, IdentityCosine.card.weights)
        self._landmarks = self._dlib.shape_predictor(str(landmarks))
        self._network = self._dlib.face_recognition_model_v1(str(embedding))
        self._known: dict[bytes, tuple[Any, NDArray[np.float64]]] = {}

    def cosine(
        self, before: NDArray[np.uint8], after: NDArray[np.uint8], eyes: list[list[int]]
    ) -> float:
        """Of two pictures (H, W, 3) of a face with these eye boxes."""
        if np.array_equal(before, after):
            return 1.0
        key = before.tobytes() + repr(eyes).encode()
        if key not in self._known:
            shape = self._landmarks(before, self._around(eyes))
            self._known[key] = shape, self._embedding(before, shape)
        shape, known = self._known[key]
        return float(np.clip(known @ self._embedding(after, shape), -1, 1))

    def _embedding(self, picture: NDArray[np.uint8], shape: Any) -> NDArray[np.float64]:
        chip = self._dlib.get_face_chip(picture, shape, *_CHIP)
        found = np.array(self._network.compute_face_descriptor(chip))
        return found / np.linalg.norm(found)

    def _around(self, eyes: list[list[int]]) -> Any:
        centers = np.array([[(a + c) / 2, (b + d) / 2] for a, b, c, d in eyes])
        distance = float(np.linalg.norm(centers[1] - centers[0]))
        x, y = centers.mean(axis=0)
        y += _FACE_BELOW * distance
        half = _FACE_SIDE * distance / 2
        return self._dlib.rectangle(*(round(v) for v in (x - half, y - half, x + half, y + half)))
