"""Pictures that a source is known to have twice are kept in one half of the split.

Near-duplicates that nobody knew of are found when the portraits are there, see `duplicates`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gazebench.sources import SourceFace, SpooledFaces

Pairs = Sequence[tuple[str, str]]  # ids


def together(faces: SpooledFaces, pairs: Pairs) -> SpooledFaces:
    """The faces, with one person and one partition for the members of each pair.

    A picture whose twin is not in the test partition is not in it either, so that no test picture
    was seen in training. Where the lists name two people for one picture, they become one.
    """
    group = _groups(pairs)
    if not group:
        return faces
    people: dict[str, str] = {}  # another name of the same person
    persons: dict[str, str] = {}  # by group
    halves: dict[str, set[str | None]] = {}
    for face in _members(faces, group):
        one = persons.setdefault(group[face.id], face.identity or "")
        if face.identity and not one:
            persons[group[face.id]] = face.identity
        elif face.identity and face.identity != one:
            _unite(people, one, face.identity)
        halves.setdefault(group[face.id], set()).add(face.partition)
    return SpooledFaces(_settled(faces, group, people, persons, halves))


def paired(pairs: Pairs) -> frozenset[str]:
    """Ids that are in a pair."""
    return frozenset(id_ for pair in pairs for id_ in pair)


def _settled(
    faces: Iterable[SourceFace],
    group: dict[str, str],
    people: dict[str, str],
    persons: dict[str, str],
    halves: dict[str, set[str | None]],
) -> Iterator[SourceFace]:
    for face in faces:
        leader = group.get(face.id)
        person = face.identity if leader is None else persons[leader] or f"twin of {leader}"
        half = face.partition
        if leader is not None and half == "test" and halves[leader] != {"test"}:
            half = "train"
        person = _root(people, person) if person else person
        yield replace(face, identity=person, partition=half)


def _members(faces: Iterable[SourceFace], group: dict[str, str]) -> Iterator[SourceFace]:
    return (face for face in faces if face.id in group)


def _groups(pairs: Pairs) -> dict[str, str]:
    """The first id of its group for each id in a pair."""
    first: dict[str, str] = {}
    for one, other in pairs:
        _unite(first, *sorted((one, other)))
    return {id_: _root(first, id_) for pair in pairs for id_ in pair}


def _unite(first: dict[str, str], one: str, other: str) -> None:
    low, high = sorted((_root(first, one), _root(first, other)))
    if low != high:
        first[high] = low


def _root(first: dict[str, str], name: str) -> str:
    while name in first:
        name = first[name]
    return name
