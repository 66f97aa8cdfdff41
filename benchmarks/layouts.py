"""Trees of real portraits in the layouts that the datasets were released in.

Folders, lists, sizes and file types are those of the releases. Each tree gets two files more that
no reader can take: half a JPEG and a web page saved as a picture. Eye points in the lists are
dlib's; photographs of one person share an identity.
"""

import functools
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gazebench import curation, landmarks, sources
from gazebench.annotation.labels import write_source_labels
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset import read_csv
from gazebench.dataset.boxes import Point, mean_point
from gazebench.landmarks import FaceError, eyes_of_68
from gazebench.sources import SourceFace

REPOSITORY = Path(__file__).parents[1]
DATA = REPOSITORY.parent / "shared" / "data"
DEMO = REPOSITORY / "gazebench" / "demo" / "portraits"
_CLOSE = (0.166, 0.153, 0.669)  # of the photographs, as near as CelebA-HQ shows its faces
_SPOILT = 2  # files of each tree that no reader can take
_TWINS = 5  # every so many pictures in the wild show two people
_PLACES = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


class Face(NamedTuple):
    """A portrait or photograph that a layout is made of."""

    path: Path
    person: int
    label: str = ""  # X or Y where it is known
    close: tuple[float, float, float] = (0, 0, 1)  # left, top and side of the face's own square

    def at(self, side: int, *, close: bool = False) -> Image.Image:
        """The square picture, or its face from close by, at a size."""
        with Image.open(self.path) as image:
            left, top, part = (value * image.width for value in self.close)
            box = (left, top, left + part, top + part) if close else None
            return image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS, box=box)


class Tree(NamedTuple):
    """A source on disk, and what its lists say by the file names of its pictures."""

    root: Path  # what to give to build-dataset
    pictures: int  # that a plan must find
    people: dict[str, str]
    labels: dict[str, str]


Maker = Callable[[Sequence[Face], Path], Tree]


def portraits(count: int) -> list[Face]:
    """Portraits of 512 px that voters put into X or Y, in turn; the demo's where no others are."""
    folder = DATA / "generated"
    if folder.is_dir():
        voted = {f"{id_}.jpg": label for id_, label in _agreed(folder / "votes.csv").items()}
        images = folder / "images"
    else:
        images = DEMO
        voted = {row["id"]: row["label"] for _, row in read_csv(DEMO / "labels.csv", ("label",))}
    sides = ([name for name in sorted(voted) if voted[name] == label] for label in "XY")
    names = filter(None, chain.from_iterable(zip_longest(*sides)))
    return [Face(images / n, int(Path(n).stem) + 1, voted[n]) for n in islice(names, count)]


def photographs(count: int) -> list[Face]:
    """Photographs of 1024 px, two of each person; the demo's portraits where there are none."""
    paths = sorted((DATA / "portraits_cc").glob("london_*/*.jpg"), key=lambda p: (p.stem, p))
    faces = [Face(path, int(path.stem[:3]), close=_CLOSE) for path in paths]
    return faces[:count] or [face._replace(label="") for face in portraits(count)]


def celeba(faces: Sequence[Face], root: Path) -> Tree:
    """CelebA as released: 178x218, ``Img/img_align_celeba`` and the three lists."""
    images = _folder(root / "Img" / "img_align_celeba")
    names = [f"{number:06}.jpg" for number in range(1, len(faces) + 1)]
    points: dict[str, list[Point]] = {}
    for name, face in zip(names, faces, strict=True):
        square = np.asarray(face.at(178))  # CelebA too has borders that mirror the picture
        image = Image.fromarray(np.pad(square, ((20, 20), (0, 0), (0, 0)), "reflect"))
        image.save(images / name, quality=95)
        points[name] = five_points(image)
    _write_points(root / "Anno" / "list_landmarks_align_celeba.txt", points)
    _spoil(images, images / names[0])
    return Tree(root, len(faces) + _SPOILT, _write_people(root, names, faces), {})


