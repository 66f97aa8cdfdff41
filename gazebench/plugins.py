"""Content found by file name: one module of a package is one method, metric, source or finder.

Files that start with an underscore are machinery. Listing imports nothing.
"""

import difflib
import importlib
import pkgutil
from types import ModuleType
from typing import Any

from gazebench.errors import InputError


def names(package: ModuleType) -> list[str]:
    """Names of what ``package`` holds, from its file names alone, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_")


def load(package: ModuleType, name: str, *, marker: str) -> type[Any]:
    """Import the one class in ``package/name.py`` that has the attribute ``marker``.

    Raises:
        InputError: no such file, or the file defines none or several such classes.
    """
    kind = package.__name__.rpartition(".")[2]
    known = names(package)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(f"no {name!r} in {kind}; {hint}there are: {', '.join(known)}")
    module = importlib.import_module(f"{package.__name__}.{name}")
    return the_class(module, marker=marker)


def the_class(module: ModuleType, *, marker: str) -> type[Any]:
    """The one class defined in ``module`` that has the attribute ``marker``.

    Raises:
        InputError: there is none, or more than one.
    """
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and hasattr(value, marker)
    ]
    if len(found) != 1:
        raise InputError(
            f"{module.__name__} must define one class with {marker!r}, it defines {len(found)}; "
            "see CONTRIBUTING.md"
        )
    return found[0]
