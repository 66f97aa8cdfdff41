"""``gazebench study ...``."""

import os
from pathlib import Path

import click

from gazebench.cli._words import say_next
from gazebench.errors import counted

_MOST_CONSENT = 100_000  # bytes
_study = click.argument("study", type=click.Path(path_type=Path))


class _InOrder(click.Group):
    """Commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        first = ("create", "serve", "pack", "import", "status", "withdraw", "analyse", "export")
        return [*first, *sorted(self.commands.keys() - set(first))]


@click.group(cls=_InOrder)
def command() -> None:
    """Ask people which correction they prefer, as in the last column of Table I.

    \b
    On a server:       gazebench study create runs data study
                       gazebench study serve study
                       gazebench study analyse study
    Without a server:  gazebench study pack study pages --respondents 30
                       gazebench study import study answers/*.json
    """


@command.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("dataset", type=click.Path(path_type=Path))
@_study
@click.option("--kind", type=click.Choice(("best", "pairs")), default="best", show_default=True,
              help="Best of all methods, or two at a time.")  # fmt: skip
@click.option("--questions", type=click.IntRange(1, 1000), default=50, show_default=True,
              help="About methods, for each respondent.")  # fmt: skip
@click.option("--run", "names", multiple=True, metavar="NAME",
              help="Show only this run of RUNS; may be repeated. [default: all]")  # fmt: skip
@click.option("--faces", type=click.IntRange(1),
              help="Faces to draw questions from. [default: as many as questions]")  # fmt: skip
@click.option("--respondents", type=click.IntRange(1), default=30, show_default=True,
              help="How many people are planned.")  # fmt: skip
@click.option("--catches", type=click.IntRange(0, 50), default=3, show_default=True,
              help="Trials where all pictures but one are broken.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(0, 50), default=2, show_default=True,
              help="Questions that are asked twice.")  # fmt: skip
@click.option("--max-catch-failures", type=click.IntRange(0), default=0, show_default=True,
              help="More exclude a respondent.")  # fmt: skip
@click.option("--min-seconds", type=click.FloatRange(0), default=1.0, show_default=True,
              help="A lower median time per answer excludes a respondent.")  # fmt: skip
@click.option("--max-straight", type=click.FloatRange(0.1, 1), default=0.9, show_default=True,
              help="A larger share of answers at one place excludes a respondent.")  # fmt: skip
@click.option("--title", default="Which picture looks best?", show_default=True,
              help="Heading of the first page.")  # fmt: skip
@click.option("--consent", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A text file that people agree to, in place of ours.")  # fmt: skip
@click.option("--contact", default="", help="Whom to ask, shown below the consent text.")
@click.option("--seed", type=int, default=0, show_default=True)
def create(
    runs: Path,
    dataset: Path,
    study: Path,
    names: tuple[str, ...],
    max_catch_failures: int,
    min_seconds: float,
    max_straight: float,
    consent: Path | None,
    **wishes: object,
) -> None:
    """Make a study of the corrected portraits in RUNS, which were made on DATASET.

    Faces are chosen at random from the test portraits of domain Y that every run has corrected.
    All pictures are copied into STUDY, by one encoder, as files of one size, so that nothing but
    what is to be seen tells the methods apart. Questions, order and exclusion rules are fixed from
    now on.
    """
    from gazebench.reading import read_text
    from gazebench.study.creating import Wishes
    from gazebench.study.creating import create as make
    from gazebench.study.design import Rules

    rules = Rules(catch_failures=max_catch_failures, min_seconds=min_seconds, straight=max_straight)
    text = read_text(consent, _MOST_CONSENT) if consent else ""
    made = make(runs, dataset, study, Wishes(runs=names, rules=rules, consent=text, **wishes))  # type: ignore[arg-type]
    for note in made.notes:
        click.secho(f"note: {note}", err=True)
    design = made.design
    click.echo(
        f"{study}: {design.questions} questions, {design.catches} catch trials and "
        f"{design.repeats} repeats for each respondent; {len(design.contenders)} methods: "
        + ", ".join(c.title for c in design.contenders)
    )
    say_next("study", "serve", study)


@command.command()
@_study
@click.option("--port", type=click.IntRange(1024, 65535), default=5252, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--open-to-the-network", is_flag=True,
              help="Allow an --address that others can reach, without encryption.")  # fmt: skip
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME",
              help="Name by which people or a proxy reach this server.")  # fmt: skip
@click.option("--open", "open_", is_flag=True, help="Open the study in the browser here.")
def serve(
    study: Path,
    port: int,
    address: str,
    open_to_the_network: bool,
    hosts: tuple[str, ...],
    open_: bool,
) -> None:
    """Serve the study's pages until Ctrl-C.

    Every answer is on the disk before the next question is shown. People leave and come back, and
    the server may be stopped and started at any time: each continues at the same question. The
    pages work without JavaScript and on phones.

    It listens on 127.0.0.1. For people elsewhere, put a proxy with TLS before it (nginx, Caddy) and
    name the site: --allow-host study.example.org.
    """
    from gazebench.study import server

    server.check_address(address, is_open=open_to_the_network)

    def ready(link: str) -> None:
        click.echo(f"the study is at {link}  (stop with Ctrl-C; all answers are kept)")
        if open_:
            click.launch(link)

    extra = (*hosts, address) if open_to_the_network else hosts
    server.serve(study, address=address, port=port, hosts=extra, ready=ready)


@command.command()
@_study
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--respondents", type=click.IntRange(1, 10_000), help="[default: those planned]")
def pack(study: Path, out: Path, respondents: int | None) -> None:
    """Write one offline page for each respondent into OUT, for people without a server.

    A page holds all its pictures and works without a network. At the end it writes a small file
    with the answers, which the respondent sends back: `gazebench study import` reads it.
    """
    from gazebench.study.design import Design
    from gazebench.study.pack import write_packs

    pages = write_packs(study, out, respondents or Design.load(study).respondents)
    size = sum(page.stat().st_size for page in pages) / len(pages) / 1e6
    click.echo(f"{out}: {len(pages)} pages of about {size:.1f} MB, one for each respondent")
    click.echo("with the files that come back:")
    say_next("study", "import", study, "FILE...")


@command.command("import")
@_study
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def import_(study: Path, files: tuple[Path, ...]) -> None:
    """Add the answers in FILES, which offline pages wrote. A file twice changes nothing."""
    from gazebench.errors import IncompleteError
    from gazebench.study.pack import import_answers

    new, problems = import_answers(study, files)
    click.echo(f"{new:,} new events from {len(files) - len(problems)} file(s)")
    if problems:
        raise IncompleteError("left out: " + "; ".join(problems))


@command.command()
@_study
@click.argument("code")
def withdraw(study: Path, code: str) -> None:
    """Leave out all answers of the respondent with this personal CODE, for good.

    Respondents of the served study do this themselves, on the page that the first one links to.
    """
    from gazebench.study.withdrawing import withdraw as leave_out

    leave_out(study, code)
    click.echo("withdrawn: left out of every count and export from now on")


@command.command()
@_study
@click.option("--codes", is_flag=True, help="List the completion codes of all who finished.")
def status(study: Path, codes: bool) -> None:
    """Say how far a study is: started, finished, excluded and why.

    Completion codes are listed in alphabetical order and do not lead to answers.
    """
    from gazebench.study.status import status as of

    found = of(study)
    click.echo(
        f"{found.counted} of {found.planned} planned respondents count; "
        f"{found.started} started, {counted(found.answers, 'answer')}"
    )
    for reason, number in found.excluded.items():
        click.echo(f"  {number} {reason}")
    for code in found.codes if codes else ():
        click.echo(code)


@command.command()
@_study
@click.option("--into", "runs", type=click.Path(path_type=Path),
              help="Folder of runs that gets study.json. [default: that of STUDY]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="[default: STUDY/report.html]")
def analyse(study: Path, runs: Path | None, out: Path | None) -> None:
    """Count the answers: shares with intervals, tests, agreement, and a report.

    Writes STUDY/study.json and STUDY/report.html, and study.json into the folder of runs, from
    which the next `gazebench report` fills the last column of Table I. Answers of people who
    withdrew, did not finish, or are excluded by the rules of the design are not counted.
    """
    from gazebench import store
    from gazebench.reports.page.study import percents, render
    from gazebench.study.analysis import analyse as count
    from gazebench.study.analysis import publish
    from gazebench.study.design import Design

    facts = count(study)
    page = out or study / "report.html"
    place = runs or Path(os.path.normpath(study / Design.load(study).folder))
    written = publish(facts, study, place)
    store.write(page, render(facts))
    shown = percents([row["share"] for row in facts["rows"]])
    for row, text in zip(facts["rows"], shown, strict=True):
        ends = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
        click.echo(f"{text:>5} %  {row['letter']}  {row['title']}  (95 % interval {ends})")
    what = "simulated respondents" if facts["simulated"] else "respondents"
    click.echo(f"{facts['respondents']} of {facts['started']} {what} count")
    click.echo(f"{', '.join(map(str, written))}: the numbers; {page}: the report")
    if facts["kind"] == "best":
        say_next("report", place, "board")
    else:
        click.secho("note: worths from pairs are not the last column of Table I", err=True)


@command.command()
@_study
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True)
def export(study: Path, file: Path, form: str) -> None:
    """Write every answer to FILE, one a line, with what was shown and whether it counts."""
    from gazebench.study.exporting import export as write

    click.echo(f"{file}: {write(study, file, form):,} answers")


@command.command()
@_study
@click.option("--respondents", type=click.IntRange(1, 100_000), help="[default: those planned]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def simulate(study: Path, respondents: int | None, seed: int) -> None:
    """Fill a study with invented answers, to see what its report will look like.

    Everything made from them is marked as simulated. A study that has answers of people takes none,
    and one that has invented answers is not served.
    """
    from gazebench.study.design import Design
    from gazebench.study.simulation import simulate as invent

    count = respondents or Design.load(study).respondents
    invent(study, count, seed=seed)
    click.echo(f"{study}: {count} invented respondents")
    say_next("study", "analyse", study)
