"""Ways to share a dataset: each module writes one layout; its file name is its name.

It uses `dataset`, `dataset_card` and `sources` (for their terms). A layout says which files there
are and makes the bytes of each when asked; how they are written, and the description
``export.json`` that goes with them, is the same for all. The same dataset gives the same bytes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from gazebench import plugins
from gazebench.dataset import Manifest, load_info
from gazebench.exports._content import ExportContent, ExportFile
from gazebench.exports._description import (
    Description,
    Exported,
    Origin,
    describe,
    read_description,
    text_of,
)
from gazebench.exports._rights import is_free, notice
from gazebench.exports._writing import ExportPlan, ExportReport, write
from gazebench.plugins import Collection

__all__ = [
    "Description",
    "Export",
    "ExportContent",
    "ExportFile",
    "ExportPlan",
    "ExportReport",
    "Exported",
    "Origin",
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

    def files(self, content: ExportContent) -> Iterator[ExportFile]:
        """Every file but ``export.json``, in a fixed order; nothing is read before ``make``.

        Raises:
            InputError: the dataset has nothing that this layout can hold.
            MissingPartError: a library that it needs is not installed.
        """
        ...


def load(collection: Collection, name: str) -> type[Export]:
    """The export called ``name``, such as "hf-folder".

    Raises:
        InputError: there is none.
    """
    return plugins.load(collection, name.replace("-", "_"), marker="files")


def plan(
    collection: Collection, name: str, dataset: Path, *, with_pixels: bool | None
) -> ExportPlan:
    """What exporting ``dataset`` as ``name`` would write.

    ``with_pixels`` None: pixels travel where the source is known to be free. Identities stay
    behind where pixels of an unfree source do.

    Raises:
        InputError: no such layout, or no sound dataset.
    """
    layout = load(collection, name)()
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
    content = ExportContent(
        manifest=manifest,
        info=info,
        rows=description.portraits,
        with_pixels=pixels,
        notice=description.notice,
    )
    return ExportPlan(layout=layout, content=content, description=description, is_free=free)
