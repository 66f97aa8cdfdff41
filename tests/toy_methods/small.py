"""A method of a few hundred weights that has all an engine must save: buffers, dropout, Adam."""

import os
import signal
import time
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Adam

from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.methods import Task, TrainableMethod


class Small(TrainableMethod):
    card = MethodCard(title="Small", supervision="unpaired X/Y")
    inference_networks = ("G",)
    small_settings: ClassVar = {}

    class Config(Settings):
        batch: int = 2
        steps: int = 12
        lr: float = 1e-2
        decays: bool = False
        nan_at: int = -1  # step whose loss is not finite
        bad_gradient_at: int = -1  # step whose gradient is not
        breaks_at: int = -1  # step after which a weight is not

    config: Config

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        generator = nn.Sequential(
            nn.Conv2d(3, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.Dropout(0.2), nn.Conv2d(8, 3, 3, 1, 1)
        )
        self.networks = {"G": generator, "D": nn.Conv2d(3, 1, 4, 4)}
        self.optimisers = {n: Adam(v.parameters(), config.lr) for n, v in self.networks.items()}

    def correct(self, batch: Batch) -> Tensor:
        return self.networks["G"](batch.image).tanh()

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        accident(draw.step)
        x, y = draw()
        fake = self.networks["G"](y.image + 0.1 * torch.randn_like(y.image)).tanh()
        real = self.networks["D"](x.image)
        losses = {
            "adv": (self.networks["D"](fake) - real.mean()).square().mean(),
            "rec": (fake - y.image).abs().mean(),
        }
        if draw.step == self.config.bad_gradient_at:
            fake.register_hook(lambda gradient: gradient * float("nan"))
        found = self.update(("G", "D"), losses)
        if draw.step == self.config.breaks_at:
            nn.init.constant_(next(self.networks["G"].parameters()), float("inf"))
        if draw.step == self.config.nan_at:
            found["adv"] = found["adv"] * float("nan")
        return found

    def learning_rate_scale(self, step: int, steps: int) -> float:
        return 1 - step / steps if self.config.decays else 1.0


class CrashError(Exception):
    """What ``ACCIDENT=crash`` raises."""


def accident(step: int) -> None:
    """Do what the environment asks for at ``ACCIDENT_STEP``: a signal's name, or crash.

    ``PACE``: seconds that every step takes longer.
    """
    time.sleep(float(os.environ.get("PACE", "0")))
    kind = os.environ.get("ACCIDENT")
    if kind and step == int(os.environ["ACCIDENT_STEP"]):
        if kind == "crash":
            raise CrashError
        os.kill(os.getpid(), getattr(signal, kind))
