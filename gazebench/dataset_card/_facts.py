"""What both forms of the card say of a dataset."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gazebench import landmarks, plugins, weights
from gazebench.dataset import Domain, ImageFormat, Split
from gazebench.dataset_card._overview import Overview
from gazebench.errors import InputError

_ALIGNMENTS = {
    "none": "the largest centred square of the picture, not turned",
    "eyes": "turned, scaled and shifted so that both eyes lie where they lie on average in the "
    "released CelebGaze",
    "ffhq": "the oriented square of FFHQ (Karras et al. 2019), from eyes and mouth",
}
_SPLITS = {
    "identity": "by a hash of the person, or of the portrait where the person is unknown, into "
    "about {test_fraction:.3g} test; it does not move when portraits are added or labelled",
    "partition": "the source's own test partition is the test half, all else the train half",
    "paper": "chosen at random, as in Zhang et al. (2022), section IV-A: {test_y} portraits of "
    "domain Y and {test_x} of domain X, those with the lowest hash of seed {split_seed} and id, "
    "are the test half, except those in quarantine; one person may be in both halves",
}
_FLAGS = {  # settings that are flags of `gazebench build-dataset`; the others go by --set
    "resolution": "--res",
    "align": "--align",
    "landmarks": "--landmarks",
    "split": "--split",
    "image_format": "--image-format",
    "test_fraction": "--test-fraction",
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The card's numbers and sentences."""

    summary: str
    title: str  # of the source
    license: str
    version: str  # of gazebench
    recipe: int
    found: int  # source faces
    quarantined: dict[str, int]  # by reason
    settings: dict[str, Any]  # that are set; a nested one is named "table.key"
    encoding: str  # of the image files
    alignment: str
    padding: str  # what fills a square where it leaves the picture
    splitting: str
    landmarks: str
    least_eye_distance: float  # source pixels
    rows: list[tuple[str, list[int]]]  # half → portraits in X, in Y, in neither, all
    measures: dict[str, tuple[float, float, float]]  # 5 %, median, 95 %
    leaks: dict[str, int]  # what both halves share
    is_labelled: bool
    is_drawn: bool
    has_attributes: bool  # attributes.csv is in the dataset
    people: str
    rebuild: str  # command


def facts_of(dataset: Overview, info: Mapping[str, Any]) -> Facts:
    """The facts of a dataset and its ``dataset.json``.

    Raises:
        InputError: ``info`` lacks something that every dataset has.
    """
    try:
        settings = dict(_flat(info["settings"]))
        return Facts(
            summary=_summary(dataset, info["source_title"]),
            title=info["source_title"],
            license=info["license"],
            version=info["gazebench"],
            recipe=info["recipe"],
            found=info["counts"]["found"],
            quarantined=dict(info["counts"]["quarantined"]),
            settings=settings,
            encoding=_encoding(dataset.image_format, settings),
            alignment=_ALIGNMENTS.get(settings["align"]) or settings["align"],
            padding=info["padding"],
            splitting=_SPLITS.get(settings["split"], "").format(**settings) or settings["split"],
            landmarks=_finder(settings["landmarks"]),
            least_eye_distance=float(settings["min_eye_distance_source"]),
            rows=_rows(dataset.counts),
            measures=dict(dataset.spreads),
            leaks=dict(info["counts"]["leaks"]),
            is_labelled=any(domain for _, domain in dataset.counts),
            is_drawn=dataset.source == "drawn",
            has_attributes="attributes" in info,
            people=_people(dataset.source),
            rebuild=_rebuild(dataset.source, settings),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{dataset.root / 'dataset.json'}: damaged ({error!r}); "
            "run `gazebench build-dataset` again"
        ) from None


def plain(text: object, keep: str = "") -> str:
    """Text on one line, without characters that do not print; those of ``keep`` stay."""
    return "".join(c if c.isprintable() or c in keep else " " for c in str(text))


def escaped(text: object) -> str:
    """Text that Markdown shows as it is: no link, HTML or table cell begins within."""
    return re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", plain(text))


def _summary(dataset: Overview, title: str) -> str:
    side, (height, width) = dataset.resolution, dataset.window
    return (
        f"{dataset.portraits:,} aligned portraits of {side}x{side} pixels with two eye "
        f"boxes of {height}x{width} (height x width) each, made by gazebench from the "
        f'source "{plain(title)}", for gaze correction. Domain X looks at the camera, domain Y '
        "elsewhere."
    )


def _encoding(images: ImageFormat, settings: Mapping[str, Any]) -> str:
    match images:
        case ImageFormat.PNG:
            return "PNG"
        case ImageFormat.WEBP:
            return "lossless WebP"
        case ImageFormat.JPEG:
            return f"JPEG of quality {settings['jpeg_quality']}, chroma whole (4:4:4)"


def _finder(name: str) -> str:
    known = name in plugins.names(landmarks)
    model = landmarks.load(landmarks, name).model if known else ""
    if not model:
        return f"{name}: points that come with the source or were given"
    entry = weights.ENTRIES[model]
    return f"{name}, model {model} ({entry.license}), sha256 {entry.sha256}"


def _rows(
    counts: Mapping[tuple[Split | None, Domain | None], int],
) -> list[tuple[str, list[int]]]:
    domains = (Domain.CAMERA, Domain.AWAY, None)
    rows = [(str(split), [counts.get((split, d), 0) for d in domains]) for split in Split]
    every = [sum(n for (_, domain), n in counts.items() if domain == d) for d in domains]
    return [(name, [*cells, sum(cells)]) for name, cells in (*rows, ("all", every))]


def _people(source: str) -> str:
    if source == "drawn":
        return "None: every face is drawn by a program and shows nobody."
    return (
        "The pictures show faces of people, unless the source says that they do not exist. In "
        "many countries such a picture is personal data."
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _rebuild(source: str, settings: Mapping[str, Any]) -> str:
    left = dict(settings)
    masks = ["--write-masks"] if left.pop("write_masks", False) else []
    height, width = left.pop("window_height"), left.pop("window_width")
    words = [f"gazebench build-dataset SOURCE OUT --source-type {source}"]
    words.append(f"--window {height}x{width}")
    words += [
        f"{_FLAGS[key]} {value}" if key in _FLAGS else f"--set dataset.{key}={value}"
        for key, value in left.items()
    ]
    return plain(" \\\n  ".join([*words, *masks]), keep="\n")
