"""CelebA's list of attributes, and the one that comes with CelebAMask-HQ in the same layout."""

from gazebench.dataset.attributes import ATTRIBUTES, bits_of
from gazebench.errors import InputError
from gazebench.sources import _lists

CELEBA = "list_attr_celeba.txt"
MASK_HQ = "CelebAMask-HQ-attribute-anno.txt"


def read(name: str, places: _lists.Places) -> dict[str, int]:
    """Attributes by picture name, see ``dataset.attributes``; empty when there is no such list.

    Raises:
        InputError: the list is damaged, or its columns are not the forty attributes.
    """
    path = _lists.find(name, *places)
    table: dict[str, int] = {}
    if path is None:
        return table
    for row in _lists.table(path, ATTRIBUTES, unnamed=1):
        try:
            bits = bits_of(row.values)
        except ValueError as error:
            raise InputError(f"{path}, line {row.line}: {error}") from None
        _lists.enter(table, row, bits, path)
    return table
