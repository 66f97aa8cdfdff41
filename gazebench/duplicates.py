"""Near-duplicates: portraits that show the same picture, by a perceptual hash.

The hash is the DCT hash of ``imagehash`` (its ``phash``) at 16x16 bits. Copies that were
recompressed, resized or brightened differ in up to about ten of its 256 bits, other pictures of
the same person in front of the same wall in thirty and more.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAR = 12  # bits of 256 that two hashes of one group may differ in
_SIDE = 64  # of the reduced picture whose frequencies are taken
_BANDS = 16  # of 16 bits: hashes that differ in fewer than 16 bits share at least one


def perceptual_hash(picture: Image.Image) -> str:
    """The picture's hash, 64 hex digits: which low frequencies are stronger than their median.

    Bit by bit that of ``imagehash``, which would load SciPy for it into every worker of a build.
    """
    grey = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    waves = _waves()
    low = waves @ np.asarray(grey, np.float64) @ waves.T  # (16, 16) of the DCT
    bits = np.packbits(low > np.median(low))
    return bits.tobytes().hex()


@functools.cache
def _waves() -> NDArray[np.float64]:
    """The first 16 rows of the DCT of type II, (16, 64)."""
    frequency, place = np.arange(16)[:, None], np.arange(_SIDE)
    return np.cos(math.pi * frequency * (2 * place + 1) / (2 * _SIDE))


def groups(hashes: Mapping[str, str]) -> dict[str, str]:
    """For each id that has a near-duplicate, the first id of its group; the others are left out.

    ``hashes``: id → hash. A group is closed: a look-alike of a look-alike belongs to it.
    """
    alike: dict[int, list[str]] = defaultdict(list)
    for id_ in sorted(hashes):
        alike[int(hashes[id_], 16)].append(id_)
    parent = {bits: bits for bits in alike}
    for a, b in _candidates(alike):
        if (a ^ b).bit_count() <= NEAR:
            parent[_root(parent, a)] = _root(parent, b)
    members: dict[int, list[str]] = defaultdict(list)
    for bits, ids in alike.items():
        members[_root(parent, bits)] += ids
    several = [(min(ids), ids) for ids in members.values() if len(ids) > 1]
    return {id_: first for first, ids in several for id_ in ids}


def _candidates(hashes: Iterable[int]) -> Iterator[tuple[int, int]]:
    hashes = list(hashes)
    for band in range(_BANDS):
        shelves: dict[int, list[int]] = defaultdict(list)
        for bits in hashes:
            shelves[bits >> (16 * band) & 0xFFFF].append(bits)
        for shelf in shelves.values():
            yield from combinations(shelf, 2)


def _root(parent: dict[int, int], bits: int) -> int:
    while parent[bits] != bits:
        parent[bits] = parent[parent[bits]]  # shorten the way for the next
        bits = parent[bits]
    return bits


def shared(groups_of_train: Iterable[str], groups_of_test: Iterable[str]) -> list[str]:
    """Keys that stand on both sides of a split, sorted; empty ones are no keys."""
    return sorted((set(groups_of_train) & set(groups_of_test)) - {""})
