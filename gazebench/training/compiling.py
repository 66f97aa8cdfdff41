"""``torch.compile`` of the networks that learn."""

from collections.abc import Container, Mapping
from typing import cast

import torch
from torch import nn

from gazebench.errors import MissingPartError


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
            f"--compile: nothing can be compiled for {device} here ({first}); install {needed}, "
            "or leave --compile out"
        ) from None
