"""Options under several headings, for commands whose help is longer than a screen."""

from typing import Any

import click


class GroupedOption(click.Option):
    """An option that stands under the heading ``group`` in the help."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose options are listed by heading, in the order of their first option."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):
                groups.setdefault(getattr(param, "group", "Help"), []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def option(group: str, *names: str, **settings: Any) -> Any:
    """``click.option`` under the heading ``group``."""
    return click.option(*names, cls=GroupedOption, group=group, **settings)
