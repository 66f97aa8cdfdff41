"""``attributes.csv``: CelebA's forty attributes of the portraits, where the source lists them.

Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015: what annotators saw, 1 for yes
and -1 for no. In memory the attributes of a portrait are one integer: bit n is set for a yes to
``ATTRIBUTES[n]``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gazebench.dataset.files import csv_text
from gazebench.errors import InputError
from gazebench.reading import csv_rows

FILE = "attributes.csv"
_NAMES = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie
Young
"""
ATTRIBUTES = tuple(_NAMES.split())
COLUMNS = ("id", *ATTRIBUTES)
_VALUES = {"-1": 0, "1": 1}


def bits_of(words: Sequence[str]) -> int:
    """The integer for forty words, each "1" or "-1", in the order of ``ATTRIBUTES``.

    Raises:
        ValueError: a word is something else, or they are not forty.
    """
    if len(words) != len(ATTRIBUTES):
        raise ValueError(f"a line has {len(words)} attributes, expected {len(ATTRIBUTES)}")
    bits = 0
    for place, (name, word) in enumerate(zip(ATTRIBUTES, words, strict=True)):
        if word not in _VALUES:
            raise ValueError(f"{name} is {word!r}, expected 1 or -1")
        bits |= _VALUES[word] << place
    return bits


def attributes_csv(attributes: Mapping[str, int]) -> str:
    """Text of ``attributes.csv`` for attributes by portrait id, in the mapping's order."""
    return csv_text(COLUMNS, ((id_, *_cells(bits)) for id_, bits in attributes.items()))


def read_attributes(path: Path) -> dict[str, int]:
    """Attributes by portrait id; empty when there is no such file. One line is held at a time.

    Raises:
        InputError: damaged.
    """
    if not path.exists():
        return {}
    rows = csv_rows(path)
    try:
        if tuple(next(rows, (0, []))[1]) != COLUMNS:
            raise ValueError("its columns are not id and CelebA's forty attributes")
        return {id_: bits_of(words) for _, (id_, *words) in rows}
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: {error}; run the same command that made it again") from None


def _cells(bits: int) -> list[int]:
    return [1 if bits >> place & 1 else -1 for place in range(len(ATTRIBUTES))]
