"""``gazebench eval-upsampling``."""

from pathlib import Path

import click

from gazebench.cli._words import now
from gazebench.errors import IncompleteError, InputError


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
    `gazebench report` makes the table. Real-ESRGAN's weights are fetched; what cannot be measured
    is named at the end (exit code 4).

    \b
    gazebench eval-upsampling runs/gazegan_v2 data
    gazebench eval-upsampling runs/gazegan_v2 data --split all --upsampler cfm
    """
    from gazebench import baselines, plugins
    from gazebench.baselines import _upsamplers
    from gazebench.baselines.gazegan_v2 import LETTERS, reconstruct
    from gazebench.dataset import Manifest
    from gazebench.dataset.batches import Pixels
    from gazebench.evaluation.upsampling import FILE, Comparison, compare, facts_of, portraits_of
    from gazebench.methods import count_parameters, pick_device
    from gazebench.metrics import Instruments
    from gazebench.training import load_trained

    manifest, place, both = Manifest.load(dataset), pick_device(device), split == "all"
    trained = load_trained(baselines, run, manifest, device=place)
    networks = trained.method.networks
    if trained.name != "gazegan_v2" or not {"G_h", "E_r"} <= networks.keys():
        raise InputError(f"{run}: is no GazeGANV2 with CFM; train one with --method gazegan_v2")
    kinds = {
        name: plugins.load(_upsamplers, name, marker="title")
        for name in names or plugins.names(_upsamplers)
    }
    comparison = Comparison(
        pixels=Pixels.open(manifest),
        portraits=portraits_of(manifest, both_halves=both),
        coarse=lambda batch: reconstruct(trained.method, batch),
        parameters=count_parameters([networks[name] for name in LETTERS if name in networks]),
        instruments=Instruments(place),
    )
    made = compare(comparison, kinds, trained.method, quiet=quiet)
    facts = {
        **facts_of(comparison, both_halves=both),
        "run": run.resolve().name,
        "weights_sha256": trained.weights_sha256,
        "steps": trained.facts["step"],
        "date": now(),
    }
    made.save(run / FILE, facts)
    for name, scores in made.scores.items():
        cells = (f"{key} {score.value:.4f}" for key, score in scores.items())
        click.echo(f"{made.titles[name]}: {', '.join(cells)}")
    click.echo(f"next: gazebench report {run.parent} board")
    if made.skipped:
        sentences = (f"{title}: {why}" for title, why in made.skipped.items())
        raise IncompleteError("finished, but:\n  " + "\n  ".join(sentences))
