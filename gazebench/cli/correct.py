"""``gazebench correct``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench.cli._finding import finding_options, is_run
from gazebench.cli.eval import raise_if_incomplete

if TYPE_CHECKING:
    from gazebench.pipeline import CorrectedPhotographs


@click.command()
@click.argument(
    "words",
    metavar="[RUN] PHOTO...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "--method",
    metavar="NAME|FILE.py",
    help="See `gazebench methods`. [default: that of RUN, else the best that needs none]",
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="What a method without a run looks things up in: its X portraits, train.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 2),
    help="How far the eyes turn: 0 leaves them, 1 is the camera. [default: the method's, 1]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another setting of the method, such as raise_gaze=0.1; see baselines/README.md.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("corrected"),
    show_default=True,
    metavar="FOLDER",
    help="Where the corrected photographs go, as NAME.png or NAME.jpg.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["png", "jpeg"]),
    default="png",
    show_default=True,
    help="jpeg compresses all pixels again.",
)
@click.option("--page", is_flag=True, help="Also FOLDER/index.html: before and after.")
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY.pem",
    help="Also sign a C2PA manifest in each file.",
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    metavar="CHAIN.pem",
    help="Of that key, the signer's own first.",
)
@click.option("--timestamp", metavar="URL", help="Time-stamp server for the signatures.")
@finding_options
@click.option("--device", help="cpu, cuda, cuda:1 ... [default: cuda where there is one]")
@click.option("--overwrite", is_flag=True, help="Write over what is in FOLDER.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    words: tuple[Path, ...],
    method: str | None,
    dataset: Path | None,
    strength: float | None,
    overrides: tuple[str, ...],
    out: Path,
    form: str,
    page: bool,
    sign: Path | None,
    certificate: Path | None,
    timestamp: str | None,
    device: str | None,
    overwrite: bool,
    quiet: bool,
    **finding: Any,
) -> None:
    """Correct the gaze in photographs.

    PHOTO is a picture, a folder of pictures or a pattern such as 'me/*.jpg'. Without RUN, the
    folder of a trained method, the best method that comes with the package corrects them. The face
    is found and cut out as for a dataset, corrected, and the eyes are put back. Only pixels inside
    the two eye boxes change; PNG keeps all others bit by bit. Photographs are turned upright;
    transparency and a colour profile (up to 1 MB, both ways) are kept, other metadata is not; a
    text in the file says by what the gaze was corrected, --sign adds a signed manifest. What is
    there by the same version, weights and options is kept, any other refused (exit code 7). A
    photograph without a usable face is named at the end (exit code 4) and stops no other.

    \b
    gazebench correct me.jpg
    gazebench correct me.jpg --strength 0.7 --out softer
    gazebench correct holiday/ --all-faces --page
    gazebench correct runs/gazegan_v2 me.jpg you.jpg
    gazebench correct --method eye_bank --dataset data/hq me.jpg
    gazebench correct me.jpg --sign key.pem --certificate chain.pem
    """
    import gazebench
    from gazebench import baselines, plugins

    run, *photos = words if is_run(words[0]) else (None, *words)
    if not photos:
        raise click.UsageError("no PHOTO after RUN")
    if str(photos[0]) in plugins.names(baselines) and not photos[0].exists():
        raise click.UsageError(f"{photos[0]} is a method; did you mean `--method {photos[0]}`?")
    done = gazebench.correct(
        run,
        photos,
        out,
        method=method,
        dataset=dataset,
        settings=_settings(strength, overrides),
        format=form,
        page=page,
        sign=sign,
        certificate=certificate,
        timestamp=timestamp,
        device=device,
        overwrite=overwrite,
        quiet=quiet,
        align=finding["align"],
        landmarks=finding["finder"],
        all_faces=finding["all_faces"],
        max_megapixels=finding["max_megapixels"],
    )
    _tell(done, run, out)
    raise_if_incomplete(list(done.failures))


def _tell(done: "CorrectedPhotographs", run: Path | None, out: Path) -> None:
    from gazebench.sources import text_name

    click.echo(f"method: {done.method}" + (f" ({run})" if run else ""), err=True)
    for sentence in done.notes:
        click.echo(f"note: {sentence}", err=True)
    for sentence in done.unchanged:
        click.echo(sentence, err=True)
    if any("looks at the camera" in sentence for sentence in done.unchanged):
        click.echo("note: `--set leave_alone=0` turns eyes that seem to be there already", err=True)
    changed = len(done.files) - len(done.unchanged)
    photographs = len(done.files) + len(done.failures)
    but = f", {len(done.unchanged)} left as they are" if done.unchanged else ""
    place = text_name(out)
    done_to_them = "corrected and signed" if done.signed and changed else "corrected"
    click.echo(f"{changed} of {photographs} photographs {done_to_them}{but} → {place}")
    if done.page:
        click.echo(f"before and after → {done.page}")


def _settings(strength: float | None, overrides: tuple[str, ...]) -> dict[str, Any]:
    from gazebench import config

    for override in overrides:
        if not override.partition("=")[1]:
            raise click.UsageError(f"--set {override}: expected KEY=VALUE, as in --set gain=1.2")
    values = config.read(None, [f"methods.{override}" for override in overrides])
    found = dict(config.table(values, "methods")) if overrides else {}
    return found if strength is None else {**found, "strength": strength}
