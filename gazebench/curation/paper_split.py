"""The split of Zhang et al. (2022), section IV-A: test halves of a fixed size, chosen at random.

They leave 300 portraits of domain Y and 100 of domain X for the test and name no seed. Here every
portrait has a rank, a hash of the seed and its id; of each domain those with the lowest ranks are
the test half. It is chosen once, from the whole source, before any work: the same for every worker
and shard. A portrait that is added moves at most one other. One person may be in both halves.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gazebench.curation.settings import DatasetSettings
from gazebench.errors import InputError
from gazebench.sources import SourceFace, SpooledFaces


def parted(
    faces: Sequence[SourceFace], settings: DatasetSettings, *, apart: frozenset[str] = frozenset()
) -> SpooledFaces:
    """The faces with ``partition`` set to the half they belong to.

    ``apart``: ids that stay in the training half, because the source has their picture twice.

    A face that ends in quarantine is missing from its half; nothing takes its place, because a
    half must not depend on what other pictures turn out to be.

    Raises:
        InputError: the source does not know who looks at the camera, or has too few portraits.
    """
    wanted = {"Y": settings.test_y, "X": settings.test_x}
    counts = Counter(face.label for face in faces if face.id not in apart)
    known = {label: counts[label] for label in wanted}
    if not any(known.values()):
        raise InputError(
            "--split paper: the source does not say which portraits are X and Y, and a split made "
            "before labelling cannot know; give the labels with --labels FILE.csv (columns id and "
            "label). To make them, build with --split identity and label: its labels.csv is one"
        )
    if any(known[label] < wanted[label] for label in wanted):
        asked, there = _words(wanted), _words(known)
        raise InputError(
            f"--split paper: the test half takes {asked}, the source has {there}; ask for less by "
            "--set dataset.test_y=N --set dataset.test_x=N"
        )
    test: set[str] = set()
    for label, number in wanted.items():
        ids = (f.id for f in faces if f.label == label and f.id not in apart)
        test |= _lowest(ids, number, settings)
    return SpooledFaces(replace(f, partition="test" if f.id in test else "train") for f in faces)


def rank(id_: str, seed: int) -> str:
    """Hex digits by which portraits are put in a random order."""
    return hashlib.sha256(f"paper {seed} {id_}".encode()).hexdigest()


def _lowest(ids: Iterable[str], number: int, settings: DatasetSettings) -> set[str]:
    return set(heapq.nsmallest(number, ids, key=lambda id_: rank(id_, settings.split_seed)))


def _words(sizes: dict[str, int]) -> str:
    return " and ".join(f"{number:,} {label}" for label, number in sizes.items())
