"""``gazebench label ...``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gazebench.annotation.finalize import Finalized
    from gazebench.annotation.labels import ImportReport
    from gazebench.annotation.server import Invitation
    from gazebench.annotation.status import Status
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


@command.command()
@_dataset
@click.option("--watch", is_flag=True, help="Look again every few seconds, until Ctrl-C.")
@click.option("--page", type=click.Path(path_type=Path), help="Also write an offline page.")
def status(dataset: Path, watch: bool, page: Path | None) -> None:
    """Show how far labelling is: progress, speed, agreement, drift.

    `agrees` is the share of a person's votes that are the consensus; `halves` the same over the
    first and the second half of the votes, which shows drift; `repeats` how often a face that came
    back got the same vote.
    """
    import time

    from gazebench.annotation.session import Session
    from gazebench.annotation.status import Watch
    from gazebench.annotation.votes import Votes

    Session.load(dataset)
    with Votes.open(dataset) as votes:
        watched = Watch(dataset, votes)
        while True:
            found = watched.look()
            if watch:
                click.clear()
            _show_status(found)
            if page:
                _write_status(dataset, found, page)
            if not watch:
                return
            time.sleep(5)


def _show_status(status: "Status") -> None:
    from gazebench.annotation.status import faces_per_hour

    click.echo(
        f"{'annotator':14}{'done':>8}{'of':>9}{'faces/h':>9}{'unsure':>8}{'agrees':>8}"
        f"{'halves':>16}{'repeats':>9}{'gold':>8}"
    )
    for name, progress, person in status.people:
        done, total = (progress.done, progress.total) if progress else (person.votes, 0)  # type: ignore[union-attr]
        line = f"{name[:13]:14}{done:8,}{f'{total:,}' if total else '-':>9}"
        if person:
            speed = faces_per_hour(person)
            unsure = person.counts["unsure"] / max(person.votes, 1)
            halves = f"{_share(person.early)} {_share(person.late)}"
            repeats = f"{person.repeats_same}/{person.repeats}" if person.repeats else "-"
            gold = f"{person.gold_right}/{person.gold}" if person.gold else "-"
            line += f"{f'{speed:,.0f}' if speed else '-':>9}{unsure:8.1%}{_share(person.agrees):>8}"
            line += f"{halves:>16}{repeats:>9}{gold:>8}"
        click.echo(line)
    _show_agreement(status.summary)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _write_status(dataset: Path, status: "Status", page: Path) -> None:
    from gazebench import store
    from gazebench.annotation.finalize import facts_of, would_be
    from gazebench.reports.agreement import render

    facts = facts_of(dataset, status.summary, 2, would_be(dataset, status.summary))
    rows = [{"name": n, "done": p.done, "total": p.total} for n, p in status.progress.items()]
    store.write(page, render(dataset, {**facts, "progress": rows}))
    click.echo(f"{page}: written")


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
    server.serve(dataset, [ADJUDICATOR], port=port, hosts=(), invite=_invite, say=click.echo)


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
    click.echo(f"{page}: {done.faces:,} faces, {done.megabytes:.1f} MB, opens in any browser")
    click.echo(f"when the file with votes comes back: gazebench label import {dataset} VOTES.json")


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