def celeba_zip(faces: Sequence[Face], root: Path) -> Tree:
    """The same with its pictures in ``Img/img_align_celeba.zip``."""
    tree = celeba(faces, root)
    images = root / "Img" / "img_align_celeba"
    with zipfile.ZipFile(images.with_suffix(".zip"), "w") as archive:
        for path in sorted(images.iterdir()):
            archive.write(path, f"{images.name}/{path.name}")
    rmtree(images)
    return tree


def celeba_wild(faces: Sequence[Face], root: Path) -> Tree:
    """CelebA in the wild: ``Img/img_celeba`` with a box for the person meant; some show two."""
    images = _folder(root / "Img" / "img_celeba")
    names = [f"{number:06}.jpg" for number in range(1, len(faces) + 1)]
    points: dict[str, list[Point]] = {}
    for index, (name, face) in enumerate(zip(names, faces, strict=True)):
        picture, at = face.at(512), 0
        points[name] = five_points(picture)
        if index % _TWINS == 0:
            at = 512 * (index // _TWINS % 2)  # the one meant stands left, then right
            picture = _side_by_side(picture, faces[index - 2].at(512), at)
        points[name] = [Point(p.x + at, p.y) for p in points[name]]
        picture.save(images / name, quality=92)
    boxes = [f"{name} {_head_box(found)}" for name, found in points.items() if found]
    _write(
        root / "Anno" / "list_bbox_celeba.txt", len(boxes), "image_id x_1 y_1 width height", *boxes
    )
    _write_points(root / "Anno" / "list_landmarks_celeba.txt", points)
    _spoil(images, images / names[0])
    return Tree(root, len(faces) + _SPOILT, _write_people(root, names, faces), {})


def celeba_hq(faces: Sequence[Face], root: Path) -> Tree:
    """CelebA-HQ: 1024 px, numbers of its own, people through the mapping to CelebA."""
    images = _folder(root / "CelebA-HQ-img")
    originals = [f"{number:06}.jpg" for number in range(len(faces), 0, -1)]
    for index, face in enumerate(faces):
        face.at(1024, close=True).save(images / f"{index}.jpg", quality=95)
    rows = (f"{index} {int(name[:6]) - 1} {name}" for index, name in enumerate(originals))
    _write(root / "CelebA-HQ-to-CelebA-mapping.txt", "idx orig_idx orig_file", *rows)
    people = _write_people(root, originals, faces)
    _spoil(images, images / "0.jpg")
    found = {f"{index}.jpg": people[name] for index, name in enumerate(originals)}
    return Tree(root, len(faces) + _SPOILT, found, {})


def celebgaze(faces: Sequence[Face], root: Path) -> Tree:
    """CelebGaze as released: 256 px, folder 1 for X and 0 for Y, a list of eyes for each."""
    lines: dict[str, list[str]] = {"1": [], "0": []}
    labels: dict[str, str] = {}
    for face in faces:
        folder, name, image = "1" if face.label == "X" else "0", f"p{face.person}-1", face.at(256)
        image.save(_folder(root / folder) / f"{name}.jpg", quality=95)
        if found := five_points(image):
            lines[folder].append(f"{name} {_words(found[:2])}")
            labels[f"{folder}/{name}.jpg"] = face.label
    for folder, bad in (("1", "half-1"), ("0", "page-1")):
        _write(root / f"{folder}.txt", *lines[folder], f"{bad} 98 120 158 120")
    some = next(iter((root / "1").iterdir()))
    _spoil(root / "1", some, page=root / "0")
    return Tree(root, len(labels) + _SPOILT, {}, labels)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A row of the table."""

    source: str  # name that it must be recognised by
    make: Maker
    of: Callable[[int], list[Face]] = portraits
    settings: dict[str, Any] = field(default_factory=dict)


LAYOUTS = {
    "CelebA": Layout(source="celeba", make=celeba),
    "CelebA, ZIP": Layout(source="celeba", make=celeba_zip),
    "CelebA, listed eyes": Layout(source="celeba", make=celeba, settings={"landmarks": "listed"}),
    "CelebA in the wild": Layout(source="celeba_wild", make=celeba_wild, of=photographs),
    "CelebA-HQ": Layout(source="celeba_hq", make=celeba_hq, of=photographs),
    "CelebGaze": Layout(source="celebgaze", make=celebgaze),
}


class Built(NamedTuple):
    """What became of a tree."""

    source: str
    found: int
    report: curation.BuildReport


def built(layout: Layout, tree: Tree, out: Path, resolution: int, *, workers: int) -> Built:
    """Build the dataset of a tree, with the labels of its source."""
    settings = DatasetSettings(resolution=resolution, **layout.settings)
    plan = curation.plan(sources, tree.root, settings, source=None, limit=None)
    report = curation.build(plan, out, workers=workers, overwrite=False, quiet=True)
    if labels := {face.id: face.label for face in plan.chosen if face.label}:
        write_source_labels(out, labels)
    return Built(plan.source, len(plan.faces), report)


@functools.cache
def _finder() -> Any:
    return landmarks.load(landmarks, "dlib")()


def five_points(image: Image.Image) -> list[Point]:
    """Eyes, nose and corners of the mouth; empty where dlib sees no face, or several."""
    try:
        found = _finder().find(image, SourceFace(id="0", name="0", path=Path()))
    except FaceError:
        return []
    points: list[Point] = list(found.points or ())
    return [*eyes_of_68(points)[:2], points[30], points[48], points[54]]


def _agreed(path: Path) -> dict[str, str]:
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for _, row in read_csv(path, ("id", "vote")):
        votes[row["id"]][row["vote"]] += 1
    first = {id_: count.most_common(1)[0] for id_, count in votes.items()}
    return {id_: vote for id_, (vote, times) in first.items() if times > 1 and vote in "XY"}


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _write(path: Path, *lines: object) -> None:
    _folder(path.parent)
    path.write_text("".join(f"{line}\n" for line in lines))


def _write_points(path: Path, points: Mapping[str, list[Point]]) -> None:
    rows = [f"{name}  {_words(found)}" for name, found in points.items() if found]
    _write(path, len(rows), " ".join(f"{p}_{axis}" for p in _PLACES for axis in "xy"), *rows)


def _write_people(root: Path, names: Sequence[str], faces: Sequence[Face]) -> dict[str, str]:
    people = {name: str(face.person) for name, face in zip(names, faces, strict=True)}
    _write(root / "Anno" / "identity_CelebA.txt", *(f"{n} {p}" for n, p in people.items()))
    parts = (f"{name} {int(person) % 3}" for name, person in people.items())
    _write(root / "Eval" / "list_eval_partition.txt", *parts)
    return people


def _words(points: Iterable[Point]) -> str:
    return " ".join(f"{round(p.x)} {round(p.y)}" for p in points)


def _head_box(points: Sequence[Point]) -> str:
    middle, wide = mean_point(list(points)), abs(points[1].x - points[0].x)
    left, top = middle.x - 1.5 * wide, middle.y - 2 * wide
    return f"{round(left)} {round(top)} {round(3 * wide)} {round(4 * wide)}"


def _side_by_side(meant: Image.Image, other: Image.Image, at: int) -> Image.Image:
    both = Image.new("RGB", (1024, 512))
    both.paste(meant, (at, 0))
    both.paste(other, (512 - at, 0))
    return both


def _spoil(folder: Path, picture: Path, page: Path | None = None) -> None:
    data = picture.read_bytes()
    is_numbered = picture.stem.isdigit()
    half, web = ("900001.jpg", "900002.jpg") if is_numbered else ("half-1.jpg", "page-1.jpg")
    (folder / half).write_bytes(data[: len(data) // 2])
    ((page or folder) / web).write_text("<html><body>404</body></html>")
