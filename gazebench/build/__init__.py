"""From a source to a dataset: find each face, cut its portrait, place its eye boxes.

The journal (SQLite) has one row per source face, written after the face's files are durable;
``manifest.csv``, ``quarantine.csv`` and ``dataset.json`` are derived from it at the end. A build
that was stopped goes on where it was; the result is the same, byte for byte, for any number of
workers, stops and resumes.
"""

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from tqdm import tqdm

from gazebench import landmarks, sources, store
from gazebench.build.journal import Journal
from gazebench.build.publish import Counts, publish, published_counts
from gazebench.build.settings import DatasetSettings, fingerprint
from gazebench.build.shard import Outcome, Portraitist
from gazebench.build.workers import CRASHES, outcomes
from gazebench.errors import InputError, StoppedError
from gazebench.sources import Source, SourceFace, _given

_ROUND = 32  # faces whose files share one round of fsync
_MB_PER_PORTRAIT = {256: 0.12, 512: 0.45}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a build would do."""

    root: Path  # folder of the source
    source: str  # name of the source's layout
    title: str
    faces: tuple[SourceFace, ...]
    remarks: tuple[str, ...]
    settings: DatasetSettings
    license: str


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build did."""

    counts: Counts
    seconds: float
    built_now: int  # faces handled by this call; the rest was there


def plan(
    layouts: ModuleType,
    root: Path,
    settings: DatasetSettings,
    *,
    source: str | None,
    limit: int | None,
    eyes: Path | None = None,
) -> Plan:
    """Recognise the source at ``root``, read its lists and settle the settings.

    ``eyes``: a CSV file of eye points that replaces the source's own, see ``sources._given``.

    Raises:
        InputError: no such folder, no pictures, a damaged list, or settings that do not fit.
    """
    with store.asking(root):
        sources.check_place(root)
        name = source or sources.recognise(layouts, root)
        layout = sources.load(layouts, name)
        reader: Source = layout(root)
        faces = tuple(reader.faces())
    if eyes:
        faces = _given.with_points(faces, eyes)
    faces = faces[:limit]
    if not faces:
        raise InputError(f"{root}: no pictures found (JPEG, PNG, WebP, BMP, at any depth)")
    settings = _settled(settings, layout, eyes)
    _check_settings(settings, faces)
    remarks = [*reader.remarks(), *_remarks(faces, eyes)]
    return Plan(
        root=root,
        source=name,
        title=layout.title,
        faces=faces,
        remarks=tuple(remarks),
        settings=settings,
        license=layout.license,
    )


def _settled(settings: DatasetSettings, layout: type[Source], eyes: Path | None) -> DatasetSettings:
    finder = "listed" if eyes else layout.landmarks
    if "landmarks" not in settings.model_fields_set:
        settings = settings.model_copy(update={"landmarks": finder})
    if eyes and settings.landmarks != "listed":
        raise InputError(f"--eyes {eyes}: goes with --landmarks listed, not {settings.landmarks}")
    return settings.resolved(layout.alignment)


def _remarks(faces: Sequence[SourceFace], eyes: Path | None) -> list[str]:
    remarks: list[str] = []
    unknown = sum(face.identity is None for face in faces)
    if 0 < unknown < len(faces):
        remarks.append(f"{unknown:,} pictures have no identity: each counts as another person")
    unplaced = sum(face.eyes is None for face in faces)
    if eyes and unplaced:
        remarks.append(f"{unplaced:,} pictures have no line in {eyes}: they go to quarantine")
    return remarks


def _check_settings(settings: DatasetSettings, faces: Sequence[SourceFace]) -> None:
    side, (height, width) = settings.resolution, settings.window
    if height > side or 2 * width > side:
        raise InputError(f"eye boxes of {height}x{width}: two do not fit into {side}x{side} pixels")
    _check_landmarks(settings, faces)
    if settings.split == "partition" and not any(face.partition for face in faces):
        raise InputError("--split partition: list_eval_partition.txt was not found or names none")


def _check_landmarks(settings: DatasetSettings, faces: Sequence[SourceFace]) -> None:
    if settings.landmarks == "celeba":
        raise InputError("--landmarks celeba is called listed: give --landmarks listed")
    landmarks.load(landmarks, settings.landmarks)  # that there is one
    if settings.landmarks != "listed":
        return
    if not any(face.eyes for face in faces):
        raise InputError(
            "--landmarks listed: the source has no list of eye points "
            "(list_landmarks_align_celeba.txt for CelebA); give one with --eyes FILE.csv"
        )
    if settings.align == "ffhq" and not any(face.mouth for face in faces):
        raise InputError("--landmarks listed: no mouth is listed, which --align ffhq needs")


