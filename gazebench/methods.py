"""What a gaze-correction method is.

A method is one file of ``baselines/``; its file name is its name. It subclasses ``Method``, which
is only an interface, or ``TrainableMethod``, which brings the update that every training shares.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gazebench import config, plugins
from gazebench.cards import MethodCard, checked
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.errors import InputError, MethodError
from gazebench.plugins import Collection


@dataclass(frozen=True, slots=True)
class Task:
    """What a method is built for: the geometry of a dataset."""

    resolution: int  # side of a portrait, pixels
    window: tuple[int, int]  # height and width of an eye box, pixels


@dataclass(frozen=True, slots=True)
class Part:
    """A network that comes, trained, from a run of another method."""

    method: str  # whose training makes it
    network: str  # its letter there
    settings: Mapping[str, Any]  # what that training's settings must have been


class Method(Protocol):
    """Turns portraits that look away (domain Y) into portraits that look at the camera."""

    card: ClassVar[MethodCard]
    Config: ClassVar[type[Settings]]  # nested; every field has the paper's value as default
    any_resolution: ClassVar[bool] = False  # whether one instance corrects portraits of every size

    def __init__(self, config: Any, task: Task) -> None:
        """Build from settings (an instance of ``Config``) and the dataset's geometry.

        Raises:
            MethodError: this method cannot handle such a dataset; the table shows why.
        """
        ...

    def correct(self, batch: Batch) -> Tensor:
        """Corrected images, (N, 3, H, W) in [-1, 1]. The batch is not changed."""
        ...


class UsesBank(Method, Protocol):
    """A method that looks things up in the training portraits of domain X before it corrects."""

    optional_bank: ClassVar[bool] = False  # whether it corrects without ``prepare`` too

    def prepare(self, bank: Iterable[Batch]) -> None:
        """Take in the domain-X training portraits, batch by batch, once."""
        ...


class Tells(Method, Protocol):
    """A method that finds something out which a reader of its results should know."""

    def told(self) -> Mapping[str, Any]:
        """What ``prepare`` and ``correct`` found out, as plain values that a run keeps."""
        ...


class Forgets(Method, Protocol):
    """A method that remembers portraits, so that asking for one again is quicker."""

    def forget(self) -> None:
        """Drop what is remembered of portraits: a speed is that of a portrait seen first."""
        ...


class TrainableMethod(Method, ABC):
    """A method with networks.

    A method fills ``networks`` and ``optimisers`` in its ``__init__``, after ``super().__init__``,
    and writes its losses in ``training_step``, where ``update`` makes one optimiser step of them.
    The engine owns the loop, checkpoints and logs, and prepares networks and optimisers for the
    device, the precision and several processes by replacing the dictionaries' values: a step reads
    them from there every time.

    ``Config`` has at least ``batch`` (portraits per domain in a draw) and ``steps``.
    ``small_settings`` makes it small enough for a test on two cores. A network without trainable
    parameters is kept in checkpoints like the others.
    """

    config: Any  # an instance of ``Config``
    task: Task
    networks: dict[str, nn.Module]  # by the paper's letters: "G", "D", "G_x"
    optimisers: dict[str, Optimizer]
    inference_networks: tuple[str, ...]  # names of those that ``correct`` and ``animate`` need
    small_settings: ClassVar[dict[str, Any]]  # overrides of ``Config``
    uncompiled: ClassVar[tuple[str, ...]] = ()  # whose gradients are differentiated once more
    backward: Callable[[Tensor], None]  # gradients of a loss; the engine's, in a training
    # the training's precision, for what a loss looks through; networks have it by themselves
    autocast: Callable[[], contextlib.AbstractContextManager[None]]

    def __init__(self, config: Any, task: Task) -> None:
        self.config, self.task = config, task
        self.networks, self.optimisers, self.backward = {}, {}, Tensor.backward
        self.autocast = contextlib.nullcontext

    def correct(self, batch: Batch) -> Tensor:
        """As ``Method`` says; a method of the kind "part" has none.

        Raises:
            MethodError: this method corrects nothing itself.
        """
        raise MethodError(f"{self.card.title} corrects nothing itself")

    @abstractmethod
    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        """One update of the generator with all that belongs to it; ``draw()`` gives (x, y).

        Returns named losses as detached scalars, in the names of the glossary.
        """

    def update(
        self,
        letters: str | Sequence[str],
        losses: Mapping[str, Tensor],
        weights: Mapping[str, float] | None = None,
    ) -> dict[str, Tensor]:
        """One step of one or several optimisers down the weighted sum of the losses.

        ``letters`` name the optimisers. ``losses`` are scalars by name, ``weights`` their factors,
        1 where none is given. Returns the losses, detached.
        """
        names = (letters,) if isinstance(letters, str) else letters
        optimisers = [self.optimisers[name] for name in names]
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.backward(weighted_sum(losses, weights or {}))
        for optimiser in optimisers:
            optimiser.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def learning_rate_scale(self, step: int, steps: int) -> float:
        """Factor from 0 to 1 on every learning rate at ``step`` (0-based) of ``steps``."""
        return 1.0

    def schedule(self, step: int, steps: int) -> tuple[float, ...]:
        """All of ``step`` (0-based) that depends on how many ``steps`` there are.

        A training whose number of steps is changed goes on if this is the same of all steps done.
        """
        return (self.learning_rate_scale(step, steps),)

    def typical_step(self) -> int:
        """A step that does all that most steps do: there the pace of a training is measured."""
        return 0

    @classmethod
    def parts(cls, config: Any, task: Task) -> Mapping[str, Part]:
        """Networks, by letter, that another method's training gives; they stay as they are."""
        return {}

    def start_training(self, device: torch.device) -> None:
        """Get ready what training alone needs, such as a frozen network that a loss looks through.

        Raises:
            MissingPartError: something cannot be had.
        """

    def frozen_parameters(self) -> int:
        """Parameters of what ``start_training`` loads, such as VGG; some papers count them too."""
        return 0

    def pictures(self, batch: Batch) -> Tensor | None:
        """What a person wants to see besides corrections: K pictures per portrait.

        (N, K, 3, h, w) in [-1, 1], or None.
        """
        return None


