"""From a dataset to the description that goes with its exports."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from gazebench import __version__
from gazebench.dataset import Domain, Manifest, Portrait, Split, read_csv, read_labels
from gazebench.errors import InputError
from gazebench.exports._description import (
    FORMAT,
    Counts,
    Description,
    Exported,
    Origin,
    Quarantined,
    first_fault,
)

_QUARANTINE = ("id", "source_name", "reason", "sentence")


def describe(
    manifest: Manifest,
    info: Mapping[str, Any],
    *,
    layout: str,
    with_pixels: bool,
    with_identity: bool,
    notice: str,
) -> Description:
    """The description of an export; ``info`` is ``dataset.json``.

    Raises:
        InputError: the dataset's files do not hold together.
    """
    labels = read_labels(manifest.root / "labels.csv")
    rows = read_csv(manifest.root / "quarantine.csv", _QUARANTINE)
    try:
        quarantine = [Quarantined(**{name: row[name] for name in _QUARANTINE}) for _, row in rows]
        return Description(
            format=FORMAT,
            layout=layout,
            with_pixels=with_pixels,
            notice=notice,
            gazebench=__version__,
            dataset=_origin(manifest, info),
            counts=_counts(manifest, quarantine),
            quarantine=tuple(quarantine),
            portraits=tuple(
                _exported(p, labels.get(p.id), with_identity) for p in manifest.portraits
            ),
        )
    except (ValidationError, KeyError, TypeError) as error:
        fault = first_fault(error) if isinstance(error, ValidationError) else repr(error)
        raise InputError(
            f"{manifest.root}: damaged ({fault}); run `gazebench verify {manifest.root}`"
        ) from None


def _origin(manifest: Manifest, info: Mapping[str, Any]) -> Origin:
    return Origin(
        name=manifest.name,
        source=manifest.source,
        source_title=info["source_title"],
        license=info["license"],
        resolution=manifest.resolution,
        window=manifest.window,
        settings=info["settings"],
        fingerprint=manifest.fingerprint,
        tree_hash=manifest.tree_hash,
        gazebench=info["gazebench"],
        recipe=info["recipe"],
        libraries=info.get("libraries", {}),
    )


def _counts(manifest: Manifest, quarantine: list[Quarantined]) -> Counts:
    return Counts(
        found=len(manifest.portraits) + len(quarantine),
        portraits=len(manifest.portraits),
        train=len(manifest.portraits) - len(manifest.select(split=Split.TEST)),
        test=len(manifest.select(split=Split.TEST)),
        x=len(manifest.select(domain=Domain.CAMERA)),
        y=len(manifest.select(domain=Domain.AWAY)),
        quarantined=dict(sorted(Counter(row.reason for row in quarantine).items())),
    )


def _exported(portrait: Portrait, label: Any, with_identity: bool) -> Exported:
    left, right = ((b.left, b.top, b.right, b.bottom) for b in portrait.eyes)
    return Exported(
        id=portrait.id,
        source_name=portrait.source_name,
        source_sha256=portrait.source_sha256,
        sha256=portrait.sha256,
        identity=portrait.identity if with_identity else None,
        split="test" if portrait.split == Split.TEST else "train",
        label=label,
        left_eye=left,
        right_eye=right,
        left_center=(portrait.left_center.x, portrait.left_center.y),
        right_center=(portrait.right_center.x, portrait.right_center.y),
        transform=portrait.transform,
        measures=asdict(portrait.measures),
        score=portrait.score,
        faces=portrait.faces,
        phash=portrait.phash,
        near_duplicate=portrait.near_duplicate,
    )
