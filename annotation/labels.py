"""``labels.csv``: what people decided, kept apart from what machines computed."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gazebench import dataset_card, store
from gazebench.dataset import (
    LABELS,
    Domain,
    Manifest,
    Split,
    csv_text,
    iter_manifest,
    read_csv,
    read_heading,
    read_labels,
)
from gazebench.errors import InputError

_NAMES = ("id", "source_name", "name", "file", "image", "filename")
_VALUES = ("label", "domain", "vote")
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import changed."""

    read: int
    new: int
    changed: int
    quarantined: int  # labels of faces that the build put into quarantine: kept out, not an error
    counts: dict[tuple[str, str], int]  # (label, split) → portraits, over the whole file


def import_csv(dataset: Path, path: Path, *, replace: bool = False) -> ImportReport:
    """Merge the labels of a CSV file into ``DATASET/labels.csv``.

    The file has a column ``id`` (portrait id or source name) and a column ``label`` (X, Y,
    unsure, reject, whatever the case). Nothing is written unless every line is good.

    Raises:
        InputError: an unknown portrait or label, two lines that contradict each other, or a line
            that contradicts ``labels.csv`` without ``replace``.
        BusyError: another process writes labels there.
    """
    manifest = Manifest.load(dataset)
    with store.locked(dataset):
        before = read_labels(dataset / "labels.csv")
        read, quarantined = _read(path, manifest)
        changed = [id_ for id_, label in read.items() if before.get(id_, label) != label]
        if changed and not replace:
            id_ = changed[0]
            raise InputError(
                f"{path}: {id_} is {before[id_]} in labels.csv and {read[id_]} here "
                f"({len(changed)} such); --replace takes the new ones"
            )
        labels = dict(sorted({**before, **read}.items()))
        _write(dataset, labels)
    return ImportReport(
        read=len(read),
        new=len(read.keys() - before.keys()),
        changed=len(changed),
        quarantined=quarantined,
        counts=_counts(manifest, labels),
    )


def write_source_labels(
    dataset: Path, labels: Mapping[str, str], *, earlier: Collection[str] | None = None
) -> int | None:
    """Begin ``DATASET/labels.csv`` with the labels that the source dataset, or an export, has.

    ``labels``: by id; of faces in quarantine none is written. ``earlier``: ids of the portraits
    that were there when this was last called. A ``labels.csv`` that has just their labels is as
    that call left it, and the others are added.

    Returns:
        How many labels were written; None where another ``labels.csv`` is already there, which is
        never touched.

    Raises:
        BusyError: another process writes labels there.
    """
    read_heading(dataset)  # a finished dataset
    with store.locked(dataset):
        portraits = iter_manifest(dataset / "manifest.csv")
        kept = {p.id: labels[p.id] for p in portraits if p.id in labels}
        if (dataset / "labels.csv").exists():
            left = {id_: labels[id_] for id_ in earlier or () if id_ in labels}
            if earlier is None or left == kept or left != read_labels(dataset / "labels.csv"):
                return None
        _write(dataset, dict(sorted(kept.items())))
    return len(kept)


def _write(dataset: Path, labels: Mapping[str, str]) -> None:
    store.write(dataset / "labels.csv", csv_text(("id", "label"), labels.items()))
    dataset_card.write(dataset)  # it tells how many there are, and the fingerprint they change


def _read(path: Path, manifest: Manifest) -> tuple[dict[str, str], int]:
    rows = list(read_csv(path, ()))
    name_column, label_column = _column(path, rows, _NAMES), _column(path, rows, _VALUES)
    meant = _names(manifest)
    labels: dict[str, tuple[str, int]] = {}  # with the line
    unknown: list[str] = []
    quarantined = 0
    for line, row in rows:
        name, label = (row[name_column] or "").strip(), _label(row[label_column], path, line)
        faces = meant.get(name, set())
        if not faces:
            unknown.append(f"line {line}: {name!r}")
        elif len(faces) > 1:
            raise InputError(_ambiguous_sentence(path, line, name, faces))
        elif (id_ := next(iter(faces))) is None:
            quarantined += 1
        elif labels.setdefault(id_, (label, line))[0] != label:
            earlier, where = labels[id_]
            raise InputError(
                f"{path}, line {line}: {name!r} is {label} here and {earlier} in line {where}"
            )
    if unknown:
        raise InputError(_unknown_sentence(path, unknown, len(rows), manifest))
    if not labels:
        raise InputError(f"{path}: no label of a portrait of {manifest.root}")
    return {id_: label for id_, (label, _) in labels.items()}, quarantined


def _names(manifest: Manifest) -> dict[str, set[str | None]]:
    """What an id or a source name may mean: portraits' ids, None for a quarantined face."""
    meant: dict[str, set[str | None]] = defaultdict(set)
    for portrait in manifest.portraits:
        meant[portrait.id].add(portrait.id)
        meant[portrait.source_name].add(portrait.id)
    for _, row in read_csv(manifest.root / "quarantine.csv", ("id", "source_name")):
        meant[row["id"]].add(None)
        meant[row["source_name"]].add(None)
    return meant


def _ambiguous_sentence(path: Path, line: int, name: str, faces: set[str | None]) -> str:
    which = " and ".join(sorted(id_ or "a quarantined face" for id_ in faces))
    return f"{path}, line {line}: {name!r} may mean {which}; give the other of its two names"


def _column(path: Path, rows: list[tuple[int, dict[str, str]]], names: Iterable[str]) -> str:
    if not rows:
        raise InputError(f"{path}: has no lines below its header")
    found = next((name for name in names if name in rows[0][1]), None)
    if found is None:
        columns = ", ".join(map(str, rows[0][1]))
        raise InputError(f"{path}: no column {' or '.join(names)}; it has: {columns}")
    return found


def _label(text: str | None, path: Path, line: int) -> str:
    label = {name.lower(): name for name in LABELS}.get((text or "").strip().lower())
    if label is None:
        raise InputError(f"{path}, line {line}: label {text!r}; it must be X, Y, unsure or reject")
    return label


def _unknown_sentence(path: Path, unknown: list[str], lines: int, manifest: Manifest) -> str:
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    sentence = (
        f"{path}: no portrait of {manifest.root} is called {', '.join(unknown[:_SHOWN])}{more}"
    )
    if len(unknown) == lines:
        sentence += "; these are labels for another dataset"
    return sentence


def _counts(manifest: Manifest, labels: dict[str, str]) -> dict[tuple[str, str], int]:
    splits = {p.id: p.split or Split.TRAIN for p in manifest.portraits}
    found = Counter((label, str(splits[id_])) for id_, label in labels.items() if id_ in splits)
    return {(label, split): found[label, split] for label in LABELS for split in ("train", "test")}


def shortage(report: ImportReport) -> str:
    """What is still missing before a method can be trained and evaluated; "" for nothing."""
    needed = {
        (Domain.CAMERA, "train"): "train",
        (Domain.AWAY, "train"): "train",
        (Domain.AWAY, "test"): "evaluate",
    }
    missing = [
        f"no {label} in the {split} half (needed to {why})"
        for (label, split), why in needed.items()
        if not report.counts[str(label), split]
    ]
    return "; ".join(missing)
