"""What the card counts: a dataset in numbers, without its portraits."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from gazebench.dataset import (
    Domain,
    Heading,
    Manifest,
    Split,
    fingerprint_of,
    manifest_lines,
    read_csv,
    read_heading,
    read_labels,
    sha256_of,
)
from gazebench.dataset.measures import Measures
from gazebench.errors import InputError

_MEASURES = tuple(field.name for field in fields(Measures))
_COLUMNS = ("id", "identity", "split", *_MEASURES)


class _Row(NamedTuple):
    """What is counted of a portrait."""

    id: str
    identity: str | None
    split: Split | None
    domain: Domain | None
    measures: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Overview(Heading):
    """A dataset in numbers."""

    portraits: int
    fingerprint: str
    manifest_sha256: str  # of the text of manifest.csv
    counts: Mapping[tuple[Split | None, Domain | None], int]
    spreads: Mapping[str, tuple[float, float, float]]  # of each measure: 5 %, median, 95 %
    has_unknown: bool  # a portrait of which nobody said who it is

    @classmethod
    def read(cls, root: Path) -> Self:
        """That of the dataset at ``root``; in memory are its labels and eight floats a portrait.

        Raises:
            InputError: the folder is not a finished dataset, or its files do not hold together.
        """
        heading, path = read_heading(root), root / "manifest.csv"
        labels = read_labels(root / "labels.csv")
        numbers = _Numbers(_rows(path, labels))
        return cls._of(heading, numbers, sha256_of(path))

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """That of portraits in memory, with their domains."""
        digest = hashlib.sha256()
        notes = any(p.note for p in manifest.portraits)
        for line in manifest_lines(manifest.portraits, notes=notes):
            digest.update(line.encode())
        numbers = _Numbers(
            _Row(
                p.id,
                p.identity,
                p.split,
                p.domain,
                tuple(getattr(p.measures, name) for name in _MEASURES),
            )
            for p in manifest.portraits
        )
        return cls._of(manifest, numbers, digest.hexdigest())

    @classmethod
    def _of(cls, heading: Heading, numbers: "_Numbers", digest: str) -> Self:
        return cls(
            **{field.name: getattr(heading, field.name) for field in fields(Heading)},
            portraits=numbers.counts.total(),
            fingerprint=fingerprint_of(heading, numbers.domains),
            manifest_sha256=digest,
            counts=numbers.counts,
            spreads=dict(_spreads(numbers.measures)),
            has_unknown=numbers.has_unknown,
        )


class _Numbers:
    """Rows, counted as they go by."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self.counts: Counter[tuple[Split | None, Domain | None]] = Counter()
        self.domains: list[tuple[str, Domain]] = []  # of labelled portraits
        self.measures = [array("d") for _ in _MEASURES]  # those that were measured
        self.has_unknown = False
        for row in rows:
            self.counts[row.split, row.domain] += 1
            self.has_unknown |= row.identity is None
            if row.domain:
                self.domains.append((row.id, row.domain))
            for column, value in zip(self.measures, row.measures, strict=True):
                if value is not None:
                    column.append(value)


def _rows(path: Path, labels: Mapping[str, str]) -> Iterator[_Row]:
    for line, row in read_csv(path, _COLUMNS):
        try:
            label = labels.get(row["id"])
            yield _Row(
                row["id"],
                row["identity"] or None,
                Split(row["split"]) if row["split"] else None,
                Domain(label) if label in set(Domain) else None,
                tuple(float(row[name]) if row[name] else None for name in _MEASURES),
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}, line {line}: {error}; build the dataset again") from None


def _spreads(columns: "Iterable[array[float]]") -> Iterator[tuple[str, tuple[float, float, float]]]:
    for name, values in zip(_MEASURES, columns, strict=True):
        if len(values) > 1:
            ordered = np.sort(np.frombuffer(values))
            yield name, (_twentieth(ordered, 1), _twentieth(ordered, 10), _twentieth(ordered, 19))


def _twentieth(ordered: np.ndarray[tuple[int], np.dtype[np.float64]], number: int) -> float:
    """As ``statistics.quantiles(n=20, method="inclusive")`` has it, to the last digit."""
    place, rest = divmod(number * (len(ordered) - 1), 20)
    low = float(ordered[place])
    high = float(ordered[min(place + 1, len(ordered) - 1)])
    return (low * (20 - rest) + high * rest) / 20
