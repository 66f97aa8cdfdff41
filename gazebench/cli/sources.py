"""``gazebench sources``."""

import click


@click.command()
def command() -> None:
    """List the layouts of source datasets that build-dataset recognises.

    The layout of a folder is detected; `--source-type` names it instead. Each is one file of
    gazebench/sources.
    """
    from gazebench import plugins, sources

    for name in plugins.names(sources):
        layout = sources.load(sources, name)
        click.echo(f"{name:<12}{layout.title}; --align {layout.alignment} by default")
