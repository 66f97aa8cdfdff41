"""CelebGaze as its authors released it: folders ``0`` and ``1`` with their lists.

Zhang et al., Dual In-painting Model for Unsupervised Gaze Correction and Animation in the Wild,
ACM MM 2020; Zhang et al., Unsupervised High-Resolution Portrait Gaze Correction and Animation,
IEEE TIP 2022. Folder 1 is domain X, folder 0 is Y; a line is ``NAME xL yL xR yR``, the eye
centres in pixels of the picture.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gazebench.dataset import pictures
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _lists, safe_ids, text_name

_FOLDERS = {"X": "1", "Y": "0"}
_TEST = {"X": 100, "Y": 300}  # pictures at the end of a list that the released code tests on
_ENDINGS = (".jpg", ".jpeg", ".png")
_SLUG = re.compile(r"(.+)-[0-9]+")
_SHOWN = 3
_Eyes = tuple[Point, Point]


class CelebGaze(Source):
    """The listed pictures of both domains, with their eye centres, domain and released split.

    The id of a portrait is its name; a name that both domains have becomes ``X-NAME`` and
    ``Y-NAME``. A person is the name without its final number, which is a guess.
    """

    title = "CelebGaze as released"
    layout = (
        "a folder with `0/ 1/ 0.txt 1.txt`; its eye points and X/Y labels are used, `--split "
        "partition` is its own test split"
    )
    license = "no terms published; CelebA's are bundled: non-commercial research only"
    alignment = "none"
    landmarks = "listed"
    order = 4

    def __init__(self, root: Path) -> None:
        self._root = root
        self._domains = [_read(root, label) for label in _FOLDERS]
        self._faces = _faces(self._domains)
        if not self._faces:
            raise InputError(f"{root}: no picture of 0.txt or 1.txt is in the folders 0 and 1")

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder with ``0``, ``1``, ``0.txt`` and ``1.txt``."""
        folders = _FOLDERS.values()
        return all((root / f).is_dir() and (root / f"{f}.txt").is_file() for f in folders)

    def faces(self) -> Iterator[SourceFace]:
        """One face per listed name whose picture is there."""
        yield from self._faces

    def twins(self) -> list[tuple[str, str]]:
        """Ids of the two portraits of each name that both domains have."""
        by_name: dict[str, list[str]] = {}
        for face in self._faces:
            by_name.setdefault(face.path.stem, []).append(face.id)
        return [(ids[0], ids[1]) for ids in by_name.values() if len(ids) == 2]

    def remarks(self) -> list[str]:
        """Size and windows, faults of the lists, and what was inferred."""
        return [*self._remarks_on_size(), *self._remarks_on_lists(), *self._remarks_on_people()]

    def _remarks_on_size(self) -> list[str]:
        path = self._faces[0].path
        try:
            width, height = pictures.read_picture(path).size
        except pictures.PictureError:
            return []  # the build will quarantine it and say why
        windows = " (eye boxes 30x50 in the papers, 40x60 in the released weights)"
        remark = f"the first picture, {path.name}, is {width}x{height}: build with --res {width}"
        return [remark + (windows if width == 256 else "")]

    def _remarks_on_lists(self) -> list[str]:
        x, y = self._domains
        both = [name for name in x.eyes if name in y.eyes]
        found = {"names in both domains, taken as X-NAME and Y-NAME and kept in one half": both}
        for domain in self._domains:
            listed = f"{domain.folder}.txt"
            repeated = [name for name, count in Counter(domain.lines).items() if count > 1]
            found[f"names twice in {listed}, taken once"] = repeated
            found[f"names of {listed} without a picture, left out"] = domain.missing
            found[f"pictures of {domain.folder}/ not in {listed}, left out"] = domain.unlisted
        remarks = [f"{len(n):,} {what}: {_first(n)}" for what, n in found.items() if n]
        if (self._root / "masks").is_dir():
            remarks.append("masks/ is not read: eye boxes are placed around the listed centres")
        return remarks

    def _remarks_on_people(self) -> list[str]:
        people = {part: _people(self._faces, part) for part in ("train", "test")}
        both = people["train"].keys() & people["test"].keys()
        shared, tested = sum(people["test"][p] for p in both), people["test"].total()
        return [
            "identities are inferred: the name before its number is taken for the person "
            "(anna-lee-2 is anna-lee)",
            f"released split (--split partition): {shared} of {tested} test pictures show a person "
            "who is in the training half too; the split by identity keeps people apart",
        ]


@dataclass(frozen=True, kw_only=True)
class _Domain:
    label: str
    folder: str
    lines: list[str]  # names in the order of the list, repeated ones too
    eyes: dict[str, _Eyes]
    paths: dict[str, Path]  # of the pictures in the folder, by name

    @property
    def missing(self) -> list[str]:
        return [name for name in self.eyes if name not in self.paths]

    @property
    def unlisted(self) -> list[str]:
        return [path.name for name, path in self.paths.items() if name not in self.eyes]

    @cached_property
    def tested(self) -> set[str]:
        # the released code leaves out lines without a picture before it counts from the end
        return set([name for name in self.lines if name in self.paths][-_TEST[self.label] :])


class _Named(NamedTuple):
    domain: _Domain
    name: str  # as the list has it

    def face(self, id_: str) -> SourceFace:
        path, person = self.domain.paths[self.name], _SLUG.fullmatch(self.name)
        return SourceFace(
            id=id_,
            name=f"{self.domain.folder}/{text_name(Path(path.name))}",
            path=path,
            identity=person[1] if person else None,
            partition="test" if self.name in self.domain.tested else "train",
            eyes=self.domain.eyes[self.name],
            label=self.domain.label,
        )


def _read(root: Path, label: str) -> _Domain:
    folder = _FOLDERS[label]
    path = root / f"{folder}.txt"
    lines: list[str] = []
    eyes: dict[str, _Eyes] = {}
    for line, (name, *texts) in _lists.rows(path, 5, more=True):
        x1, y1, x2, y2 = (_lists.integer(text, path, line) for text in texts)
        _lists.put(eyes, name, (Point(x1, y1), Point(x2, y2)), path, line)
        lines.append(name)
    pictures = _pictures(root / folder)
    return _Domain(label=label, folder=folder, lines=lines, eyes=eyes, paths=pictures)


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; CelebGaze has 0, 1, 0.txt and 1.txt")
    shown = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    paths: dict[str, Path] = {}
    for path in shown:
        if path.suffix.lower() in _ENDINGS and paths.setdefault(path.stem, path) != path:
            both = f"both {paths[path.stem].name} and {path.name}"
            raise InputError(f"{folder}: has {both}; the list names pictures without an ending")
    return paths


def _faces(domains: list[_Domain]) -> list[SourceFace]:
    x, y = domains
    both = x.eyes.keys() & y.eyes.keys()
    named: dict[str, _Named] = {}  # a slash keeps X/NAME apart from any name
    for domain in domains:
        for name in domain.eyes.keys() & domain.paths.keys():
            key = domain.paths[name].name
            named[f"{domain.label}/{key}" if name in both else key] = _Named(domain, name)
    ids = safe_ids(named)
    return [named[key].face(ids[key]) for key in sorted(named, key=lambda k: ids[k])]


def _people(faces: Iterable[SourceFace], part: str) -> Counter[str]:
    return Counter(f.identity for f in faces if f.identity and f.partition == part)


def _first(names: Iterable[str]) -> str:
    names = sorted(names)
    more = " ..." if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
