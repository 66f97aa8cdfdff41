"""``gazebench study ...``."""

from pathlib import Path

import click

_study = click.argument("study", type=click.Path(path_type=Path))


class _InOrder(click.Group):
    """Commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        first = ("create", "serve", "pack", "import", "status", "analyse", "export")
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
    from gazebench.study.creating import Wishes
    from gazebench.study.creating import create as make
    from gazebench.study.design import Rules

    rules = Rules(catch_failures=max_catch_failures, min_seconds=min_seconds, straight=max_straight)
    text = consent.read_text(encoding="utf-8") if consent else ""
    made = make(runs, dataset, study, Wishes(runs=names, rules=rules, consent=text, **wishes))  # type: ignore[arg-type]
    for note in made.notes:
        click.secho(f"note: {note}", err=True)
    design = made.design
    click.echo(
        f"{study}: {design.questions} questions, {design.catches} catch trials and "
        f"{design.repeats} repeats for each respondent; {len(design.contenders)} methods: "
        + ", ".join(c.title for c in design.contenders)
    )
    click.echo(f"next: gazebench study serve {study}")


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
