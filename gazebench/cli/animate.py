"""``gazebench animate``."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from gazebench.cli._finding import finding_options, is_run
from gazebench.cli._numbers import ENDS, Numbers

_WIDEST = 40  # degrees, of an eye in its socket


@click.command()
@click.argument(
    "places",
    metavar="[RUN] [DATASET] OUT",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option("--photo", type=click.Path(path_type=Path), help="A photograph instead of DATASET.")
@click.option(
    "--method",
    metavar="NAME",
    help="A method that needs no run: iris_warp, undo or gazegan_v2. "
    "[default: that of RUN, else the best]",
)
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="ID",
    help="A portrait of DATASET; may be repeated. [default: the first six of domain Y, test]",
)
@click.option(
    "--alphas",
    type=Numbers(),
    default=ENDS,
    show_default=True,
    help="How far the gaze moves, as FIRST:LAST:COUNT or A,B,C: from 0, the picture as it is, to "
    "1, its correction. Below 0 and above 1 it moves on beyond both.",
)
@click.option(
    "--yaw",
    type=Numbers(),
    help="Instead of --alphas: directions in degrees from the camera, positive to the picture's "
    "right, as FIRST:LAST:COUNT or A,B,C (iris_warp).",
)
@click.option("--pitch", type=Numbers(), help="As --yaw, positive upwards.")
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
    places: tuple[Path, ...],
    photo: Path | None,
    method: str | None,
    ids: tuple[str, ...],
    alphas: tuple[float, ...],
    yaw: tuple[float, ...] | None,
    pitch: tuple[float, ...] | None,
    eyes_only: bool,
    fps: float,
    interpolate_content: bool | None,
    device: str | None,
    overwrite: bool,
    **finding: Any,
) -> None:
    """Move the gaze of portraits or of a photograph.

    Without RUN, the folder of a trained method, a method that comes with the package moves it. OUT
    is a .png (a strip: a row per portrait, a column per moment), or an animation from the first
    moment to the last and back: .gif, .webp (lossless) or .mp4 (needs gazebench[video]). A
    photograph is shown whole, at most 1024 pixels a side.

    \b
    gazebench animate --photo me.jpg me.webp
    gazebench animate --photo me.jpg looks.png --yaw -20:20:5
    gazebench animate runs/gazegan_v2 data/hq gaze.png --alphas 0,0.5,1,1.4
    gazebench animate runs/gazegan_v2 data/hq eyes.gif --id 17 --eyes-only
    """
    from gazebench import baselines, plugins, store
    from gazebench.dataset import Manifest
    from gazebench.methods import pick_device
    from gazebench.photographs import animations, moving

    run, dataset, out = _sorted(places, photo, ids, method)
    _check_out(out, overwrite=overwrite)
    directions = _directions(yaw, pitch)
    where: dict[str, Any] = {"eyes_only": eyes_only, "device": pick_device(device)}
    manifest = Manifest.load(dataset) if dataset else None
    changes = None if interpolate_content is None else {"interpolate_content": interpolate_content}
    collection, named = plugins.extend(baselines, [] if method is None else [method])
    found = animations.chosen(
        collection, run, named[0] if named else None, manifest,
        device=where["device"], directions=bool(directions), changes=changes,
    )  # fmt: skip
    for sentence in found.notes:
        click.echo(f"note: {sentence}", err=True)
    move = animations.mover(found.method, alphas, directions)
    with plugins.blaming(found.collection, found.name):
        if manifest is not None:
            where["note"] = partial(_say, dataset)
            frames = animations.of_portraits(move, found, manifest, ids, **where)
        else:
            assert photo is not None
            where["note"] = partial(_say, photo)
            frames = animations.of_photograph(move, found, photo, **where, **finding)
    captions = [f"{y:g}°, {p:g}°" for y, p in directions] or [f"{alpha:g}" for alpha in alphas]
    data = moving.encode(out.suffix.lower(), frames, captions, fps=fps)
    store.write(out, data)
    moments = f"{len(captions)} {'directions' if directions else 'alphas'}"
    click.echo(f"{out}: {len(frames)} x {moments}, {len(data) / 1e6:.1f} MB, by {found.name}")


def _say(owner: Path | None, sentence: str) -> None:
    click.echo(f"{owner}: {sentence}", err=True)


def _sorted(
    places: tuple[Path, ...], photo: Path | None, ids: tuple[str, ...], method: str | None
) -> tuple[Path | None, Path | None, Path]:
    """Run, dataset and output file."""
    if photo and ids:
        raise click.UsageError("--id is a portrait of DATASET and cannot be used with --photo")
    *first, out = places
    if photo:
        if len(first) > 1:
            raise click.UsageError("give either DATASET or --photo PHOTO")
        return (first[0] if first else None), None, out
    if not first or (len(first) == 1 and is_run(first[0])):
        raise click.UsageError("give either DATASET or --photo PHOTO")
    if len(first) > 2:
        raise click.UsageError(f"one DATASET, not {len(first) - 1}: [RUN] [DATASET] OUT")
    if len(first) == 2 and method and not method.endswith(".py"):
        raise click.UsageError(f"{first[0]}: a run says the method itself; leave out --method")
    return (first[0] if len(first) == 2 else None), first[-1], out


def _directions(
    yaw: tuple[float, ...] | None, pitch: tuple[float, ...] | None
) -> list[tuple[float, float]]:
    """Pairs of both lists; one value goes with every value of the other."""
    if yaw is None and pitch is None:
        return []
    yaws, pitches = yaw or (0.0,), pitch or (0.0,)
    count = max(len(yaws), len(pitches))
    if not {len(yaws), len(pitches)} <= {1, count}:
        raise click.UsageError(f"--yaw has {len(yaws)} values and --pitch {len(pitches)}")
    if any(abs(angle) > _WIDEST for angle in (*yaws, *pitches)):
        raise click.UsageError(f"--yaw and --pitch are at most {_WIDEST} degrees")
    every = [values * count if len(values) == 1 else values for values in (yaws, pitches)]
    return list(zip(*every, strict=True))


def _check_out(out: Path, *, overwrite: bool) -> None:
    from gazebench import store
    from gazebench.errors import RefusedError
    from gazebench.photographs import moving

    moving.check(out.suffix.lower())
    with store.asking(out):
        if out.exists() and not overwrite:
            raise RefusedError(f"{out}: already exists; --overwrite replaces it")
