"""``gazebench label ...``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gazebench.annotation.finalize import Finalized
    from gazebench.annotation.labels import ImportReport
    from gazebench.annotation.server import Invitation
    from gazebench.annotation.summary import Summary

_dataset = click.argument("dataset", type=click.Path(path_type=Path))
_min_votes = click.option(
    "--min-votes",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Votes that a portrait needs before it gets a label.",
)


@click.group()
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
@click.option("--no-app", is_flag=True, help="For `label pack` only: FiftyOne is not needed.")
def prepare(
    dataset: Path,
    annotators: str,
    votes: int | None,
    test_votes: int | None,
    repeats: float | None,
    gold: Path | None,
    no_app: bool,
) -> None:
    """Get a dataset ready for labelling: who takes part, and by which plan.

    Each volunteer gets an own random order. Two people see each portrait, a third one where they
    differ or are unsure, five see each portrait of the test half. Nobody sees what others say.
    Run it again to add volunteers, change the plan, or after the dataset was built again.
    """
    from gazebench.annotation.preparing import prepare as make

    names = tuple(name.strip() for name in annotators.split(",") if name.strip())
    done = make(
        dataset,
        names,
        votes=votes,
        test_votes=test_votes,
        repeats=repeats,
        gold=gold,
        app=not no_app,
    )
    plan = done.session.plan
    click.echo(
        f"{done.portraits:,} portraits for {', '.join(done.session.annotators)}; about "
        f"{done.faces_each:,.0f} faces each, {done.faces_each / 1200:.1f} hours at 3 s a face"
    )
    if len(done.session.annotators) < plan.votes:
        click.secho(f"note: {plan.votes} votes a portrait need {plan.votes} annotators", err=True)
    if plan.gold:
        click.echo(f"{len(plan.gold):,} faces with a known label are among them")
    click.echo(f"next: gazebench label {'pack' if no_app else 'serve'} {dataset}")


@command.command()
@_dataset
@click.option("--annotators", default="", metavar="ana,bo", help="Only these. [default: all]")
@click.option("--port", type=click.IntRange(1024, 65000), default=5151, show_default=True,
              help="Of the first volunteer; the next ones follow.")  # fmt: skip
@click.option("--address", default="127.0.0.1", help="Only 127.0.0.1; see below.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
              help="Name by which a proxy with its own login reaches this server.")  # fmt: skip
def serve(dataset: Path, annotators: str, port: int, address: str, hosts: tuple[str, ...]) -> None:
    """Serve the labelling screen in FiftyOne's App, one private link for each volunteer.

    Runs until Ctrl-C. A server that dies is started again; every vote is on the disk before the
    screen says "saved", and what could not be sent waits in the volunteer's browser.

    Everything listens on 127.0.0.1. From another machine, `ssh -N -L 5151:127.0.0.1:5151
    YOU@THIS-MACHINE`, then the same link in the browser there.
    """
    from gazebench.annotation import server
    from gazebench.annotation.session import Session

    server.check_address(address)
    everybody = Session.load(dataset).annotators
    chosen = [name.strip() for name in annotators.split(",") if name.strip()] or list(everybody)
    click.echo(f"starting {len(chosen)} servers, about 10 s each ...")
    server.serve(dataset, chosen, port=port, hosts=hosts, invite=_invite, say=click.echo)


def _invite(invitations: "list[Invitation]") -> None:
    click.echo("ready; give each volunteer the own link, which is a key:\n")
    for one in invitations:
        click.echo(f"  {one.annotator:12} {one.link}")
    ports = [one.link.split(":")[2].split("/")[0] for one in invitations]
    tunnel = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports[:1])
    click.echo(
        f"\nfrom another machine: ssh -N {tunnel} YOU@THIS-MACHINE, then the same link\n"
        "stop with Ctrl-C; votes are kept, and the same command goes on"
    )


@command.command("import")
@_dataset
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--replace", is_flag=True, help="Where labels.csv says otherwise, take the new label."
)
@click.option("--map", "words", metavar="1=X,0=Y", default="", help="What its words mean.")
@click.option("--annotator", default="", help="Whose votes these are, where the file is silent.")
def import_(dataset: Path, file: Path, replace: bool, words: str, annotator: str) -> None:
    """Add labels or votes of a file to a dataset.

    \b
    A table (commas, semicolons or tabs) with `id` (portrait id or source name) and `label`: X, Y,
    unsure, reject. With a column `annotator` its lines are votes and go to DATASET/votes.sqlite
    (count them with `label finalize`); without one they are labels and go to DATASET/labels.csv.
    Also: the file of a labelling page (`label pack`), `label export`, the lists of CelebGaze (0.txt
    and 1.txt), Label Studio's JSON (choices), "CVAT for images" (tags).

    An unknown name or a contradiction is an error that names it, and nothing is written. The same
    file again changes nothing.
    """
    from gazebench.annotation.importing import has_annotators, import_votes
    from gazebench.annotation.labels import import_csv

    mapping = _mapping(words)
    if annotator or has_annotators(file, mapping):
        report = import_votes(dataset, file, annotator=annotator, mapping=mapping)
        click.echo(
            f"{report.read:,} votes of {', '.join(report.annotators)} read, {report.new:,} new; "
            f"{report.quarantined:,} on quarantined faces left out"
        )
        click.echo(f"next: gazebench label finalize {dataset}")
    else:
        _show_labels(dataset, import_csv(dataset, file, replace=replace, mapping=mapping))


def _mapping(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if not all(separator for _, separator, _ in pairs):
        raise click.UsageError(f"--map {text}: write it as --map 1=X,0=Y")
    return {word: label for word, _, label in pairs}


def _show_labels(dataset: Path, report: "ImportReport") -> None:
    from gazebench.annotation.labels import shortage

    click.echo(
        f"{report.read:,} labels read, {report.new:,} new, {report.changed:,} changed; "
        f"{report.quarantined:,} for quarantined faces left out"
    )
    _show_counts(report.counts)
    if missing := shortage(report.counts):
        click.secho(f"note: {missing}", err=True)
    else:
        click.echo(f"next: gazebench train --method prgan {dataset} runs/prgan")


def _show_counts(counts: "Mapping[tuple[str, str], int]") -> None:
    from gazebench.dataset import LABELS

    click.echo(f"{'':10}{'train':>8}{'test':>8}")
    for label in LABELS:
        train, test = (counts[label, split] for split in ("train", "test"))
        click.echo(f"{label:10}{train:8,}{test:8,}")


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
    from gazebench import store
    from gazebench.annotation.finalize import finalize as count
    from gazebench.annotation.labels import shortage
    from gazebench.reports.agreement import render

    done = count(dataset, min_votes=min_votes)
    page = out or dataset / "agreement.html"
    store.write(page, render(dataset))
    _show_agreement(done.summary)
    _show_counts(done.counts)
    _show_changes(dataset, done)
    click.echo(f"{page}: the report, opens in any browser")
    if missing := shortage(done.counts):
        click.secho(f"note: {missing}", err=True)
    else:
        click.echo(f"next: gazebench train --method prgan {dataset} runs/prgan")


def _show_agreement(summary: "Summary") -> None:
    from gazebench.annotation.summary import AMBIGUOUS

    click.echo(
        f"{summary.events:,} events; {len(summary.decisions):,} portraits decided, "
        f"{summary.waiting:,} with too few votes"
    )
    for name, alpha in (("X/Y/unsure/reject", summary.alpha), ("X/Y", summary.alpha_domains)):
        click.echo(
            f"alpha {name:18}{alpha.value:6.3f}  [{alpha.low:.3f}, {alpha.high:.3f}]  "
            f"{alpha.portraits:,} portraits with two votes or more"
        )
    for k in summary.kappas:
        click.echo(
            f"kappa {f'{k.first} and {k.second}':18}{k.value:6.3f}  {k.agree:.1%} equal, "
            f"{k.portraits:,} portraits"
        )
    unsure = sum(d.label == AMBIGUOUS for d in summary.decisions)
    tied = summary.majority.get(AMBIGUOUS, 0)
    click.echo(f"ambiguous: {unsure:,} (the plain majority would leave {tied:,} open)")


def _show_changes(dataset: Path, done: "Finalized") -> None:
    click.echo(f"{done.new:,} new labels, {len(done.changed):,} changed")
    for id_, before, after in done.changed[:20]:
        click.echo(f"  {id_}: {before} → {after or 'none'}")
    if len(done.changed) > 20:
        click.echo(f"  and {len(done.changed) - 20:,} more; compare with {dataset / 'labels.csv'}")
