"""What a method runs on: device, precision, processes, gradients, average, compiler, state.

Randomness and learning rates are functions of the step alone, so a checkpoint needs no sampler,
scheduler or generator state.

The networks stay plain modules, which a step may call, freeze and differentiate as it likes.
``DistributedDataParallel`` gives the same mean gradients, but wants every backward pass that
reaches a network to reach each of its parameters.
"""

import atexit
import contextlib
import resource
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.optim import Optimizer

from gazebench import __version__
from gazebench.dataset.batches import Batch, seed_of
from gazebench.errors import InputError, MissingPartError
from gazebench.methods import corrects, pick_device
from gazebench.training import checkpoint
from gazebench.training.checkpoint import Checkpoint
from gazebench.training.job import Job
from gazebench.training.monitor import require_tensorboard
from gazebench.training.run import TrainingSettings


class Engine:
    """Owns the method of a job. On a CPU, one recipe gives the same weights after every step."""

    def __init__(self, job: Job, accelerator: Accelerator) -> None:
        self.job, self.accelerator = job, accelerator
        self.recipe = job.recipe(accelerator.num_processes)
        torch.manual_seed(seed_of(self.recipe.seed, "weights"))
        self.method = job.kind(job.settings, job.task)
        self._rates = {
            name: [group["lr"] for group in optimiser.param_groups]
            for name, optimiser in self.method.optimisers.items()
        }
        for letter, part in job.parts.items():
            network = self.method.networks[letter]
            checkpoint.load_networks({letter: network}, (letter,), part.tensors(letter))
            network.requires_grad_(False)
        self.method.start_training(accelerator.device)
        self.networks = self.method.networks  # plain ones, whatever a step goes through
        self._prepare()
        self.gradients = self._watch()
        names, decay = self.method.inference_networks, self.recipe.ema
        self.average = Average(self.networks, names, decay) if decay else None

    def scale_rates(self, scale: float) -> None:
        """Set every learning rate to ``scale`` times its first value."""
        for name, rates in self._rates.items():
            groups = self.method.optimisers[name].param_groups
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate * scale

    def learning_rates(self) -> dict[str, float]:
        """Of each optimiser's first group, at the last step."""
        return {n: o.param_groups[0]["lr"] for n, o in self.method.optimisers.items()}

    def means(self, values: Iterable[Tensor | float]) -> list[float]:
        """Scalars as numbers, each the mean over the processes; the step's one wait for the GPU."""
        device = self.accelerator.device
        scalars = [torch.as_tensor(v, device=device).detach().float() for v in values]
        means = self.accelerator.reduce(torch.stack(scalars), "mean")
        assert isinstance(means, Tensor)
        return means.tolist()

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
            **checkpoint.network_tensors(networks, others),
            **checkpoint.under("optimiser", checkpoint.optimiser_tensors(self.method.optimisers)),
        }
        if not self.average:
            return checkpoint.network_tensors(networks, names), rest
        rest |= checkpoint.under("raw", checkpoint.copied(self.average.raw()))
        with self.average.shown():
            return checkpoint.network_tensors(networks, names), rest

    def facts(self) -> dict[str, Any]:
        """The state that is not a tensor."""
        return {
            "optimisers": checkpoint.optimiser_facts(self.method.optimisers),
            "device": str(self.accelerator.device),
            "compiled": self.job.options.compile,
            "parts": {letter: part.facts for letter, part in self.job.parts.items()},
            "versions": {"gazebench": __version__, "torch": torch.__version__},
        }

    def load(self, found: Checkpoint) -> None:
        """Take the state of a checkpoint.

        Raises:
            InputError: it is of other networks or optimisers.
        """
        tensors, rest = found.weights(), found.state()
        optimiser = checkpoint.taken("optimiser", rest)
        raw = checkpoint.taken("raw", rest)
        checkpoint.load_networks(self.networks, self.networks, tensors | rest)
        if self.average:
            self.average.load(raw)
        optimisers = self.method.optimisers
        checkpoint.load_optimisers(optimisers, found.facts["optimisers"], optimiser)

    def memory_mb(self) -> float:
        """The most memory this process has had, on the GPU where it uses one, else in all."""
        if self.accelerator.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.accelerator.device) / 1e6
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # Linux counts in kB

    def _prepare(self) -> None:
        method, accelerator = self.method, self.accelerator
        if accelerator.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # shapes never change
        if accelerator.device.type == "cuda" or self.job.options.precision == "bf16":
            for network in method.networks.values():
                network.to(memory_format=torch.channels_last)
        method.networks = {
            # "evaluation" only means: without DistributedDataParallel, see Gradients
            n: accelerator.prepare_model(v, evaluation_mode=True)
            for n, v in method.networks.items()
        }
        if self.job.options.compile:
            method.networks = compiled(method.networks, method.uncompiled)

    def _watch(self) -> "Gradients":
        method = self.method
        gradients = Gradients(self.networks.values(), method.optimisers, self.accelerator)
        method.optimisers = {
            n: self.accelerator.prepare_optimizer(o) for n, o in method.optimisers.items()
        }
        method.backward = gradients.backward
        method.autocast = lambda: self.accelerator.autocast()
        return gradients

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


