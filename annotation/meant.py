"""Which portraits the names of a file mean."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from gazebench.annotation.imports import Said
from gazebench.dataset import Manifest, read_csv
from gazebench.errors import InputError

_SHOWN = 5


def resolve(
    manifest: Manifest, path: Path, lines: Sequence[Said]
) -> tuple[list[tuple[str, Said]], int]:
    """The lines with the portraits' ids, and how many are about quarantined faces.

    Raises:
        InputError: a name that no portrait has, or that may mean two; nothing is left but
            quarantined faces.
    """
    meant = _names(manifest)
    found: list[tuple[str, Said]] = []
    unknown: list[str] = []
    quarantined = 0
    for said in lines:
        faces = _faces(said, meant)
        if not faces:
            unknown.append(f"{said.where}: {said.name!r}")
        elif len(faces) > 1:
            raise InputError(_ambiguous_sentence(path, said, faces))
        elif (id_ := next(iter(faces))) is None:
            quarantined += 1
        else:
            found.append((id_, said))
    if unknown:
        raise InputError(_unknown_sentence(path, unknown, len(lines), manifest))
    if not found:
        raise InputError(f"{path}: no label of a portrait of {manifest.root}")
    return found, quarantined


def _names(manifest: Manifest) -> dict[str, set[str | None]]:
    """What an id or a source name may mean: portraits' ids, None for a quarantined face."""
    meant: dict[str, set[str | None]] = defaultdict(set)
    for portrait in manifest.portraits:
        meant[portrait.id].add(portrait.id)
        meant[portrait.source_name].add(portrait.id)
    for _, row in read_csv(manifest.root / "quarantine.csv", ("id", "source_name")):
        meant[row["id"]].add(None)
        meant[row["source_name"]].add(None)
    return meant


def _faces(said: Said, meant: dict[str, set[str | None]]) -> set[str | None]:
    if said.name in meant or not said.by_base_name:
        return meant.get(said.name, set())
    return meant.get(Path(said.name).stem, set())


def _ambiguous_sentence(path: Path, said: Said, faces: set[str | None]) -> str:
    which = " and ".join(sorted(id_ or "a quarantined face" for id_ in faces))
    return f"{path}, {said.where}: {said.name!r} may mean {which}; give the other of its two names"


def _unknown_sentence(path: Path, unknown: list[str], lines: int, manifest: Manifest) -> str:
    sentence = f"{path}: no portrait of {manifest.root} is called {first_few(unknown, ', ')}"
    if len(unknown) == lines:
        sentence += "; these are labels for another dataset"
    return sentence


def first_few(sentences: Iterable[str], between: str = "; ") -> str:
    """The first of them, and how many there are more."""
    every = list(sentences)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return between.join(every[:_SHOWN]) + more
