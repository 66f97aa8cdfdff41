"""What ``gazebench label`` says."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from gazebench.cli._words import say_next
from gazebench.errors import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gazebench.annotation.finalize import Finalized
    from gazebench.annotation.labels import ImportReport
    from gazebench.annotation.server import Invitation
    from gazebench.annotation.status import Status
    from gazebench.annotation.summary import Summary


def show_counts(counts: "Mapping[tuple[str, str], int]") -> None:
    """Labels per half."""
    from gazebench.dataset import LABELS

    click.echo(f"{'':10}{'train':>8}{'test':>8}")
    for label in LABELS:
        train, test = (counts[label, split] for split in ("train", "test"))
        click.echo(f"{label:10}{train:8,}{test:8,}")


def show_status(status: "Status") -> None:
    """Everybody in a line, then all together."""
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
    show_agreement(status.summary)


def show_watched(status: "Status") -> None:
    """As ``show_status`` on a cleared terminal; a line with the time where there is none."""
    if sys.stdout.isatty():
        click.clear()
        show_status(status)
        return
    done = [f"{name} {p.done:,} of {p.total:,}" for name, p in status.progress.items()]
    alpha = status.summary.alpha
    on = counted(alpha.portraits, "portrait")
    agreed = [f"alpha {alpha.value:.3f} on {on}"] if alpha.portraits else []
    events = counted(status.summary.events, "event")
    click.echo(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {', '.join([*done, events, *agreed])}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def show_agreement(summary: "Summary") -> None:
    """Alpha, kappas and what stays open."""
    from gazebench.annotation.summary import AMBIGUOUS

    click.echo(
        f"{counted(summary.events, 'event')}; "
        f"{counted(len(summary.decisions), 'portrait')} decided, "
        f"{summary.waiting:,} with too few votes"
    )
    for name, alpha in (("X/Y/unsure/reject", summary.alpha), ("X/Y", summary.alpha_domains)):
        click.echo(
            f"alpha {name:18}{alpha.value:6.3f}  [{alpha.low:.3f}, {alpha.high:.3f}]  "
            f"{counted(alpha.portraits, 'portrait')} with two votes or more"
        )
    for k in summary.kappas:
        click.echo(
            f"kappa {f'{k.first} and {k.second}':18}{k.value:6.3f}  {k.agree:.1%} equal, "
            f"{counted(k.portraits, 'portrait')}"
        )
    unsure = sum(d.label == AMBIGUOUS for d in summary.decisions)
    tied = summary.majority.get(AMBIGUOUS, 0)
    click.echo(f"ambiguous: {unsure:,} (the plain majority would leave {tied:,} open)")


def show_changes(dataset: Path, done: "Finalized") -> None:
    """Labels that changed, each of the first twenty."""
    click.echo(f"{done.new:,} new labels, {len(done.changed):,} changed")
    for id_, before, after in done.changed[:20]:
        click.echo(f"  {id_}: {before} → {after or 'none'}")
    if len(done.changed) > 20:
        click.echo(f"  and {len(done.changed) - 20:,} more; compare with {dataset / 'labels.csv'}")


def invite(invitations: "list[Invitation]") -> None:
    """The links, and how to come from elsewhere."""
    click.echo("ready; give each volunteer only their own link: it is a key:\n")
    for one in invitations:
        click.echo(f"  {one.annotator:12} {one.link}")
    ports = [urlsplit(one.link).port for one in invitations]
    tunnels = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    click.echo(
        "\nfrom another machine, first run this there; it is for every link above:\n"
        f"  ssh -N {tunnels} YOU@THIS-MACHINE\n"
        "stop with Ctrl-C; votes are kept; run the same command again to resume"
    )


def show_labels(dataset: Path, report: "ImportReport") -> None:
    """What an import of labels brought, and what comes next."""
    from gazebench.annotation.labels import shortage

    click.echo(
        f"{counted(report.read, 'label')} read, {report.new:,} new, {report.changed:,} changed; "
        f"{report.quarantined:,} for quarantined faces left out"
    )
    if report.unlabelled:
        click.echo(f"{counted(report.unlabelled, 'line')} without a label left out")
    if report.renamed:
        name, id_ = report.renamed[0]
        names = counted(len(report.renamed), "name")
        click.echo(f"written otherwise here: {names}, {name} is {id_} ...")
    show_counts(report.counts)
    if missing := shortage(report.counts):
        click.secho(f"note: {missing}", err=True)
    else:
        say_next("train", "--method", "prgan", dataset, "runs/prgan")
