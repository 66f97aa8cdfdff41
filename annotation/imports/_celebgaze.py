"""The lists of the released CelebGaze as labels: ``1.txt`` is domain X, ``0.txt`` domain Y."""

from pathlib import Path

from gazebench.annotation.imports._lines import Said, text_of
from gazebench.errors import InputError

FILES = {"1.txt": "X", "0.txt": "Y"}


def read(path: Path) -> list[Said]:
    """The names of both lists, or of the one that ``path`` is; what follows a name is not read."""
    paths = [path / name for name in FILES] if path.is_dir() else [path]
    missing = [p.name for p in paths if not p.is_file()]
    if missing:
        raise InputError(f"{path}: has no {' and no '.join(missing)}, so these are no lists of "
                         "CelebGaze; give a file")  # fmt: skip
    return [
        Said(name=words[0], vote=FILES[p.name], where=f"{p.name} line {line}")
        for p in paths
        for line, words in enumerate(map(str.split, text_of(p).splitlines()), 1)
        if words
    ]
