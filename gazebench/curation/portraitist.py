"""What a worker does with one source face. The same code runs on any number of workers."""

import hashlib
from dataclasses import dataclass, replace

from PIL import Image

from gazebench import landmarks
from gazebench.curation import align
from gazebench.curation.duplicates import perceptual_hash
from gazebench.curation.encoding import encode, encode_mask, mask_file
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import Portrait, Split
from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.measures import Measures, of_portrait
from gazebench.dataset.pictures import PictureError, original, read_bytes
from gazebench.landmarks import FaceError, FoundFace, LandmarkFinder
from gazebench.sources import SourceFace

Files = tuple[tuple[str, bytes], ...]  # path below the dataset's folder, content


_FINE = 2  # pixels of a reduced picture for one of the portrait, along a side: nothing is lost


class _TooCoarseError(Exception):
    """A reduced picture shows too little of its face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOutcome:
    """What became of a source face: a portrait with its files, or the reason why not."""

    id: str
    name: str
    source_sha256: str = ""
    portrait: Portrait | None = None
    files: Files = ()
    reason: str = ""  # code of the quarantine list
    sentence: str = ""


class Portraitist:
    """Makes portraits. The landmark finder is loaded at first use, so in the worker.

    ``finder``: one that is there already, in place of that of the settings.
    """

    def __init__(self, settings: DatasetSettings, finder: LandmarkFinder | None = None) -> None:
        self.settings = settings
        self._finder = finder

    def __call__(self, face: SourceFace) -> BuildOutcome:
        """The outcome for one face; a picture that cannot be used never raises."""
        digest = ""
        try:
            data = read_bytes(face.path, face.member)
            digest = hashlib.sha256(data).hexdigest()
            return self._outcome(data, face, digest)
        except PictureError as error:
            return quarantined(face, error.code, str(error), digest)

    def _outcome(self, data: bytes, face: SourceFace, digest: str) -> BuildOutcome:
        """From a reduced copy of a large JPEG, where its face is large enough there."""
        most = self.settings.max_megapixels * 1_000_000
        is_free = face.eyes is None and face.box is None  # those are pixels of the whole picture
        source = original(data, face.name, most=most, reduced=is_free)
        try:
            return self.portray(source.on_black(), face, digest, source.note, source.scale)
        except _TooCoarseError:
            del source
            source = original(data, face.name, most=most)
            return self.portray(source.on_black(), face, digest, source.note)

    def portray(
        self,
        picture: Image.Image,
        face: SourceFace,
        digest: str = "",
        note: str = "",
        scale: int = 1,
    ) -> BuildOutcome:
        """The outcome for one face of a picture that was read.

        ``digest``: sha256 of its file; ``note``: what was not as it should be with that;
        ``scale``: by how much the picture is reduced.
        """
        try:
            portrait, files = self._portrait(picture, face, digest, note, scale)
        except FaceError as error:
            if scale > 1:  # a small one may be seen in the whole picture
                raise _TooCoarseError from None
            return quarantined(face, error.code, str(error), digest)
        except align.AlignmentError as error:
            return quarantined(face, "alignment_failed", str(error), digest)
        return BuildOutcome(
            id=face.id, name=face.name, source_sha256=digest, portrait=portrait, files=files
        )

    def _portrait(
        self, picture: Image.Image, face: SourceFace, digest: str, note: str, scale: int
    ) -> tuple[Portrait, Files]:
        found = self._find(picture, face)
        frame = align.square(
            self.settings.align or "none",
            picture.size,
            found.left_eye,
            found.right_eye,
            found.mouth,
        )
        if scale > 1 and frame.side < _FINE * self.settings.resolution:
            raise _TooCoarseError
        transform = frame.transform(self.settings.resolution)
        centers = [align.apply(transform, eye) for eye in (found.left_eye, found.right_eye)]
        boxes = self._boxes(centers)
        image = align.cut(picture, frame, self.settings.resolution)
        grey = image.convert("L")
        measures = of_portrait(grey, (centers[0], centers[1]), found.points)
        measures = replace(measures, outside=align.outside(frame, picture.size))
        self._filter(measures)
        data = encode(image, self.settings.image_format, self.settings.jpeg_quality)
        portrait = Portrait(
            id=face.id,
            source_name=face.name,
            identity=face.identity,
            split=assign_split(face, self.settings),
            left_eye=boxes[0],
            right_eye=boxes[1],
            left_center=centers[0],
            right_center=centers[1],
            transform=align.reduced(transform, scale),
            measures=measures,
            score=found.score,
            faces=found.faces,
            source_sha256=digest,
            sha256=hashlib.sha256(data).hexdigest(),
            phash=perceptual_hash(grey),
            note=note,
        )
        return portrait, self._files(portrait, data)

    def _files(self, portrait: Portrait, image: bytes) -> Files:
        files = ((self.settings.image_format.file(portrait.id), image),)
        if not self.settings.write_masks:
            return files
        mask = encode_mask(portrait.eyes, self.settings.resolution)
        return *files, (mask_file(portrait.id), mask)

    def _find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        if self._finder is None:
            self._finder = landmarks.load(landmarks, self.settings.landmarks)()
        found = self._finder.find(picture, face)
        least = self.settings.min_eye_distance_source
        if found.eye_distance < least:
            raise FaceError(
                "face_too_small", f"eyes {found.eye_distance:.1f} px apart, at least {least:g}"
            )
        return found

    def _boxes(self, centers: list[Point]) -> list[Box]:
        height, width = self.settings.window
        side = self.settings.resolution
        boxes = [Box.around(center, height, width) for center in centers]
        if not all(box.inside(side, side) for box in boxes):
            raise FaceError("window_out_of_frame", "an eye box reaches outside the portrait")
        if boxes[0].overlaps(boxes[1]):
            raise FaceError("windows_overlap", "the two eye boxes overlap")
        return boxes

    def _filter(self, measures: Measures) -> None:
        for name, limit in self.settings.filter.model_dump(exclude_none=True).items():
            side, _, measure = name.partition("_")
            value = getattr(measures, measure)
            if value is None:
                raise FaceError("not_measured", f"{name} asks for {measure}, which is not known")
            if (value < limit) if side == "min" else (_size(measure, value) > limit):
                bound = "at least" if side == "min" else "at most"
                raise FaceError(f"filter_{measure}", f"{measure} {value:.4g}, {bound} {limit:g}")


def _size(measure: str, value: float) -> float:
    return abs(value) if measure.endswith("_deg") else value


def quarantined(face: SourceFace, reason: str, sentence: str, digest: str = "") -> BuildOutcome:
    """The outcome of a face that cannot be used."""
    sentence = sentence.replace(str(face.path), face.name).removeprefix(f"{face.name}: ")
    return BuildOutcome(
        id=face.id, name=face.name, source_sha256=digest, reason=reason, sentence=sentence
    )


def assign_split(face: SourceFace, settings: DatasetSettings) -> Split:
    """The half a face belongs to; it depends on nothing but the face itself.

    ``identity``: a hash of the person (of the portrait's id where the person is unknown) below
    ``test_fraction`` means test. ``partition``: the source's own test partition. ``paper``: what
    the plan chose, see ``curation.paper_split``.
    """
    if settings.split != "identity":
        return Split.TEST if face.partition == "test" else Split.TRAIN
    person = f"person {face.identity}" if face.identity else f"portrait {face.id}"
    draw = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8], "big") / 2**64
    return Split.TEST if draw < settings.test_fraction else Split.TRAIN
