"""A folder of synthetic portraits: ``images/``, ``truth.csv`` and ``labels.csv``.

``truth.csv`` is written first. It says which pictures there will be, so that a drawing that was
stopped resumes where it was, and one with other settings is refused.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from gazebench import progress, store
from gazebench.dataset import Domain, csv_text
from gazebench.errors import InputError, RefusedError, StoppedError
from gazebench.signals import listening
from gazebench.synthetic import truth
from gazebench.synthetic.crew import finished
from gazebench.synthetic.portrait import DrawnPortrait

_ROUND = 16  # pictures that share one sync of their folder
_OURS = {"images", truth.FILE, "labels.csv"}


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
        _begin(out, truths, overwrite)
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


def _begin(out: Path, truths: list[truth.Truth], overwrite: bool) -> None:
    text, path = truth.truth_csv(truths), out / truth.FILE
    if overwrite:
        for name in sorted(_OURS):
            store.remove(out / name)
    elif path.exists() and path.read_bytes() != text.encode():
        raise RefusedError(
            f"{out}: was drawn with another count, size or seed; give another folder, or "
            "--overwrite to replace it"
        )
    store.remove_partial(out / "images")
    labels = ((Path(true.name).stem, true.domain.value) for true in truths)
    store.write_many([(path, text), (out / "labels.csv", csv_text(("id", "label"), labels))])


def _rounds(files: Iterator[tuple[Path, bytes]]) -> Iterator[list[tuple[Path, bytes]]]:
    some: list[tuple[Path, bytes]] = []
    for file in files:
        some.append(file)
        if len(some) == _ROUND:
            yield some
            some = []
    if some:
        yield some
