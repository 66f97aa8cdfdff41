"""``gazebench eval-upsampling``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gazebench.cli._words import now
from gazebench.errors import GazebenchError, IncompleteError, InputError

if TYPE_CHECKING:
    import torch

    from gazebench.dataset import Manifest, Portrait
    from gazebench.evaluation.upsampling import Comparison, Upsampler
    from gazebench.methods import TrainableMethod
    from gazebench.training import Trained


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
    size by each up-sampler and compared with the source: upsampling.json in RUN, and the table as
    upsampling.md, .csv and .tex. Real-ESRGAN's weights are fetched; what cannot be measured is
    named at the end (exit code 4).

    \b
    gazebench eval-upsampling runs/gazegan_v2 data
    gazebench eval-upsampling runs/gazegan_v2 data --split all --upsampler cfm
    """
    from gazebench import baselines, store
    from gazebench.dataset import Manifest
    from gazebench.evaluation.upsampling import compare
    from gazebench.methods import pick_device
    from gazebench.reports import upsampling as tables
    from gazebench.training import load_trained

    manifest, place = Manifest.load(dataset), pick_device(device)
    trained = load_trained(baselines, run, manifest, device=place)
    if trained.name != "gazegan_v2" or not {"G_h", "E_r"} <= trained.method.networks.keys():
        raise InputError(f"{run}: is no GazeGANV2 with CFM; train one with --method gazegan_v2")
    comparison = _comparison(trained.method, manifest, split, place)
    found, skipped = _upsamplers(names, trained.method, place)
    scores = compare(comparison, found, quiet=quiet)
    rows = {n: {"title": found[n].title, "scores": _plain(made)} for n, made in scores.items()}
    facts = _facts(trained, run, manifest, split, comparison)
    result = {"format": 1, "facts": facts, "rows": rows, "skipped": skipped}
    store.write(run / "upsampling.json", json.dumps(result, indent=1, sort_keys=True) + "\n")
    table = tables.Upsampling.load(run / "upsampling.json")
    text = tables.as_markdown(table)
    store.write(run / "upsampling.md", text)
    store.write(run / "upsampling.csv", tables.as_csv(table))
    store.write(run / "upsampling.tex", tables.as_latex(table))
    click.echo(text)
    if skipped:
        sentences = (f"{title}: {why}" for title, why in skipped.items())
        raise IncompleteError("finished, but:\n  " + "\n  ".join(sentences))


def _comparison(
    method: "TrainableMethod", manifest: "Manifest", split: str, device: "torch.device"
) -> "Comparison":
    from gazebench.baselines.gazegan_v2 import LETTERS, reconstruct
    from gazebench.dataset.batches import Pixels
    from gazebench.evaluation.upsampling import Comparison
    from gazebench.methods import count_parameters
    from gazebench.metrics import Instruments

    networks = [method.networks[name] for name in LETTERS if name in method.networks]
    return Comparison(
        pixels=Pixels.open(manifest),
        portraits=_portraits(manifest, split),
        coarse=lambda batch: reconstruct(method, batch),
        parameters=count_parameters(networks),
        instruments=Instruments(device),
    )


def _portraits(manifest: "Manifest", split: str) -> tuple["Portrait", ...]:
    from gazebench.dataset import Domain, Split

    halves = [Split.TEST] if split == "test" else [Split.TRAIN, Split.TEST]
    return tuple(p for half in halves for p in manifest.select(split=half, domain=Domain.AWAY))


def _upsamplers(
    names: tuple[str, ...], method: "TrainableMethod", device: "torch.device"
) -> tuple[dict[str, "Upsampler"], dict[str, str]]:
    """Those that can be used, by name, and why the others cannot, by title."""
    from gazebench import plugins
    from gazebench.baselines import _upsamplers

    found: dict[str, Upsampler] = {}
    skipped: dict[str, str] = {}
    for name in names or plugins.names(_upsamplers):
        kind = plugins.load(_upsamplers, name, marker="title")
        try:
            found[name] = kind(method, device)
        except GazebenchError as error:
            skipped[kind.title] = str(error)
    return found, skipped


def _plain(scores: dict[str, Any]) -> dict[str, Any]:
    return {key: asdict(score) for key, score in scores.items()}


def _facts(
    trained: "Trained", run: Path, manifest: "Manifest", split: str, comparison: "Comparison"
) -> dict[str, Any]:
    from gazebench.evaluation.correct import device_name

    return {
        "run": run.resolve().name,
        "dataset": manifest.name,
        "fingerprint": manifest.fingerprint,
        "resolution": manifest.resolution,
        "split": "test half" if split == "test" else "both halves",
        "n": len(comparison.portraits),
        "device": device_name(comparison.instruments.device),
        "weights_sha256": trained.weights_sha256,
        "steps": trained.facts["step"],
        "date": now(),
    }
