"""``gazebench metrics``."""

import click


@click.command()
def command() -> None:
    """List the metrics: what each measures and which way is better.

    Each is one file of gazebench/metrics. Metrics read only PNG files, so every program is scored
    in the same way. Those on request are computed by `gazebench eval --metric NAME` alone.
    """
    from gazebench import metrics, plugins

    for name in plugins.names(metrics):
        card = metrics.load(metrics, name).card
        arrow = "↑" if card.higher_is_better else "↓"
        asked = " (on request)" if card.on_request else ""
        click.echo(f"{name:<24}{arrow} {card.title}{asked}: {card.help}")
