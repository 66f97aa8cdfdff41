"""From a labelled dataset to the leaderboard: methods are trained, evaluated and reported."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gazebench.pipeline._places import Place, several

if TYPE_CHECKING:
    from gazebench.evaluation import EvalReport, Evaluation
    from gazebench.evaluation.contenders import Entry
    from gazebench.reports.report import Report
    from gazebench.training import TrainingResult


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
    workers: int = 1,
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
        workers: runs that are evaluated at once, each in a process with its share of the cores; FPS
            is then that of this share.
        command: recorded in the results as what made them.

    Raises:
        InputError: no such method or metric, or no labelled test portrait.
    """
    from gazebench import baselines, plugins
    from gazebench.pipeline._processes import Task, evaluate_apart

    words = [str(word) for word in several(methods)]
    _, named = plugins.extend(baselines, words)  # which refuses two of one name
    alone = [w for w in words if isolate is None and plugins.is_path(w)]
    here = [w for w in words if w not in alone]
    request: dict[str, Any] = {
        "dataset": str(dataset),
        "runs": str(runs),
        "metrics": [*map(str, several(metrics))],
        "shipped": shipped,
        "device": device,
        "overwrite": overwrite,
        "quiet": quiet,
        "command": command,
    }
    elsewhere = named if alone else ()
    ready = opened(**request, methods=here, elsewhere=elsewhere)
    entries, collection = ready.entries, ready.evaluation.methods
    if isolate:
        alone = list(dict.fromkeys(plugins.typed(collection, entry.name) for entry in entries))
        entries = []
    tasks = [Task(methods=(word,)) for word in alone]
    if workers > 1 and len(entries) + len(tasks) > 1:
        tasks = [*(Task(methods=tuple(here), run=entry.run) for entry in entries), *tasks]
        entries = []
    reports = [ready.evaluation.run(entries)]
    reports += evaluate_apart(tasks, request, min(workers, len(tasks))) if tasks else []
    everything = ready.evaluation.with_flags(reports)
    return replace(everything, failures=(*everything.failures, *ready.missing))


class Opened(NamedTuple):
    """An evaluation that can begin."""

    evaluation: "Evaluation"
    entries: list["Entry"]
    missing: list[str]  # sentences on methods that are asked for and cannot take part


def opened(
    dataset: str,
    runs: str,
    methods: Sequence[str],
    metrics: Sequence[str],
    *,
    shipped: bool,
    elsewhere: Sequence[str] = (),
    **flags: Any,
) -> Opened:
    """The evaluation that ``evaluate`` is asked for, and the runs that take part.

    ``elsewhere``: methods that are evaluated, but not here; ``flags``: of ``Evaluation.open``.
    """
    from gazebench import baselines, plugins
    from gazebench.evaluation import Evaluation, find

    collection, names = plugins.extend(baselines, methods)
    evaluation = Evaluation.open(dataset, runs, collection, wanted=tuple(metrics), **flags)
    entries, missing = find(collection, Path(runs), names, shipped=shipped, elsewhere=elsewhere)
    return Opened(evaluation, entries, missing)


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
    flags["wanted"] = tuple(map(str, several(metrics)))
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
