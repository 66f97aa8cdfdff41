"""``gazebench label ...``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gazebench.annotation.finalize import Finalized
    from gazebench.annotation.labels import ImportReport
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
    """Bring people's labels (X at the camera, Y elsewhere) to a dataset."""


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
