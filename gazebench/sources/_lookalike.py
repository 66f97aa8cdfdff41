"""What a folder looks like that lacks a list or a name by which its dataset would be known."""

import re
from collections.abc import Iterable
from pathlib import Path

_CELEBA = re.compile(r"(list_\w+_celeba|identity_CelebA|CelebA-HQ-to-CelebA-mapping)\.(txt|csv)")
_NUMBERED = re.compile(r"[0-9]{6}\.(jpg|png)")
_LEAST = 5  # pictures whose names say something


def remarks(root: Path, names: Iterable[str]) -> list[str]:
    """Sentences that name the missing list and what is lost; ``names``: of some pictures."""
    return [*_celebgaze(root), *_celeba(root, [Path(name).name for name in names])]


def _celebgaze(root: Path) -> list[str]:
    folders = [name for name in ("0", "1") if (root / name).is_dir()]
    missing = [f"{name}.txt" for name in ("0", "1") if not (root / f"{name}.txt").is_file()]
    if len(folders) < 2 or not missing:
        return []
    return [
        f"this looks like CelebGaze without {' and '.join(missing)}: the labels X and Y, the eye "
        "points and the people are lost, so that people can be in both halves; put the lists "
        "beside the folders 0 and 1"
    ]


def _celeba(root: Path, names: list[str]) -> list[str]:
    lists = sorted(path.name for path in root.iterdir() if _CELEBA.fullmatch(path.name))
    if lists:
        return [
            f"{lists[0]} is here, but no folder img_align_celeba, img_celeba or CelebA-HQ-img: the "
            "list is not used, and people can be in both halves; give the pictures' folder the "
            "name that CelebA has for it"
        ]
    if len(names) < _LEAST or not all(_NUMBERED.fullmatch(name) for name in names):
        return []
    return [
        "the pictures are numbered like CelebA's (000001.jpg ...), but identity_CelebA.txt is not "
        "read for a plain folder, and people can be in both halves; call the folder "
        "img_align_celeba and put CelebA's lists beside it"
    ]
