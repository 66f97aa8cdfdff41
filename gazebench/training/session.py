"""A method under training: prepared networks, one step at a time, and what a checkpoint holds."""

import contextlib
import hashlib
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gazebench import __version__
from gazebench.config import Settings
from gazebench.data import Batch
from gazebench.methods import Task, TrainableMethod
from gazebench.training import state
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.drawing import Loader
from gazebench.training.folder import Recipe
from gazebench.training.signals import Stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step gave, the same in every process."""

    losses: dict[str, float]  # means over the processes
    stop: bool  # whether any process was asked to stop


class Session:
    """Owns the method; the same recipe gives the same weights after every step."""

    def __init__(
        self, kind: type[TrainableMethod], settings: Settings, recipe: Recipe, device: Accelerator
    ) -> None:
        self.recipe, self.accelerator = recipe, device
        torch.manual_seed(seed_of(recipe.seed, "weights"))
        self.method = kind(settings, Task(recipe.resolution, recipe.window))
        self._rates = {
            name: [group["lr"] for group in optimiser.param_groups]
            for name, optimiser in self.method.optimisers.items()
        }
        self._prepare()

    def step(self, step: int, loader: Loader, stop: Stop) -> Outcome:
        """One update of the method, with the learning rates and random numbers of that step."""
        # a method that draws from the global generator resumes bit by bit all the same
        torch.manual_seed(seed_of(self.recipe.seed, step, self.accelerator.process_index))
        scale = self.method.learning_rate_scale(step, self.recipe.steps)
        for name, rates in self._rates.items():
            groups = self.method.optimisers[name].param_groups
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate * scale
        losses = self.method.training_step(loader.draw(step))
        return self._outcome(losses, stop.signal != 0)

    def learning_rates(self) -> dict[str, float]:
        """Of each optimiser's first group, at the last step."""
        return {n: o.param_groups[0]["lr"] for n, o in self.method.optimisers.items()}

    @torch.no_grad()
    def correct(self, batch: Batch) -> Tensor:
        """The method's correction, (N, 3, H, W), as it would be made after training."""
        with self._evaluating():
            return self.method.correct(batch.to(self.accelerator.device))

    def tensors(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The networks that correct, and all other tensors of the state."""
        networks, names = self._bare(), self.method.inference_networks
        others = [name for name in networks if name not in names]
        return state.network_tensors(networks, names), {
            **state.network_tensors(networks, others),
            **{_key(k): v for k, v in state.optimiser_tensors(self.method.optimisers).items()},
        }

    def facts(self) -> dict[str, Any]:
        """The state that is no tensor."""
        scaler = self.accelerator.scaler
        return {
            "optimisers": state.optimiser_facts(self.method.optimisers),
            "scaler": scaler.state_dict() if scaler else None,
            "device": str(self.accelerator.device),
            "versions": {"gazebench": __version__, "torch": torch.__version__},
        }

    def load(self, checkpoint: Checkpoint) -> None:
        """Take the state of a checkpoint.

        Raises:
            InputError: it is of other networks or optimisers.
        """
        tensors = checkpoint.weights() | checkpoint.state()
        optimiser = {k.removeprefix(_PREFIX): v for k, v in tensors.items() if _is_key(k)}
        networks = {k: v for k, v in tensors.items() if not _is_key(k)}
        state.load_networks(self._bare(), self.method.networks, networks)
        state.load_optimisers(self.method.optimisers, checkpoint.facts["optimisers"], optimiser)
        if self.accelerator.scaler and checkpoint.facts["scaler"]:
            self.accelerator.scaler.load_state_dict(dict(checkpoint.facts["scaler"]))

    def memory_mb(self) -> float:
        """The most memory this process has had, on the GPU where it uses one, else in all."""
        if self.accelerator.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.accelerator.device) / 1e6
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # Linux counts in kB

    def _prepare(self) -> None:
        method, accelerator = self.method, self.accelerator
        if accelerator.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # shapes never change
            for network in method.networks.values():
                network.to(memory_format=torch.channels_last)
        method.networks = {n: accelerator.prepare_model(v) for n, v in method.networks.items()}
        method.optimisers = {
            n: accelerator.prepare_optimizer(o) for n, o in method.optimisers.items()
        }
        method.backward = accelerator.backward

    def _outcome(self, losses: Mapping[str, Tensor], stop: bool) -> Outcome:
        device = self.accelerator.device
        values = [torch.as_tensor(v, device=device).detach().float() for v in losses.values()]
        values.append(torch.tensor(float(stop), device=device))
        means = self.accelerator.reduce(torch.stack(values), "mean")
        assert isinstance(means, Tensor)
        *numbers, stops = means.tolist()
        return Outcome(dict(zip(losses, numbers, strict=True)), stops > 0)

    def _bare(self) -> dict[str, nn.Module]:
        """The networks without what spreads them over processes."""
        networks = self.method.networks.items()
        return {name: self.accelerator.unwrap_model(network) for name, network in networks}

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        wrapped = self.method.networks
        self.method.networks = self._bare()
        modules = [m for network in wrapped.values() for m in network.modules()]
        modes = [module.training for module in modules]
        try:
            for network in wrapped.values():
                network.eval()
            yield
        finally:
            self.method.networks = wrapped
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode


def seed_of(*parts: object) -> int:
    """A seed that depends on every part."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


_PREFIX = "optimiser."


def _key(name: str) -> str:
    return _PREFIX + name


def _is_key(name: str) -> bool:
    return name.startswith(_PREFIX)
