"""A moving average of the weights: smoother than the weights themselves, which go on learning."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn


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
