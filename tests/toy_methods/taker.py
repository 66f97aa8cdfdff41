"""A method that takes a network over from a training of ``small`` with another learning rate."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch, Draw
from gazebench.methods import Part, Task, TrainableMethod
from toy_methods import small


class Taker(TrainableMethod):
    card = MethodCard(title="Taker", supervision="unpaired X/Y")
    inference_networks = ("G", "G_small")
    small_settings: ClassVar = {}

    class Config(Settings):
        batch: int = 1
        steps: int = 3
        draws: int = 3  # of a step
        lr_of_part: float = 0.02

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__(config, task)
        own = small.Small(small.Small.Config(), task)
        self.networks = {"G": nn.Conv2d(3, 3, 1), "G_small": own.networks["G"]}

    @classmethod
    def parts(cls, config: Any, task: Task) -> Mapping[str, Part]:
        settings = {"lr": config.lr_of_part}
        return {"G_small": Part(method="small", network="G", settings=settings)}

    def correct(self, batch: Batch) -> Tensor:
        return self.networks["G"](batch.image).tanh()

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        pairs = [draw() for _ in range(self.config.draws)]
        return {"rec": pairs[-1][0].image.mean()}
