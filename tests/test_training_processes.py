"""Several processes, each with its share of a batch, compute what one does with all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from training_folders import make_dataset

from gazebench.dataset import Manifest

# Rates so small that all updates of a step see the same weights: Adam's first one makes a whole
# step of a rounding error. What each process draws for itself (mirroring, where the gradient
# penalty is taken) is off, or weighs nothing.
SCRIPT = """
import sys
from pathlib import Path
import safetensors.torch, torch
from accelerate import Accelerator
from gazebench import baselines, methods
from gazebench.dataset.batches import Pixels
from gazebench.dataset import Manifest
from gazebench.training.batches import Loader
from gazebench.training.engine import Engine
from gazebench.training.job import Job
from gazebench.training.loop import step
from gazebench.signals import Stop
settings = {
    "gazegan_v2": {"preset": "paper", "width": 2, "code": 8, "angle": 8, "divisor": 4,
                   "flip": False, "lr": 1e-12, "lr_refiner": 1e-12},
    "prgan": {"width": 4, "residual_blocks": 1, "patch": 32, "discriminator_layers": 3,
              "critic_steps": 2, "weight_gp": 0, "lr": 1e-12},
}
name, manifest, target = sys.argv[1], Manifest.load(Path(sys.argv[2])), sys.argv[3]
accelerator, kind = Accelerator(cpu=True), methods.load(baselines, name)
processes = accelerator.num_processes
chosen = kind.Config(**settings[name], batch=2 // processes, steps=9)
job = Job(manifest=manifest, run=Path("run"), content=baselines, method=name, kind=kind,
          settings=chosen)
engine = Engine(job, accelerator)
loader = Loader.of(Pixels.open(manifest), *job.portraits, engine.recipe, accelerator, ahead=False)
outcome = step(engine, 0, loader, Stop())
if accelerator.is_main_process:
    found = {f"{n}.{k}": p.grad for n, network in engine.networks.items()
             for k, p in network.named_parameters() if p.grad is not None}
    numbers = {f"loss {k}": torch.tensor(v) for k, v in outcome.losses.items() if k != "D/gp"}
    norms = {f"norm {k}": torch.tensor(v) for k, v in outcome.gradients.items()}
    safetensors.torch.save_file(found | numbers | norms, target)
accelerator.end_training()
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_dataset(tmp_path_factory.mktemp("dataset"), 128)


def after_a_step(
    processes: int, name: str, dataset: Manifest, folder: Path
) -> dict[str, torch.Tensor]:
    """Gradients, their norms and losses after the first step, by name."""
    script, target = folder / "script.py", folder / str(processes)
    script.write_text(SCRIPT)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes))
    words = [sys.executable, *launcher, str(script), name, str(dataset.root), str(target)]
    place = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(words, env=os.environ | place, check=True)
    return safetensors.torch.load_file(target)


def by_network(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """One vector per network: single biases before a normalisation have no gradient but noise."""
    names = {key.split(".")[0] for key in tensors}
    return {
        name: torch.cat([v.flatten() for k, v in tensors.items() if k.split(".")[0] == name])
        for name in names
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gazegan_v2", "prgan"])
def test_two_processes_have_the_gradients_of_one(
    dataset: Manifest, tmp_path: Path, name: str
) -> None:
    one, two = (by_network(after_a_step(n, name, dataset, tmp_path)) for n in (1, 2))
    assert one.keys() == two.keys()
    assert {"norm G_x", "norm D_h", "E_r"} <= one.keys() or name == "prgan"
    for key, whole in one.items():
        error = (two[key] - whole).abs().max() / whole.abs().max()
        assert error < 1e-5 or whole.abs().max() < 1e-6, f"{key}: {error}"
