"""``gazebench animate``."""

from pathlib import Path
from typing import Any

import click

from gazebench.cli._alphas import ENDS, Alphas
from gazebench.cli._finding import finding_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("dataset", metavar="[DATASET]", nargs=-1, type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--photo", type=click.Path(path_type=Path), help="A photograph instead of DATASET.")
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="ID",
    help="A portrait of DATASET; may be repeated. [default: the first six of domain Y, test]",
)
@click.option(
    "--alphas",
    type=Alphas(),
    default=ENDS,
    show_default=True,
    help="How far the gaze moves: FIRST:LAST:COUNT or A,B,C. 0 is the source, 1 its correction; "
    "below and above is extrapolation.",
)
@click.option("--eyes-only", is_flag=True, help="Show the two eyes, enlarged.")
@click.option("--fps", type=click.FloatRange(1, 50), default=12.0, show_default=True)
@click.option(
    "--interpolate-content/--fix-content",
    default=None,
    help="Also interpolate the appearance code. [default: the run's setting]",
)
@finding_options
@click.option("--device", help="cpu, cuda, cuda:1 ... [default: cuda where there is one]")
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
def command(
    run: Path,
    dataset: tuple[Path, ...],
    out: Path,
    photo: Path | None,
    ids: tuple[str, ...],
    alphas: tuple[float, ...],
    eyes_only: bool,
    fps: float,
    interpolate_content: bool | None,
    device: str | None,
    overwrite: bool,
    **finding: Any,
) -> None:
    """Move the gaze of portraits, with the method that was trained in RUN.

    OUT is a .png (a strip: a row per portrait, a column per alpha), or an animation from the first
    alpha to the last and back: .gif, .webp (lossless) or .mp4 (needs gazebench[video]). A
    photograph is shown whole, at most 1024 pixels a side.

    \b
    gazebench animate runs/gazegan_v2 data/hq gaze.png --alphas 0,0.5,1,1.4
    gazebench animate runs/gazegan_v2 data/hq eyes.gif --id 17 --eyes-only
    gazebench animate runs/gazegan_v2 --photo me.jpg me.webp
    """
    from gazebench import baselines, store, training
    from gazebench.dataset import Manifest
    from gazebench.methods import pick_device
    from gazebench.photographs import animations, moving

    _check_places(dataset, photo, ids)
    _check_out(out, overwrite=overwrite)
    animations.require_animator(baselines, run)
    place = pick_device(device)
    manifest = Manifest.load(dataset[0]) if dataset else None
    changes = None if interpolate_content is None else {"interpolate_content": interpolate_content}
    trained = training.load_trained(baselines, run, manifest, device=place, changes=changes)
    how = {"eyes_only": eyes_only, "device": place}
    if manifest is not None:
        frames = animations.of_portraits(trained, manifest, ids, alphas, **how)
    else:
        assert photo is not None
        frames = animations.of_photograph(trained, photo, alphas, **how, **finding)
    data = moving.encode(out.suffix.lower(), frames, alphas, fps=fps)
    store.write(out, data)
    click.echo(f"{out}: {len(frames)} x {len(alphas)} alphas, {len(data) / 1e6:.1f} MB")


def _check_places(dataset: tuple[Path, ...], photo: Path | None, ids: tuple[str, ...]) -> None:
    if len(dataset) > 1:
        raise click.UsageError(f"one DATASET, not {len(dataset)}: RUN [DATASET] OUT")
    if bool(dataset) == bool(photo):
        raise click.UsageError("give either DATASET or --photo PHOTO")
    if photo and ids:
        raise click.UsageError("--id is a portrait of DATASET and cannot be used with --photo")


def _check_out(out: Path, *, overwrite: bool) -> None:
    from gazebench import store
    from gazebench.errors import RefusedError
    from gazebench.photographs import moving

    moving.check(out.suffix.lower())
    with store.asking(out):
        if out.exists() and not overwrite:
            raise RefusedError(f"{out}: already exists; --overwrite replaces it")
