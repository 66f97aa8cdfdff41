"""A folder of synthetic portraits: ``images/``, ``truth.csv`` and ``labels.csv``.

``truth.csv`` is written first. It says which pictures there will be, so that a drawing that was
stopped resumes where it was, and one with other settings is refused.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from gazebench import progress, store
from gazebench.dataset import Domain, csv_text
from gazebench.errors import InputError, RefusedError, StoppedError
from gazebench.reading import sha256_of
from gazebench.signals import listening
from gazebench.synthetic import truth
from gazebench.synthetic.crew import finished
from gazebench.synthetic.portrait import DrawnPortrait, file_name

_ROUND = 16  # pictures that share one sync of their folder
_LABELS = "labels.csv"


@dataclass(frozen=True, kw_only=True)
class Series:
    """The portraits 0 to ``count`` - 1 of a seed; one worker knows them by this alone."""

    count: int
    size: int  # pixels, even
    seed: int

    def portrait(self, index: int) -> DrawnPortrait:
        """One of them."""
        return DrawnPortrait(self.seed, index, self.size)

    def png(self, index: int) -> bytes:
        """One of them as a file."""
        return self.portrait(index).png()


@dataclass(frozen=True, kw_only=True)
class SynthesisReport:
    """What a drawing did."""

    drawn: int  # now
    kept: int  # were there already
    at_camera: int  # of all, in domain X


def synthesize_folder(
    out: Path, series: Series, *, workers: int, overwrite: bool = False, quiet: bool = False
) -> SynthesisReport:
    """Draw a series of portraits into the folder ``out``, or finish doing so.

    Raises:
        InputError: an odd size, or ``out`` holds something that was not drawn.
        RefusedError: ``out`` was drawn with other settings.
        BusyError: another process draws there.
        DiskError: no space or not writable.
        StoppedError: SIGINT or SIGTERM came; the same command resumes.
    """
    if series.size % 2:
        raise InputError(f"size {series.size}: must be even; take {series.size + 1}")
    _check_folder(out)
    truths = [series.portrait(index).truth for index in range(series.count)]
    with listening() as stopped, store.locked(out):
        _begin(out, truths, overwrite=overwrite)
        paths = [out / "images" / true.name for true in truths]
        pending = [index for index, path in enumerate(paths) if not path.exists()]
        pngs = finished(series.png, pending, workers, stopped)
        with closing(pngs), _bar(series.count, len(pending), quiet) as bar:
            for files in _rounds((paths[index], png) for index, png in pngs):
                store.write_many(files)
                bar.update(len(files))
        if stopped:
            raise StoppedError(
                stopped.signal, f"{out}: stopped; run the same command again to resume"
            )
    return SynthesisReport(
        drawn=len(pending),
        kept=series.count - len(pending),
        at_camera=sum(true.domain is Domain.CAMERA for true in truths),
    )


def _bar(count: int, pending: int, quiet: bool) -> tqdm:
    kept = count - pending
    return progress.bar(
        total=count, initial=kept, desc="draw", unit="face", quiet=quiet or not pending
    )


def _check_folder(out: Path) -> None:
    with store.asking(out):
        if out.exists() and not out.is_dir():
            raise InputError(f"{out}: is a file where a folder is needed")
        foreign = [] if not out.exists() or (out / truth.FILE).exists() else sorted(out.iterdir())
    if foreign := [path.name for path in foreign if not path.name.startswith(".")]:
        raise InputError(
            f"{out}: holds {foreign[0]}, which is not a synthetic portrait; give an empty folder"
        )


def _begin(out: Path, truths: list[truth.Truth], *, overwrite: bool) -> None:
    text, path, there = truth.truth_csv(truths), out / truth.FILE, _there(out)
    if not overwrite and there and truth.truth_csv(there) != text:
        raise RefusedError(
            f"{out}: was drawn with another count, size or seed; give another folder, or "
            "--overwrite to replace it"
        )
    names = {true.name for true in truths} - {true.name for true in there}
    strangers = sorted(name for name in names if (out / "images" / name).exists())
    if overwrite and strangers:
        raise InputError(
            f"{out}: holds images/{strangers[0]}, which truth.csv does not list; move it away"
        )
    if overwrite:  # truth.csv stays until it is replaced, so that a kill leaves a folder of ours
        for name in [f"images/{true.name}" for true in there] + [_LABELS]:
            store.remove(out / name)
    store.remove_partial(out / "images")
    store.write_many([(path, text), (out / _LABELS, _labels(truths))])


def _there(out: Path) -> list[truth.Truth]:
    """The portraits that an earlier drawing made in ``out``, or began to make.

    Raises:
        InputError: the lists are not as a drawing writes them, so whose pictures are they?
    """
    if not (out / truth.FILE).exists():
        return []
    there = truth.read_truth(out / truth.FILE)
    lists = {truth.FILE: truth.truth_csv(there), _LABELS: _labels(there)}
    foreign = [n for n, t in lists.items() if (out / n).exists() and _differs(out / n, t)]
    if [true.name for true in there] != [file_name(index) for index in range(len(there))]:
        foreign = [truth.FILE]
    if foreign:
        way = "move that file away, or " if foreign == [_LABELS] else ""
        raise InputError(
            f"{out}: holds {foreign[0]}, which is not as `gazebench synthesize` writes it; {way}"
            "give an empty folder"
        )
    return there


def _differs(path: Path, text: str) -> bool:
    return sha256_of(path) != hashlib.sha256(text.encode()).hexdigest()


def _labels(truths: list[truth.Truth]) -> str:
    rows = ((Path(true.name).stem, true.domain.value) for true in truths)
    return csv_text(("id", "label"), rows)


def _rounds(files: Iterator[tuple[Path, bytes]]) -> Iterator[list[tuple[Path, bytes]]]:
    some: list[tuple[Path, bytes]] = []
    for file in files:
        some.append(file)
        if len(some) == _ROUND:
            yield some
            some = []
    if some:
        yield some
