"""Ways to pass a dataset on. Each module of this package writes one layout.

A layout says which files there are and makes the bytes of each when asked. How they are written,
and the description ``export.json`` that goes with them, is the same for all. The same dataset
gives the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Protocol

from gazebench import plugins
from gazebench.dataset import Manifest, load_info
from gazebench.exports._content import Content, File
from gazebench.exports._describing import describe
from gazebench.exports._description import (
    Description,
    Exported,
    Origin,
    read_description,
    text_of,
)
from gazebench.exports._rights import is_free, notice
from gazebench.exports._writing import ExportReport, Plan, write

__all__ = [
    "Content",
    "Description",
    "Export",
    "ExportReport",
    "Exported",
    "File",
    "Origin",
    "Plan",
    "is_free",
    "load",
    "plan",
    "read_description",
    "text_of",
    "write",
]


class Export(Protocol):
    """A layout that other programs read. Its file name, with "-" for "_", is its name."""

    title: ClassVar[str]  # "CelebGaze as released"

    def files(self, content: Content) -> Iterator[File]:
        """Every file but ``export.json``, in a fixed order; nothing is read before ``make``.

        Raises:
            InputError: the dataset has nothing that this layout can hold.
            MissingPartError: a library that it needs is not installed.
        """
        ...


def load(package: ModuleType, name: str) -> type[Export]:
    """The export called ``name``, such as "hf-folder".

    Raises:
        InputError: there is none.
    """
    return plugins.load(package, name.replace("-", "_"), marker="files")


def plan(layouts: ModuleType, name: str, dataset: Path, *, with_pixels: bool | None) -> Plan:
    """What exporting ``dataset`` as ``name`` would write.

    ``with_pixels`` None: pixels travel where the source is known to be free. Identities stay
    behind where pixels of an unfree source do.

    Raises:
        InputError: no such layout, or no sound dataset.
    """
    layout = load(layouts, name)()
    manifest, info = Manifest.load(dataset), load_info(dataset)
    free = is_free(manifest.source)
    pixels = free if with_pixels is None else with_pixels
    description = describe(
        manifest,
        info,
        layout=name,
        with_pixels=pixels,
        with_identity=pixels or free,
        notice=notice(info, with_pixels=pixels),
    )
    content = Content(
        manifest=manifest,
        info=info,
        rows=description.portraits,
        with_pixels=pixels,
        notice=description.notice,
    )
    return Plan(layout=layout, content=content, description=description, is_free=free)
