"""``gazebench sources``."""

import click

_INDENT = " " * 12


@click.command()
def command() -> None:
    """List the layouts of source datasets that build-dataset recognises.

    The layout of a folder is detected, also one folder further down; `--source-type` names it
    instead. Each is one file of gazebench/sources.
    """
    from gazebench import plugins, sources

    for name in plugins.names(sources):
        layout = sources.load(sources, name)
        click.echo(f"{name:<12}{layout.title}; --align {layout.alignment} by default")
        about = layout.layout.replace("`", "")
        click.echo(click.wrap_text(about, 96, initial_indent=_INDENT, subsequent_indent=_INDENT))
