"""CelebA-HQ at any size: as it comes with CelebAMask-HQ, resized, or as StarGAN v2 divides it.

Karras et al., Progressive Growing of GANs, ICLR 2018; Lee et al., MaskGAN, CVPR 2020; Choi et al.,
StarGAN v2, CVPR 2020. Identities, partitions and attributes come from CelebA's own lists: by the
mapping of CelebAMask-HQ, whose numbers the resized copies have too (``celeba_hq_256/00000.jpg``),
or, where StarGAN v2's folders ``train/male`` ... are, by the pictures' own names, which are
CelebA's. Known duplicates and pictures that are not aligned: `_known`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gazebench.dataset.attributes import ATTRIBUTES
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _attributes, _known, _lists, celeba, safe_ids
from gazebench.sources import text_name as text_of

_FOLDER = "CelebA-HQ-img"
_MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
_NAME = re.compile(
    r"celeba[-_ ]?(mask)?[-_ ]?hq([-_ ]?(imgs?|images?))?([-_ ]?[0-9]+(x[0-9]+)?)?", re.IGNORECASE
)
_HALVES = {"train": "train", "val": "test"}  # StarGAN v2 evaluates on its val
_SEXES = ("female", "male")
_MALE = 1 << ATTRIBUTES.index("Male")
_AGREED = 0.9  # share of pictures whose folder and attribute must agree


class _Picture(NamedTuple):
    path: Path
    name: str
    original: str  # CelebA's name of it, "" unknown
    half: str | None = None
    is_male: bool | None = None


class CelebAHQ(Source):
    """The 30,000 pictures of CelebA-HQ, by their numbers."""

    title = "CelebA-HQ"
    layout = (
        "`CelebAMask-HQ/`, a resized copy such as `celeba_hq_256/`, or StarGAN v2's "
        "`celeba_hq/train/male/` ...; people through the mapping to CelebA and its lists"
    )
    license = "CelebA agreement: non-commercial research, no redistribution"
    alignment = "none"
    order = 20

    def __init__(self, root: Path) -> None:
        self._divided = _divided(root)
        self._images = root if self._divided else _images(root) or root / _FOLDER
        places = [*celeba.list_folders(root), self._images]
        self._mapping = _read_mapping(_lists.find(_MAPPING, *places))
        self._pictures = list(self._found())
        if not self._pictures:
            raise InputError(f"{self._images}: holds no pictures 0.jpg, 1.jpg, ...")
        self._identities = celeba.read_identities(places)
        self._partitions = celeba.read_partitions(places)
        self._attributes = _attributes.read(_attributes.CELEBA, places)
        self._own_attributes = _attributes.read(_attributes.MASK_HQ, places)
        self._misnamed = self._disagreement()

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder named ``CelebA-HQ-img``, ``celeba_hq_256`` or so, or one that holds it."""
        is_whole = celeba.is_named(root, _FOLDER) or (root / _FOLDER).is_dir()
        return is_whole or _divided(root) or _images(root) is not None

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture."""
        ids = _ids(self._pictures)
        for picture in sorted(self._pictures, key=lambda p: ids[p.name]):
            listed = "" if self._misnamed else picture.original
            own = "" if self._divided else _lists.picture_name(f"{_number(picture.path)}.jpg")
            yield SourceFace(
                id=ids[picture.name],
                name=picture.name,
                path=picture.path,
                identity=self._identities.get(listed),
                partition=picture.half or self._partitions.get(listed),
                attributes=self._attributes.get(listed, self._own_attributes.get(own)),
            )

    def twins(self) -> list[tuple[str, str]]:
        """Ids of pictures that are one picture twice, see ``_known``."""
        return [] if self._divided else _known.twins(self._by_number())

    def remarks(self) -> list[str]:
        """Which lists are missing, and what is known of the pictures."""
        if self._misnamed:
            return [self._misnamed]
        if self._divided:
            remarks = ["--split partition takes val/ as the test half"]
            lists = celeba.missing_lists(self._identities, self._partitions)
            return [*remarks, *(remark for remark in lists if "partition" not in remark)]
        known = _known.remarks(self._by_number())
        if not self._mapping:
            return [
                f"{_MAPPING} not found: identities and partitions of CelebA cannot be used, and "
                "people can be in both halves; it comes with CelebAMask-HQ",
                *known,
            ]
        return [*celeba.missing_lists(self._identities, self._partitions), *known]

    def _by_number(self) -> dict[int, str]:
        ids = _ids(self._pictures)
        numbers = ((_number(picture.path), ids[picture.name]) for picture in self._pictures)
        return {int(number): id_ for number, id_ in numbers if number.isdecimal()}

    def _found(self) -> Iterator[_Picture]:
        if not self._divided:
            for path in celeba.pictures(self._images):
                yield _Picture(path, _name(path), self._mapping.get(_number(path), ""))
            return
        for half in _HALVES:
            for sex in _SEXES:
                for path in celeba.pictures(self._images / half / sex):
                    original = _lists.picture_name(path.name)
                    name = f"{half}/{sex}/{_name(path)}"
                    yield _Picture(path, name, original, _HALVES[half], sex == "male")

    def _disagreement(self) -> str:
        """A sentence where names that should be CelebA's are not, so that no list may be used."""
        checked = [
            bool(self._attributes[picture.original] & _MALE) == picture.is_male
            for picture in self._pictures
            if picture.is_male is not None and picture.original in self._attributes
        ]
        if not checked or sum(checked) >= _AGREED * len(checked):
            return ""
        return (
            f"the names are not CelebA's: {len(checked) - sum(checked):,} of {len(checked):,} "
            "pictures stand under male/ or female/ and list_attr_celeba.txt says otherwise; no "
            "list is used, and people can be in both halves"
        )


def _divided(root: Path) -> bool:
    return any((root / half / sex).is_dir() for half in _HALVES for sex in _SEXES)


def _images(root: Path) -> Path | None:
    """The folder of pictures: ``root`` or the one in it that is named for CelebA-HQ."""
    if not root.is_dir():
        return None
    here = [root] if _NAME.fullmatch(celeba.name_of(root)) else []
    inner = sorted(path for path in root.iterdir() if _NAME.fullmatch(path.name))
    return next((path for path in [*here, *inner] if path.is_dir() and celeba.pictures(path)), None)


def _ids(pictures: list[_Picture]) -> dict[str, str]:
    """Ids by name: the file's own name, with its folders only where that is not unique."""
    short = {_name(picture.path): picture.name for picture in pictures}
    if len(short) == len(pictures):
        return {short[name]: id_ for name, id_ in safe_ids(short).items()}
    return safe_ids(picture.name for picture in pictures)


def _name(path: Path) -> str:
    return text_of(Path(path.name))


def _number(path: Path) -> str:
    """The number that a picture is called by, without zeros in front."""
    stem = path.stem
    return str(int(stem)) if stem.isascii() and stem.isdecimal() and len(stem) < 10 else stem


def _read_mapping(path: Path | None) -> dict[str, str]:
    table: dict[str, str] = {}
    if path is None:
        return table
    for line, index, (_, original) in _lists.table(path, ("orig_idx", "orig_file")):
        number = str(_lists.integer(index, path, line))
        _lists.put(table, number, _lists.picture_name(original), path, line)
    return table
