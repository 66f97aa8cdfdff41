"""Labels and votes in the files that other tools write.

A reader turns a file into lines ``Said``; nothing is looked up and nothing is written here. What a
file is shows in its content: see ``read``.
"""

from collections.abc import Mapping
from pathlib import Path

from gazebench.annotation.imports import _celebgaze, _cvat, _events, _label_studio, _spreadsheet
from gazebench.annotation.imports._events import FORMAT
from gazebench.annotation.imports._lines import Said, meaning, text_of
from gazebench.reading import json_value

__all__ = ["FORMAT", "Said", "meaning", "read"]


def read(path: Path, mapping: Mapping[str, str] | None = None) -> list[Said]:
    """What the file at ``path`` says, line by line.

    - a folder with ``0.txt`` and ``1.txt``, or one of these files: the lists of CelebGaze;
    - JSON: the file of a labelling page (``gazebench label pack``), or Label Studio's export;
    - JSON lines: ``gazebench label export --to jsonl``;
    - XML: "CVAT for images" with tags;
    - else a table with a header, cells apart by comma, semicolon or tab.

    ``mapping``: what its words mean, lower case, beside X, Y, unsure and reject.

    Raises:
        InputError: missing, damaged or of no such form; a word that means nothing, with its line.
    """
    words = meaning(mapping or {})
    if path.is_dir() or path.name in _celebgaze.FILES:
        return _celebgaze.read(path)
    text = text_of(path)
    start = text.lstrip()[:1]
    if start == "<":
        return _cvat.read(path, text, words)
    if start == "[":
        return _label_studio.read(path, json_value(text, path), words)
    if start == "{":
        return _events.read(path, text)
    return _spreadsheet.read(path, text, words)
