"""What is counted and hashed while the portraits of a dataset go by."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from gazebench.dataset import ImageFormat, Portrait, Split
from gazebench.dataset.intact import Tree


class Leaks:
    """How many people, source files and groups of near-duplicates are in both halves.

    Each is held as eight bytes of its digest: in 100 million portraits two that differ are taken
    for one with a chance below 0.1 %.
    """

    def __init__(self) -> None:
        self._halves = {
            name: (array("Q"), array("Q"))
            for name in ("identities", "exact duplicates", "near-duplicates")
        }

    def add(self, portrait: Portrait) -> None:
        """Note what a portrait may share."""
        is_test = portrait.split == Split.TEST
        keys = portrait.identity, portrait.source_sha256, portrait.near_duplicate
        for halves, key in zip(self._halves.values(), keys, strict=True):
            if key:
                halves[is_test].append(short_digest(key))

    def counts(self) -> dict[str, int]:
        """How many are in both halves."""
        return {
            name: len(
                np.intersect1d(np.frombuffer(train, np.uint64), np.frombuffer(test, np.uint64))
            )
            for name, (train, test) in self._halves.items()
        }


class Tally:
    """The tree and the leaks of portraits, and how many are in the test half."""

    def __init__(self, images: ImageFormat) -> None:
        self.test = 0
        self.tree = Tree(images)
        self.leaks = Leaks()

    def of(self, portraits: Iterable[Portrait]) -> Iterator[Portrait]:
        """The portraits, counted as they go by."""
        for portrait in portraits:
            self.test += portrait.split == Split.TEST
            self.tree.add(portrait)
            self.leaks.add(portrait)
            yield portrait


def short_digest(text: str) -> int:
    """Sixty-four bits of a digest of a text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")
