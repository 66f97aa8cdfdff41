"""Collections: one module of a package is one method, metric, source or finder, by file name.

Files that start with an underscore are machinery, and a folder is not a module of the collection.
Listing imports nothing. A file from elsewhere can be used beside a package's modules, under its own
file name.
"""

import contextlib
import hashlib
import importlib
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from gazebench.errors import GazebenchError, InputError, MethodError, there_are
from gazebench.reading import read_bytes

_MAX_BYTES = 1 << 24  # of a method's file


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """A Python file from anywhere, as it was when it was read."""

    path: Path  # as typed
    text: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """What it is called in a collection: the file name without ``.py``."""
        return self.path.stem

    @property
    def sha256(self) -> str:
        """Of the text."""
        return hashlib.sha256(self.text).hexdigest()


@dataclass(frozen=True, slots=True)
class ExtendedPackage:
    """A package, and files from elsewhere beside its modules."""

    package: ModuleType
    files: Mapping[str, OutsideFile]  # by name


Collection = ModuleType | ExtendedPackage  # of methods, metrics, sources ..., by file name


def names(collection: Collection) -> list[str]:
    """Names of what ``collection`` holds, from its file names alone, sorted."""
    modules = pkgutil.iter_modules(_package(collection).__path__)
    found = [m.name for m in modules if m.name[0] != "_" and not m.ispkg]
    return sorted([*found, *_files(collection)])


def load(collection: Collection, name: str, *, marker: str) -> type[Any]:
    """Import the one class in ``collection``'s file ``name.py`` that has the attribute ``marker``.

    Raises:
        InputError: no such file, it cannot be imported, or it defines none or several such classes.
    """
    file = outside(collection, name)
    if file:
        return load_file(file, marker=marker)
    package = _package(collection)
    kind = package.__name__.rpartition(".")[2]
    known = names(collection)
    if name not in known:
        raise InputError(f"no {name!r} in {kind}; {there_are(name, known)}")
    module = importlib.import_module(f"{package.__name__}.{name}")
    return _the_class(module, module.__name__, marker)


def extend(package: ModuleType, words: Iterable[str]) -> tuple[Collection, list[str]]:
    """The package with the files that ``words`` give by their paths, and the name of every word.

    A word that ends with ``.py`` or holds a folder is a path, any other is a name already.

    Raises:
        InputError: no such file, or its name is taken or cannot be one.
    """
    found: dict[str, OutsideFile] = {}
    called: list[str] = []
    for word in words:
        if not is_path(word):
            called.append(word)
            continue
        file = read_file(Path(word))
        _refuse_taken(file, package, found)
        found[file.name] = file
        called.append(file.name)
    return (ExtendedPackage(package, found) if found else package), called


def is_path(word: str) -> bool:
    """Whether a word stands for a file from elsewhere, see ``extend``."""
    return word.endswith(".py") or "/" in word or "\\" in word


def with_file(collection: Collection, file: OutsideFile) -> Collection:
    """The collection with one more file from elsewhere.

    Raises:
        InputError: its name is taken.
    """
    package, files = _package(collection), _files(collection)
    _refuse_taken(file, package, files)
    return ExtendedPackage(package, {**files, file.name: file})


def read_file(path: Path) -> OutsideFile:
    """The Python file at ``path``; nothing of it is run.

    Raises:
        InputError: it cannot be read, or its name cannot be that of a method.
    """
    if path.suffix != ".py" or not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]*", path.stem):
        raise InputError(
            f"{path}: the file's name is the method's; it has letters, digits, _ and -, does not "
            "start with _, and ends with .py"
        )
    return OutsideFile(path, read_bytes(path, _MAX_BYTES))


def load_file(file: OutsideFile, *, marker: str) -> type[Any]:
    """Run a file and give its one class that has the attribute ``marker``; twice gives it again.

    Raises:
        InputError: the file cannot be run, or it defines none or several such classes.
    """
    return _the_class(_module(file), str(file.path), marker)


def outside(collection: Collection, name: str) -> OutsideFile | None:
    """The file from elsewhere called ``name``; None for what belongs to the package."""
    return _files(collection).get(name)


def sha256(collection: Collection, name: str) -> str | None:
    """Of the file from elsewhere called ``name``; None for what belongs to the package."""
    file = outside(collection, name)
    return file.sha256 if file else None


def typed(collection: Collection, name: str) -> str:
    """How a command line calls ``name``: by its path, if it is a file from elsewhere."""
    file = outside(collection, name)
    return str(file.path) if file else name


@contextlib.contextmanager
def blaming(collection: Collection, name: str) -> Iterator[None]:
    """Around code that runs ``name``: what a file from elsewhere raises becomes a sentence.

    Raises:
        MethodError: an exception came through a line of that file, which is named.
    """
    file = outside(collection, name)
    try:
        yield
    except (Exception, SystemExit) as error:
        if isinstance(error, GazebenchError) or not file or not line_in(error, file.path):
            raise
        raise MethodError(sentence(error, file.path)) from error


def sentence(error: BaseException, path: Path) -> str:
    """What was raised, after the last line of the file at ``path`` that it came through."""
    line = line_in(error, path)
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())[:300]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{path}, line {line}: {what}" if line else f"{path}: {what}"


def line_in(error: BaseException, path: Path) -> int | None:
    """Number of the last line of the file at ``path`` that an exception came through, if any."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == str(path)
    ]
    return lines[-1] if lines else None


def _package(collection: Collection) -> ModuleType:
    return collection.package if isinstance(collection, ExtendedPackage) else collection


def _files(collection: Collection) -> Mapping[str, OutsideFile]:
    return collection.files if isinstance(collection, ExtendedPackage) else {}


def _refuse_taken(
    file: OutsideFile, package: ModuleType, others: Mapping[str, OutsideFile]
) -> None:
    other = others.get(file.name)
    if other and other.path != file.path:
        raise InputError(f"{file.path} and {other.path} have the same name; rename one of them")
    if file.name in (*names(package), "all"):
        raise InputError(f"{file.path}: {file.name!r} is taken already; rename the file")


def _module(file: OutsideFile) -> ModuleType:
    # a name of its own, so that a file called json.py is nobody else's json
    digest = hashlib.sha256(f"{file.path.absolute()} {file.sha256}".encode()).hexdigest()
    name = f"_gazebench_file_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(file.path)
    sys.modules[name] = module  # where pydantic and dataclasses look names up
    try:
        exec(compile(file.text, str(file.path), "exec", dont_inherit=True), vars(module))
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise InputError(f"{sentence(error, file.path)} (at import)") from error
    return module


def _the_class(module: ModuleType, where: str, marker: str) -> type[Any]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and hasattr(value, marker)
    ]
    if len(found) != 1:
        raise InputError(
            f"{where} must define one class with {marker!r}, it defines {len(found)}; "
            "see CONTRIBUTING.md"
        )
    return found[0]
