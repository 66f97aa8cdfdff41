"""``gazebench train``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gazebench.training import TrainingResult


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--method", required=True, metavar="NAME", help="See `gazebench methods`.")
@click.option(
    "--steps",
    type=click.IntRange(1),
    help="Updates of the generator. [default: the method's, as published]",
)
@click.option("--batch", type=click.IntRange(1), help="Portraits per domain in a draw.")
@click.option("--seed", type=click.IntRange(0), help="[default: 0]")
@click.option(
    "--device", metavar="NAME", help="cpu, cuda, cuda:1; by default CUDA if there is one."
)
@click.option(
    "--precision",
    type=click.Choice(["no", "bf16", "fp16"]),
    help="Mixed precision; no means fp32. [default: no]",
)
@click.option("--sample-every", type=click.IntRange(1), help="Steps between pictures.")
@click.option("--checkpoint-every", type=click.IntRange(1), help="Steps between checkpoints.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="TOML file with the tables [training] and [methods.NAME].",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="TABLE.KEY=VALUE",
    help="One setting, such as methods.prgan.lr=1e-3; wins over the file, and flags over both.",
)
@click.option("--dry-run", is_flag=True, help="Print the settings this would run with, and stop.")
@click.option("--overwrite", is_flag=True, help="Start anew over another training in RUN.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    dataset: Path,
    run: Path,
    method: str,
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    overwrite: bool,
    quiet: bool,
    batch: int | None,
    **flags: object,
) -> None:
    """Train a method on the training half of DATASET, into the folder RUN.

    RUN gets config.toml (all it was made from), log.jsonl (losses, one line per step), samples/
    (the same few portraits, source and corrected) and checkpoints/ (the newest two). Stopped by
    Ctrl-C or SIGTERM it saves first; stopped or killed, the same command goes on and ends with
    the weights it would have had. Other settings or labels are refused, unless --overwrite.

    \b
    gazebench train --method prgan data runs/prgan
    gazebench train --method prgan data runs/small --steps 2000 --set methods.prgan.width=32
    accelerate launch --multi_gpu -m gazebench train --method prgan data runs/prgan
    """
    from gazebench import baselines, training
    from gazebench.config import build
    from gazebench.manifest import Manifest

    training_table, table = _tables(config, overrides, method)
    given = {key: value for key, value in flags.items() if value is not None}
    settings = build(training.TrainingSettings, {**training_table, **given}, "training")
    table = {**table, **({"batch": batch} if batch else {})}
    if dry_run:
        click.echo(_resolved(method, settings, table), nl=False)
        return
    result = training.train(
        Manifest.load(dataset),
        run,
        baselines,
        method,
        settings=table,
        overwrite=overwrite,
        progress=not quiet,
        **settings.model_dump(),
    )
    _summarise(result, dataset)


def _tables(
    config: Path | None, overrides: tuple[str, ...], method: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The tables [training] and [methods.METHOD]; other methods' tables must be of real methods."""
    from gazebench import baselines, methods
    from gazebench import config as settings_files

    tables = settings_files.read(config, overrides)
    by_method = settings_files.table(tables, "methods")
    for name in by_method:
        methods.load(baselines, name)  # a misspelt name must not pass in silence
    return settings_files.table(tables, "training"), settings_files.table(by_method, method)


def _resolved(name: str, settings: Any, table: Mapping[str, Any]) -> str:
    from gazebench import baselines, config
    from gazebench.training.engine import trainable

    steps = {"steps": settings.steps} if settings.steps else {}
    method = config.build(trainable(baselines, name).Config, {**table, **steps}, f"methods.{name}")
    plain = method.model_dump(mode="json")
    training = {**settings.model_dump(mode="json"), "steps": plain["steps"]}
    return config.dump({"training": training, "methods": {name: plain}})


def _summarise(result: "TrainingResult", dataset: Path) -> None:
    if not result.trained:
        click.echo(f"{result.run} is trained already, {result.step} steps; nothing to do")
    else:
        click.echo(
            f"{result.run}: {result.method}, {result.step} steps, {result.seconds:.1f} s in all"
        )
    click.echo(f"next: gazebench eval {dataset} {result.run.parent} --method {result.method}")
