"""Gradients: made the mean over all processes after a backward pass, measured before an update.

The networks stay plain modules, which a step may call, freeze and differentiate as it likes.
``DistributedDataParallel`` gives the same means, but wants every backward pass that reaches a
network to reach each of its parameters.
"""

from collections.abc import Iterable, Mapping
from functools import partial

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer


class Gradients:
    """Watches networks and optimisers; ``backward`` takes the place of ``Tensor.backward``."""

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


def _average(gradients: list[Tensor], accelerator: Accelerator) -> None:
    # one message for all of them
    means = accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "mean")
    assert isinstance(means, Tensor)
    for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))
