"""Which portraits the names of a file mean."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gazebench.annotation.imports import Said
from gazebench.dataset import Manifest, read_csv
from gazebench.dataset.tables import Names
from gazebench.errors import InputError

_SHOWN = 5


class Resolved(NamedTuple):
    """The lines of a file, and what they are about."""

    found: list[tuple[str, Said]]  # with the portrait's id
    quarantined: int  # lines about faces in quarantine
    unlabelled: int  # lines that say nothing
    renamed: list[tuple[str, str]]  # names that are written otherwise in the dataset, with the ids


def resolve(manifest: Manifest, path: Path, lines: Sequence[Said]) -> Resolved:
    """What the lines of a file are about.

    A name may have folders and an ending that the dataset's has not, and lack zeros in front, as
    spreadsheets take them away, where that can mean one portrait only.

    Raises:
        InputError: a name that no portrait has, or that may mean two; nothing is left but
            quarantined faces.
    """
    meant = Names(_names(manifest))
    resolved = Resolved([], 0, sum(not said.vote for said in lines), [])
    unknown: list[str] = []
    quarantined = 0
    for said in (said for said in lines if said.vote):
        faces = meant.find(said.name)
        if not faces:
            unknown.append(f"{said.where}: {said.name!r}")
        elif len(faces) > 1:
            raise InputError(_ambiguous_sentence(path, said, faces))
        elif (id_ := next(iter(faces))) is None:
            quarantined += 1
        else:
            resolved.found.append((id_, said))
    if unknown:
        raise InputError(_unknown_sentence(path, unknown, len(lines), manifest))
    if not resolved.found:
        raise InputError(f"{path}: no label of a portrait of {manifest.root}")
    plain = {(p.id, name) for p in manifest.portraits for name in (p.id, p.source_name)}
    renamed = [(s.name, id_) for id_, s in resolved.found if (id_, s.name) not in plain]
    return resolved._replace(quarantined=quarantined, renamed=renamed)


def _names(manifest: Manifest) -> Iterator[tuple[str, str | None]]:
    """What an id or a source name may mean: portraits' ids, None for a quarantined face."""
    for portrait in manifest.portraits:
        yield portrait.id, portrait.id
        yield portrait.source_name, portrait.id
    for _, row in read_csv(manifest.root / "quarantine.csv", ("id", "source_name")):
        yield row["id"], None
        yield row["source_name"], None


def _ambiguous_sentence(path: Path, said: Said, faces: set[str | None]) -> str:
    which = " and ".join(sorted(id_ or "a quarantined face" for id_ in faces))
    return f"{path}, {said.where}: {said.name!r} may mean {which}; give the other of its two names"


def _unknown_sentence(path: Path, unknown: list[str], lines: int, manifest: Manifest) -> str:
    one = manifest.portraits[0]
    sentence = f"{path}: names that no portrait of {manifest.root} has: {first_few(unknown, ', ')}"
    if len(unknown) == lines:
        sentence += "; these are labels for another dataset"
    return f"{sentence} (its portraits are called such as {one.id} or {one.source_name})"


def first_few(sentences: Iterable[str], between: str = "; ") -> str:
    """The first of them, and how many there are more."""
    every = list(sentences)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return between.join(every[:_SHOWN]) + more
