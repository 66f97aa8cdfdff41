"""``gazebench train``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench.cli._groups import GroupedCommand, option
from gazebench.cli._queue import conclude
from gazebench.cli._side_by_side import train_side_by_side
from gazebench.cli._words import say_next

if TYPE_CHECKING:
    from gazebench.plugins import Collection
    from gazebench.training import TrainingResult
    from gazebench.training.job import Budget


_WHAT, _LENGTH, _MACHINE = "What is trained", "How long", "The machine"
_SETTINGS, _RUN = "Settings", "The run"


_MORE = """
    Several methods are trained one after the other, or --jobs at a time, into RUN/NAME, PAM before
    those that need one. A method that fails is reported at the end (exit code 4) and does not stop
    the others. A PAM has a budget of its own, as large as that of a method. Ctrl-C and SIGTERM save
    first.

    \b
    gazebench train --method gazegan_v2 data runs/gazegan_v2 --pam runs/pam
    gazebench train --method all --track generated --jobs 6 data runs
    accelerate launch --multi_gpu -m gazebench train --method prgan data runs/prgan
    """


@click.command(cls=GroupedCommand, epilog=_MORE)
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("run", type=click.Path(path_type=Path))
@option(
    _WHAT,
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="Name (`gazebench methods`) or path of a method's file; may be repeated. With several, or "
    "all, RUN is the folder of runs. A track that lists runs, such as ablations, needs none.",
)
@option(
    _WHAT,
    "--pam",
    rare=True,
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="The trained PAM that the GazeGANs take E_c from. [default: one beside RUN that fits]",
)
@option(
    _LENGTH,
    "--steps",
    type=click.IntRange(1),
    metavar="N",
    help="Updates of the generator. [default: the method's, as published]",
)
@option(
    _LENGTH,
    "--images",
    rare=True,
    type=click.IntRange(1),
    metavar="N",
    help="Instead of --steps: until N portraits have been seen.",
)
@option(
    _LENGTH,
    "--minutes",
    rare=True,
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Instead of --steps: for about N minutes, by the speed of some steps.",
)
@option(_SETTINGS, "--batch", type=click.IntRange(1), help="Portraits per domain in a draw.")
@option(_SETTINGS, "--seed", rare=True, type=click.IntRange(0), help="[default: 0]")
@option(
    _SETTINGS,
    "--track",
    metavar="NAME",
    help="Shipped settings: celebgaze (256 px), celebhqgaze (512 px), generated (256 px, short "
    "trainings on a GPU), demo (minutes on two CPU cores) or ablations (GazeGANV2 whole and "
    "without A, B, C and D; RUN is the folder of runs).",
)
@option(
    _SETTINGS,
    "--config",
    rare=True,
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Settings file with the tables [training] and [methods.NAME], instead of --track.",
)
@option(
    _SETTINGS,
    "--set",
    "overrides",
    multiple=True,
    metavar="TABLE.KEY=VALUE",
    help="One setting, such as methods.prgan.lr=1e-3 or training.ema=0.999 (see --dry-run); wins "
    "over the file, and flags over both.",
)
@option(
    _MACHINE,
    "--device",
    metavar="NAME",
    help="cpu, cuda, cuda:1 ... [default: cuda where there is one]",
)
@option(
    _MACHINE,
    "--precision",
    rare=True,
    type=click.Choice(["no", "bf16"]),
    help="Mixed precision; no means fp32. [default: no]",
)
@option(
    _MACHINE,
    "--jobs",
    rare=True,
    type=click.IntRange(1),
    metavar="N",
    default=1,
    help="Several methods: train N at once, each in a process of its own. Small networks share a "
    "GPU well; --minutes measures each while the others run.",
)
@option(_RUN, "--dry-run", is_flag=True, help="Print all settings of this training, and stop.")
@option(_RUN, "--overwrite", is_flag=True, help="Replace another training in RUN.")
@option(_RUN, "--quiet", is_flag=True, help="No progress bar.")
def command(
    dataset: Path,
    run: Path,
    methods: tuple[str, ...],
    track: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    images: int | None,
    minutes: float | None,
    dry_run: bool,
    overwrite: bool,
    quiet: bool,
    batch: int | None,
    pam: Path | None,
    jobs: int,
    **flags: object,
) -> None:
    """Train a method on the training half of DATASET, into the folder RUN.

    RUN gets config.toml, log.jsonl (losses, one line per step), samples/ (the same few portraits,
    source and corrected) and checkpoints/ (the newest two; one at least every 10 minutes). If
    interrupted, run the same command again: it resumes (on a CPU bit-identically). Other settings
    or labels are refused, unless --overwrite.

    \b
    gazebench train --method prgan data runs/prgan
    gazebench train --method prgan data runs/small --steps 2000 --set methods.prgan.width=32
    gazebench train --method all --track celebgaze data runs
    gazebench train --track ablations data runs
    gazebench train --method my/own.py data runs/own
    """
    from gazebench import baselines, plugins, training
    from gazebench.dataset import Manifest
    from gazebench.training import queue
    from gazebench.training import tables as settings_tables

    collection, names = plugins.extend(baselines, methods)
    names = _wanted(names, variants := _listed(config, track, overrides))
    given = {key: value for key, value in flags.items() if value is not None}
    settings, tables = settings_tables.read(
        collection, file=config, track=track, overrides=overrides, batch=batch, **given
    )
    budget = _budget(images, minutes, given)
    if dry_run:
        shown = settings_tables.resolved(collection, names, settings, tables, budget, variants)
        click.echo(shown, nl=False)
        return
    manifest, parts = Manifest.load(dataset), {"pam": pam} if pam else {}
    if len(names) > 1 or names == ["all"] or variants:
        plan = queue.plan(manifest, collection, names, tables, run, parts, variants)
        shared: dict[str, Any] = {"settings": settings, "budget": budget, "overwrite": overwrite}
        if jobs > 1:
            conclude(train_side_by_side(plan, jobs, methods, dataset, **shared), dataset, run)
            return
        work = queue.Trainer(manifest=manifest, collection=collection, progress=not quiet, **shared)
        conclude(work.run(plan), dataset, run)
        return
    (name,) = names
    with plugins.blaming(collection, name):
        table = tables.get(name, {})
        job = training.Job.of(manifest, run, collection, name, table, parts, settings, budget)
        result = training.train_job(job, overwrite=overwrite, progress=not quiet)
    _summarise(collection, result, dataset)


def _listed(
    config: Path | None, track: str | None, overrides: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    """The runs that a settings file or a track lists, by name."""
    from gazebench.training import tables

    if config and track:
        raise click.UsageError("--config and --track exclude each other; --set changes either")
    return tables.variants(config, track, overrides)


def _wanted(names: Sequence[str], variants: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """``names``; where a settings file lists runs, those of their methods that are among them."""
    found = dict.fromkeys(str(table.get("method")) for table in variants.values())
    others = [name for name in names if variants and name not in (*found, "all")]
    if others:
        known = ", ".join(found)
        raise click.UsageError(f"--method {others[0]}: no run is listed of it; there are: {known}")
    wanted = [name for name in found if not names or "all" in names or name in names]
    wanted = wanted if variants else list(names)
    if not wanted:
        raise click.UsageError("Missing option '--method'.")
    return wanted


def _budget(images: int | None, minutes: float | None, given: Mapping[str, object]) -> "Budget":
    from gazebench.training.job import Budget

    limits = {"steps": given.get("steps"), "images": images, "minutes": minutes}
    if len([limit for limit in limits.values() if limit is not None]) > 1:
        raise click.UsageError("--steps, --images and --minutes exclude each other")
    return Budget(images=images, minutes=minutes)


def _summarise(collection: "Collection", result: "TrainingResult", dataset: Path) -> None:
    if not result.trained:
        click.echo(f"{result.run} is trained already, {result.step} steps; nothing to do")
    else:
        click.echo(
            f"{result.run}: {result.method}, {result.step} steps, {result.seconds:.1f} s in all"
        )
    say_next(*_next(collection, result, dataset))


def _next(
    collection: "Collection", result: "TrainingResult", dataset: Path
) -> tuple[str | Path, ...]:
    from gazebench import methods, plugins

    runs = result.run.parent
    if methods.corrects(methods.load(collection, result.method)):
        words = plugins.typed(collection, result.method)
        return "eval", dataset, runs, "--method", words
    return "train", "--method", "gazegan_v2", dataset, runs / "gazegan_v2"
