"""From a plan to a dataset: find each face, cut its portrait, place its eye boxes.

The journal (SQLite) has one row per source face, written after the face's files are durable;
``manifest.csv``, ``quarantine.csv`` and ``dataset.json`` are derived from it at the end. A build
that was stopped resumes where it was; the result is the same, byte for byte, for any number of
workers, stops and resumes.
"""

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from gazebench import landmarks, progress, store
from gazebench.curation import cluster as clusters
from gazebench.curation import workers as crews
from gazebench.curation.destination import FOLDERS, check_folder, check_space, clear
from gazebench.curation.journal import Journal
from gazebench.curation.planning import BuildPlan
from gazebench.curation.portraitist import BuildOutcome, Portraitist
from gazebench.curation.publish import BuildCounts, publish, published_counts
from gazebench.errors import StoppedError
from gazebench.signals import Stop, listening
from gazebench.sources import SourceFace

# faces whose files share one round of fsync: so few that it is over before a worker has made the
# next portrait, and waits to hand it over
_ROUND = 8
# by landmark finder: what all its workers share
_PRELOAD = {
    "dlib": ["gazebench.curation._warm"],
    "face_alignment": ["face_alignment.detection.sfd"],
}


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build did."""

    counts: BuildCounts
    seconds: float
    built_now: int  # faces handled by this call; the rest was there


def build(
    plan: BuildPlan,
    out: Path,
    *,
    workers: int,
    overwrite: bool,
    quiet: bool,
    cluster: str | None = None,
) -> BuildReport:
    """Build, or finish building, the dataset at ``out``.

    ``cluster``: work on a Dask cluster, see ``curation.cluster``, instead of ``workers`` processes.

    Raises:
        RefusedError: ``out`` was begun with other settings or another source.
        BusyError: another process builds there.
        DiskError: no space or not writable; the same command resumes later.
        InputError: no usable face at all (in a shard that is fine), ``out`` holds something
            else, or the cluster cannot be reached or cannot read the pictures.
        MissingPartError: a cluster is asked for and Dask is not installed.
        StoppedError: SIGINT or SIGTERM came; the same command resumes.
    """
    began = time.monotonic()
    check_folder(out, plan.root)
    if cluster is not None:
        clusters.check(cluster)
    with listening() as stopped, store.locked(out):
        if overwrite:
            clear(out)
        with Journal.open(out / "build.sqlite", plan.fingerprint()) as journal:
            number, pending = _begin(plan, journal)
            if not number and (counts := published_counts(out)):
                return BuildReport(counts=counts, seconds=time.monotonic() - began, built_now=0)
            check_space(out, number, plan.settings)
            results = _outcomes(plan, pending, number, workers, cluster, stopped)
            if plan.recreation:
                results = plan.recreation.checked(results)
            with contextlib.closing(results):
                store.remove(out / "dataset.json")  # no finished dataset while it is changed
                for name in FOLDERS:
                    store.remove_partial(out / name)
                _run(plan, number, results, journal, out, quiet=quiet, stopped=stopped)
            known = {f.id: f.attributes for f in plan.chosen if f.attributes is not None}
            counts = publish(plan.description(), plan.found, journal, out, known)
    return BuildReport(counts=counts, seconds=time.monotonic() - began, built_now=number)


def _begin(plan: BuildPlan, journal: Journal) -> tuple[int, Iterable[SourceFace]]:
    if plan.recreation:
        faces = plan.recreation.begin(journal, plan.chosen)
        return len(faces), faces
    # each row is of a chosen face: the fingerprint has the list and the shard
    return len(plan.chosen) - journal.done(), journal.pending(plan.chosen)


def _outcomes(
    plan: BuildPlan,
    pending: Iterable[SourceFace],
    number: int,
    workers: int,
    cluster: str | None,
    stopped: Stop,
) -> Generator[BuildOutcome]:
    portraitist = Portraitist(plan.settings)
    finder = landmarks.load(landmarks, plan.settings.landmarks)
    finder.prepare()
    if cluster is not None:
        return clusters.outcomes(portraitist, pending, number, cluster, stopped=stopped)
    return crews.outcomes(
        portraitist,
        pending,
        number,
        workers,
        preload=_PRELOAD.get(plan.settings.landmarks, ()),
        memory_bytes=finder.memory_bytes,
        stopped=stopped,
    )


def _run(
    plan: BuildPlan,
    number: int,
    results: Iterator[BuildOutcome],
    journal: Journal,
    out: Path,
    *,
    quiet: bool,
    stopped: Stop,
) -> None:
    done: list[BuildOutcome] = []
    crashed: list[BuildOutcome] = []  # kept at the very end: a resumed build tries them again
    left = number
    with _bar(len(plan.chosen), number, quiet) as bar:
        for outcome in results:
            left -= outcome.reason not in crews.CRASHES
            (crashed if outcome.reason in crews.CRASHES else done).append(outcome)
            bar.update()
            if len(done) >= _ROUND:
                _keep(done, journal, out)
                done.clear()
                bar.set_postfix(quarantined=journal.quarantined())
        _keep(done, journal, out)
    if stopped:
        all_ = len(plan.chosen)
        sentence = f"stopped after {all_ - left} of {all_} faces, all kept"
        raise StoppedError(stopped.signal, f"{sentence}; run the same command again to resume")
    _keep(crashed, journal, out)


def _bar(faces: int, pending: int, quiet: bool) -> tqdm:
    return progress.bar(
        total=faces,
        initial=faces - pending,
        desc="faces",
        unit="face",
        quiet=quiet,
    )


def _keep(done: Sequence[BuildOutcome], journal: Journal, out: Path) -> None:
    store.write_many((out / path, data) for outcome in done for path, data in outcome.files)
    journal.record(done)
