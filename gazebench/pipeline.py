"""The pipeline from Python: seven functions that do what the commands of the same names do.

It uses every room; libraries that are heavy are imported when a function is called. Paths are
``str`` or ``Path``. Errors are those of `gazebench.errors`. A function that was interrupted
resumes when it is called again with the same arguments, and returns at once when all is done.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gazebench.annotation.labels import ImportReport
    from gazebench.curation import BuildPlan, BuildReport
    from gazebench.curation.recreate import RecreationResult
    from gazebench.evaluation import EvalReport
    from gazebench.reports.report import Report
    from gazebench.training import TrainingResult

Place = str | Path


@dataclass(frozen=True, kw_only=True)
class SourceLabels:
    """Labels that came with the source, or with the export that a dataset is recreated from."""

    origin: str  # "source" or "export"
    written: int | None  # lines of labels.csv; None where another labels.csv was there and stays


@dataclass(frozen=True, kw_only=True)
class BuiltDataset:
    """A finished dataset, and what building it did."""

    root: Path
    report: "BuildReport"  # counts of portraits and of quarantined faces, seconds
    labels: SourceLabels | None = None  # where the source has some
    recreated: "RecreationResult | None" = None  # of an export: what came out otherwise


@dataclass(frozen=True, kw_only=True)
class CorrectedPhotographs:
    """Where corrected photographs are, and why others could not be corrected."""

    method: str  # name of the method that corrected them
    files: dict[Path, Path]  # photograph → corrected PNG, of those that worked
    unchanged: tuple[str, ...]  # a sentence for each that the method left as it is, with the reason
    failures: tuple[str, ...]  # a sentence for each that could not be corrected
    notes: tuple[str, ...] = ()  # what else a user should know
    page: Path | None = None  # before and after
    signed: bool = False  # those that were changed have a signed manifest


def build_dataset(
    source: Place,
    out: Place,
    *,
    source_type: str | None = None,
    eyes: Place | None = None,
    labels: Place | None = None,
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    from_export: Place | None = None,
    cluster: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> BuiltDataset:
    """Build a dataset of aligned portraits with eye boxes from a folder of pictures.

    ``source`` is a folder of pictures, CelebA, CelebA-HQ or CelebGaze as they are distributed, or
    synthetic portraits; its layout is detected (``source_type`` names it instead). ``settings``
    are those of the table ``[dataset]`` of a settings file, such as ``resolution=256``,
    ``align="ffhq"``, ``test_fraction=0.2``, ``split="partition"``. A face that cannot be used is
    listed in ``quarantine.csv`` with the reason. The bytes do not depend on ``workers``.

    Args:
        source: the pictures.
        out: folder of the dataset; new, empty, or begun by an earlier call.
        source_type: name of the layout, see ``gazebench sources``.
        eyes: CSV file of eye centres in place of a landmark finder.
        labels: CSV file of labels in place of the source's own; ``split="paper"`` needs some.
        limit: only the first pictures.
        shard: number (from 1) and count, to build one part of the source.
        from_export: an export whose portraits are made again from ``source``.
        cluster: address of a Dask scheduler, or ``local:N``.
        workers: processes; by default the cores of this machine.
        overwrite: replace another build in ``out``; ``labels.csv`` stays.
        quiet: no progress bar.
        **settings: fields of ``gazebench.curation.DatasetSettings``.

    Raises:
        InputError: no usable picture, or settings that do not fit the source.
        RefusedError: ``out`` was begun with other settings or another source.
    """
    from gazebench import config
    from gazebench.curation import DatasetSettings

    plan = plan_dataset(
        Path(source),
        config.build(DatasetSettings, settings, "dataset"),
        source_type=source_type,
        eyes=Path(eyes) if eyes else None,
        labels=Path(labels) if labels else None,
        limit=limit,
        shard=shard,
        from_export=Path(from_export) if from_export else None,
    )
    return build_planned(
        plan, Path(out), workers=workers, overwrite=overwrite, quiet=quiet, cluster=cluster
    )


def label_import(dataset: Place, csv: Place, *, replace: bool = False) -> "ImportReport":
    """Merge the labels of a CSV file into ``labels.csv`` of a dataset.

    The file has a column ``id`` (portrait id or source name) and a column ``label``: ``X`` looks at
    the camera, ``Y`` looks elsewhere, ``unsure`` and ``reject`` leave a portrait out. Nothing is
    written unless every line is good.

    Args:
        dataset: folder of the dataset.
        csv: the labels.
        replace: where ``labels.csv`` has another label, take the new one.

    Raises:
        InputError: an unknown portrait or label, or a contradiction; the line is named.
    """
    from gazebench.annotation.labels import import_csv

    return import_csv(Path(dataset), Path(csv), replace=replace)


def train(
    dataset: Place,
    run: Place,
    *,
    method: Place,
    steps: int | None = None,
    settings: Mapping[str, Any] | None = None,
    parts: Mapping[str, Place] | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    **training: Any,
) -> "TrainingResult":
    """Train one method on the training half of a dataset, into the folder ``run``.

    Args:
        dataset: folder of the dataset, with labels X and Y in its training half.
        run: folder of the run: ``checkpoints/``, ``log.jsonl``, ``samples/``, ``config.toml``.
        method: name as in ``gazebench methods``, or the path of a method's file.
        steps: updates of the generator; by default as published.
        settings: of the method, such as ``{"batch": 8}``; see ``baselines/README.md``.
        parts: method → run that gives a trained network, such as ``{"pam": "runs/pam"}``; by
            default a run beside ``run`` that fits.
        overwrite: replace another training in ``run``.
        quiet: no progress bar.
        **training: fields of ``gazebench.training.TrainingSettings``, such as ``device="cuda"``,
            ``seed=1``, ``precision="bf16"``, ``ema=0.999``.

    Raises:
        InputError: no such method, settings or labels, or a loss that is not finite.
        RefusedError: ``run`` was begun with other settings or another dataset.
        StoppedError: Ctrl-C or SIGTERM; the state is saved.
    """
    from gazebench import baselines, plugins
    from gazebench import training as rooms
    from gazebench.dataset import Manifest

    collection, (name,) = plugins.extend(baselines, [str(method)])
    with plugins.blaming(collection, name):
        return rooms.train(
            Manifest.load(Path(dataset)),
            Path(run),
            collection,
            name,
            settings=settings,
            parts={part: Path(place) for part, place in (parts or {}).items()},
            overwrite=overwrite,
            progress=not quiet,
            **{**training, "steps": steps},
        )


def evaluate(
    dataset: Place,
    runs: Place,
    *,
    methods: Place | Iterable[Place] = "all",
    metrics: str | Iterable[str] = "all",
    shipped: bool = False,
    device: str | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    isolate: bool | None = None,
    command: str = "gazebench.evaluate",
) -> "EvalReport":
    """Correct the test portraits of domain Y with every method, and score the pictures.

    Each run gets ``predictions/ID.png`` and ``scores.json``. A method that fails is listed in the
    report's ``failures`` and does not stop the others.

    Args:
        dataset: folder of the dataset, with labels.
        runs: folder of the trained runs; controls such as ``identity`` need no run.
        methods: one or several names as in ``gazebench methods``, or paths of methods' files.
        metrics: one or several names, see ``gazebench metrics``; "all" is all but those on request.
        shipped: a method that no run here has takes the weights that come with the package.
        device: "cpu", "cuda", "cuda:1"; by default CUDA where there is one.
        overwrite: make predictions and scores again.
        quiet: no progress bars.
        isolate: each method in a process of its own, so that one that crashes stops no other; by
            default those from files elsewhere.
        command: recorded in the results as what made them.

    Raises:
        InputError: no such method or metric, or no labelled test portrait.
    """
    from gazebench import baselines, plugins
    from gazebench.evaluation import Evaluation, find
    from gazebench.evaluation.isolated import evaluate_alone

    words = [str(word) for word in _several(methods)]
    _, named = plugins.extend(baselines, words)  # which refuses two of one name
    alone = [w for w in words if isolate is None and plugins.is_path(w)]
    collection, names = plugins.extend(baselines, [w for w in words if w not in alone])
    flags: Any = {"device": device, "overwrite": overwrite, "quiet": quiet, "command": command}
    chosen = tuple(map(str, _several(metrics)))
    evaluation = Evaluation.open(dataset, runs, collection, wanted=chosen, **flags)
    entries, missing = find(
        collection, Path(runs), names, shipped=shipped, elsewhere=named if alone else ()
    )
    if isolate:
        alone = list(dict.fromkeys(plugins.typed(collection, entry.name) for entry in entries))
        entries = []
    found = evaluation.run(entries)
    request = {"dataset": str(dataset), "metrics": chosen, "shipped": shipped, **flags}
    others = [evaluate_alone(word, Path(runs), request) for word in alone]
    everything = evaluation.with_flags([found, *others])
    return replace(everything, failures=(*everything.failures, *missing))


def score(
    predictions: Place,
    dataset: Place,
    runs: Place,
    *,
    name: str | None = None,
    title: str | None = None,
    paper: str = "",
    code: str = "",
    card: Place | None = None,
    of_camera: Place | None = None,
    of_animation: Place | None = None,
    metrics: str | Iterable[str] = "all",
    allow_partial: bool = False,
    device: str | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    command: str = "gazebench.score",
) -> "EvalReport":
    """Score the predictions of any program: one ``ID.png`` per domain-Y test portrait.

    The result, ``runs/NAME/scores.json``, stands beside those of our methods in the next report.

    Args:
        predictions: folder of the pictures, which have the dataset's size.
        dataset: the dataset that was corrected.
        runs: folder of the runs.
        name: of the run; by default the folder's name.
        title: how tables call it; by default the name.
        paper: citation, for the leaderboard.
        code: address of the code, for the leaderboard.
        card: a ``card.toml`` instead of title, paper and code.
        of_camera: folder of what the program made of the domain-X test portraits, for the columns
            on harm; by default they have a dash.
        of_animation: folder of its animations, for the tables on animation; likewise.
        metrics: as in ``evaluate``.
        allow_partial: score what is there; the row gets no rank.
        device: "cpu", "cuda", "cuda:1"; by default CUDA where there is one.
        overwrite: replace the scores of another folder with this name.
        quiet: no progress bars.
        command: recorded in the result as what made it.

    Raises:
        InputError: missing, foreign or wrong-size pictures; they are listed.
    """
    from gazebench import baselines
    from gazebench.cards import MethodCard
    from gazebench.evaluation import Evaluation
    from gazebench.evaluation.submission import read_card

    wanted = name or Path(predictions).resolve().name
    run = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip(".-") or "outside"
    flags: Any = {"device": device, "overwrite": overwrite, "quiet": quiet, "command": command}
    flags["wanted"] = tuple(map(str, _several(metrics)))
    evaluation = Evaluation.open(dataset, runs, baselines, **flags)
    said = MethodCard(title=title or name or run, paper=paper, code=code)
    return evaluation.score_folder(
        Path(predictions),
        read_card(Path(card)) if card else said,
        run,
        allow_partial=allow_partial,
        of_camera=Path(of_camera) if of_camera else None,
        of_animation=Path(of_animation) if of_animation else None,
    )


def report(
    runs: Place,
    out: Place,
    *,
    dataset: Place | None = None,
    pictures: bool = True,
    slices: Iterable[str] = (),
) -> "Report":
    """Write tables and the leaderboard page of all runs; needs no torch.

    Args:
        runs: folder that holds ``scores.json`` files at any depth.
        out: gets ``index.html``, one file without network requests, and ``tables/``.
        dataset: where the dataset is now, if it was moved.
        pictures: show portraits on the page; leave them out where the dataset may not be
            redistributed.
        slices: "yaw", "openness", "size", "glasses": Table I again for each slice of the portraits.

    Raises:
        InputError: no readable run, runs of one dataset that do not compare, or no such slices.
    """
    from gazebench.reports.report import write_report

    place = Path(dataset) if dataset else None
    return write_report(Path(runs), Path(out), dataset=place, pictures=pictures, slices=[*slices])


def correct(
    run: Place | None,
    photographs: Place | Iterable[Place],
    out: Place,
    *,
    method: Place | None = None,
    dataset: Place | None = None,
    settings: Mapping[str, Any] | None = None,
    format: str = "png",
    align: str | None = None,
    landmarks: str = "dlib",
    all_faces: bool = False,
    max_megapixels: int = 120,
    page: bool = False,
    sign: Place | None = None,
    certificate: Place | None = None,
    timestamp: str | None = None,
    device: str | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> CorrectedPhotographs:
    """Correct the gaze in photographs of any size, with a trained run or without.

    Only pixels inside the two eye boxes of a face change. Each photograph becomes ``out/NAME.png``.
    One without a usable face is in ``failures`` and does not stop the others.

    Args:
        run: folder of the trained run; None: the best method that corrects as it is installed.
        photographs: one or several files, folders of pictures, or patterns such as ``me/*.jpg``.
        out: folder of the corrected photographs.
        method: name of a method that needs no training or ships trained, in place of a run; or the
            path of a method's file, also beside the run that was trained with it.
        dataset: what that method looks things up in.
        settings: of the method, such as ``{"strength": 0.7}``.
        format: "png", or "jpeg", which compresses the whole photograph again.
        align: how a face is cut out; by default as the portraits that the run was trained on.
        landmarks: landmark finder, "dlib" or "face_alignment".
        all_faces: correct every face, not only the largest.
        max_megapixels: of a photograph, up to 250; one takes about 20 MB of memory for each.
        page: also write ``out/index.html``: before and after, one file.
        sign: PEM file of a private key: each photograph that was changed also gets a C2PA manifest
            that is signed with it.
        certificate: PEM file of the certificates of that key, the signer's own first.
        timestamp: address of a time-stamp server (RFC 3161) for the signatures; None asks none.
        device: "cpu", "cuda", "cuda:1"; by default CUDA where there is one.
        overwrite: replace what is in ``out``.
        quiet: no progress bar.

    Raises:
        InputError: the folder holds no trained run, two photographs have one name, or a key or
            certificate that does not sign.
        MissingPartError: ``sign`` without c2pa-python.
        RefusedError: ``out`` has a file of another photograph or run, or ``align`` is another.
    """
    from gazebench import baselines, plugins
    from gazebench.methods import pick_device
    from gazebench.photographs import Photographer, before_after, choosing
    from gazebench.photographs import correct as photographs_correct
    from gazebench.photographs.provenance import signature_of

    notes, unchanged = list[str](), list[str]()
    words = [Path(word) for word in _several(photographs)]
    places = photographs_correct.places_of(words, Path(out), format, notes.append)
    collection, named = plugins.extend(baselines, [str(method)] if method else [])
    what: dict[str, Any] = {"run": Path(run) if run else None, "settings": settings or {}}
    what |= {"dataset": Path(dataset) if dataset else None, "method": named[0] if named else None}
    how: dict[str, Any] = {"device": pick_device(device), "overwrite": overwrite, "quiet": quiet}
    how["signature"] = signature_of(sign, certificate, timestamp)
    chosen = choosing.choose(collection, device=how["device"], **what)
    cut = chosen.cut.of_photographs(align, str(run or dataset or chosen.name))
    finding = {"finder": landmarks, "all_faces": all_faces, "max_megapixels": max_megapixels}
    how |= {"weights_sha256": chosen.weights_sha256, "facts": chosen.facts}
    how |= {"say": unchanged.append, "note": notes.append}
    notes += chosen.notes
    with plugins.blaming(chosen.collection, chosen.name):
        photographer = Photographer(chosen.task, align=cut, **finding)
        failures = photographs_correct.correct(chosen.method, photographer, places, **how)
    files = {photo: file for photo, file in places.items() if file.exists()}
    shown = before_after.write(files, Path(out), chosen.method.card) if page and files else None
    made: dict[str, Any] = {"files": files, "page": shown, "signed": sign is not None}
    made |= {"unchanged": tuple(unchanged), "failures": tuple(failures), "notes": tuple(notes)}
    return CorrectedPhotographs(method=chosen.name, **made)


def plan_dataset(
    source: Path,
    settings: Any,
    *,
    source_type: str | None = None,
    eyes: Path | None = None,
    labels: Path | None = None,
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    from_export: Path | None = None,
) -> "BuildPlan":
    """What ``build_dataset`` would do; ``settings`` are ``DatasetSettings``.

    Raises:
        InputError: see ``build_dataset``; or ``limit``, ``shard``, ``labels`` with ``from_export``.
    """
    from gazebench import curation, sources
    from gazebench.errors import InputError

    place = {"source": source_type, "eyes": eyes}
    chosen = {"limit": limit, "shard": shard, "labels": labels}
    if from_export is None:
        return curation.plan(sources, source, settings, **place, **chosen)
    if any(value is not None for value in chosen.values()):
        raise InputError(f"{', '.join(chosen)} cannot be used with from_export")
    return curation.recreate.plan(sources, source, from_export, settings, **place)


def build_planned(
    plan: "BuildPlan",
    out: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    cluster: str | None = None,
) -> BuiltDataset:
    """Carry out a plan: the dataset, and the labels that its source has.

    Raises:
        GazebenchError: see ``build_dataset``.
    """
    from gazebench import curation

    earlier = curation.recreate.earlier(out) if plan.recreation else None
    made = curation.build(
        plan,
        out,
        workers=workers or len(os.sched_getaffinity(0)),
        overwrite=overwrite,
        quiet=quiet,
        cluster=cluster,
    )
    return BuiltDataset(
        root=out,
        report=made,
        labels=_source_labels(plan, out, earlier),
        recreated=curation.recreate.result(plan.recreation, out) if plan.recreation else None,
    )


def _source_labels(
    plan: "BuildPlan", out: Path, earlier: frozenset[str] | None
) -> SourceLabels | None:
    origin, labels = "source", {face.id: face.label for face in plan.chosen if face.label}
    if plan.recreation:
        origin, labels = "export", plan.recreation.labels
    if not labels:
        return None
    from gazebench.annotation.labels import write_source_labels

    written = write_source_labels(out, labels, earlier=earlier)
    return SourceLabels(origin=origin, written=written)


def _several(places: Place | Iterable[Place]) -> list[Place]:
    return [places] if isinstance(places, str | Path) else list(places)