class Gradients:
    """The backward pass of ``TrainableMethod``: precision, the mean over processes, norms."""

    norms: dict[str, Tensor]  # by optimiser: of the gradients of its last update, all as one vector

    def __init__(
        self,
        networks: Iterable[nn.Module],
        optimisers: Mapping[str, Optimizer],
        accelerator: Accelerator,
    ) -> None:
        self.norms = {}
        self._accelerator = accelerator
        learning = [p for network in networks for p in network.parameters() if p.requires_grad]
        self._parameters = list(dict.fromkeys(learning))
        self._fresh: set[Tensor] = set()  # have a gradient from the present backward pass
        if accelerator.num_processes > 1:
            for parameter in self._parameters:
                parameter.register_post_accumulate_grad_hook(self._fresh.add)
        for name, optimiser in optimisers.items():
            optimiser.register_step_pre_hook(partial(self._measure, name))

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss, the same in every process: those of the mean of their losses."""
        self._fresh.clear()
        self._accelerator.backward(loss)
        gradients = [p.grad for p in self._parameters if p in self._fresh and p.grad is not None]
        if gradients:  # never with one process
            _average(gradients, self._accelerator)

    def _measure(self, name: str, optimiser: Optimizer, *_: object) -> None:
        groups = optimiser.param_groups
        found = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        if found:
            # of all at once: one by one, they would cost a GPU more time than their arithmetic
            norms = torch._foreach_norm(found)  # type: ignore[reportPrivateImportUsage]
            self.norms[name] = torch.stack(norms).norm()


class Average:
    """The exponential moving average of some networks' trainable parameters.

    Buffers are not averaged. In the first steps the decay is (1 + step) / (10 + step) at most, or
    the random weights of the beginning would show for long.
    """

    def __init__(
        self, networks: Mapping[str, nn.Module], names: Iterable[str], decay: float
    ) -> None:
        self._decay = decay
        self._live = {
            f"{name}.{key}": parameter
            for name in names
            for key, parameter in networks[name].named_parameters()
            if parameter.requires_grad
        }
        self._mean = {key: p.detach().clone() for key, p in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` (0-based)."""
        weight = 1 - min(self._decay, (1 + step) / (10 + step))
        mean, live = list(self._mean.values()), list(self._live.values())
        torch._foreach_lerp_(mean, live, weight)  # type: ignore[reportPrivateImportUsage]

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """The networks have the average for their weights, until the end of the context."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def raw(self) -> Mapping[str, Tensor]:
        """The weights that learn, by "network.parameter"."""
        return self._live

    @torch.no_grad()
    def load(self, raw: Mapping[str, Tensor]) -> None:
        """Take the average that the networks have been given, and give them the raw weights."""
        for key, parameter in self._live.items():
            self._mean[key].copy_(parameter)
            parameter.copy_(raw[key])

    def _swap(self) -> None:
        for key, parameter in self._live.items():
            parameter.data, self._mean[key] = self._mean[key], parameter.data


def accelerator_for(options: TrainingSettings) -> Accelerator:
    """Hugging Face accelerate for the options' device and precision, newly made.

    Raises:
        InputError: there is no such device, or it has no such precision.
        MissingPartError: a compiler or TensorBoard, which the options ask for, cannot be had.
    """
    chosen, precision = pick_device(options.device), options.precision
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    AcceleratorState._reset_state(reset_partial_state=True)  # an earlier training's, if any
    atexit.register(_part)  # not sooner: processes that part cannot meet again in a queue
    try:
        accelerator = Accelerator(mixed_precision=precision, cpu=chosen.type == "cpu")
    except ValueError as error:
        raise InputError(f"--precision {precision}: not usable on {chosen} ({error})") from None
    if options.compile:
        require_compiler(accelerator.device)
    if options.tensorboard and accelerator.is_main_process:
        require_tensorboard()
    return accelerator


def compiled(networks: Mapping[str, nn.Module], uncompiled: Container[str]) -> dict[str, nn.Module]:
    """The networks, compiled when they are first called; those without parameters as they are.

    They share the parameters of ``networks``, which stay plain.
    """
    return {
        name: network
        if name in uncompiled or next(network.parameters(), None) is None
        else cast("nn.Module", torch.compile(network))
        for name, network in networks.items()
    }


def require_compiler(device: torch.device) -> None:
    """Make sure that something small can be compiled.

    Raises:
        MissingPartError: it cannot; on the CPU a C++ compiler is needed, on a GPU Triton.
    """
    try:
        torch.compile(torch.sin)(torch.ones(8, device=device))
    except Exception as error:  # of many kinds, none of which is public
        needed = "a C++ compiler such as g++" if device.type == "cpu" else "Triton and gcc"
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise MissingPartError(
            f"training.compile: nothing can be compiled for {device} here ({first}); "
            f"install {needed}, or leave training.compile out"
        ) from None


def _average(gradients: list[Tensor], accelerator: Accelerator) -> None:
    # one message for all of them
    means = accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "mean")
    assert isinstance(means, Tensor)
    for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def _part() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
