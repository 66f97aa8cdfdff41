"""``gazebench methods``."""

import click


@click.command()
def command() -> None:
    """List the methods that train and eval know, from their cards.

    A method is one file of baselines/; its name is the file's. "trained" ones need `gazebench
    train` first, a control bounds the scale.
    """
    from gazebench import baselines, methods, plugins

    for name in plugins.names(baselines):
        kind = methods.load(baselines, name)
        card = kind.card
        trained = "trained" if methods.is_trainable(kind) else card.kind
        click.echo(
            f"{name:<14}{trained:<10}{card.title}" + (f", {card.paper}" if card.paper else "")
        )
