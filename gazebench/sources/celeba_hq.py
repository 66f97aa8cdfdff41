"""CelebA-HQ as it comes with CelebAMask-HQ: ``CelebA-HQ-img`` and its mapping to CelebA.

Karras et al., Progressive Growing of GANs, ICLR 2018; Lee et al., MaskGAN, CVPR 2020. The
pictures are 1024x1024; identities, partitions and attributes come from CelebA's own lists by the
mapping, attributes else from the list that comes with CelebAMask-HQ.
"""

from collections.abc import Iterator
from pathlib import Path

from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _attributes, _lists, celeba, text_name

_FOLDER = "CelebA-HQ-img"
_MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"


class CelebAHQ(Source):
    """The 30,000 pictures of CelebA-HQ, by their numbers."""

    title = "CelebA-HQ"
    license = "CelebA agreement: non-commercial research, no redistribution"
    alignment = "none"
    order = 20

    def __init__(self, root: Path) -> None:
        self._images = root if celeba.is_named(root, _FOLDER) else root / _FOLDER
        if not celeba.pictures(self._images):
            raise InputError(f"{self._images}: holds no pictures 0.jpg, 1.jpg, ...")
        places = [*celeba.list_folders(root), self._images]
        self._original = _read_mapping(_lists.find(_MAPPING, *places))
        self._identities = celeba.read_identities(places)
        self._partitions = celeba.read_partitions(places)
        self._attributes = _attributes.read(_attributes.CELEBA, places)
        self._own_attributes = _attributes.read(_attributes.MASK_HQ, places)

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder named ``CelebA-HQ-img``, or one that holds it."""
        return celeba.is_named(root, _FOLDER) or (root / _FOLDER).is_dir()

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture."""
        for id_, path in celeba.numbered(self._images):
            original = self._original.get(path.stem, "")
            yield SourceFace(
                id=id_,
                name=text_name(Path(path.name)),
                path=path,
                identity=self._identities.get(original),
                partition=self._partitions.get(original),
                attributes=self._attributes.get(original, self._own_attributes.get(path.stem)),
            )

    def remarks(self) -> list[str]:
        """Which lists are missing."""
        if not self._original:
            return [f"{_MAPPING} not found: identities and partitions of CelebA cannot be used"]
        return celeba.missing_lists(self._identities, self._partitions)


def _read_mapping(path: Path | None) -> dict[str, str]:
    table: dict[str, str] = {}
    if path is None:
        return table
    for line, index, (_, original) in _lists.table(path, ("orig_idx", "orig_file")):
        number = str(_lists.integer(index, path, line))
        _lists.put(table, number, _lists.picture_name(original), path, line)
    return table
