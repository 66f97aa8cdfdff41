"""``gazebench sources``."""

import click


@click.command()
def command() -> None:
    """List the layouts of source datasets that build-dataset recognises.

    Which one a folder has is found out; `--source-type` says it instead. Each is one file of
    gazebench/sources.
    """
    from gazebench import plugins, sources

    for name in plugins.names(sources):
        layout = sources.load(sources, name)
        click.echo(f"{name:<12}{layout.title}; --align {layout.alignment} by default")
