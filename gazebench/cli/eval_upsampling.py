"""``gazebench eval-upsampling``."""

from pathlib import Path

import click

from gazebench.cli._words import say_next
from gazebench.errors import IncompleteError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["test", "all"]),
    default="test",
    show_default=True,
    help="Which portraits of domain Y; the paper takes all.",
)
@click.option(
    "--upsampler",
    "names",
    multiple=True,
    metavar="NAME",
    help="bilinear, cfm, real_esrgan_x2 or real_esrgan_x4; may be repeated. [default: all]",
)
@click.option("--device", help="cpu, cuda, cuda:1 ... [default: cuda where there is one]")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    run: Path, dataset: Path, split: str, names: tuple[str, ...], device: str | None, quiet: bool
) -> None:
    """Measure GazeGANV2's coarse-to-fine module against other up-samplers (Table VI).

    The portraits of domain Y are reconstructed at half size by the trained RUN, brought to full
    size by each up-sampler and compared with the source: upsampling.json in RUN, from which
    `gazebench report` makes the table, and some pictures for figure 14. Real-ESRGAN's weights are
    fetched; what cannot be measured is named at the end (exit code 4).

    \b
    gazebench eval-upsampling runs/gazegan_v2 data
    gazebench eval-upsampling runs/gazegan_v2 data --split all --upsampler cfm
    """
    from gazebench import baselines
    from gazebench.baselines import gazegan_v2, upsamplers
    from gazebench.dataset import Manifest
    from gazebench.evaluation.describing import now
    from gazebench.evaluation.upsampling import CoarseMethod, measure

    coarse = CoarseMethod(
        methods=baselines,
        name="gazegan_v2",
        reconstruct=gazegan_v2.reconstruct,
        letters=gazegan_v2.LETTERS,
        needed=("G_h", "E_r"),
        upsamplers=upsamplers,
    )
    made = measure(
        coarse,
        run,
        Manifest.load(dataset),
        names=names,
        both_halves=split == "all",
        device=device,
        date=now(),
        quiet=quiet,
    )
    for name, scores in made.scores.items():
        cells = (f"{key} {score.value:.4f}" for key, score in scores.items())
        click.echo(f"{made.titles[name]}: {', '.join(cells)}")
    say_next("report", run.parent, "board")
    if made.skipped:
        sentences = (f"{title}: {why}" for title, why in made.skipped.items())
        raise IncompleteError("finished, but:\n  " + "\n  ".join(sentences))
