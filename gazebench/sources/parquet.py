"""Parquet tables with a column of pictures, as Hugging Face's datasets are handed on.

A picture is a struct of ``bytes`` and ``path``, or bytes. Nothing but the small columns is read to
plan a build; a worker holds one row group of pictures at a time. Needs pyarrow (extra ``export``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gazebench.dataset.attributes import ATTRIBUTES, bits_of
from gazebench.dataset.containers import PARQUET, check_groups, parquet_file, pyarrow
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, safe_ids, text_name

_PEOPLE = ("identity", "celeb_id", "person", "person_id", "subject_id")
_HALVES = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
_PICTURES = ("image", "img", "picture", "jpg", "png")
_ROWS = 1000  # small cells that are held at once


class Parquet(Source):
    """One face per row; people and CelebA's attributes where there are such columns."""

    title = "Parquet tables of pictures"
    layout = (
        "a `.parquet` file, or a folder of them (Hugging Face), with a column of pictures; people "
        "from a column such as `identity` or `celeb_id`; needs `pip install 'gazebench[export]'`"
    )
    license = "unknown: see the terms of the pictures"
    alignment = "ffhq"
    order = 40

    def __init__(self, root: Path) -> None:
        self._files = _tables(root)
        self._has_people = False
        for path in self._files:
            file = parquet_file(path)
            schema, column = file.schema_arrow, _picture_column(file.schema_arrow)
            if column is None:
                raise InputError(
                    f"{path}: has no column of pictures (bytes, or a struct of bytes and path); "
                    f"it has: {', '.join(schema.names)}"
                )
            check_groups(path, file, column)
            self._has_people = self._has_people or any(name in schema.names for name in _PEOPLE)

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A Parquet file, or a folder that has some, there or in ``data/``."""
        return bool(_tables(root))

    def faces(self) -> Iterator[SourceFace]:
        """One face per row, in the order of the rows."""
        ids = safe_ids(path.name for path in self._files)
        for path in self._files:
            yield from self._faces_of(path, ids[path.name])

    def remarks(self) -> list[str]:
        """Whether people are known."""
        if self._has_people:
            return []
        return [
            "identities are unknown: there is no column "
            f"{' or '.join(_PEOPLE[:3])}, so that people can be in both halves"
        ]

    def _faces_of(self, path: Path, called: str) -> Iterator[SourceFace]:
        file = parquet_file(path)
        picture = str(_picture_column(file.schema_arrow))
        columns = _small_columns(file.schema_arrow)
        half = _HALVES.get(path.name.split("-")[0].split(".")[0])
        number = 0
        for group in range(file.num_row_groups):
            row = 0
            rows = file.metadata.row_group(group).num_rows
            for values in _cells(file, group, columns, rows):
                person = next((values[n] for n in _PEOPLE if values.get(n) is not None), None)
                yield SourceFace(
                    id=f"{called}-{number:06}",
                    name=f"{text_name(Path(path.name))}/{number:06}",
                    path=path,
                    member=f"{picture}@{group}:{row}",
                    identity=None if person is None else str(person),
                    partition=half,
                    attributes=_bits(values),
                )
                number, row = number + 1, row + 1


def _tables(root: Path) -> list[Path]:
    if root.is_file():
        return [root] if root.suffix.lower() == PARQUET else []
    for place in (root, root / "data"):
        found = [p for p in sorted(place.glob(f"*{PARQUET}")) if p.is_file()]
        if found:
            return found
    return []


def _picture_column(schema: Any) -> str | None:
    """The column of pictures: by its type, and its name where several have it."""
    types = pyarrow().types
    found = [
        field.name
        for field in schema
        if (types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0)
        or types.is_binary(field.type)
        or types.is_large_binary(field.type)
    ]
    named = [name for name in found if name.lower() in _PICTURES]
    return next(iter(named or found), None)


def _small_columns(schema: Any) -> list[str]:
    return [name for name in (*_PEOPLE, *ATTRIBUTES) if name in schema.names]


def _cells(file: Any, group: int, columns: list[str], rows: int) -> Iterator[dict[str, Any]]:
    if not columns:
        yield from ({} for _ in range(rows))
        return
    batches = file.iter_batches(_ROWS, row_groups=[group], columns=columns, use_threads=False)
    for batch in batches:
        yield from batch.to_pylist()


def _bits(values: dict[str, Any]) -> int | None:
    words = ["1" if values.get(name) in (1, True) else "-1" for name in ATTRIBUTES]
    return bits_of(words) if all(values.get(name) is not None for name in ATTRIBUTES) else None
