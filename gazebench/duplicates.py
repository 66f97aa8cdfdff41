"""Near-duplicates: portraits that show the same picture, by a perceptual hash.

The hash is ``imagehash``'s DCT hash at 16x16 bits. Copies that were recompressed, resized or
brightened differ in up to about ten of its 256 bits, other pictures of the same person in front
of the same wall in thirty and more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from PIL import Image

NEAR = 12  # bits of 256 that two hashes of one group may differ in
_BANDS = 16  # of 16 bits: hashes that differ in fewer than 16 bits share at least one


def perceptual_hash(picture: Image.Image) -> str:
    """The picture's hash, 64 hex digits."""
    import imagehash

    return str(imagehash.phash(picture, hash_size=16))


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
