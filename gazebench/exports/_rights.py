"""May the pixels of a dataset travel? The rule, and the sentence that goes with them.

Pixels travel by themselves only where the source is known to be free: its class says
``redistributable = True``. For every other source, also an unknown one, they stay behind unless
somebody asks for them, and then the export says that they may not be redistributed.
"""

from collections.abc import Mapping
from typing import Any

from gazebench import plugins, sources
from gazebench.plugins import Collection


def is_free(source: str, collection: Collection = sources) -> bool:
    """Whether the pictures of a kind of source are known to be free to redistribute."""
    if source not in plugins.names(collection):
        return False
    return sources.load(collection, source).redistributable


def notice(info: Mapping[str, Any], *, with_pixels: bool) -> str:
    """One sentence on what may be done with an export; ``info`` is ``dataset.json``."""
    title, terms = info["source_title"], info["license"]
    if is_free(info["source"]):
        return f"Free to redistribute: {title} ({terms})."
    if with_pixels:
        return (
            f'For your own use: these are pictures of the source "{title}" ({terms}), which '
            "gazebench does not know to be free; do not redistribute them unless their terms allow "
            "it."
        )
    return (
        f'Without pixels: the source "{title}" ({terms}) is not known to be free. Whoever has it '
        "can make the same portraits again: `gazebench build-dataset SOURCE OUT --from-export "
        "EXPORT` does it and checks each sha256 in export.json."
    )
