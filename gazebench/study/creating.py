"""From finished runs to a study: which faces, which pictures, in one folder that is complete."""

import hashlib
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gazebench import progress, store
from gazebench.dataset import Domain, Manifest, Portrait, Split
from gazebench.dataset.pictures import PictureError, read_picture
from gazebench.errors import InputError, RefusedError
from gazebench.ledger import now
from gazebench.reading import read_object
from gazebench.results import RunResult
from gazebench.study import pictures
from gazebench.study.design import FILE, OTHER, PICTURES, SOURCE, Contender, Design, Kind, Rules
from gazebench.study.plan import BROKEN
from gazebench.study.respondents import KEY, Keyring

MOST = 9  # contenders: as many as there are keys
SECONDS = 8  # that a question takes, for the time that the consent text names
_AGAIN = "run `gazebench eval` again"
_CONSENT = Path(__file__).parent / "templates" / "consent.txt"


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the organiser asks for."""

    kind: Kind = "best"
    questions: int = 50
    faces: int | None = None  # to draw the questions from; None: as many as questions
    catches: int = 3
    repeats: int = 2
    respondents: int = 30
    seed: int = 0
    runs: tuple[str, ...] = ()  # none: all
    title: str = "Which picture looks best?"
    consent: str = ""  # none: ours
    contact: str = ""
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, kw_only=True)
class Created:
    """A new study."""

    design: Design
    notes: tuple[str, ...]  # what differs from what was asked for


def create(
    runs: Path, dataset: Path, study: Path, wishes: Wishes, *, quiet: bool = False
) -> Created:
    """Make the study ``study`` of the runs below ``runs``, which were made on ``dataset``.

    Raises:
        InputError: no finished dataset, fewer than two runs with predictions, pictures missing, or
            ``study`` holds something else.
        RefusedError: there is a study already.
        DiskError: no space or not writable.
    """
    if (study / FILE).exists():
        raise RefusedError(
            f"{study}: there is a study already, whose design never changes; take another folder"
        )
    _refuse_others(study)
    manifest = Manifest.load(dataset)
    folders = _folders(runs, wishes.runs, manifest)
    rng = random.Random(wishes.seed)
    faces, notes = _faces(manifest, folders, wishes, rng)
    catches = _catch_faces(manifest, wishes, rng)
    with store.locked(study):
        _refuse_others(study)
        Keyring.create(study)  # first: it says whose the folder is, should this be interrupted
        files, contenders = _write_pictures(study, manifest, folders, faces, catches, rng, quiet)
        design = _design(manifest, wishes, contenders, faces, catches, files, _between(study, runs))
        design.save(study)
    return Created(design=design, notes=notes)


def _refuse_others(study: Path) -> None:
    """Make sure that ``study`` holds nothing but what an interrupted creation leaves."""
    with store.asking(study):
        names = {path.name for path in study.iterdir()} if study.exists() else set()
    begun = {KEY, PICTURES} if KEY in names and Keyring.is_one(study) else set[str]()
    if others := sorted(name for name in names - begun if not name.startswith(".")):
        raise InputError(f"{study}: holds other files, such as {others[0]}; give a new folder")


def _design(
    manifest: Manifest,
    wishes: Wishes,
    contenders: Sequence[Contender],
    faces: Sequence[str],
    catches: Sequence[str],
    files: Mapping[str, str],
    folder: str,
) -> Design:
    questions = min(wishes.questions, len(faces))
    asked = questions + wishes.catches + wishes.repeats
    ours = _CONSENT.read_text(encoding="utf-8")
    consent = wishes.consent or ours.format(minutes=max(1, round(asked * SECONDS / 60)))
    return Design(
        kind=wishes.kind,
        title=wishes.title,
        consent=consent.strip() + "\n",
        contact=wishes.contact,
        seed=wishes.seed,
        questions=questions,
        catches=wishes.catches,
        repeats=wishes.repeats,
        respondents=wishes.respondents,
        rules=wishes.rules,
        contenders=tuple(contenders),
        faces=tuple(faces),
        catch_faces=tuple(catches),
        pictures=files,
        side=manifest.resolution,
        dataset=manifest.name,
        fingerprint=manifest.fingerprint,
        created=now(),
        folder=folder,
    )


def _between(study: Path, runs: Path) -> str:
    return Path(os.path.relpath(runs.resolve(), study.resolve())).as_posix()


@dataclass(frozen=True)
class _Run:
    name: str
    method: str
    title: str
    pictures: Path


def _folders(runs: Path, chosen: Sequence[str], manifest: Manifest) -> list[_Run]:
    if not runs.is_dir():
        raise InputError(f"{runs}: no such folder of runs; run `gazebench eval` first")
    found = {path.name: path for path in sorted(runs.iterdir()) if path.is_dir()}
    if missing := [name for name in chosen if name not in found]:
        raise InputError(f"{runs}: has no run {missing[0]!r}; there are: {', '.join(found)}")
    names = list(dict.fromkeys(chosen)) or list(found)
    made = [run for name in names if (run := _run(found[name], manifest, bool(chosen)))]
    if len(made) < 2:
        raise InputError(
            f"{runs}: {len(made)} run(s) with predictions for {manifest.root}, a study compares "
            f"two or more; run `gazebench eval {manifest.root} {runs} --method all` first"
        )
    if odd := [run.name for run in made if run.name in (SOURCE, OTHER) or "\t" in run.name]:
        raise InputError(f"{runs}: a run called {odd[0]!r} cannot take part; rename its folder")
    if len(made) > MOST:
        raise InputError(
            f"{runs}: {len(made)} runs, at most {MOST} fit one question; choose with --run: "
            + ", ".join(run.name for run in made)
        )
    return made


def _run(path: Path, manifest: Manifest, is_wanted: bool) -> _Run | None:
    """The run, or None where it has no predictions and was not asked for by name.

    Raises:
        InputError: it is of another dataset, or was asked for and has no predictions.
    """
    title, method, place, dataset = path.name, path.name, "predictions", manifest.fingerprint
    try:
        if (path / "scores.json").is_file():
            result = RunResult.load(path / "scores.json")
            title, method = result.method.title or result.name, result.name
            place, dataset = result.pictures or place, result.dataset.fingerprint
        elif (path / "predictions.json").is_file():
            facts = read_object(path / "predictions.json", _AGAIN)
            method, dataset = str(facts["method"]), str(facts["dataset"])
    except KeyError as error:
        raise InputError(f"{path / 'predictions.json'}: damaged (no {error}); {_AGAIN}") from None
    if not (path / place).is_dir():
        if is_wanted:
            raise InputError(f"{path}: has no predictions; run `gazebench eval` first")
        return None
    if dataset != manifest.fingerprint:
        raise InputError(
            f"{path}: its predictions are of a dataset with fingerprint {dataset}, "
            f"{manifest.root} has {manifest.fingerprint}; give the dataset that was evaluated"
        )
    return _Run(path.name, method, title, path / place)


def _faces(
    manifest: Manifest, runs: Sequence[_Run], wishes: Wishes, rng: random.Random
) -> tuple[list[str], tuple[str, ...]]:
    """Test portraits of domain Y that every run corrected, chosen at random."""
    away = [p.id for p in manifest.select(split=Split.TEST, domain=Domain.AWAY)]
    shared = [id_ for id_ in away if all((r.pictures / f"{id_}.png").is_file() for r in runs)]
    if not shared:
        names = ", ".join(run.name for run in runs)
        raise InputError(f"no test portrait of domain Y has a correction of every run ({names})")
    count = max(wishes.faces or wishes.questions, wishes.questions)
    notes = []
    if len(shared) < wishes.questions:
        notes.append(
            f"{len(shared)} portraits have a correction of every run, so there are {len(shared)} "
            f"questions, not {wishes.questions}"
        )
    return sorted(rng.sample(shared, min(count, len(shared)))), tuple(notes)


def _catch_faces(manifest: Manifest, wishes: Wishes, rng: random.Random) -> list[str]:
    """Portraits that look at the camera, of the test half where there are enough."""
    test = [p.id for p in manifest.select(split=Split.TEST, domain=Domain.CAMERA)]
    train = [p.id for p in manifest.select(split=Split.TRAIN, domain=Domain.CAMERA)]
    pool = test if len(test) >= wishes.catches else test + train
    if len(pool) < wishes.catches:
        raise InputError(
            f"{manifest.root}: {len(pool)} portraits of domain X, and {wishes.catches} catch "
            "trials need one each; label more, or set --catches"
        )
    return sorted(rng.sample(pool, wishes.catches))


def _write_pictures(
    study: Path,
    manifest: Manifest,
    runs: Sequence[_Run],
    faces: Sequence[str],
    catches: Sequence[str],
    rng: random.Random,
    quiet: bool,
) -> tuple[dict[str, str], list[Contender]]:
    """All pictures under names that say nothing, as files of one size."""
    store.remove(study / PICTURES)  # of a creation that was interrupted
    keys = [f"{face}/{option}" for face in faces for option in (SOURCE, *(r.name for r in runs))]
    marks = [SOURCE, *(f"{BROKEN}-{n}" for n in range(len(runs) - 1))]
    keys += [f"{face}/{option}" for face in catches for option in marks]
    numbers = rng.sample(range(len(keys)), len(keys))
    files = {key: f"{number:05}.jpg" for key, number in zip(keys, numbers, strict=True)}
    digests = {run.name: hashlib.sha256() for run in runs}
    made: dict[str, bytes] = {}
    for key in progress.bar(keys, desc="pictures", unit="picture", quiet=quiet):
        face, option = key.split("/")
        run = next((run for run in runs if run.name == option), None)
        made[key] = pictures.encoded(_pixels(manifest, manifest.by_id[face], option, run))
        if run is not None:
            digests[run.name].update(made[key])
    size = pictures.padded_size(max(map(len, made.values())))
    store.write_many(
        (study / PICTURES / files[key], pictures.padded(data, size)) for key, data in made.items()
    )
    return files, [
        Contender(run=r.name, method=r.method, title=r.title, sha256=digests[r.name].hexdigest())
        for r in runs
    ]


def _pixels(
    manifest: Manifest, portrait: Portrait, option: str, run: _Run | None
) -> NDArray[np.uint8]:
    path = run.pictures / f"{portrait.id}.png" if run else manifest.path(portrait)
    try:
        image = read_picture(path)
    except PictureError as error:
        raise InputError(f"{path}: cannot be used ({error.code}); make it again") from None
    if image.size != (manifest.resolution, manifest.resolution):
        side = manifest.resolution
        raise InputError(f"{path}: {image.width}x{image.height} pixels, expected {side}x{side}")
    pixels = np.asarray(image)
    if option.startswith(f"{BROKEN}-"):
        return pictures.broken(pixels, portrait, int(option.rpartition("-")[2]))
    return pixels
