"""Makes every figure of ``reports/figures`` that the runs can fill, as PNG and SVG."""

import hashlib
import importlib
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from gazebench import plugins
from gazebench.errors import InputError
from gazebench.reports import figures
from gazebench.reports.figures._drawing import Drawing, Panel, png, style, svg
from gazebench.reports.figures._group import Group, Shown, Shows, Unfilled, Upsampled
from gazebench.reports.measured import Measured, Run
from gazebench.reports.portraits import find_dataset
from gazebench.training.run import Recipe, RunFolder

SUFFIXES = ("png", "svg", "json")


@dataclass(frozen=True, kw_only=True)
class Illustration:
    """A figure as it was written."""

    module: str  # that drew it, "figure_6"
    name: str  # of the files, "figure-6"
    number: str  # as the paper counts; "" for one of ours
    title: str
    caption: str
    alt: str
    key: tuple[str, str]  # fingerprint of the dataset, benchmark version
    shows: Mapping[str, str]  # the runs, with the hash of what each predicted; "" if it is unknown
    files: dict[str, bytes | str]  # by suffix
    panels: Sequence[Panel]
    of: str = ""  # the run, where it shows one
    faces: bool = True  # it shows portraits


@dataclass(frozen=True, kw_only=True)
class Illustrations:
    """All figures of a report."""

    made: tuple[Illustration, ...]
    unfilled: tuple[str, ...]  # a sentence for each figure that could not be made, with commands
    failed: tuple[str, ...]  # and for each whose file has a mistake
    earlier: tuple[str, ...] = ()  # names of those that an earlier report drew


def illustrate(groups: Sequence[tuple[tuple[str, str], Group]]) -> Illustrations:
    """The figures of each group of runs, by dataset fingerprint and benchmark version."""
    made: list[Illustration] = []
    unfilled: list[str] = []
    failed: list[str] = []
    for name in sorted(plugins.names(figures), key=natural):
        reasons: list[str] = []
        before = len(made)
        for key, group in groups:
            try:
                made += _made(name, key, group, several=len(groups) > 1)
            except Unfilled as error:
                reasons.append(f"{called(name)} {error}")
            except Exception as error:  # a mistake in the figure's own file costs that figure
                failed.append(f"{called(name)}: {plugins.sentence(error, _path(name))}")
        if len(made) == before:
            unfilled += reasons[:1]
    return Illustrations(made=tuple(made), unfilled=tuple(unfilled), failed=tuple(failed))


def group_of(
    runs: Sequence[Run], measured: Measured, dataset: Path | None, *, pictures: bool
) -> Group:
    """Runs that compare, in the order of Table I, with all that figures may show of them."""
    facts = runs[0].result.dataset
    manifest, why = None, "pictures were left out"
    if pictures:
        try:
            manifest = find_dataset(facts.fingerprint, runs, dataset)
        except InputError as error:
            why = str(error)
    own = {run.result.run for run in runs}
    folders = dict(measured.folders("figures.json"))
    return Group(
        fingerprint=facts.fingerprint,
        resolution=facts.resolution,
        runs=runs,
        manifest=manifest,
        why_no_pictures=why,
        shown=[
            Shown(run=run, folder=folders[run], facts=shows)
            for run, shows in measured.each("figures.json", Shows)
            if shows.dataset == facts.fingerprint
        ],
        upsampled=list(_upsampled(measured, facts.fingerprint)),
        logs={
            run: folder
            for run, folder in measured.folders("log.jsonl")
            if run in own or _trained_on(folder) == facts.fingerprint
        },
    )


def file_names() -> re.Pattern[str]:
    """Matches the names of files that a report may have written."""
    bases = "|".join(re.escape(_file_name(name)) for name in plugins.names(figures))
    return re.compile(rf"({bases})(-[A-Za-z0-9_-]+)?\.({'|'.join(SUFFIXES)})")


def _made(name: str, key: tuple[str, str], group: Group, *, several: bool) -> list[Illustration]:
    with style():
        module = importlib.import_module(f"{figures.__name__}.{name}")
        drawings: Iterator[Drawing] = module.draw(group)
        digests = {
            run.result.run: run.result.provenance.get("predictions_sha256") for run in group.runs
        }
        return [_written(module, name, key, drawing, several, digests) for drawing in drawings]


def _written(
    module: ModuleType,
    name: str,
    key: tuple[str, str],
    drawing: Drawing,
    several: bool,
    digests: Mapping[str, Any],
) -> Illustration:
    files: dict[str, bytes | str] = {"png": png(drawing.figure), "svg": svg(drawing.figure)}
    if drawing.data is not None:
        files["json"] = json.dumps(drawing.data, indent=1, sort_keys=True) + "\n"
    return Illustration(
        module=name,
        name=name_of(name, key, drawing.of, several=several),
        number=module.NUMBER,
        title=drawing.title,
        caption=drawing.caption,
        alt=drawing.alt,
        key=key,
        shows={run: str(digests.get(run) or "") for run in drawing.runs},
        files=files,
        panels=drawing.panels,
        of=drawing.of,
        faces=drawing.faces,
    )


def name_of(module: str, key: tuple[str, str], of: str, *, several: bool) -> str:
    """The name of a figure's files; ``several``: the report has more than one dataset."""
    parts = [_short(" ".join(key))] if several else []
    parts += [_safe(of)] if of else []
    return "-".join([_file_name(module), *parts])


@dataclass(frozen=True, kw_only=True)
class _Strips:
    ids: Sequence[str] = ()
    columns: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class _Upsampling:
    """What a figure takes of ``upsampling.json``."""

    facts: dict[str, Any]
    pictures: _Strips = field(default_factory=_Strips)


def _upsampled(measured: Measured, fingerprint: str) -> Iterator[Upsampled]:
    folders = dict(measured.folders("upsampling.json"))
    for run, found in measured.each("upsampling.json", _Upsampling):
        strips = found.pictures
        if found.facts.get("fingerprint") == fingerprint and strips.ids:
            folder = folders[run]
            yield Upsampled(run=run, folder=folder, ids=strips.ids, columns=strips.columns)


def _trained_on(folder: Path) -> str:
    try:
        return Recipe.load(RunFolder(folder).config).dataset_fingerprint
    except InputError:
        return ""


def called(name: str) -> str:
    """A figure's module in a sentence: "figure 6"."""
    return name.replace("_", " ")


def _file_name(name: str) -> str:
    return name.replace("_", "-")


def _safe(run: str) -> str:
    """A run's name in a file name; eight hex digits where it has other letters."""
    return run if re.fullmatch("[A-Za-z0-9_-]{1,60}", run) else _short(run)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def natural(name: str) -> list[tuple[int, str]]:
    """By which figure_9 comes before figure_10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _path(name: str) -> Path:
    spec = importlib.util.find_spec(f"{figures.__name__}.{name}")
    return Path(spec.origin if spec and spec.origin else name)
