"""The ``[training]`` table of a settings file."""

from typing import Literal

from pydantic import Field

from gazebench.config import Settings


class TrainingSettings(Settings):
    """How a training runs, whatever the method."""

    steps: int | None = Field(default=None, ge=1)  # of the generator; None: the method's own
    seed: int = Field(default=0, ge=0)
    precision: Literal["no", "bf16", "fp16"] = "no"  # of the networks' arithmetic; "no" is fp32
    device: str | None = None  # None: CUDA where there is one, else the CPU
    sample_every: int = Field(default=1000, ge=1)  # steps; one more picture at the end
    checkpoint_every: int = Field(default=1000, ge=1)  # steps; one more checkpoint at the end
    compile: bool = False  # torch.compile of the networks
    ema: float = Field(default=0.0, ge=0, lt=1)  # decay of the weights' moving average; 0: none
    tensorboard: bool = False  # losses and pictures for TensorBoard too
