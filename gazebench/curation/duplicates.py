"""Near-duplicates: portraits that show the same picture, by a perceptual hash.

The hash is the DCT hash of ``imagehash`` (its ``phash``) at 16x16 bits. Copies that were
recompressed, resized or brightened differ in up to about ten of its 256 bits, other pictures of
the same person in front of the same wall in thirty and more.
"""

import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAR = 12  # bits of 256 that two hashes of one group may differ in
_SIDE = 64  # of the reduced picture whose frequencies are taken
_BANDS = 16  # of 16 bits: hashes that differ in fewer than 16 bits share at least one
_SIZE = 32  # bytes of a hash
_BLOCK = 1 << 15  # hashes that are compared at once: they stay in the cache

_Words = NDArray[np.uint64]
_Indices = NDArray[np.int32]


def perceptual_hash(picture: Image.Image) -> str:
    """The picture's hash, 64 hex digits: which low frequencies are stronger than their median.

    Equal to that of ``imagehash`` bit for bit, which would load SciPy into every worker of a build.
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


def from_hex(texts: Iterable[str]) -> NDArray[np.uint8]:
    """Hashes of 64 hex digits as an array, (N, 32)."""
    data = bytearray()
    for text in texts:
        data += bytes.fromhex(text)
    return np.frombuffer(data, np.uint8).reshape(-1, _SIZE)


def groups(hashes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """For each hash the index of the first one of its group, (N,); its own where it is alone.

    ``hashes``: (N, 32). A group is closed: a look-alike of a look-alike belongs to it. Besides the
    hashes it takes some 60 bytes for each; the time of comparing grows with N squared.
    """
    words = np.ascontiguousarray(hashes).view(np.uint64)  # (N, 4)
    first = np.arange(len(words), dtype=np.int32)  # points at an earlier one of the same group
    distinct = _collapse(words, first)
    for band in range(_BANDS):
        _compare_band(words, distinct, band, first)
    return _roots(first, first)


def _collapse(words: _Words, first: _Indices) -> _Indices:
    """Point equal hashes at the first of them; the indices of those."""
    order = np.lexsort(words.T)  # stable: of equal ones the first stays the first
    begins = np.ones(len(order) + 1, bool)
    for at in range(1, len(order), _BLOCK):
        some = words[order[at - 1 : at + _BLOCK]]
        begins[at : at + len(some) - 1] = (some[1:] != some[:-1]).any(axis=1)
    distinct = order[begins[:-1]]
    first[order] = np.repeat(distinct, np.diff(np.flatnonzero(begins)))
    return np.sort(distinct).astype(np.int32)


def _compare_band(words: _Words, distinct: _Indices, band: int, first: _Indices) -> None:
    """Unite the near ones among hashes that share a band."""
    keys = words.view(np.uint16)[distinct, band]
    _, shelf, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    other = (band // 4 + 2) % 4  # a word that the band is not in tells most pairs apart
    step = 1
    while step:
        places, left = _shelves(shelf, sizes, _roots(first, distinct))
        step = _compare_shelves(words, distinct[places], left, other, step, first)


def _compare_shelves(
    words: _Words,
    order: _Indices,
    sizes: NDArray[np.intp],
    word: int,
    step: int,
    first: _Indices,
) -> int:
    """Unite near hashes that lie ``step`` apart, or more; 0, or the step to go on with.

    Shelves lie side by side, the largest first, and each hash is compared with the one that lies
    ``step`` further. Some of those lie on the next shelf, which costs time and harms nothing. It
    is time for new shelves when some were united and the step is twice what it was.
    """
    column, ends = words[order, word], np.cumsum(sizes)
    united, enough = False, 2 * step
    while larger := int(np.searchsorted(-sizes, -step)):  # shelves that are
        if united and step >= enough:
            return step
        end = int(ends[larger - 1]) - step
        for at in range(0, end, _BLOCK):
            stop = min(at + _BLOCK, end)
            bits = _count(column[at:stop] ^ column[at + step : stop + step])
            if len(near := at + np.flatnonzero(bits <= NEAR)):
                united |= _unite(words, order[near], order[near + step], first)
        step += 1
    return 0


def _shelves(
    shelf: NDArray[np.intp], sizes: NDArray[np.intp], roots: _Indices
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the hashes, shelf by shelf, and sizes of the shelves, the largest first.

    A shelf on which all belong together already needs no comparing: it is left out.
    """
    one_of, is_mixed = np.empty(len(sizes), np.int32), np.zeros(len(sizes), bool)
    one_of[shelf] = roots
    is_mixed[shelf[roots != one_of[shelf]]] = True
    sizes = np.where(is_mixed, sizes, 0)
    by_size = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), np.uint16)  # at most 65,536 shelves; sixteen bits sort fast
    rank[by_size] = np.arange(len(sizes))
    places = np.argsort(rank[shelf], kind="stable")[: sizes.sum()]
    return places, sizes[by_size]


def _unite(words: _Words, a: _Indices, b: _Indices, first: _Indices) -> bool:
    """Make one group of each pair's two, where the pair is near; whether any was."""
    apart = _roots(first, a) != _roots(first, b)
    a, b = a[apart], b[apart]
    near = _count(words[a] ^ words[b]).sum(axis=1) <= NEAR
    pairs = np.stack([_roots(first, a[near]), _roots(first, b[near])], axis=1)
    for one, other in np.unique(pairs, axis=0).tolist():
        low, high = sorted((_root(first, one), _root(first, other)))
        first[high] = low
    return len(pairs) > 0


def _root(first: _Indices, index: int) -> int:
    while first[index] != index:
        first[index] = first[first[index]]  # shorten the way for the next
        index = int(first[index])
    return index


def _roots(first: _Indices, indices: _Indices) -> _Indices:
    roots = first[indices]
    while not np.array_equal(further := first[roots], roots):
        roots = further
    return roots


def _count(words: _Words) -> NDArray[Any]:
    """Bits that are set, of each word."""
    if hasattr(np, "bitwise_count"):  # as of NumPy 2
        return np.bitwise_count(words)
    return np.unpackbits(words[..., None].view(np.uint8), axis=-1).sum(axis=-1, dtype=np.uint8)
