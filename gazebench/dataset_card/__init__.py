"""The dataset card: ``README.md`` for people and ``croissant.json`` for machines.

Both are pure functions of what the dataset's own files say: no clock, no path, no host name, so
that the same dataset has the same card.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gazebench import store
from gazebench.dataset_card._croissant import croissant, files_of
from gazebench.dataset_card._facts import Facts, escaped, facts_of
from gazebench.manifest import Manifest, load_info

__all__ = ["card_markdown", "croissant", "files_of", "write"]

_LISTS = ("labels.csv", "quarantine.csv", "attributes.csv")  # described where they are there


def write(root: Path) -> None:
    """Write ``README.md`` and ``croissant.json`` of the dataset at ``root``.

    To be called whenever the dataset or its labels changed; what stood there is replaced.

    Raises:
        InputError: the folder is no finished dataset.
        DiskError: no space or not writable.
    """
    manifest, info = Manifest.load(root), load_info(root)
    digests = {
        name: hashlib.sha256((root / name).read_bytes()).hexdigest()
        for name in _LISTS
        if (root / name).is_file()
    }
    machines = json.dumps(croissant(manifest, info, digests), indent=1, ensure_ascii=False)
    store.write_many(
        [
            (root / "README.md", card_markdown(manifest, info)),
            (root / "croissant.json", machines + "\n"),
        ]
    )


def card_markdown(
    manifest: Manifest,
    info: Mapping[str, Any],
    *,
    notice: str = "",
    files: Mapping[str, str] | None = None,
) -> str:
    """The card as Markdown.

    ``info`` is what ``dataset.json`` says. ``notice`` stands on top; ``files`` is what lies
    beside the card, where that is not what lies in a dataset: in an export.

    Raises:
        InputError: ``info`` lacks something that every dataset has.
    """
    facts: Facts = facts_of(manifest, info)
    # Markdown is no HTML: every name goes through the filter `md` instead of autoescape
    environment = Environment(
        loader=PackageLoader("gazebench.dataset_card"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": escaped}
    template = environment.get_template("card.md.j2")
    files = files_of(manifest) if files is None else files
    return template.render(facts=facts, manifest=manifest, notice=notice, files=files)
