"""Photographs of any size: their faces as portraits, and what a method makes of them put back.

It uses `curation` to find and cut a face as a build does, and `methods`. Of the photograph only
pixels inside the rotated eye boxes change. Faces are cut as sRGB, and what a method makes of them
goes back in the photograph's own colours: grey stays grey, and colour profile, transparency and the
pixels under it are kept. Where nothing can be written in its colours, all of it becomes sRGB. All
other metadata is dropped.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gazebench import config, landmarks
from gazebench.curation.portraitist import BuildOutcome, Portraitist
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Portrait
from gazebench.dataset.batches import Batch, batch_of, to_arrays, to_float, to_uint8
from gazebench.dataset.boxes import eye_window
from gazebench.dataset.pictures import MAX_PIXELS, Original, decode, original, read_bytes
from gazebench.errors import InputError
from gazebench.landmarks import Edges, FaceDetector, FaceError, FoundFace, LandmarkFinder
from gazebench.methods import Task
from gazebench.photographs.moving import Frames, Mover
from gazebench.photographs.pasting import Window, paste
from gazebench.sources import SourceFace, text_name

Pixels = NDArray[np.uint8]
LONGEST = 1024  # side of a moving photograph, pixels
RESOLUTIONS = (256, 512, 1024)  # of the portraits that a method of any geometry is given
_FULL = 0.8  # portrait pixels to a photograph's, from which on nothing is lost


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph with the portraits of its faces."""

    original: Original
    portraits: tuple[Portrait, ...]  # N
    crops: Pixels  # (N, S, S, 3), the portraits' pixels, sRGB
    refused: Mapping[str, int]  # other faces that were looked at and cannot be used, by reason

    @property
    def pixels(self) -> Pixels:
        """(H, W, C) in its own colours: 3 channels, or 1 of grey."""
        return _channels(self.original.pixels)

    def batch(self, device: torch.device | str) -> Batch:
        """The portraits as a batch."""
        pixels = torch.from_numpy(self.crops).to(device).permute(0, 3, 1, 2)
        return batch_of(self.portraits, to_float(pixels.contiguous()))

    def batches(self, device: torch.device | str) -> Iterator[Batch]:
        """The portraits one by one: what a method makes of many faces takes much memory."""
        for number in range(len(self.portraits)):
            here = slice(number, number + 1)
            yield replace(self, portraits=self.portraits[here], crops=self.crops[here]).batch(
                device
            )

    def with_portraits(self, images: Iterable[Tensor]) -> "Original":
        """The photograph with what ``images`` (3, S, S), N of them, have in the eye boxes."""
        pixels = self.pixels.copy()
        for portrait, before, image in zip(self.portraits, self.crops, images, strict=True):
            pair = self._own(before), self._own(to_arrays(image))
            paste(pixels, portrait.transform, portrait.eyes, *pair)
        return replace(self.original, pixels=_image(pixels))

    def area(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of all eye boxes in the photograph, pixels."""
        size = self.original.pixels.size
        windows = (Window.of(eye, p.transform, size) for p in self.portraits for eye in p.eyes)
        edges = np.array([astuple(window.box) for window in windows if window])
        if not len(edges):
            return 0, 0, *size
        (left, top), (right, bottom) = edges[:, :2].min(0), edges[:, 2:].max(0)
        return int(left), int(top), int(right), int(bottom)

    def _own(self, crop: Pixels) -> Pixels:
        """A portrait's pixels in the photograph's colours, (S, S, C)."""
        mode = self.original.pixels.mode
        return _channels(self.original.colours.from_srgb(Image.fromarray(crop), mode))


def _channels(image: Image.Image) -> Pixels:
    values = np.asarray(image)
    return np.atleast_3d(values)


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


class Photographer:
    """Reads photographs and finds their faces, for a method of one geometry.

    ``task``: that geometry. None is for a method of any: a photograph's portraits are then the
    smallest of ``RESOLUTIONS`` that show its faces in full.
    ``max_megapixels``: of a photograph; one takes about 20 bytes of memory for each pixel
        (measured: a face found and looked at in 120 megapixels, 17 bytes).
    ``align`` and ``finder``: those of the dataset that the method was trained on, names as of
    ``build-dataset``.

    Raises:
        InputError: no such finder, or one that knows only listed eyes; no such ``align``, or a
            wrong ``max_megapixels``.
        MissingPartError: what the finder needs cannot be had.
    """

    def __init__(
        self,
        task: Task | None,
        *,
        align: str,
        finder: str,
        all_faces: bool = False,
        max_megapixels: int = MAX_PIXELS // 1_000_000,
    ) -> None:
        kind = landmarks.load(landmarks, finder)
        if not landmarks.detects(kind):
            raise InputError(f"--landmarks {finder}: finds no face; give dlib or face_alignment")
        kind.prepare()
        self.facts = {"align": align, "landmarks": finder, "all_faces": all_faces}
        self._all_faces = all_faces
        self._finder = _Remembering(kind)
        tasks = [task] if task else [Task(side, eye_window(side)) for side in RESOLUTIONS]
        settings = [_settings(task, align, finder, max_megapixels) for task in tasks]
        self.most = settings[0].max_megapixels * 1_000_000
        self._portray = [Portraitist(each, self._finder) for each in settings]

    def open(self, path: Path) -> Photograph:
        """The photograph at ``path`` with its largest face, or with all that can be used.

        Raises:
            PictureError: it cannot be read.
            FaceError: no face of it can be used; the code is that of the quarantine list.
        """
        found = original(read_bytes(path), text_name(path), most=self.most)
        picture = found.opaque()
        outcomes = self._outcomes(picture, self._faces(path, picture))
        made = [(o.portrait, o.files) for o in outcomes if o.portrait]
        refused = Counter(outcome.reason for outcome in outcomes if outcome.reason)
        if not made:
            reason, sentence = outcomes[0].reason, outcomes[0].sentence
            hint = "; --all-faces takes them all" if reason == "multiple_faces" else ""
            if len(outcomes) > 1:
                sentence = f"none of {len(outcomes)} faces can be used: {in_words(refused)}"
            raise FaceError(reason, f"{text_name(path)}: {sentence}{hint}")
        return Photograph(
            original=found.to_write(),
            portraits=tuple(portrait for portrait, _ in made),
            crops=np.stack([np.asarray(decode(files[0][1], text_name(path))) for _, files in made]),
            refused=refused,
        )

    def _outcomes(self, picture: Image.Image, faces: Sequence[SourceFace]) -> list[BuildOutcome]:
        """Portraits of the first resolution, or of the first that shows every face in full."""
        first, *finer = self._portray
        outcomes = [first.portray(picture, face) for face in faces]
        portraits = [outcome.portrait for outcome in outcomes if outcome.portrait]
        if finer and portraits:
            scale = min(math.hypot(*p.transform[:2]) for p in portraits) / RESOLUTIONS[0]
            enough = next((i for i, r in enumerate(RESOLUTIONS) if r * scale >= _FULL), -1)
            if enough:
                outcomes = [self._portray[enough].portray(picture, face) for face in faces]
        self._finder.forget()
        return outcomes

    def _faces(self, path: Path, picture: Image.Image) -> list[SourceFace]:
        face = SourceFace(id=text_name(path.stem), name=text_name(path), path=path)
        if not self._all_faces:
            return [face]
        boxes = (
            (x, y, right - x, bottom - y) for x, y, right, bottom in self._finder.look(picture)
        )
        return [replace(face, box=box) for box in boxes] or [face]


class _Remembering(LandmarkFinder):
    """A finder that looks once for each face, however many portraits are cut of it."""

    model = ""

    def __init__(self, kind: type[FaceDetector]) -> None:
        self._finder = kind()
        self._found: dict[SourceFace, FoundFace] = {}
        self._boxes: list[Edges] = []

    def find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        """The picture's face: that of a box that ``look`` gave, where there is one."""
        if face not in self._found:
            self._found[face] = self._look_up(picture, face)
        return self._found[face]

    def look(self, picture: Image.Image) -> list[Edges]:
        """Every face of the picture."""
        self._boxes = self._finder.boxes(picture)
        return self._boxes

    def forget(self) -> None:
        """Be ready for another picture."""
        self._found.clear()

    def _look_up(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        if face.box is None:
            return self._finder.find(picture, face)
        left, top, width, height = face.box
        box = left, top, left + width, top + height
        return self._finder.find_at(picture, box, len(self._boxes))


_WORDS = {  # of reasons of the quarantine list, for faces of one photograph
    "face_too_small": "too small",
    "alignment_failed": "too near the edge",
    "window_out_of_frame": "too near the edge",
    "landmark_invalid": "turned away",
    "windows_overlap": "turned away",
}


def in_words(refused: Mapping[str, int]) -> str:
    """How many faces cannot be used, and why: "13 too small, 1 turned away"."""
    counts: Counter[str] = Counter()
    for reason, number in refused.items():
        counts[_WORDS.get(reason, reason.replace("_", " "))] += number
    return ", ".join(f"{number} {words}" for words, number in counts.most_common())


def _settings(task: Task, align: str, finder: str, most: int) -> DatasetSettings:
    height, width = task.window
    values = {
        "resolution": task.resolution,
        "window_height": height,
        "window_width": width,
        "align": align,
        "landmarks": finder,
        "max_megapixels": most,
    }
    return config.build(DatasetSettings, values)


def animate(move: Mover, photograph: Photograph, *, device: torch.device | str) -> Frames:
    """Every moment of the photograph, reduced to at most 1024 pixels a side: (1, A, h, w, 3)."""
    with torch.no_grad():  # of each face (A, 3, S, S), at a quarter of the memory of floats
        faces = [to_uint8(move(batch)[0]).cpu() for batch in photograph.batches(device)]
    moments = [
        _reduced(photograph.with_portraits(to_float(image) for image in images))
        for images in zip(*faces, strict=True)
    ]
    return np.stack(moments)[None]


def _reduced(photograph: Original) -> Pixels:
    picture = photograph.on_black()
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)
