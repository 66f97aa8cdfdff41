"""The card for machines: Croissant 1.0, JSON-LD on top of schema.org.

Akhtar et al., Croissant: A Metadata Format for ML-Ready Datasets, DEEM 2024.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gazebench.dataset import COLUMNS, FORMAT, Heading
from gazebench.dataset.attributes import ATTRIBUTES
from gazebench.dataset_card._facts import facts_of, plain
from gazebench.dataset_card._overview import Overview

_IMAGES = "the portraits, RGB, nothing but pixels"
_MASKS = "8-bit grey, 255 inside the two eye boxes, else 0"
_FILES = {
    "manifest.csv": "a line per portrait: person, half, eye boxes, eye centres, the map from the "
    "source picture, sha256 of source and portrait",
    "quarantine.csv": "source faces that could not be used, with the reason",
    "labels.csv": "X, Y, unsure, reject or ambiguous by id, once there are any",
    "attributes.csv": "CelebA's forty attributes by id, 1 or -1, where the source lists them",
    "dataset.json": "settings, counts, tree hash",
    "croissant.json": "this card for machines (Croissant 1.0)",
}
_TEXTS = ("id", "source_name", "identity", "split")
_TEXTS += ("source_sha256", "sha256", "phash", "near_duplicate")
_COLUMNS = {  # of each list, with their types
    "attributes.csv": {"id": "sc:Text", **dict.fromkeys(ATTRIBUTES, "sc:Integer")},
    "labels.csv": {"id": "sc:Text", "label": "sc:Text"},
    "manifest.csv": {},
    "quarantine.csv": dict.fromkeys(("id", "source_name", "reason", "sentence"), "sc:Text"),
}


def files_of(dataset: Heading) -> dict[str, str]:
    """The files of a dataset and what they are."""
    masks = {"masks/ID.png": _MASKS} if dataset.has_masks else {}
    return {dataset.image_format.file("ID"): _IMAGES, **masks, **_FILES}


def croissant(
    dataset: Overview, info: Mapping[str, Any], digests: Mapping[str, str]
) -> dict[str, Any]:
    """The card as JSON-LD; ``digests``: sha256 of the lists beside ``manifest.csv``.

    Raises:
        InputError: ``info`` lacks something that every dataset has.
    """
    facts = facts_of(dataset, info)
    tables = {"manifest.csv": dataset.manifest_sha256, **digests}
    pictures = list(_pictures(dataset))
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": plain(dataset.name),
        "description": facts.summary,
        "license": plain(facts.license),
        "version": f"{FORMAT}.{facts.recipe}.0+{dataset.fingerprint}",
        "keywords": ["gaze correction", "portraits", "eyes"],
        "rai:dataPreprocessingProtocol": f"Portrait: {facts.alignment}.",
        "rai:dataAnnotationProtocol": "X looks at the camera, Y looks elsewhere.",
        "rai:personalSensitiveInformation": facts.people,
        "distribution": [
            *(_file(name, tables[name]) for name in sorted(tables)),
            *(files for files, _ in pictures),
        ],
        "recordSet": [*(records for _, records in pictures), *map(_records, sorted(tables))],
    }


def _file(name: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": _FILES[name],
        "contentUrl": name,
        "encodingFormat": "text/csv",
        "sha256": sha256,
    }


def _records(file: str) -> dict[str, Any]:
    """The record set of a list: one field per column, named as the list without its ending."""
    name = file.removesuffix(".csv")
    columns = _COLUMNS[file] or {column: _type(column) for column in COLUMNS}
    fields = [
        _field(name, column, kind, {"fileObject": {"@id": file}, "extract": {"column": column}})
        for column, kind in columns.items()
    ]
    return _record_set(name, _FILES[file], fields)


def _pictures(dataset: Heading) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """A file set with its record set: the portraits, and the masks where there are any."""
    images = dataset.image_format
    files = _file_set("images", _IMAGES, images.suffix, f"image/{images}")
    yield files, _picture_records("portraits", "pictures", files, images.suffix)
    if dataset.has_masks:
        files = _file_set("masks", _MASKS, ".png", "image/png")
        yield files, _picture_records("eye-masks", "masks", files, ".png")


def _file_set(folder: str, description: str, suffix: str, encoding: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": folder,
        "name": folder,
        "description": description,
        "encodingFormat": encoding,
        "includes": f"{folder}/*{suffix}",
    }


def _picture_records(
    records: str, what: str, files: Mapping[str, Any], suffix: str
) -> dict[str, Any]:
    # no "references" to manifest/id: readers that guess types take an id such as 000042 for 42
    source = {"fileSet": {"@id": files["@id"]}}
    name = {"fileProperty": "filename"}, {"regex": rf"^(.*)\{suffix}$"}
    content = {"fileProperty": "content"}
    fields = [
        _field(records, "id", "sc:Text", {**source, "extract": name[0], "transform": name[1]}),
        _field(records, "image", "sc:ImageObject", {**source, "extract": content}),
    ]
    return _record_set(records, f"{what}, by the id that the lists use", fields)


def _record_set(name: str, description: str, fields: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/id"},
        "field": list(fields),
    }


def _field(records: str, name: str, kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "dataType": kind,
        "source": dict(source),
    }


def _type(column: str) -> str:
    if column in _TEXTS:
        return "sc:Text"
    is_integer = column == "faces" or column.endswith(("_left", "_top", "_right", "_bottom"))
    return "sc:Integer" if is_integer else "sc:Float"


def _terms(*names: str) -> dict[str, str]:
    return {name: f"cr:{name}" for name in names}


_CONTEXT = {  # what Croissant 1.0 wants every file to begin with
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **_terms("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty"),
    **_terms("fileObject", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key"),
    **_terms("md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
    **_terms("replace", "samplingRate", "separator", "source", "subField", "transform"),
}
