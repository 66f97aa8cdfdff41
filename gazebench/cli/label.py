"""``gazebench label ...``."""

from pathlib import Path
from typing import Literal

import click

from gazebench.cli._label_words import (
    invite,
    show_agreement,
    show_changes,
    show_counts,
    show_labels,
    show_status,
    show_watched,
)
from gazebench.cli._words import say_next
from gazebench.errors import counted

_LOOK_EVERY = 3.0  # seconds, of `status --watch`
_dataset = click.argument("dataset", type=click.Path(path_type=Path))
_min_votes = click.option(
    "--min-votes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Votes that a portrait needs before it gets a label.",
)


class _InOrder(click.Group):
    """Commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        first = ("prepare", "serve", "status", "adjudicate", "finalize", "pack")
        return [*first, *sorted(self.commands.keys() - set(first))]


@click.group(cls=_InOrder)
def command() -> None:
    """Label portraits with several people: X looks at the camera, Y elsewhere.

    \b
    In FiftyOne's App:   gazebench label prepare data --annotators ana,bo,chen
                         gazebench label serve data
                         gazebench label finalize data
    Labels of a file:    gazebench label import data labels.csv
    """


@command.command()
@_dataset
@click.option(
    "--annotators", required=True, metavar="ana,bo", help="Names; they join who is there."
)
@click.option("--votes", type=click.IntRange(1, 20), help="People per train portrait. [default: 2]")
@click.option(
    "--test-votes", type=click.IntRange(1, 20), help="People per test portrait. [default: 5]"
)
@click.option(
    "--repeats", type=click.FloatRange(0, 0.5), help="Share of faces shown twice. [default: 0.02]"
)
@click.option(
    "--gold",
    type=click.Path(path_type=Path),
    help="A file of known labels; a few are slipped in to check everybody.",
)
@click.option("--order", type=click.Choice(("random", "active")),
              help="Of the train half; see below. [default: random]")  # fmt: skip
@click.option("--no-app", is_flag=True, help="For `label pack` only: FiftyOne is not needed.")
def prepare(
    dataset: Path,
    annotators: str,
    votes: int | None,
    test_votes: int | None,
    repeats: float | None,
    gold: Path | None,
    order: Literal["random", "active"] | None,
    no_app: bool,
) -> None:
    """Get a dataset ready for labelling: who takes part, and by which plan.

    Each volunteer gets a random order of their own. Two people see each portrait, a third one
    where they differ or are unsure; five, or all where there are fewer, see each portrait of the
    test half. Nobody sees what others say.
    Run it again to add volunteers, change the plan, or after the dataset was built again.

    `--order active`, once there are labels: a small model on eye patches learns from those of the
    train half, and its faces that are probably Y come earlier (give it again to learn from more
    labels). Nobody sees what it says; the test half keeps its random order. The card says so.
    """
    from gazebench.annotation.preparing import prepare as make

    names = tuple(name.strip() for name in annotators.split(",") if name.strip())
    if not no_app:
        click.echo("bringing the portraits into FiftyOne's database, about 10 s ...", err=True)
    done = make(
        dataset,
        names,
        votes=votes,
        test_votes=test_votes,
        repeats=repeats,
        gold=gold,
        order=order,
        app=not no_app,
    )
    plan = done.session.plan
    click.echo(
        f"{counted(done.portraits, 'portrait')} for {', '.join(done.session.annotators)}; about "
        f"{done.faces_each:,.0f} faces each, {done.faces_each / 1200:.1f} hours at 3 s a face"
    )
    there = len(done.session.annotators)
    for asked, half in ((plan.votes, "train"), (test_votes or 0, "test")):
        if there < asked:
            click.secho(
                f"note: {asked} votes a {half} portrait need {asked} annotators, not {there}",
                err=True,
            )
    if plan.gold:
        click.echo(f"among them {counted(len(plan.gold), 'face')} with a known label")
    if learned := done.proposals:
        click.echo(
            f"order learned from {learned.x:,} X and {learned.y:,} Y of the train half (AUC "
            f"{learned.auc:.2f}): {len(learned.probable):,} of its faces are drawn by it"
        )
    if no_app:
        say_next("label", "pack", dataset, "--annotator", names[0])
    else:
        say_next("label", "serve", dataset)


@command.command()
@_dataset
@click.option("--annotators", default="", metavar="ana,bo", help="Only these. [default: all]")
@click.option(
    "--port",
    type=click.IntRange(1024, 65000),
    help="Of the first volunteer; others follow. [default: as last time, at first 5151]",
)
@click.option("--address", default="127.0.0.1", help="Only 127.0.0.1; see below.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
              help="Name by which a proxy with its own login reaches this server.")  # fmt: skip
@click.option("--open", "open_", is_flag=True, help="Open the first link in the browser here.")
def serve(
    dataset: Path,
    annotators: str,
    port: int | None,
    address: str,
    hosts: tuple[str, ...],
    open_: bool,
) -> None:
    """Serve the labelling screen in FiftyOne's App, one private link for each volunteer.

    Runs until Ctrl-C. A server that dies is started again; every vote is on the disk before the
    screen says "saved", and what could not be sent waits in the volunteer's browser.

    Everything listens on 127.0.0.1. From another machine, `ssh -N -L PORT:127.0.0.1:PORT
    YOU@THIS-MACHINE` with the port of the link, then the link in the browser there.
    """
    from gazebench.annotation import server
    from gazebench.annotation.session import Session

    server.check_address(address)
    everybody = Session.load(dataset).annotators
    chosen = [name.strip() for name in annotators.split(",") if name.strip()] or list(everybody)
    click.echo(f"starting {len(chosen)} server{'s' * (len(chosen) > 1)}, about 10 s each ...")

    def ready(invitations: "list[server.Invitation]") -> None:
        invite(invitations)
        if open_:
            click.launch(invitations[0].link)

    server.serve(dataset, chosen, port=port, hosts=hosts, invite=ready, say=click.echo)


@command.command()
@_dataset
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option("--page", type=click.Path(path_type=Path), help="Also write an offline page.")
def status(dataset: Path, watch: bool, page: Path | None) -> None:
    """Show how far labelling is: progress, speed, agreement, drift.

    `agrees` is the share of a person's votes that are the consensus; `halves` the same over the
    first and the second half of the votes, which shows drift; `repeats` how often a face that came
    back got the same vote. With --watch and without a terminal, a line whenever votes came; what
    other commands change meanwhile (import, prepare, a build) is noticed, labels on the page too.
    """
    import time

    from gazebench.annotation.session import Session
    from gazebench.annotation.status import Watch, facts_of
    from gazebench.annotation.votes import Votes
    from gazebench.reports import agreement

    Session.load(dataset)
    with Votes.open(dataset) as votes:
        watched, before = Watch(dataset, votes), None
        while True:
            found = watched.look()
            if found != before:
                (show_watched if watch else show_status)(found)
            if page and found is not before:
                agreement.write(dataset, page, facts_of(dataset, found))
                click.echo(f"{page}: written")
            if not watch:
                return
            before = found
            time.sleep(_LOOK_EVERY)


@command.command()
@_dataset
@click.option("--port", type=click.IntRange(1024, 65000), default=5141, show_default=True)
def adjudicate(dataset: Path, port: int) -> None:
    """Decide on the faces whose votes differ, seeing the votes.

    One link for the organiser; the same screen, those most in doubt first. A decision here is the
    label, whatever the votes say, and is marked as adjudicated in labels.csv.
    """
    from gazebench.annotation import server
    from gazebench.annotation.session import ADJUDICATOR

    click.echo("starting a server, about 10 s ...")
    server.serve(dataset, [ADJUDICATOR], port=port, hosts=(), invite=invite, say=click.echo)


@command.command()
@_dataset
@click.option("--annotator", required=True, help="Whose faces; a name of `label prepare`.")
@click.option("--faces", type=click.IntRange(1, 5000), default=300, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: label-ANNOTATOR.html]")
def pack(dataset: Path, annotator: str, faces: int, out: Path | None) -> None:
    """Write one offline page for a volunteer who cannot reach a server.

    The same screen and keys, or thumbs on a phone. The faces lie in the page, progress in the
    browser; "Save votes" writes a small file to send back, for `label import`. Importing it twice,
    or again later with more votes, counts each vote once.
    """
    from gazebench.annotation.pack import write_pack

    page = out or Path(f"label-{annotator}.html")
    done = write_pack(dataset, annotator, page, faces=faces)
    click.echo(
        f"{page}: {counted(done.faces, 'face')}, {done.megabytes:.1f} MB, opens in any browser"
    )
    click.echo(f"when the file with votes comes back: gazebench label import {dataset} VOTES.json")


@command.command("import")
@_dataset
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--replace", is_flag=True, help="Where labels.csv says otherwise, take the new label."
)
@click.option("--map", "words", metavar="1=X,0=Y", default="", help="What its words mean.")
@click.option("--annotator", default="", help="Whose votes these are, where the file does not say.")
def import_(dataset: Path, file: Path, replace: bool, words: str, annotator: str) -> None:
    """Add labels or votes of a file to a dataset.

    \b
    A table (commas, semicolons or tabs) with `id` (portrait id or source name) and `label`: X, Y,
    unsure, reject; an empty cell says nothing. A spreadsheet program saves one as "CSV UTF-8".
    Names may have folders or an ending, or lack zeros in front. With a column `annotator` its lines
    are votes and go to DATASET/votes.sqlite (count them with `label finalize`); without one they
    are labels and go to DATASET/labels.csv.
    Also: the file of a labelling page (`label pack`), `label export`, the lists of CelebGaze (0.txt
    and 1.txt), Label Studio's JSON (choices), "CVAT for images" (tags).

    An unknown name or a contradiction is an error that names it, and nothing is written; votes of
    `label export` and labelling pages on faces that are gone are kept. The same file again changes
    nothing.
    """
    from gazebench.annotation.importing import VotesReport, import_file

    mapping = _mapping(words)
    report = import_file(dataset, file, annotator=annotator, replace=replace, mapping=mapping)
    if isinstance(report, VotesReport):
        click.echo(
            f"{counted(report.read, 'vote')} of {', '.join(report.annotators)} read, "
            f"{report.new:,} new; {report.quarantined:,} on quarantined faces left out"
        )
        if report.gone:
            click.echo(
                f"{report.gone:,} of the votes read are on faces that are in quarantine or gone; "
                "they are kept and count for nothing"
            )
        if report.unlabelled:
            click.echo(f"{counted(report.unlabelled, 'line')} without a vote left out")
        say_next("label", "finalize", dataset)
    else:
        show_labels(dataset, report)


def _mapping(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if not all(separator for _, separator, _ in pairs):
        raise click.UsageError(f"--map {text}: write it as --map 1=X,0=Y")
    return {word: label for word, _, label in pairs}


@command.command()
@_dataset
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True)
def export(dataset: Path, file: Path, form: str) -> None:
    """Write all votes of a dataset to FILE, with every undo, time and event id.

    `label import` reads it again, here or elsewhere; what is there already is not added twice.
    """
    from gazebench.annotation.exporting import export as write

    click.echo(f"{file}: {write(dataset, file, form):,} events")


@command.command()
@_dataset
@_min_votes
@click.option("--out", type=click.Path(path_type=Path), help="[default: DATASET/agreement.html]")
def finalize(dataset: Path, min_votes: int, out: Path | None) -> None:
    """Count the votes: labels.csv, the report on agreement, and the paragraph of the card.

    A portrait gets the label that Dawid and Skene's estimate finds at least 0.9 probable, else
    `ambiguous`, which is in neither domain. Labels that were imported stay where votes are lacking.
    Run it again after more votes: every label that changes is listed.
    """
    from gazebench.annotation.finalize import finalize as count
    from gazebench.annotation.labels import shortage
    from gazebench.reports import agreement

    done = count(dataset, min_votes=min_votes)
    page = out or dataset / "agreement.html"
    agreement.write(dataset, page)
    show_agreement(done.summary)
    show_counts(done.counts)
    show_changes(dataset, done)
    click.echo(f"{page}: the report, opens in any browser")
    if missing := shortage(done.counts):
        click.secho(f"note: {missing}", err=True)
    else:
        say_next("train", "--method", "prgan", dataset, "runs/prgan")
