"""CVAT's export "CVAT for images" with image tags."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path

from gazebench.annotation.imports._lines import Said, label_of
from gazebench.errors import InputError


def read(path: Path, text: str, words: Mapping[str, str]) -> list[Said]:
    """One line for each tag of a picture. The form does not say who tagged it."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities can be made to fill the memory
        raise InputError(f"{path}: has a document type, which CVAT does not write")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise InputError(f"{path}: damaged XML ({error})") from None
    found = list(_tags(path, root, words))
    if root.tag != "annotations" or not found:
        raise InputError(f'{path}: no tag of a picture; export as "CVAT for images 1.1"')
    return found


def _tags(path: Path, root: ET.Element, words: Mapping[str, str]) -> Iterator[Said]:
    for number, image in enumerate(root.iter("image"), 1):
        where, name = f"image {number}", image.get("name", "")
        for tag in image.iter("tag"):
            values = [a.text for a in tag.iter("attribute")]  # a tag "gaze" with a value
            word = values[0] if values and tag.get("label", "").lower() not in words else None
            vote = label_of(word or tag.get("label"), words, path, where)
            base = name.replace("\\", "/").rpartition("/")[2]
            yield Said(name=base, vote=vote, where=where)
