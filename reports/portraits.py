"""The portraits behind a set of runs: the dataset where it is now, and what each run made of it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gazebench.dataset import Domain, Manifest, Portrait, Split, intact
from gazebench.dataset.boxes import Box
from gazebench.errors import InputError
from gazebench.reports.measured import Run

SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")  # of a file below a run's folder


def find_dataset(fingerprint: str, runs: Sequence[Run], dataset: Path | None) -> Manifest:
    """The dataset that was scored: at ``dataset``, else where the runs say it is.

    Raises:
        InputError: it is not where it should be, or another one is; names no place.
    """
    places = [dataset] if dataset else _named_places(runs)
    other = None
    for place in places:
        try:
            manifest = Manifest.load(place)
        except InputError:
            continue
        if manifest.fingerprint == fingerprint:
            _refuse_changed(manifest)
            return manifest
        other = manifest.fingerprint
    if other:
        raise InputError(
            f"The dataset found has fingerprint {other}, these scores were made on "
            f"{fingerprint}: its pictures would not be the ones that were scored."
        )
    raise InputError(
        "The dataset is not where the runs say it is; "
        "run `gazebench report` again with --dataset DATASET."
    )


def predictions_of(run: Run) -> Path | None:
    """The folder of what a run made of the test portraits; None where it names none below it."""
    place = run.result.pictures
    return run.folder / place if place and not Path(place).is_absolute() else None


def portraits_to_show(manifest: Manifest) -> list[Portrait]:
    """The test portraits of domain Y whose ids are safe as file names."""
    test = manifest.select(split=Split.TEST, domain=Domain.AWAY)
    return [p for p in test if SAFE_ID.fullmatch(p.id)]


def ids_with_most_pictures(manifest: Manifest, folders: Mapping[str, Path]) -> list[str]:
    """Portraits that the most runs have a picture of."""
    ids = [p.id for p in portraits_to_show(manifest)]
    counts = {id_: sum((f / f"{id_}.png").is_file() for f in folders.values()) for id_ in ids}
    most = max(counts.values(), default=0)
    return [id_ for id_, count in counts.items() if count == most > 0]


def around(box: Box, side: int) -> tuple[int, int, int, int]:
    """The box and a fifth of its width on each side, moved into the frame."""
    margin = round(box.width / 5)
    width, height = (min(side, size + 2 * margin) for size in (box.width, box.height))
    left = min(max(0, box.left - margin), side - width)
    top = min(max(0, box.top - margin), side - height)
    return left, top, left + width, top + height


def _refuse_changed(manifest: Manifest) -> None:
    if changed := intact.faults(manifest):
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise InputError(
            f"The dataset was changed after it was built ({changed[0]}{more}): its pictures would "
            "not be the ones that were scored."
        )


def _named_places(runs: Sequence[Run]) -> list[Path]:
    named = [(run.folder, run.result.dataset_folder) for run in runs if run.result.dataset_folder]
    return list(dict.fromkeys(folder / place for folder, place in named))
