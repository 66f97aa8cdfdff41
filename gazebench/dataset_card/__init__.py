"""The dataset card: ``README.md`` for people and ``croissant.json`` for machines.

It uses `dataset` and jinja2. Both files are pure functions of what the dataset's own files say: no
clock, no path, no host name, so that the same dataset has the same card.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gazebench import store
from gazebench.dataset import Manifest, load_info, read_labels, sha256_of
from gazebench.dataset_card._croissant import croissant, files_of
from gazebench.dataset_card._facts import Facts, escaped, facts_of
from gazebench.dataset_card._overview import Overview
from gazebench.errors import InputError
from gazebench.reading import read_object

__all__ = ["Overview", "card_markdown", "files_of", "labels_digest", "write"]

_LISTS = ("labels.csv", "quarantine.csv", "attributes.csv")  # described where they are there


def write(root: Path) -> None:
    """Write ``README.md`` and ``croissant.json`` of the dataset at ``root``.

    To be called whenever the dataset or its labels changed; what stood there is replaced. The
    portraits are read one by one.

    Raises:
        InputError: the folder is not a finished dataset.
        DiskError: no space or not writable.
    """
    dataset, info = Overview.read(root), load_info(root)
    digests = {name: sha256_of(root / name) for name in _LISTS if (root / name).is_file()}
    made = _how_labels_were_made(root)
    card = _markdown(dataset, info, files=files_of(dataset), made=made)
    content = croissant(dataset, info, digests)
    machines = json.dumps(content, indent=1, ensure_ascii=False)
    store.write_many([(root / "README.md", card), (root / "croissant.json", machines + "\n")])


def card_markdown(
    manifest: Manifest,
    info: Mapping[str, Any],
    *,
    notice: str = "",
    files: Mapping[str, str] | None = None,
) -> str:
    """The card as Markdown.

    ``info`` is what ``dataset.json`` says. ``notice`` is put on top; ``files`` is what is
    beside the card, where that is not what is in a dataset: in an export.

    Raises:
        InputError: ``info`` lacks something that every dataset has.
    """
    files = files_of(manifest) if files is None else files
    return _markdown(Overview.of(manifest), info, notice=notice, files=files)


def labels_digest(root: Path) -> str:
    """Of the labels alone, 64 hex digits: whether they are still those that a text is about."""
    labels = sorted(read_labels(root / "labels.csv").items())
    return hashlib.sha256(json.dumps(labels).encode()).hexdigest()


def _how_labels_were_made(root: Path) -> str:
    """The paragraph of ``agreement.json``; "" where labels changed since."""
    path = root / "agreement.json"
    if not path.is_file():
        return ""
    try:
        facts = read_object(path)
        return str(facts["card"]) if facts["labels_sha256"] == labels_digest(root) else ""
    except (InputError, KeyError):
        return ""


def _markdown(
    dataset: Overview,
    info: Mapping[str, Any],
    *,
    notice: str = "",
    files: Mapping[str, str],
    made: str = "",
) -> str:
    facts: Facts = facts_of(dataset, info)
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
    return template.render(
        facts=facts, dataset=dataset, notice=notice, files=files, labels_made=made
    )
