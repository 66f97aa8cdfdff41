"""Options under several headings, for commands whose help is longer than a screen."""

from typing import Any

import click

_ALL = "gazebench.help_all"  # in a context's ``meta``: show the rarely used options too


class GroupedOption(click.Option):
    """An option that is under the heading ``group`` in the help; a rare one in --help-all only."""

    def __init__(self, *args: Any, group: str, rare: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.rare = rare

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return None if self.rare and not ctx.meta.get(_ALL) else super().get_help_record(ctx)


class GroupedCommand(click.Command):
    """A command whose options are listed by heading, in the order of their first option.

    ``--help`` fits a screen; ``--help-all`` also shows the rare options and the epilog.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_all,
                help="Show all options and more examples, and exit.",
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if ctx.meta.get(_ALL):
            super().format_epilog(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):
                groups.setdefault(getattr(param, "group", "Help"), []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def option(group: str, *names: str, rare: bool = False, **settings: Any) -> Any:
    """``click.option`` under the heading ``group``; with ``rare``, only --help-all shows it."""
    return click.option(*names, cls=GroupedOption, group=group, rare=rare, **settings)


def _show_all(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
