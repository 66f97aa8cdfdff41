"""``gazebench methods``."""

import click


@click.command()
@click.option(
    "--params", is_flag=True, help="Count parameters, in millions, and compare with the paper."
)
@click.option(
    "--res",
    "resolutions",
    type=click.IntRange(32),
    multiple=True,
    default=(256, 512),
    show_default=True,
    metavar="PIXELS",
    help="Side of the portraits to count for; may be repeated.",
)
def command(params: bool, resolutions: tuple[int, ...]) -> None:
    """List the methods that can be trained and evaluated.

    A method is one file of baselines/; its name is the file name. Those marked "trained" need
    `gazebench train` first, unless it says "weights ship" (`gazebench eval --shipped`); a control
    bounds the scale.

    With --params, of each trained method at its default settings: the networks that correct or
    animate (Table VI of Zhang et al. 2022 counts these), all that training needs, and these with
    a frozen VGG (as Table I counts). In brackets: the number in the paper, and our difference.
    """
    from gazebench import baselines, methods, plugins
    from gazebench.weights import trained as shipped

    if params:
        from gazebench.cli import _parameters
        from gazebench.reports.paper import parameter_counts
        from gazebench.training.parameters import count

        printed = parameter_counts()
        variants = {(p.method, p.resolution, tuple(p.without)) for p in printed if p.without}
        counts = count(baselines, resolutions, sorted(variants))
        click.echo("\n".join(_parameters.table(counts, printed)))
        return
    for name in plugins.names(baselines):
        kind = methods.load(baselines, name)
        card = kind.card
        trained = "trained" if methods.is_trainable(kind) else card.kind
        ship = "weights ship" if name in shipped.names() else ""
        paper = f", {card.paper}" if card.paper else ""
        click.echo(f"{name:<14}{trained:<10}{ship:<14}{card.title}{paper}")
