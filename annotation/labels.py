"""``labels.csv``: what people decided, kept apart from what machines computed.

Its columns are ``id`` and ``label``; once votes were counted also ``posterior`` (how probable the
label is), ``votes`` (how many there are) and ``origin`` (``votes``, ``adjudicated``; empty for a
label that was imported as it is).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from gazebench import dataset_card, store
from gazebench.annotation import imports
from gazebench.annotation.imports import Said
from gazebench.annotation.meant import Resolved, first_few, resolve
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

_COUNTED = ("posterior", "votes", "origin")


@dataclass(frozen=True, kw_only=True)
class Label:
    """One line of ``labels.csv``."""

    label: str  # one of LABELS
    posterior: str = ""  # 0 to 1, four digits
    votes: str = ""
    origin: str = ""  # "votes", "adjudicated", or "" for an imported label

    @property
    def is_counted(self) -> bool:
        """Whether it was made from votes, and is made again whenever they are counted."""
        return bool(self.origin)


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import changed."""

    read: int
    new: int
    changed: int
    quarantined: int  # labels of faces that the build put into quarantine: kept out, not an error
    counts: dict[tuple[str, str], int]  # (label, split) → portraits, over the whole file
    unlabelled: int = 0  # lines without a label, left out
    renamed: tuple[tuple[str, str], ...] = ()  # names there that the dataset writes otherwise → ids


def import_csv(
    dataset: Path, path: Path, *, replace: bool = False, mapping: Mapping[str, str] | None = None
) -> ImportReport:
    """Merge the labels of a file into ``DATASET/labels.csv``.

    A table has a column ``id`` (portrait id or source name) and a column ``label`` (X, Y, unsure,
    reject, whatever the case; ``mapping`` adds words); other forms: ``annotation.imports``. Who
    said so does not count. Nothing is written unless every line is good.

    Raises:
        InputError: an unknown portrait or label, two lines that contradict each other, or a line
            that contradicts ``labels.csv`` without ``replace``.
        BusyError: another process writes labels there.
    """
    manifest = Manifest.load(dataset)
    with store.locked(dataset):
        resolved = resolve(manifest, path, imports.read(path, mapping))
        read = agreed(path, resolved.found)
        return _merge(manifest, read, resolved, name=str(path), replace=replace)


def agreed(path: Path, found: list[tuple[str, Said]], advice: str = "") -> dict[str, str]:
    """One label for each portrait; ``advice`` ends the sentence on lines that contradict.

    Raises:
        InputError: a line that is not a label, such as ``undo``, or lines that contradict.
    """
    if others := [said for _, said in found if said.vote not in LABELS]:
        sentences = (
            f"{said.where}: {said.vote!r} is not a label of {said.name!r}" for said in others
        )
        raise InputError(f"{path}, {first_few(sentences)}; votes need a person: --annotator NAME")
    labels: dict[str, Said] = {}
    contradictions: list[str] = []
    for id_, said in found:
        earlier = labels.setdefault(id_, said)
        if earlier.vote != said.vote:
            contradictions.append(
                f"{said.where}: {said.name!r} is {said.vote} here and {earlier.vote} in "
                f"{earlier.where}"
            )
    if contradictions:
        raise InputError(f"{path}, {first_few(contradictions)}{advice}")
    return {id_: said.vote for id_, said in labels.items()}


def _merge(
    manifest: Manifest, read: Mapping[str, str], resolved: Resolved, *, name: str, replace: bool
) -> ImportReport:
    before = read_rows(manifest.root)
    changed = [id_ for id_, label in read.items() if id_ in before and before[id_].label != label]
    if changed and not replace:
        id_ = changed[0]
        raise InputError(
            f"{name}: {id_} is {before[id_].label} in labels.csv and {read[id_]} here "
            f"({len(changed)} such); --replace takes the new ones"
        )
    new = {id_: Label(label=read[id_]) for id_ in {*changed, *(read.keys() - before.keys())}}
    write_rows(manifest.root, {**before, **new})
    return ImportReport(
        read=len(read),
        new=len(read.keys() - before.keys()),
        changed=len(changed),
        quarantined=resolved.quarantined,
        unlabelled=resolved.unlabelled,
        renamed=tuple(resolved.renamed),
        counts=counts_of(manifest, {id_: row.label for id_, row in {**before, **new}.items()}),
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
        write_rows(dataset, {id_: Label(label=label) for id_, label in kept.items()})
    return len(kept)


def read_rows(dataset: Path) -> dict[str, Label]:
    """The lines of ``DATASET/labels.csv`` by id; empty where there is none.

    Raises:
        InputError: damaged, or with a label that does not exist.
    """
    path = dataset / "labels.csv"
    labels = read_labels(path)  # which refuses two labels for one portrait
    if not labels:
        return {}
    rows: dict[str, Label] = {}
    for line, row in read_csv(path, ("id", "label")):
        if row["label"] not in LABELS:
            raise InputError(
                f"{path}, line {line}: {row['id']!r} has the label {row['label']!r}; it must be "
                f"one of {', '.join(LABELS)}: correct that line, or remove it"
            )
        counted = {name: row.get(name) or "" for name in _COUNTED}
        rows[row["id"]] = Label(label=row["label"], **counted)
    return rows


def write_rows(dataset: Path, rows: Mapping[str, Label]) -> None:
    """Write ``DATASET/labels.csv``, sorted by id, and the dataset's card.

    Raises:
        DiskError: no space or not writable.
    """
    ordered = sorted(rows.items())
    columns = ("label", *_COUNTED) if any(row.is_counted for row in rows.values()) else ("label",)
    lines = ([id_, *(getattr(row, name) for name in columns)] for id_, row in ordered)
    store.write(dataset / "labels.csv", csv_text(("id", *columns), lines))
    dataset_card.write(dataset)  # it tells how many there are, and the fingerprint they change


def counts_of(manifest: Manifest, labels: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """(label, half) → portraits."""
    splits = {p.id: p.split or Split.TRAIN for p in manifest.portraits}
    found = Counter((label, str(splits[id_])) for id_, label in labels.items() if id_ in splits)
    return {(label, split): found[label, split] for label in LABELS for split in ("train", "test")}


def shortage(counts: Mapping[tuple[str, str], int]) -> str:
    """What is still missing before a method can be trained and evaluated; "" for nothing."""
    needed = {
        (Domain.CAMERA, "train"): "train",
        (Domain.AWAY, "train"): "train",
        (Domain.AWAY, "test"): "evaluate",
    }
    missing = [
        f"no {label} in the {split} half (needed to {why})"
        for (label, split), why in needed.items()
        if not counts[str(label), split]
    ]
    return "; ".join(missing)
