"""``gazebench correct``."""

from pathlib import Path

import click

from gazebench.cli._finding import finding_options
from gazebench.cli.eval import raise_if_incomplete


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument(
    "photos", metavar="PHOTO...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the corrected photographs go, as NAME.png.",
)
@finding_options
@click.option("--device", help="cpu, cuda, cuda:1 ... [default: cuda where there is one]")
@click.option("--overwrite", is_flag=True, help="Write over what is in FOLDER.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    run: Path,
    photos: tuple[Path, ...],
    out: Path,
    align: str,
    finder: str,
    all_faces: bool,
    device: str | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Correct the gaze in photographs with the method that was trained in RUN.

    The face is found and cut out as for a dataset, corrected, and the eyes are put back. Only
    pixels inside the two eye boxes change; PNG keeps all others bit by bit. Photographs are turned
    upright, their colour profile goes along, other metadata does not; a text in the file says that
    and by what the gaze was corrected. What is done already is kept. A photograph without a face
    that can be used is named at the end (exit code 4) and does not stop the others.

    \b
    gazebench correct runs/gazegan_v2 me.jpg you.jpg --out corrected
    gazebench correct runs/gazegan_v2 party.jpg --out corrected --all-faces
    """
    from gazebench import baselines, training
    from gazebench.methods import pick_device
    from gazebench.photographs import Photographer
    from gazebench.photographs.correct import correct, destinations

    places = destinations(photos, out)
    place = pick_device(device)
    trained = training.load_trained(baselines, run, None, device=place)
    photographer = Photographer(trained.task, align=align, finder=finder, all_faces=all_faces)
    failures = correct(
        trained.method,
        photographer,
        places,
        weights_sha256=trained.weights_sha256,
        device=place,
        overwrite=overwrite,
        quiet=quiet,
    )
    click.echo(f"{len(photos) - len(failures)} of {len(photos)} photographs corrected → {out}")
    raise_if_incomplete(failures)
