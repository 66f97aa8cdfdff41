"""``gazebench animate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench.cli._alphas import ENDS, Alphas
from gazebench.cli._finding import finding_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gazebench.dataset import Manifest, Portrait
    from gazebench.photographs.moving import Frames
    from gazebench.training import Trained

FIRST = 6  # portraits that are shown where no id is given


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
    help=f"A portrait of DATASET; may be repeated. [default: the first {FIRST} of domain Y, test]",
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
    fps: float,
    interpolate_content: bool | None,
    device: str | None,
    overwrite: bool,
    **options: Any,
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
    from gazebench.photographs import moving

    _check_places(dataset, photo, ids)
    _check_out(out, overwrite=overwrite)
    _require_animator(run)
    place = pick_device(device)
    manifest = Manifest.load(dataset[0]) if dataset else None
    changes = None if interpolate_content is None else {"interpolate_content": interpolate_content}
    trained = training.load_trained(baselines, run, manifest, device=place, changes=changes)
    options |= {"alphas": alphas, "device": place}
    if manifest is not None:
        frames = _of_portraits(trained, manifest, ids, **options)
    else:
        frames = _of_photograph(trained, photo, **options)
    data = moving.encode(out.suffix.lower(), frames, alphas, fps=fps)
    store.write(out, data)
    click.echo(f"{out}: {len(frames)} x {len(alphas)} alphas, {len(data) / 1e6:.1f} MB")


def _of_portraits(
    trained: "Trained", manifest: "Manifest", ids: tuple[str, ...], *, device: Any, **options: Any
) -> "Frames":
    from gazebench.dataset.batches import Pixels
    from gazebench.photographs import moving

    chosen = _chosen(manifest, ids)
    batches = (batch.to(device) for batch in Pixels.open(manifest).batches(chosen, 1))
    method: Any = trained.method
    return moving.animated(method, batches, options["alphas"], eyes_only=options["eyes_only"])


def _of_photograph(
    trained: "Trained", photo: Path | None, *, device: Any, **options: Any
) -> "Frames":
    from gazebench import photographs
    from gazebench.photographs import moving

    assert photo is not None
    finding = {key: options[key] for key in ("align", "finder", "all_faces")}
    photograph = photographs.Photographer(trained.task, **finding).open(photo)
    method: Any = trained.method
    if options["eyes_only"]:
        return moving.animated(
            method, [photograph.batch(device)], options["alphas"], eyes_only=True
        )
    return photographs.animate(method, photograph, options["alphas"], device=device)


def _chosen(manifest: "Manifest", ids: tuple[str, ...]) -> "Sequence[Portrait]":
    from gazebench.errors import InputError
    from gazebench.evaluation import portraits_to_correct

    if unknown := [id_ for id_ in ids if id_ not in manifest.by_id]:
        raise InputError(f"--id {unknown[0]}: {manifest.root} has no such portrait")
    return [manifest.by_id[id_] for id_ in ids] or portraits_to_correct(manifest)[:FIRST]


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


def _require_animator(run: Path) -> None:
    from gazebench import baselines, methods, plugins, training
    from gazebench.errors import MethodError

    name = training.run_method_name(run)
    if name is None or name not in plugins.names(baselines):
        return  # loading says what is wrong
    if not methods.animates(methods.load(baselines, name)):
        kinds = {other: methods.load(baselines, other) for other in plugins.names(baselines)}
        able = ", ".join(other for other, kind in kinds.items() if methods.animates(kind))
        raise MethodError(
            f"{run}: {name} corrects the gaze and does not animate it; these do: {able}"
        )
