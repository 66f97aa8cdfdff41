"""A method under training: prepared networks, one step at a time, and what a checkpoint holds."""

import contextlib
import hashlib
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from gazebench import __version__
from gazebench.config import Settings
from gazebench.dataset.batches import Batch
from gazebench.methods import Task, TrainableMethod, corrects
from gazebench.training import compiling, state
from gazebench.training.average import Average
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.drawing import Loader
from gazebench.training.folder import Recipe
from gazebench.training.gradients import Gradients
from gazebench.training.parts import FoundPart
from gazebench.training.signals import Stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step gave, the same in every process."""

    losses: dict[str, float]  # means over the processes
    gradients: dict[str, float]  # by optimiser: norm at its last update
    stop: bool  # whether any process was asked to stop


class Session:
    """Owns the method; the same recipe gives the same weights after every step."""

    def __init__(
        self,
        kind: type[TrainableMethod],
        settings: Settings,
        recipe: Recipe,
        device: Accelerator,
        parts: Mapping[str, FoundPart],
        *,
        compiled: bool = False,
    ) -> None:
        self.recipe, self.accelerator, self.compiled = recipe, device, compiled
        self._parts = parts
        torch.manual_seed(seed_of(recipe.seed, "weights"))
        self.method = kind(settings, Task(recipe.resolution, recipe.window))
        self._rates = {
            name: [group["lr"] for group in optimiser.param_groups]
            for name, optimiser in self.method.optimisers.items()
        }
        for letter, part in parts.items():
            network = self.method.networks[letter]
            state.load_networks({letter: network}, (letter,), part.tensors(letter))
            network.requires_grad_(False)
        self.method.start_training(device.device)
        self.networks = self.method.networks  # plain ones, whatever a step goes through
        self._prepare()
        self.gradients = self._watch()
        names = self.method.inference_networks
        self.average = Average(self.networks, names, recipe.ema) if recipe.ema else None

    def step(self, step: int, loader: Loader, stop: Stop) -> Outcome:
        """One update of the method, with the learning rates and random numbers of that step."""
        # a method that draws from the global generator resumes bit by bit all the same
        torch.manual_seed(seed_of(self.recipe.seed, step, self.accelerator.process_index))
        scale = self.method.learning_rate_scale(step, self.recipe.steps)
        for name, rates in self._rates.items():
            groups = self.method.optimisers[name].param_groups
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate * scale
        self.gradients.norms.clear()
        losses = self.method.training_step(loader.draw(step))
        if self.average:
            self.average.update(step)
        return self._outcome(losses, stop.signal != 0)

    def learning_rates(self) -> dict[str, float]:
        """Of each optimiser's first group, at the last step."""
        return {n: o.param_groups[0]["lr"] for n, o in self.method.optimisers.items()}

    @torch.no_grad()
    def sample(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """The method's correction (N, 3, H, W), if it corrects, and its own pictures, if any.

        As they would be after training, on the CPU.
        """
        batch = batch.to(self.accelerator.device)
        with self._evaluating():
            corrected = self.method.correct(batch) if corrects(type(self.method)) else None
            pictures = self.method.pictures(batch)
        return tuple(None if p is None else p.cpu() for p in (corrected, pictures))  # type: ignore[return-value]

    def tensors(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The networks that correct, averaged if the recipe says so, and all else of the state."""
        networks, names = self.networks, self.method.inference_networks
        others = [name for name in networks if name not in names]
        rest = {
            **state.network_tensors(networks, others),
            **state.under("optimiser", state.optimiser_tensors(self.method.optimisers)),
        }
        if not self.average:
            return state.network_tensors(networks, names), rest
        rest |= state.under("raw", state.copied(self.average.raw()))
        with self.average.shown():
            return state.network_tensors(networks, names), rest

    def facts(self) -> dict[str, Any]:
        """The state that is no tensor."""
        scaler = self.accelerator.scaler
        return {
            "optimisers": state.optimiser_facts(self.method.optimisers),
            "scaler": scaler.state_dict() if scaler else None,
            "device": str(self.accelerator.device),
            "compiled": self.compiled,
            "parts": {letter: part.facts for letter, part in self._parts.items()},
            "versions": {"gazebench": __version__, "torch": torch.__version__},
        }

    def load(self, checkpoint: Checkpoint) -> None:
        """Take the state of a checkpoint.

        Raises:
            InputError: it is of other networks or optimisers.
        """
        tensors, rest = checkpoint.weights(), checkpoint.state()
        optimiser = state.taken("optimiser", rest)
        raw = state.taken("raw", rest)
        state.load_networks(self.networks, self.networks, tensors | rest)
        if self.average:
            self.average.load(raw)
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
        method.networks = {
            # "evaluation" only means: without DistributedDataParallel, see Gradients
            n: accelerator.prepare_model(v, evaluation_mode=True)
            for n, v in method.networks.items()
        }
        if self.compiled:
            method.networks = compiling.compiled(method.networks, method.uncompiled)

    def _watch(self) -> Gradients:
        method = self.method
        gradients = Gradients(self.networks.values(), method.optimisers, self.accelerator)
        method.optimisers = {
            n: self.accelerator.prepare_optimizer(o) for n, o in method.optimisers.items()
        }
        method.backward = gradients.backward
        return gradients

    def _outcome(self, losses: Mapping[str, Tensor], stop: bool) -> Outcome:
        device, norms = self.accelerator.device, self.gradients.norms
        scalars = (*losses.values(), *norms.values(), float(stop))
        values = [torch.as_tensor(v, device=device).detach().float() for v in scalars]
        means = self.accelerator.reduce(torch.stack(values), "mean")
        assert isinstance(means, Tensor)
        numbers = iter(means.tolist())  # the step's one wait for the device
        return Outcome(
            {name: next(numbers) for name in losses},
            {name: next(numbers) for name in norms},
            next(numbers) > 0,
        )

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        learning, self.method.networks = self.method.networks, self.networks
        modules = [m for network in self.networks.values() for m in network.modules()]
        modes = [module.training for module in modules]
        try:
            for network in self.networks.values():
                network.eval()
            with self.average.shown() if self.average else contextlib.nullcontext():
                yield
        finally:
            self.method.networks = learning
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode


def seed_of(*parts: object) -> int:
    """A seed that depends on every part."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