class Animator(Protocol):
    """A method that also moves the gaze."""

    def animate(self, batch: Batch, alphas: Sequence[float]) -> Tensor:
        """Images from alpha 0, the gaze of the source, to 1, at the camera, (N, A, 3, H, W).

        In [-1, 1]. At 0 a method may give the source itself, or its own picture of it.
        """
        ...


Direction = tuple[float, float]  # yaw (positive to the image's right), pitch (up), degrees


class Redirector(Protocol):
    """A method that also turns the gaze to directions other than the camera's."""

    def redirect(self, batch: Batch, directions: Sequence[Direction]) -> Tensor:
        """Images that look into each direction, (N, D, 3, H, W) in [-1, 1]; (0, 0): the camera."""
        ...


class ShowsCodes(Protocol):
    """A method whose codes can be plotted (figure 16 of Zhang et al. 2022)."""

    def codes(self, batch: Batch, alphas: Sequence[float]) -> Mapping[str, Tensor]:
        """Codes of portraits of domain Y, one row per portrait.

        "r": of the gaze, (N, A, k), from alpha 0, that of the source, to 1, that of its correction;
        "c": of the content, (N, k); "c_made": of the content of the reconstruction, (N, k).
        """
        ...


def load(collection: Collection, name: str) -> type[Method]:
    """The method in ``name.py`` of a package, or of files beside it (``plugins.extend``).

    Raises:
        InputError: no such file, it cannot be imported, or it does not define exactly one method.
    """
    kind = plugins.load(collection, name, marker="card")
    if hasattr(kind, "compute") and not hasattr(kind, "Config"):
        words = plugins.typed(collection, name)
        raise InputError(f"{words} is a metric, not a method; run `gazebench check-metric {words}`")
    checked(kind.card, MethodCard, name)
    return kind


def settings_of(
    method: type[Method], name: str, values: Mapping[str, Any], where: str = ""
) -> Settings:
    """The settings of the method ``name``: its defaults with ``values``, its table, laid over them.

    ``where`` is put before the table's name in a message.

    Raises:
        InputError: an unknown key (the nearest is named) or a value of the wrong kind.
    """
    return config.build(method.Config, values, f"{where}methods.{name}")


def is_trainable(method: type[Method]) -> bool:
    """Whether the method must be trained before it can correct."""
    return issubclass(method, TrainableMethod)


def corrects(method: type[Method]) -> bool:
    """Whether the method corrects portraits; else it is trained for others' sake."""
    return method.card.kind != "part"


def has_parts(method: type[Method]) -> bool:
    """Whether networks of the method may come from another one's training."""
    by_default = TrainableMethod.parts.__func__
    return issubclass(method, TrainableMethod) and method.parts.__func__ is not by_default


def needs_bank(method: type[Method]) -> bool:
    """Whether the method must be given the training portraits of domain X before it corrects."""
    return hasattr(method, "prepare") and not getattr(method, "optional_bank", False)


def fits_any(method: type[Method]) -> bool:
    """Whether one instance corrects portraits of every size."""
    return bool(getattr(method, "any_resolution", False))


def animates(method: type[Method]) -> bool:
    """Whether the method is an ``Animator`` as well."""
    return hasattr(method, "animate")


def redirects(method: type[Method]) -> bool:
    """Whether the method is a ``Redirector`` as well."""
    return hasattr(method, "redirect")


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of the losses by their weights, 1 where none is given; a scalar."""
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()


def count_parameters(networks: Iterable[nn.Module]) -> int:
    """Parameters of the networks, frozen ones included."""
    return sum(p.numel() for network in networks for p in network.parameters())


def pick_device(name: str | None) -> torch.device:
    """The device called ``name``; by default CUDA where there is one, else the CPU.

    Raises:
        InputError: the device does not exist here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"--device {name}: not usable here ({first}); try --device cpu") from None
    return device