def build(plan: Plan, out: Path, *, workers: int, overwrite: bool, quiet: bool) -> BuildReport:
    """Build, or finish building, the dataset at ``out``.

    Raises:
        RefusedError: ``out`` was begun with other settings or another source.
        BusyError: another process builds there.
        DiskError: no space or not writable; the same command goes on later.
        InputError: no usable face at all, or ``out`` holds something else.
        StoppedError: SIGINT or SIGTERM came; the same command goes on.
    """
    began = time.monotonic()
    _check_folder(out, plan.root)
    with _stops_between_rounds() as stopped, store.locked(out):
        if overwrite:
            _clear(out)
        with Journal.open(out / "build.sqlite", fingerprint(plan)) as journal:
            pending = journal.pending(plan.faces)
            if not pending and (counts := published_counts(out)):
                return BuildReport(counts=counts, seconds=time.monotonic() - began, built_now=0)
            _check_space(out, len(pending), plan.settings.resolution)
            store.remove(out / "dataset.json")  # no finished dataset while it is being changed
            store.remove_partial(out / "images")
            _run(plan, pending, journal, out, workers=workers, quiet=quiet, stopped=stopped)
            counts = publish(plan, journal, out)
    return BuildReport(counts=counts, seconds=time.monotonic() - began, built_now=len(pending))


def _run(
    plan: Plan,
    pending: Sequence[SourceFace],
    journal: Journal,
    out: Path,
    *,
    workers: int,
    quiet: bool,
    stopped: list[int],
) -> None:
    bar = _bar(len(plan.faces), len(pending), quiet)
    preload = ["gazebench.build._warm"] if plan.settings.landmarks == "dlib" else []
    results = outcomes(
        Portraitist(plan.settings), pending, workers, preload=preload, stopped=stopped
    )
    done: list[Outcome] = []
    crashed: list[Outcome] = []  # kept at the very end: a build that goes on tries them again
    with bar, contextlib.closing(results):
        for outcome in results:
            (crashed if outcome.reason in CRASHES else done).append(outcome)
            bar.update()
            if len(done) >= _ROUND:
                _keep(done, journal, out)
                done.clear()
                bar.set_postfix(quarantined=journal.quarantined())
        _keep(done, journal, out)
    if stopped:
        left = len(journal.pending(plan.faces))
        raise StoppedError(stopped[0], _stopped_sentence(len(plan.faces) - left, len(plan.faces)))
    _keep(crashed, journal, out)


def _bar(faces: int, pending: int, quiet: bool) -> tqdm:
    return tqdm(
        total=faces,
        initial=faces - pending,
        desc="faces",
        unit="face",
        disable=quiet,
        dynamic_ncols=True,
    )


def _stopped_sentence(done: int, faces: int) -> str:
    return f"stopped after {done} of {faces} faces, all kept; run the same command to go on"


def _keep(done: Sequence[Outcome], journal: Journal, out: Path) -> None:
    files = [(out / "images" / f"{o.id}.png", o.png) for o in done if o.png is not None]
    store.write_many(files)
    journal.record(done)


def _check_folder(out: Path, source: Path) -> None:
    with store.asking(out):
        if source.resolve().is_relative_to(out.resolve()):  # --overwrite would remove the pictures
            raise InputError(f"{out}: holds the pictures; give another folder for the dataset")
        if not out.exists():
            return
        if not out.is_dir():
            raise InputError(f"{out}: is a file; give a folder for the dataset")
        is_ours = (out / "build.sqlite").exists()
        names = [path.name for path in out.iterdir()]
    if not is_ours and any(name != ".lock" for name in names):
        raise InputError(f"{out}: holds other files; give a new or empty folder for the dataset")


def _clear(out: Path) -> None:
    # labels are people's work: they stay, whatever is built anew. The journal is emptied before
    # the images go, so that a kill in between leaves none that it takes for done
    for name in ("dataset.json", "build.sqlite-wal", "build.sqlite-shm"):
        store.remove(out / name)
    store.write(out / "build.sqlite", b"")
    for name in ("manifest.csv", "quarantine.csv", "images", "cache"):
        store.remove(out / name)


def _check_space(out: Path, faces: int, resolution: int) -> None:
    per_face = _MB_PER_PORTRAIT.get(resolution, 0.45 * (resolution / 512) ** 2)
    store.require_space(out, int(faces * per_face * 1e6 * 0.5))


@contextlib.contextmanager
def _stops_between_rounds() -> Iterator[list[int]]:
    stopped: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        stopped.append(signum)

    before: dict[int, Any] = {}
    try:
        for signum in (signal.SIGINT, signal.SIGTERM):
            before[signum] = signal.signal(signum, note)
    except ValueError:  # not the main thread: a caller's own thread has no signals to catch
        pass
    try:
        yield stopped
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
